/*
 * Job control: a terminal belongs to at most one session, whose foreground group alone may read from it
 * (credentials(7), "Sessions" and setpgid(2)). process->terminal is written under process_tree_lock.
 */
#include <arch/user.h>
#include <dev/tty_internal.h>
#include <lib/errno.h>
#include <proc/credentials.h>
#include <proc/signal_queue.h>

enum { TIOCSCTTY = 0x540e, TIOCGPGRP, TIOCSPGRP, TIOCNOTTY = 0x5422, TIOCGSID = 0x5429 };

static s32 current_group(void)
{
	return process_current()->group_id->number;
}

static s32 current_session(void)
{
	return process_current()->session_id->number;
}

int terminal_job_check(struct terminal *terminal, int signo)
{
	s32 group = current_group();

	if (process_current()->terminal != terminal)
		return 0;
	/* A terminal without a foreground group holds nobody up. */
	if (READ_ONCE(terminal->foreground) == group || !READ_ONCE(terminal->foreground))
		return 0;
	if (signal_is_ignored_or_blocked(signo))
		return signo == SIGTTIN ? -EIO : 0;
	if (process_group_is_orphaned(group))
		return -EIO;
	signal_send_group(group, signo);
	return -ERESTARTSYS;
}

void terminal_signal_foreground(struct terminal *terminal, int signo)
{
	if (terminal->foreground)
		signal_send_group(terminal->foreground, signo);
}

s32 terminal_foreground_group(struct terminal *terminal)
{
	return READ_ONCE(terminal->foreground);
}

static bool is_session_leader(struct process *process)
{
	return process->id == process->session_id;
}

struct terminal *terminal_current(void)
{
	unsigned long state = spin_lock_irqsave(&process_tree_lock);
	struct terminal *terminal = process_current()->terminal;

	if (terminal)
		terminal_get(terminal);
	spin_unlock_irqrestore(&process_tree_lock, state);
	return terminal;
}

static void set_terminal(struct process *process, struct terminal *terminal)
{
	unsigned long state = spin_lock_irqsave(&process_tree_lock);

	process->terminal = terminal;
	process->hangup_group = 0;
	spin_unlock_irqrestore(&process_tree_lock, state);
}

/* The terminal is locked and has no session; the new one counts it. */
static void give_to_current_session(struct terminal *terminal)
{
	terminal_get(terminal);
	terminal->session = current_session();
	terminal->foreground = current_group();
	set_terminal(process_current(), terminal);
}

void terminal_acquire(struct file *file)
{
	struct terminal *terminal = terminal_of(file);
	struct process *process = process_current();

	/* Who may not read the terminal shall not get what comes with it either. */
	if (file->flags & O_NOCTTY || !file_readable(file))
		return;
	if (!is_session_leader(process) || process->terminal)
		return;
	mutex_lock(&terminal->lock);
	if (!terminal->session && !terminal_file_is_hung_up(file))
		give_to_current_session(terminal);
	mutex_unlock(&terminal->lock);
}

/* The terminal is locked; the caller counts it. */
static void leave_session(struct terminal *terminal)
{
	process_session_drop_terminal(terminal->session, terminal);
	terminal->session = 0;
	terminal->foreground = 0;
	terminal_put(terminal);
}

/* TIOCSCTTY: @steal takes it from another session, for the super-user. */
static long become_controlling(struct terminal *terminal, struct file *file, unsigned long steal)
{
	struct process *process = process_current();
	bool super_user = credentials_capable(CAP_SYS_ADMIN);
	long error = 0;

	mutex_lock(&terminal->lock);
	if (is_session_leader(process) && terminal->session == current_session())
		goto unlock;
	if (!is_session_leader(process) || process->terminal)
		error = -EPERM;
	else if (terminal->session && !(steal == 1 && super_user))
		error = -EPERM;
	else if (!file_readable(file) && !super_user)
		error = -EPERM;
	if (error)
		goto unlock;
	if (terminal->session)
		leave_session(terminal);
	give_to_current_session(terminal);
unlock:
	mutex_unlock(&terminal->lock);
	return error;
}

