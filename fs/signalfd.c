/*
 * A signalfd shows the signals of whoever reads or polls it, not of its creator (signalfd(2),
 * "fork(2) semantics"). Those who wait are on its own queue; for each process that ever asked there
 * is an attachment on that process's signal_wait, which passes wake-ups on. It counts the process, so
 * that an epoll instance may watch on when the process is gone.
 */
#include <fs/file.h>
#include <fs/signalfd.h>
#include <fs/text.h>
#include <lib/err.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>

/* struct signalfd_siginfo. */
struct signal_record {
	u32 signo;
	s32 error, code;
	u32 pid, uid;
	s32 fd;
	u32 tid, band, overrun, trap;
	s32 status, number;
	u64 pointer, user_time, system_time, address;
	u16 address_lsb;
	u8 padding[46];
};
static_assert(sizeof(struct signal_record) == 128, "signalfd(2)");

struct attachment {
	struct attachment *next;
	struct process *process; /* [const] counted */
	struct waiter waiter;	 /* on process->signal_wait */
};

struct signalfd {
	struct mutex lock; /* RANK_INODE */
	u64 set;	   /* [atomic] */
	struct wait_queue wait;
	struct attachment *attachments; /* [lock] */
};

static bool pass_on(struct waiter *waiter, u32 events, u64 *kicks)
{
	struct signalfd *signals = waiter->private;

	wait_wake_nested(&signals->wait, ~0u, POLLIN, kicks);
	return true;
}

static void detach(struct attachment *attachment)
{
	wait_end_callback(&attachment->waiter);
	process_put(attachment->process);
	kfree(attachment);
}

/* [lock] Is the current process attached? Processes that are gone are dropped on the way. */
static bool is_attached_locked(struct signalfd *signals)
{
	struct attachment **at = &signals->attachments, *attachment;
	bool found = false;

	while ((attachment = *at)) {
		if (attachment->process->state == PROCESS_DEAD) {
			*at = attachment->next;
			detach(attachment);
			continue;
		}
		found |= attachment->process == process_current();
		at = &attachment->next;
	}
	return found;
}

static int attach(struct signalfd *signals)
{
	struct process *process = process_current();
	struct attachment *attachment;
	int error = 0;

	mutex_lock(&signals->lock);
	if (is_attached_locked(signals))
		goto out;
	attachment = kzalloc(sizeof(*attachment));
	error = -ENOMEM;
	if (!attachment)
		goto out;
	error = 0;
	process_get(process);
	attachment->process = process;
	attachment->next = signals->attachments;
	signals->attachments = attachment;
	wait_begin_callback(&process->signal_wait, &attachment->waiter, pass_on, signals, false);
out:
	mutex_unlock(&signals->lock);
	return error;
}

/* What belongs to the origin of the signal alone is set; the rest is 0. */
static void fill(struct signal_record *record, const struct signal_info *info)
{
	memset(record, 0, sizeof(*record));
	record->signo = (u32)info->signo;
	record->error = info->error;
	record->code = info->code;
	if (info->code == SI_TIMER) {
		record->tid = (u32)info->timer.timer;
		record->overrun = (u32)info->timer.overrun;
		record->pointer = info->timer.value;
		record->number = (s32)info->timer.value;
	} else if (info->code > 0 && info->code < SI_KERNEL &&
		   SIGNAL_BIT(info->signo) & SIGNALS_SYNCHRONOUS) {
		record->address = info->fault.address;
	} else if (info->code > 0 && info->code < SI_KERNEL && info->signo == SIGIO) {
		record->band = (u32)info->poll.band;
		record->fd = info->poll.fd;
	} else if (info->code > 0 && info->code < SI_KERNEL && info->signo == SIGCHLD) {
		record->pid = (u32)info->child.pid;
		record->uid = info->child.uid;
		record->status = info->child.status;
		record->user_time = (u64)info->child.user_time;
		record->system_time = (u64)info->child.system_time;
	} else {
		record->pid = (u32)info->sender.pid;
		record->uid = info->sender.uid;
		if (info->code < 0 && info->code != SI_TKILL) {
			record->pointer = info->sender.value;
			record->number = (s32)info->sender.value;
		}
	}
}

/* 1: *@info is the signal, 0: none is there. -EAGAIN, -ERESTARTSYS, -ENOMEM. */
static int take(struct file *file, struct signal_info *info, bool block, bool no_wait)
{
	struct signalfd *signals = file->private;
	struct waiter waiter;
	int error = 0, signo;

	signo = signal_take(READ_ONCE(signals->set), info);
	if (signo || !block)
		return signo != 0;
	if (no_wait)
		return -EAGAIN;
	error = attach(signals);
	if (error)
		return error;
	wait_begin(&signals->wait, &waiter);
	while (!(signo = signal_take(READ_ONCE(signals->set), info)) && !error)
		error = wait_sleep(&waiter, WAIT_FOREVER, WAIT_INTERRUPTIBLE);
	wait_end(&waiter);
	return signo ? 1 : -ERESTARTSYS;
}

static ssize_t signalfd_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct signal_record record;
	struct signal_info info;
	ssize_t done = 0;
	int result;

	if (iterator->left < sizeof(record))
		return -EINVAL;
	while (iterator->left >= sizeof(record)) {
		result = take(file, &info, !done, io_must_not_wait(file, iterator));
		if (result <= 0)
			return done ? done : result;
		fill(&record, &info);
		if (io_copy(iterator, &record, sizeof(record)) != sizeof(record))
			return done ? done : -EFAULT;
		done += sizeof(record);
	}
	return done;
}

static u32 signalfd_poll(struct file *file, struct poll_table *table)
{
	struct signalfd *signals = file->private;

	if (table && attach(signals))
		return POLLERR;
	poll_wait(file, &signals->wait, table);
	return signal_pending_set() & READ_ONCE(signals->set) ? POLLIN : 0;
}

static s64 signalfd_seek(struct file *file, s64 offset, int whence)
{
	return 0;
}

static void signalfd_describe(struct file *file, struct text *text)
{
	const struct signalfd *signals = file->private;

	text_format(text, "sigmask:\t%016llx\n", (unsigned long long)READ_ONCE(signals->set));
}

static void signalfd_release(struct file *file)
{
	struct signalfd *signals = file->private;
	struct attachment *attachment;

	while ((attachment = signals->attachments)) {
		signals->attachments = attachment->next;
		detach(attachment);
	}
	kfree(signals);
}

static const struct file_operations signalfd_operations = {
	.read = signalfd_read,
	.seek = signalfd_seek,
	.poll = signalfd_poll,
	.release = signalfd_release,
	.describe = signalfd_describe,
	.read_flags = true,
	.no_wait = true,
};

bool signalfd_is(const struct file *file)
{
	return file->operations == &signalfd_operations;
}

void signalfd_set(struct file *file, u64 set)
{
	struct signalfd *signals = file->private;

	WRITE_ONCE(signals->set, set & ~SIGNALS_UNBLOCKABLE);
	wait_wake_all(&signals->wait);
}

struct file *signalfd_create(u64 set, u32 flags)
{
	struct signalfd *signals = kzalloc(sizeof(*signals));
	struct file *file;

	if (!signals)
		return ERR_PTR(-ENOMEM);
	mutex_init(&signals->lock, RANK_INODE);
	wait_queue_init(&signals->wait);
	signals->set = set & ~SIGNALS_UNBLOCKABLE;
	file = file_create_unnamed("anon_inode:[signalfd]", &signalfd_operations, O_RDWR | flags,
				   signals);
	if (IS_ERR(file))
		kfree(signals);
	return file;
}
