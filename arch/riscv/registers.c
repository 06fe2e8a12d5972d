/* Register sets for debuggers: struct user_regs_struct and __riscv_d_ext_state of Linux. */
#include <arch/thread.h>
#include <lib/string.h>
#include <sched/thread.h>

enum { INTEGER_SIZE = 32 * sizeof(u64), FLOAT_SIZE = 33 * sizeof(u64) };

/* EM_RISCV, 64 bits, little-endian. */
const u32 cpu_audit_architecture = 0xc00000f3;

size_t thread_registers_get(struct thread *thread, unsigned note, u64 registers[REGISTER_SET_MAX])
{
	const struct arch_thread *arch = &thread->arch;

	if (note == NT_PRSTATUS) {
		memcpy(registers, arch->frame->registers, INTEGER_SIZE);
		return INTEGER_SIZE;
	}
	if (note != NT_PRFPREG)
		return 0;
	memset(registers, 0, FLOAT_SIZE);
	if (arch->fpu_used) {
		memcpy(registers, arch->fpu, sizeof(arch->fpu));
		registers[32] = arch->fcsr;
	}
	return FLOAT_SIZE;
}

/* Off: the next instruction that needs the floating-point registers loads them. */
void thread_registers_set(struct thread *thread, unsigned note, const u64 *registers, size_t size)
{
	struct arch_thread *arch = &thread->arch;

	if (note == NT_PRSTATUS) {
		memcpy(arch->frame->registers, registers, MIN(size, (size_t)INTEGER_SIZE));
		arch->frame->registers[REGISTER_PC] &= ~1ul;
		return;
	}
	if (!arch->fpu_used)
		memset(arch->fpu, 0, sizeof(arch->fpu));
	memcpy(arch->fpu, registers, MIN(size, sizeof(arch->fpu)));
	if (size >= FLOAT_SIZE || !arch->fpu_used)
		arch->fcsr = size >= FLOAT_SIZE ? (u32)registers[32] : 0;
	arch->fpu_used = true;
	arch->fpu_cpu = -1;
	arch->frame->status &= ~(unsigned long)SSTATUS_FS;
}
