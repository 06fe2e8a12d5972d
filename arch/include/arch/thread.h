#pragma once
/* Execution contexts. struct arch_thread (in <machine/thread.h>) is the first field of a thread. */
#include <arch/trap.h>

struct thread;
struct signal_info;
struct signal_stack;
enum { REGISTER_SET_MAX = 64 };

/* The user trap frame, at the top of the kernel stack of @thread. */
static inline struct trap_frame *thread_trap_frame(struct thread *thread);

/* @thread's first switch calls @entry(@argument) with interrupts off, on its kernel stack. */
void thread_context_init(struct thread *thread, void (*entry)(void *), void *argument);
/*
 * Leave @from, run @to (CPU state, FPU, thread pointer; not the space: mmu_switch). Interrupts off,
 * run-queue lock held. Returns, once @from runs again, the thread that was left for it.
 */
struct thread *thread_context_switch(struct thread *from, struct thread *to);
/* Load thread_trap_frame(current) and go to user mode. */
__noreturn void thread_enter_user(void);
/* Floating point: as at program start; and the child's copy of the current thread's at fork. */
void thread_fpu_reset(struct thread *thread);
void thread_fpu_fork(struct thread *child);

/*
 * Signal frame in Linux's layout on the user stack. Push: the handler runs at the next return to
 * user mode, @mask is what sigreturn restores. -EFAULT: the stack cannot be written. Pop: registers
 * and FPU from the frame at the user stack pointer, its mask to *@mask and its alternate stack to
 * *@stack. May sleep.
 */
int signal_frame_push(struct trap_frame *frame, const struct signal_info *info, u64 mask,
		      const struct signal_stack *stack, vaddr_t handler, vaddr_t stack_top);
int signal_frame_pop(struct trap_frame *frame, u64 *mask, struct signal_stack *stack);

/* The vDSO: its frames in the kernel image, and where in it a signal handler returns to. */
const void *vdso_image(size_t *size);
vaddr_t vdso_signal_return_offset(void);
/* The page of time data that the vDSO reads, mapped BORROWED and read-only before its text. */
void *vdso_data_page(void);
/* Update it: wall-clock offset in ns. */
void vdso_update(s64 realtime_offset);

/*
 * A register set as debuggers see it, in the layout of the ELF notes NT_PRSTATUS and NT_PRFPREG: its size,
 * 0: no such set. @thread is off its CPU. Set: the first @size bytes, a multiple of 8.
 */
size_t thread_registers_get(struct thread *thread, unsigned note, u64 registers[REGISTER_SET_MAX]);
void thread_registers_set(struct thread *thread, unsigned note, const u64 *registers, size_t size);
enum { NT_PRSTATUS = 1, NT_PRFPREG = 2 };
/* AUDIT_ARCH_* of PTRACE_GET_SYSCALL_INFO. */
extern const u32 cpu_audit_architecture;

/* For AT_HWCAP and AT_PLATFORM (NULL: none), and the machine field of uname(). */
unsigned long cpu_hwcap(void);
extern const char cpu_machine_name[];
/*
 * What programs may ask of the CPUs (hwprobe, Linux's Documentation/arch): of @cpu under @key into
 * *@value. CPU_PROBE_MASK: a set of bits, of which several CPUs have what is in all of theirs.
 */
enum cpu_probe { CPU_PROBE_UNKNOWN, CPU_PROBE_VALUE, CPU_PROBE_MASK };
enum cpu_probe cpu_probe(s64 key, unsigned cpu, u64 *value);
/* What @cpus, not none, have in common; values that differ are −1. False: no such key. */
bool cpus_probe(s64 key, u64 cpus, u64 *value);
/* e_machine and e_flags of an ELF file that this CPU can run. */
bool cpu_runs_elf(unsigned machine, u32 flags);
/* One paragraph of /proc/cpuinfo for CPU @index into @buffer; its length. */
size_t cpu_describe(unsigned index, char *buffer, size_t size);

#include <machine/thread.h>
