#pragma once
/* Traps: the saved registers of a thread, and the port's calls up into the core. */
#include <lib/types.h>

struct trap_frame;

/* Access of a faulting instruction. */
enum fault_access { FAULT_READ = 1, FAULT_WRITE = 2, FAULT_EXEC = 4 };

/* Accessors, inline in <machine/trap.h>. Arguments are numbered 0..5. */
static inline long trap_syscall_number(const struct trap_frame *frame);
static inline unsigned long trap_argument(const struct trap_frame *frame, unsigned index);
static inline void trap_set_result(struct trap_frame *frame, long value);
static inline long trap_result(const struct trap_frame *frame);
static inline vaddr_t trap_pc(const struct trap_frame *frame);
static inline void trap_set_pc(struct trap_frame *frame, vaddr_t pc);
static inline vaddr_t trap_stack(const struct trap_frame *frame);
static inline void trap_set_stack(struct trap_frame *frame, vaddr_t stack);
static inline void trap_set_tls(struct trap_frame *frame, vaddr_t tls);
/* All registers cleared, to start a program at @pc with @stack. */
static inline void trap_frame_init(struct trap_frame *frame, vaddr_t pc, vaddr_t stack);
/* Back up to the system-call instruction, with the first argument as it was, to run it again. */
static inline void trap_restart_syscall(struct trap_frame *frame);
/* The frame is no longer that of a system call (no restart after a signal return). */
static inline void trap_forget_syscall(struct trap_frame *frame);
static inline bool trap_in_syscall(const struct trap_frame *frame);
/* Did the trap interrupt user mode? */
static inline bool trap_from_user(const struct trap_frame *frame);
/* In the interrupt up-calls below: was user mode interrupted? */
static inline bool trap_interrupted_user(void);

/* Print the registers of @frame, for a panic or a fatal signal. */
void trap_print(const struct trap_frame *frame);
/* Walk return addresses from @frame (or from the caller when NULL); any context. */
unsigned backtrace_collect(const struct trap_frame *frame, vaddr_t *pcs, unsigned max);

/* Up-calls, in the core. From user mode they run with interrupts on and may sleep. */
/*
 * A system call: its arguments and its number are in @frame as well, but ports have them in
 * registers, where they stay on their way to the handler. The port puts the result into @frame.
 */
long syscall_dispatch(unsigned long first, unsigned long second, unsigned long third,
		      unsigned long fourth, unsigned long fifth, unsigned long sixth,
		      struct trap_frame *frame, unsigned long number);
/* The port calls it for each negative result, which may ask for a restart. */
void syscall_failed(long result);
/* 0: retry the instruction; -EFAULT/-ENOMEM…: from user mode the signal is already queued. */
int page_fault(vaddr_t address, enum fault_access access, bool from_user);
/* A user instruction raised an exception other than a page fault: queue @signo with @code. */
void user_exception(int signo, int code, vaddr_t address);
/* Interrupts, with interrupts off. */
void timer_interrupt(void);
void ipi_interrupt(void);
void irq_dispatch(unsigned line);
/* Signals, rescheduling and exit before user mode; called while thread->work is non-zero. */
void user_return_work(struct trap_frame *frame);

#include <machine/trap.h>
