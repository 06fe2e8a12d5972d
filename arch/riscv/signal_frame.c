/* Signal frames in Linux riscv64's layout: struct rt_sigframe with siginfo_t and ucontext_t. */
#include "hart.h"
#include <arch/thread.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <proc/signal.h>
#include <sched/thread.h>

struct signal_frame {
	struct signal_info info;
	struct {
		u64 flags, link;
		struct signal_stack stack;
		u64 mask;
		u8 mask_reserved[120], padding[8];
		struct {
			u64 registers[32]; /* pc first */
			u64 fpu[32];
			u32 fcsr;
			u32 reserved[67]; /* 0: no further extension's state follows */
		} machine;
	} context;
};

static_assert(sizeof(struct signal_info) == 128, "siginfo_t");
static_assert(offsetof(struct signal_frame, context.mask) == 128 + 40, "uc_sigmask");
static_assert(offsetof(struct signal_frame, context.machine) == 128 + 176, "uc_mcontext");
static_assert(sizeof(struct signal_frame) == 128 + 960, "sigcontext: 256 + 528 bytes");

static void fill(struct signal_frame *at, const struct trap_frame *frame)
{
	const struct arch_thread *arch = &thread_current()->arch;

	memcpy(at->context.machine.registers, frame->registers, sizeof(frame->registers));
	fpu_sync_current();
	if (!arch->fpu_used)
		return;
	memcpy(at->context.machine.fpu, arch->fpu, sizeof(arch->fpu));
	at->context.machine.fcsr = arch->fcsr;
}

int signal_frame_push(struct trap_frame *frame, const struct signal_info *info, u64 mask,
		      const struct signal_stack *stack, vaddr_t handler, vaddr_t stack_top)
{
	struct signal_frame at = {
		.info = *info,
		.context = { .stack = *stack, .mask = mask },
	};
	vaddr_t where = ALIGN_DOWN(stack_top - sizeof(at), 16);
	unsigned long *registers = frame->registers;

	if (stack_top < sizeof(at))
		return -EFAULT;
	fill(&at, frame);
	if (copy_out(where, &at, sizeof(at)))
		return -EFAULT;
	registers[REGISTER_PC] = handler;
	registers[REGISTER_SP] = where;
	registers[REGISTER_RA] = signal_trampoline();
	registers[REGISTER_A0] = (unsigned long)info->signo;
	registers[REGISTER_A1] = where + offsetof(struct signal_frame, info);
	registers[REGISTER_A2] = where + offsetof(struct signal_frame, context);
	return 0;
}

/* The frame's FPU state becomes the thread's; all zeros leave an unused FPU unused. */
static void restore_fpu(struct trap_frame *frame, const u64 *registers, u32 fcsr)
{
	struct arch_thread *arch = &thread_current()->arch;
	u64 any = fcsr;

	for (unsigned i = 0; i < 32; i++)
		any |= registers[i];
	if (!arch->fpu_used && !any)
		return;
	memcpy(arch->fpu, registers, sizeof(arch->fpu));
	arch->fcsr = fcsr;
	arch->fpu_used = true;
	arch->fpu_cpu = -1;
	/* Off: the next instruction that needs the registers loads them. */
	frame->status &= ~(unsigned long)SSTATUS_FS;
}

int signal_frame_pop(struct trap_frame *frame, u64 *mask, struct signal_stack *stack)
{
	struct signal_frame at;
	vaddr_t where = trap_stack(frame);

	if (where & 15 || copy_in(&at, where, sizeof(at)))
		return -EFAULT;
	memcpy(frame->registers, at.context.machine.registers, sizeof(frame->registers));
	frame->registers[REGISTER_PC] &= ~1ul;
	restore_fpu(frame, at.context.machine.fpu, at.context.machine.fcsr);
	trap_forget_syscall(frame);
	*mask = at.context.mask;
	*stack = at.context.stack;
	return 0;
}