static long give_up(struct terminal *terminal)
{
	struct process *process = process_current();

	if (process->terminal != terminal)
		return -ENOTTY;
	if (!is_session_leader(process)) {
		set_terminal(process, NULL);
		return 0;
	}
	mutex_lock(&terminal->lock);
	if (terminal->session == current_session()) {
		terminal_signal_foreground(terminal, SIGHUP);
		terminal_signal_foreground(terminal, SIGCONT);
		leave_session(terminal);
	}
	mutex_unlock(&terminal->lock);
	return 0;
}

/*
 * The terminal is locked. The leader learns that the line is cut; the foreground group only when the
 * leader @exits, now or later.
 */
static void tell_session(struct terminal *terminal, bool exits)
{
	struct signal_info hangup = signal_info_kernel(SIGHUP),
			   resume = signal_info_kernel(SIGCONT);
	struct process *leader = process_find(terminal->session);
	unsigned long state;

	if (exits)
		terminal_signal_foreground(terminal, SIGHUP);
	if (!leader)
		return;
	if (!exits) {
		signal_send_process(leader, &hangup);
		signal_send_process(leader, &resume);
	}
	state = spin_lock_irqsave(&process_tree_lock);
	leader->hangup_group = exits ? 0 : terminal->foreground;
	spin_unlock_irqrestore(&process_tree_lock, state);
	process_put(leader);
}

static void hang_up(struct terminal *terminal, bool for_good, bool leader_exits)
{
	mutex_lock(&terminal->lock);
	terminal->hung_up |= for_good;
	WRITE_ONCE(terminal->hangups, terminal->hangups + 1);
	terminal_flush_input(terminal);
	terminal_set_stopped(terminal, false);
	if (terminal->session) {
		tell_session(terminal, leader_exits);
		leave_session(terminal);
	}
	mutex_unlock(&terminal->lock);
	terminal_input_changed(terminal);
	terminal_output_ready(terminal);
}

void terminal_hangup(struct terminal *terminal, bool for_good)
{
	hang_up(terminal, for_good, false);
}

/* A line that was cut before: its foreground group has only been waiting for this. */
static void tell_hangup_group(struct process *process)
{
	s32 group = process->hangup_group;

	if (!group || !process_group_in_session(group, process->session_id->number))
		return;
	signal_send_group(group, SIGHUP);
	signal_send_group(group, SIGCONT);
}

void terminal_session_exit(void)
{
	struct terminal *terminal = terminal_current();

	if (!terminal) {
		tell_hangup_group(process_current());
		return;
	}
	if (!terminal->driver->pseudo) {
		hang_up(terminal, false, true);
	} else {
		mutex_lock(&terminal->lock);
		if (terminal->session == current_session()) {
			terminal_signal_foreground(terminal, SIGHUP);
			leave_session(terminal);
		}
		mutex_unlock(&terminal->lock);
	}
	terminal_put(terminal);
}

static long set_foreground(struct terminal *terminal, vaddr_t from)
{
	s32 group;
	long error;

	if (process_current()->terminal != terminal)
		return -ENOTTY;
	error = terminal_job_check(terminal, SIGTTOU);
	if (error == -EIO)
		error = -ENOTTY;
	if (!error)
		error = copy_in(&group, from, sizeof(group));
	if (error)
		return error;
	if (group < 0)
		return -EINVAL;
	mutex_lock(&terminal->lock);
	if (terminal->session != current_session())
		error = -ENOTTY;
	else if (!process_group_in_session(group, 0))
		error = -ESRCH;
	else if (!process_group_in_session(group, terminal->session))
		error = -EPERM;
	else
		terminal->foreground = group;
	mutex_unlock(&terminal->lock);
	return error;
}

long terminal_job_ioctl(struct terminal *terminal, struct file *file, unsigned command,
			unsigned long argument)
{
	bool by_master = file->operations != &terminal_file_operations;
	s32 number;

	switch (command) {
	case TIOCSCTTY:
		return become_controlling(terminal, file, argument);
	case TIOCNOTTY:
		return by_master ? -ENOTTY : give_up(terminal);
	case TIOCGPGRP:
	case TIOCGSID:
		if (!by_master && process_current()->terminal != terminal)
			return -ENOTTY;
		if (command == TIOCGSID && !terminal->session)
			return -ENOTTY;
		number = command == TIOCGPGRP ? terminal->foreground : terminal->session;
		return copy_out(argument, &number, sizeof(number));
	case TIOCSPGRP:
		return set_foreground(terminal, argument);
	}
	return -ENOTTY;
}
