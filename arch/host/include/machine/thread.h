#pragma once

struct arch_thread {
	struct trap_frame frame;
};

static inline struct trap_frame *thread_trap_frame(struct thread *thread)
{
	return &((struct arch_thread *)thread)->frame;
}
