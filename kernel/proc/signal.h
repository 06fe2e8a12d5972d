#pragma once
/* Signals: Linux riscv64's numbers and layouts; signal(7). */
#include <lib/list.h>
#include <lib/types.h>
#include <sched/wait.h>

struct process;
struct thread;
struct trap_frame;

enum {
	SIGHUP = 1,
	SIGINT,
	SIGQUIT,
	SIGILL,
	SIGTRAP,
	SIGABRT,
	SIGBUS,
	SIGFPE,
	SIGKILL,
	SIGUSR1,
	SIGSEGV,
	SIGUSR2,
	SIGPIPE,
	SIGALRM,
	SIGTERM,
	SIGSTKFLT,
	SIGCHLD,
	SIGCONT,
	SIGSTOP,
	SIGTSTP,
	SIGTTIN,
	SIGTTOU,
	SIGURG,
	SIGXCPU,
	SIGXFSZ,
	SIGVTALRM,
	SIGPROF,
	SIGWINCH,
	SIGIO,
	SIGPWR,
	SIGSYS,
	SIGRTMIN = 32,
	SIGNAL_MAX = 64,
};
#define SIGNAL_BIT(signo) (1ull << ((signo)-1))

enum { /* si_code */
       SI_USER = 0,
       SI_KERNEL = 0x80,
       SI_QUEUE = -1,
       SI_TIMER = -2,
       SI_MESGQ = -3,
       SI_ASYNCIO = -4,
       SI_SIGIO = -5,
       SI_TKILL = -6,
       ILL_ILLOPC = 1,
       FPE_INTDIV = 1,
       SEGV_MAPERR = 1,
       SEGV_ACCERR = 2,
       BUS_ADRALN = 1,
       BUS_ADRERR = 2,
       BUS_OBJERR = 3,
       TRAP_BRKPT = 1,
       TRAP_TRACE = 2,
       CLD_EXITED = 1,
       CLD_KILLED,
       CLD_DUMPED,
       CLD_TRAPPED,
       CLD_STOPPED,
       CLD_CONTINUED,
};

enum { /* sa_flags */
       SA_NOCLDSTOP = 1,
       SA_NOCLDWAIT = 2,
       SA_SIGINFO = 4,
       SA_ONSTACK = 0x08000000,
       SA_RESTART = 0x10000000,
       SA_NODEFER = 0x40000000,
};
#define SA_RESETHAND 0x80000000u

/*
 * What Linux ever wrote of a siginfo_t. Programs see 128 bytes (SIGNAL_INFO_SIZE), the rest of them 0:
 * signal_info_out().
 */
struct signal_info {
	s32 signo, error, code, padding;
	union {
		struct {
			s32 pid;
			u32 uid;
			u64 value;
		} sender; /* kill, sigqueue */
		struct {
			s32 timer, overrun;
			u64 value;
		} timer;
		struct {
			s32 pid;
			u32 uid;
			s32 status;
			s64 user_time, system_time;
		} child;
		struct {
			u64 address;
		} fault;
		struct {
			s64 band;
			s32 fd;
		} poll;
		u8 bytes[32];
	};
};
enum { SIGNAL_INFO_SIZE = 128 };
static_assert(sizeof(struct signal_info) == 48, "as Linux's kernel_siginfo");

struct signal_stack { /* stack_t */
	u64 sp;
	s32 flags, padding;
	u64 size;
};

struct signal_action { /* struct sigaction of the kernel ABI: riscv64 has no restorer */
	u64 handler;   /* 0 SIG_DFL, 1 SIG_IGN */
	u64 flags;
	u64 mask;
};

struct signal_queue {
	u64 set;		  /* [signal] which are pending */
	struct list_node entries; /* [signal] struct pending_signal, in order */
};

/* The handlers, shared by threads (and CLONE_SIGHAND). */
struct signal_actions {
	struct atomic32 references;
	struct spinlock lock; /* RANK_SIGNAL: also guards all pending queues of its threads */
	u64 set; /* [lock] SIGNAL_BIT() of those that were ever set; the others are 0 */
	struct signal_action actions[SIGNAL_MAX]; /* [lock] index signo − 1 */
};

/*
 * Send from the kernel or a caller that has checked permission. 0, -EAGAIN (queue full), any
 * context.
 */
int signal_send_thread(struct thread *thread, const struct signal_info *info);
int signal_send_process(struct process *process, const struct signal_info *info);
/* Kernel-made (SI_KERNEL) signal to every process of group @pgid; -ESRCH when there is none. */
int signal_send_group(s32 pgid, int signo);
static inline bool signal_number_valid(int signo)
{
	return signo >= 1 && signo <= SIGNAL_MAX;
}
/* A fault of the current thread: forces the signal (default action when blocked or ignored). */
void signal_force_fault(int signo, int code, vaddr_t address);
/* A signal that interrupts sleeps of the current thread is pending. */
bool signal_pending(void);
/*
 * A siginfo_t from, and to, user memory. -EFAULT; -E2BIG: of a kind that is not known and more than
 * a struct signal_info.
 */
int signal_info_in(struct signal_info *info, vaddr_t from);
int signal_info_out(vaddr_t to, const struct signal_info *info);
/* Address of the signal-return trampoline in the current space's vDSO. */
vaddr_t signal_trampoline(void);
/* For ttys: is @signo blocked or ignored by the current thread? */
bool signal_is_ignored_or_blocked(int signo);
/*
 * ppoll, pselect6, epoll_pwait: block the mask at @address (0: leave it; @size must be 8: -EINVAL,
 * -EFAULT) until the call is over. signal_mask_end() before the handler returns: with @interrupted
 * (the result is -EINTR or -ERESTART*) the old mask comes back only after the signal was delivered.
 */
int signal_mask_begin(vaddr_t address, u64 size);
void signal_mask_end(bool interrupted);
/* The signals of @set that wait for the current thread: signalfd, rt_sigpending. */
u64 signal_pending_set(void);
/*
 * Take one pending signal of @set off the queues: its number, or 0. For signalfd and sigtimedwait;
 * wakers of process->signal_wait announce new ones.
 */
int signal_take(u64 set, struct signal_info *info);
