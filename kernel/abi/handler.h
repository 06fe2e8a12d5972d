#pragma once
/*
 * How a system call's handler is written: SYSCALL_2(sys_kill, pid, signo) { … } defines
 * long sys_kill(unsigned long pid, unsigned long signo, and four that are not used).
 */
#include <abi/syscall.h>

#define SYSCALL_ARGUMENT_(name) unsigned long name
#define SYSCALL_0(handler)                                                                         \
	long handler(SYSCALL_ARGUMENT_(u0_), SYSCALL_ARGUMENT_(u1_), SYSCALL_ARGUMENT_(u2_),       \
		     SYSCALL_ARGUMENT_(u3_), SYSCALL_ARGUMENT_(u4_), SYSCALL_ARGUMENT_(u5_))
#define SYSCALL_1(handler, a)                                                                      \
	long handler(SYSCALL_ARGUMENT_(a), SYSCALL_ARGUMENT_(u1_), SYSCALL_ARGUMENT_(u2_),         \
		     SYSCALL_ARGUMENT_(u3_), SYSCALL_ARGUMENT_(u4_), SYSCALL_ARGUMENT_(u5_))
#define SYSCALL_2(handler, a, b)                                                                   \
	long handler(SYSCALL_ARGUMENT_(a), SYSCALL_ARGUMENT_(b), SYSCALL_ARGUMENT_(u2_),           \
		     SYSCALL_ARGUMENT_(u3_), SYSCALL_ARGUMENT_(u4_), SYSCALL_ARGUMENT_(u5_))
#define SYSCALL_3(handler, a, b, c)                                                                \
	long handler(SYSCALL_ARGUMENT_(a), SYSCALL_ARGUMENT_(b), SYSCALL_ARGUMENT_(c),             \
		     SYSCALL_ARGUMENT_(u3_), SYSCALL_ARGUMENT_(u4_), SYSCALL_ARGUMENT_(u5_))
#define SYSCALL_4(handler, a, b, c, d)                                                             \
	long handler(SYSCALL_ARGUMENT_(a), SYSCALL_ARGUMENT_(b), SYSCALL_ARGUMENT_(c),             \
		     SYSCALL_ARGUMENT_(d), SYSCALL_ARGUMENT_(u4_), SYSCALL_ARGUMENT_(u5_))
#define SYSCALL_5(handler, a, b, c, d, e)                                                          \
	long handler(SYSCALL_ARGUMENT_(a), SYSCALL_ARGUMENT_(b), SYSCALL_ARGUMENT_(c),             \
		     SYSCALL_ARGUMENT_(d), SYSCALL_ARGUMENT_(e), SYSCALL_ARGUMENT_(u5_))
#define SYSCALL_6(handler, a, b, c, d, e, f)                                                       \
	long handler(SYSCALL_ARGUMENT_(a), SYSCALL_ARGUMENT_(b), SYSCALL_ARGUMENT_(c),             \
		     SYSCALL_ARGUMENT_(d), SYSCALL_ARGUMENT_(e), SYSCALL_ARGUMENT_(f))

/* Every handler of the table is declared from it. */
#define SYSCALL(number, name, handler, status, ...) syscall_handler handler;
#include <abi/table.h>
#undef SYSCALL
