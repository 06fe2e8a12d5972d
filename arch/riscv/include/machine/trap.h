#pragma once
#include <machine/csr.h>

enum trap_register {
	REGISTER_PC = 0,
	REGISTER_RA = 1,
	REGISTER_SP = 2,
	REGISTER_GP = 3,
	REGISTER_TP = 4,
	REGISTER_S0 = 8,
	REGISTER_A0 = 10,
	REGISTER_A1 = 11,
	REGISTER_A2 = 12,
	REGISTER_A7 = 17,
};

/* entry.S fills it; <machine/offsets.h> has its layout. */
struct trap_frame {
	unsigned long registers[32]; /* pc in the place of x0: the order of Linux's mcontext */
	unsigned long status, cause, value;
	unsigned long argument0; /* a0 at a system call, before its result */
};

static inline long trap_syscall_number(const struct trap_frame *frame)
{
	return (long)frame->registers[REGISTER_A7];
}

static inline unsigned long trap_argument(const struct trap_frame *frame, unsigned index)
{
	return index ? frame->registers[REGISTER_A0 + index] : frame->argument0;
}

static inline void trap_set_result(struct trap_frame *frame, long value)
{
	frame->registers[REGISTER_A0] = (unsigned long)value;
}

static inline long trap_result(const struct trap_frame *frame)
{
	return (long)frame->registers[REGISTER_A0];
}

static inline vaddr_t trap_pc(const struct trap_frame *frame)
{
	return frame->registers[REGISTER_PC];
}

static inline void trap_set_pc(struct trap_frame *frame, vaddr_t pc)
{
	frame->registers[REGISTER_PC] = pc;
}

static inline vaddr_t trap_stack(const struct trap_frame *frame)
{
	return frame->registers[REGISTER_SP];
}

static inline void trap_set_stack(struct trap_frame *frame, vaddr_t stack)
{
	frame->registers[REGISTER_SP] = stack;
}

static inline void trap_set_tls(struct trap_frame *frame, vaddr_t tls)
{
	frame->registers[REGISTER_TP] = tls;
}

static inline void trap_frame_init(struct trap_frame *frame, vaddr_t pc, vaddr_t stack)
{
	*frame = (struct trap_frame){
		.status = SSTATUS_SPIE | SSTATUS_UXL_64,
		.cause = CAUSE_NONE,
	};
	frame->registers[REGISTER_PC] = pc;
	frame->registers[REGISTER_SP] = stack;
}

static inline void trap_restart_syscall(struct trap_frame *frame)
{
	frame->registers[REGISTER_PC] -= 4;
	frame->registers[REGISTER_A0] = frame->argument0;
}

static inline void trap_forget_syscall(struct trap_frame *frame)
{
	frame->cause = CAUSE_NONE;
}

static inline bool trap_in_syscall(const struct trap_frame *frame)
{
	return frame->cause == CAUSE_USER_CALL;
}

/* Interrupts stay off in a handler, so SPP is still that of the interrupt. */
static inline bool trap_interrupted_user(void)
{
	return !(csr_read(sstatus) & SSTATUS_SPP);
}

static inline bool trap_from_user(const struct trap_frame *frame)
{
	return !(frame->status & SSTATUS_SPP);
}
