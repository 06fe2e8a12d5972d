#pragma once

struct trap_frame {
	unsigned long pc, stack, tls, number, arguments[6];
	long result;
	bool in_syscall, from_user;
};

static inline long trap_syscall_number(const struct trap_frame *frame)
{
	return (long)frame->number;
}

static inline unsigned long trap_argument(const struct trap_frame *frame, unsigned index)
{
	return frame->arguments[index];
}

static inline void trap_set_result(struct trap_frame *frame, long value)
{
	frame->result = value;
}

static inline long trap_result(const struct trap_frame *frame)
{
	return frame->result;
}

static inline vaddr_t trap_pc(const struct trap_frame *frame)
{
	return frame->pc;
}

static inline vaddr_t trap_stack(const struct trap_frame *frame)
{
	return frame->stack;
}

static inline void trap_set_pc(struct trap_frame *frame, vaddr_t pc)
{
	frame->pc = pc;
}

static inline void trap_set_stack(struct trap_frame *frame, vaddr_t stack)
{
	frame->stack = stack;
}

static inline void trap_set_tls(struct trap_frame *frame, vaddr_t tls)
{
	frame->tls = tls;
}

static inline void trap_frame_init(struct trap_frame *frame, vaddr_t pc, vaddr_t stack)
{
	*frame = (struct trap_frame){ .pc = pc, .stack = stack, .from_user = true };
}

static inline void trap_restart_syscall(struct trap_frame *frame)
{
	frame->result = (long)frame->arguments[0];
}

static inline void trap_forget_syscall(struct trap_frame *frame)
{
	frame->in_syscall = false;
}

static inline bool trap_in_syscall(const struct trap_frame *frame)
{
	return frame->in_syscall;
}

static inline bool trap_from_user(const struct trap_frame *frame)
{
	return frame->from_user;
}

static inline bool trap_interrupted_user(void)
{
	return false;
}
