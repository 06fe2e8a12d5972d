/* siginfo_t between user memory and the kernel; sigaction(2), "The siginfo_t argument to a SA_SIGINFO handler". */
#include <arch/user.h>
#include <lib/errno.h>
#include <proc/signal.h>

enum { SI_DETHREAD = -7, SI_ASYNCNL = -60, POLL_CODES = 6 };
enum { EXTENSION = SIGNAL_INFO_SIZE - sizeof(struct signal_info) };

/* The highest si_code that signals of faults, children and files come with. */
static int highest_code(int signo)
{
	static const u8 highest[] = { [SIGILL] = 11, [SIGFPE] = 15, [SIGSEGV] = 10, [SIGBUS] = 5,
				      [SIGTRAP] = 6, [SIGCHLD] = 6, [SIGIO] = 6,    [SIGSYS] = 2 };
	bool own = (unsigned)signo < ARRAY_SIZE(highest) && highest[signo];

	return own ? highest[signo] : POLL_CODES;
}

/* Its fields are those of struct signal_info: what a program has behind them may be garbage. */
static bool is_known(const struct signal_info *info)
{
	int code = info->code;

	if (code > SI_USER)
		return code == SI_KERNEL || code <= highest_code(info->signo);
	return code >= SI_DETHREAD || code == SI_ASYNCNL;
}

int signal_info_in(struct signal_info *info, vaddr_t from)
{
	u64 extension[EXTENSION / sizeof(u64)], any = 0;

	if (copy_in(info, from, sizeof(*info)))
		return -EFAULT;
	if (is_known(info))
		return 0;
	if (copy_in(extension, from + sizeof(*info), sizeof(extension)))
		return -EFAULT;
	for (unsigned i = 0; i < ARRAY_SIZE(extension); i++)
		any |= extension[i];
	return any ? -E2BIG : 0;
}

int signal_info_out(vaddr_t to, const struct signal_info *info)
{
	if (copy_out(to, info, sizeof(*info)))
		return -EFAULT;
	return user_clear(to + sizeof(*info), EXTENSION);
}
