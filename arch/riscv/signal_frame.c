/* Signal frames in Linux riscv64's layout: struct rt_sigframe with siginfo_t and ucontext_t. */
#include "hart.h"
#include <arch/mmu.h>
#include <arch/thread.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <proc/signal.h>
#include <sched/thread.h>

struct signal_context {
	u64 flags, link;
	struct signal_stack stack;
	u64 mask;
};

/* What is reserved is not written, but where it tells that no further extension's state follows. */
struct signal_frame {
	struct signal_info info;
	u8 info_rest[SIGNAL_INFO_SIZE - sizeof(struct signal_info)];
	struct {
		struct signal_context head;
		u8 mask_reserved[120], padding[8];
		struct {
			u64 registers[32]; /* pc first */
			u64 fpu[32];
			u32 fcsr;
			u32 reserved[64];
			u32 end[3]; /* 0 */
		} machine;
	} context;
};
enum {
	FPU_SIZE = 33 * sizeof(u64), /* the registers, fcsr and a reserved word */
	/* Words: what tells the end is misaligned, and a reserved word before it. */
	END_SIZE = 2 * sizeof(u64),
	CLEAR_SIZE =
		sizeof(struct signal_frame) - offsetof(struct signal_frame, context.machine.fpu),
};

/* What comes before the reserved part, to be copied in one piece. */
struct signal_frame_head {
	struct signal_info info;
	u8 info_rest[SIGNAL_INFO_SIZE - sizeof(struct signal_info)];
	struct signal_context context;
};

static_assert(offsetof(struct signal_frame, context.head.mask) == 128 + 40, "uc_sigmask");
static_assert(offsetof(struct signal_frame, context.machine) == 128 + 176, "uc_mcontext");
static_assert(sizeof(struct signal_frame) == 128 + 960, "sigcontext: 256 + 528 bytes");

static_assert(offsetof(struct arch_thread, fcsr_rest) + sizeof(u32) ==
		      offsetof(struct arch_thread, fpu) + FPU_SIZE,
	      "as in the frame");

#define FIELD(where, name) ((where) + offsetof(struct signal_frame, name))

/* user_copy.S: 1 or 0; −1: fault. @state is below USER_END. */
int user_fpu_is_zero(const u64 *state);

/* What of the context a program may read: its machine state. An FPU that was never used holds zeros. */
static int push_machine(vaddr_t where, const struct trap_frame *frame)
{
	const struct arch_thread *arch = &thread_current()->arch;
	vaddr_t fpu = FIELD(where, context.machine.fpu);

	if (copy_out(FIELD(where, context.machine.registers), frame->registers,
		     sizeof(frame->registers)))
		return -EFAULT;
	if (!arch->fpu_used)
		return user_clear(fpu, CLEAR_SIZE);
	fpu_sync_current();
	if (copy_out(fpu, arch->fpu, FPU_SIZE))
		return -EFAULT;
	return user_clear(where + sizeof(struct signal_frame) - END_SIZE, END_SIZE);
}

int signal_frame_push(struct trap_frame *frame, const struct signal_info *info, u64 mask,
		      const struct signal_stack *stack, vaddr_t handler, vaddr_t stack_top)
{
	const struct signal_frame_head head = { .info = *info,
						.context = { .stack = *stack, .mask = mask } };
	vaddr_t where = ALIGN_DOWN(stack_top - sizeof(struct signal_frame), 16);
	unsigned long *registers = frame->registers;

	if (stack_top < sizeof(struct signal_frame))
		return -EFAULT;
	if (copy_out(where, &head, sizeof(head)) || push_machine(where, frame))
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
static int pop_fpu(struct trap_frame *frame, vaddr_t where)
{
	struct arch_thread *arch = &thread_current()->arch;
	vaddr_t fpu = FIELD(where, context.machine.fpu);
	int error, unused = arch->fpu_used ? 0 : user_fpu_is_zero((const u64 *)fpu);

	if (unused)
		return unused < 0 ? -EFAULT : 0;
	/* From here on the registers hold nothing: the next instruction that needs them loads them. */
	arch->fpu_cpu = -1;
	frame->status &= ~(unsigned long)SSTATUS_FS;
	arch->fpu_used = true;
	error = copy_in(arch->fpu, fpu, FPU_SIZE);
	arch->fcsr_rest = 0;
	return error;
}

int signal_frame_pop(struct trap_frame *frame, u64 *mask, struct signal_stack *stack)
{
	vaddr_t where = trap_stack(frame);
	struct signal_context context;

	if (where & 15 || where > USER_END - sizeof(struct signal_frame) ||
	    copy_in(&context, FIELD(where, context.head), sizeof(context)) ||
	    copy_in(frame->registers, FIELD(where, context.machine.registers),
		    sizeof(frame->registers)) ||
	    pop_fpu(frame, where))
		return -EFAULT;
	frame->registers[REGISTER_PC] &= ~1ul;
	trap_forget_syscall(frame);
	*mask = context.mask;
	*stack = context.stack;
	return 0;
}
