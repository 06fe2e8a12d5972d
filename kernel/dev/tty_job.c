/*
 * Job control: a terminal belongs to at most one session, whose foreground group alone may read from it
 * (credentials(7), "Sessions" and setpgid(2)). process->terminal is written under process_tree_lock.
 */
#include <arch/user.h>
#include <dev/tty_internal.h>
#include <lib/errno.h>
#include <proc/process.h>

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

static void set_terminal(struct process *process, struct terminal *terminal)
{
	unsigned long state = spin_lock_irqsave(&process_tree_lock);

	process->terminal = terminal;
	spin_unlock_irqrestore(&process_tree_lock, state);
}

/* The terminal is locked and has no session. */
static void give_to_current_session(struct terminal *terminal)
{
	terminal->session = current_session();
	terminal->foreground = current_group();
	set_terminal(process_current(), terminal);
}

void terminal_acquire(struct terminal *terminal)
{
	struct process *process = process_current();

	if (!is_session_leader(process) || process->terminal)
		return;
	mutex_lock(&terminal->lock);
	if (!terminal->session)
		give_to_current_session(terminal);
	mutex_unlock(&terminal->lock);
}

/* TIOCSCTTY: @steal takes it from another session, for the super-user. */
static long become_controlling(struct terminal *terminal, unsigned long steal)
{
	struct process *process = process_current();
	long error = 0;

	mutex_lock(&terminal->lock);
	if (is_session_leader(process) && process->terminal == terminal) {
		/* It is already. */
	} else if (!is_session_leader(process) || process->terminal) {
		error = -EPERM;
	} else if (terminal->session) {
		if (steal == 1 && credentials_are_root(credentials_current()))
			process_session_drop_terminal(terminal->session, terminal);
		else
			error = -EPERM;
		if (!error)
			give_to_current_session(terminal);
	} else {
		give_to_current_session(terminal);
	}
	mutex_unlock(&terminal->lock);
	return error;
}

/* The terminal is locked. */
static void leave_session(struct terminal *terminal)
{
	process_session_drop_terminal(terminal->session, terminal);
	terminal->session = 0;
	terminal->foreground = 0;
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
	terminal_session_exit(terminal);
	return 0;
}

void terminal_session_exit(struct terminal *terminal)
{
	mutex_lock(&terminal->lock);
	if (terminal->session == current_session()) {
		terminal_signal_foreground(terminal, SIGHUP);
		terminal_signal_foreground(terminal, SIGCONT);
		leave_session(terminal);
	}
	mutex_unlock(&terminal->lock);
}

void terminal_hangup(struct terminal *terminal)
{
	mutex_lock(&terminal->lock);
	terminal->hung_up = true;
	if (terminal->session) {
		s32 leader = terminal->session;

		/* The leader's pid is the session's number, and its group's if it has not moved. */
		signal_send_group(leader, SIGHUP);
		signal_send_group(leader, SIGCONT);
		if (terminal->foreground != leader) {
			terminal_signal_foreground(terminal, SIGHUP);
			terminal_signal_foreground(terminal, SIGCONT);
		}
		leave_session(terminal);
	}
	mutex_unlock(&terminal->lock);
	terminal_input_changed(terminal);
	terminal_output_ready(terminal);
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

long terminal_job_ioctl(struct terminal *terminal, unsigned command, unsigned long argument)
{
	s32 number;

	switch (command) {
	case TIOCSCTTY:
		return become_controlling(terminal, argument);
	case TIOCNOTTY:
		return give_up(terminal);
	case TIOCGPGRP:
	case TIOCGSID:
		if (process_current()->terminal != terminal)
			return -ENOTTY;
		number = command == TIOCGPGRP ? terminal->foreground : terminal->session;
		return copy_out(argument, &number, sizeof(number));
	case TIOCSPGRP:
		return set_foreground(terminal, argument);
	}
	return -ENOTTY;
}
