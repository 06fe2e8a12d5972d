/* A thread per mounted file system: what has changed is on disk a few seconds later. */
#include <arch/time.h>
#include <debug/log.h>
#include <fs/ext4/journal_internal.h>
#include <lib/errno.h>
#include <sched/thread.h>

/* Of all of them: the file system may be gone when the last wake-up comes. */
static struct wait_queue done = WAIT_QUEUE_INIT(done);

static bool stopping(struct ext4 *ext4)
{
	return read_acquire(&ext4->stopping);
}

static void flush(struct ext4 *ext4)
{
	struct journal *journal = ext4->journal;

	if (ext4_writable(ext4))
		return;
	ext4_inodes_store_all(ext4);
	if (!journal)
		return;
	journal_commit(ext4);
	/* In good time, so that nobody has to wait until all of the log is empty. */
	if (READ_ONCE(journal->used) > (journal->length - journal->first) / 2 ||
	    READ_ONCE(journal->checkpoint_count) > journal->limit * 2)
		journal_checkpoint(ext4);
}

static void flusher(void *argument)
{
	struct ext4 *ext4 = argument;
	int waited = 0;

	while (!stopping(ext4)) {
		waited = wait_event_mode(&ext4->flusher_wait, stopping(ext4),
					 time_now() + ext4->options.commit_ns,
					 WAIT_UNINTERRUPTIBLE);
		if (waited == -ETIMEDOUT)
			flush(ext4);
	}
	store_release(&ext4->flusher, NULL);
	wait_wake_all(&done);
}

void ext4_flusher_start(struct ext4 *ext4)
{
	if (ext4->flusher)
		return;
	ext4->stopping = false;
	ext4->flusher = thread_create("ext4-commit", flusher, ext4);
	if (ext4->flusher)
		thread_start(ext4->flusher);
	else
		log_warning("%s: no memory for the commit thread", ext4->name);
}

void ext4_flusher_stop(struct ext4 *ext4)
{
	if (!ext4->flusher)
		return;
	store_release(&ext4->stopping, true);
	wait_wake_all(&ext4->flusher_wait);
	wait_event(&done, !read_acquire(&ext4->flusher));
}
