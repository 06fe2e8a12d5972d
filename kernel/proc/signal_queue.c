/*
 * Pending signals. A standard signal is pending once, whatever the number of senders; a real-time
 * one as often as it was sent, in that order (signal(7), "Real-time signals").
 */
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/posix_timer.h>
#include <proc/signal_queue.h>

static SLAB_CACHE(pending_cache, struct pending_signal);

/* Made by kill(2) or the kernel: worth delivering even when there is no room for the details. */
static bool details_may_be_lost(const struct signal_info *info)
{
	return info->signo < SIGRTMIN || info->code == SI_USER || info->code == SI_KERNEL;
}

bool signal_reserve_locked(struct process *process)
{
	if (process->signals_queued >= process->limits[RLIMIT_SIGPENDING].soft)
		return false;
	process->signals_queued++;
	return true;
}

void signal_unreserve_locked(struct process *process)
{
	process->signals_queued--;
}

void signal_enqueue_prepared_locked(struct signal_queue *queue, struct pending_signal *prepared)
{
	prepared->queue = queue;
	queue->set |= SIGNAL_BIT(prepared->info.signo);
	list_add_tail(&queue->entries, &prepared->link);
}

int signal_enqueue_locked(struct process *process, struct signal_queue *queue,
			  const struct signal_info *info)
{
	u64 bit = SIGNAL_BIT(info->signo);
	struct pending_signal *pending = NULL;

	if (info->signo < SIGRTMIN && queue->set & bit)
		return 0;
	if (signal_reserve_locked(process)) {
		pending = slab_alloc(&pending_cache);
		if (!pending)
			signal_unreserve_locked(process);
	}
	if (!pending && !details_may_be_lost(info))
		return -EAGAIN;
	queue->set |= bit;
	if (!pending)
		return 0;
	pending->queue = queue;
	pending->info = *info;
	pending->timer = NULL;
	list_add_tail(&queue->entries, &pending->link);
	return 0;
}

static void drop(struct process *process, struct pending_signal *pending)
{
	list_remove(&pending->link);
	pending->queue = NULL;
	if (pending->timer)
		return;
	slab_free(&pending_cache, pending);
	signal_unreserve_locked(process);
}

/* The faults of an instruction come first, then low numbers before high ones. */
static int first_of(u64 set)
{
	u64 urgent = set & SIGNALS_SYNCHRONOUS;

	return (int)ffs64(urgent ? urgent : set);
}

int signal_dequeue_locked(struct process *process, struct signal_queue *queue, u64 set,
			  struct signal_info *info)
{
	int signo = first_of(queue->set & set);
	struct pending_signal *pending, *found = NULL;
	bool more = false;

	if (!signo)
		return 0;
	list_for_each_entry(pending, &queue->entries, link) {
		if (pending->info.signo != signo)
			continue;
		if (found) {
			more = true;
			break;
		}
		found = pending;
	}
	if (!more)
		queue->set &= ~SIGNAL_BIT(signo);
	if (found) {
		*info = found->info;
		if (found->timer)
			posix_timer_taken_locked(found->timer, info);
		drop(process, found);
	} else {
		memset(info, 0, sizeof(*info));
		info->signo = signo;
	}
	return signo;
}

void signal_flush_locked(struct process *process, struct signal_queue *queue, u64 set)
{
	struct pending_signal *pending, *following;

	if (!(queue->set & set))
		return;
	queue->set &= ~set;
	list_for_each_entry_safe(pending, following, &queue->entries, link) {
		if (SIGNAL_BIT(pending->info.signo) & set)
			drop(process, pending);
	}
}

void signal_forget_locked(struct process *process, struct pending_signal *prepared)
{
	struct signal_queue *queue = prepared->queue;
	struct pending_signal *pending;

	if (!queue)
		return;
	drop(process, prepared);
	list_for_each_entry(pending, &queue->entries, link) {
		if (pending->info.signo == prepared->info.signo)
			return;
	}
	queue->set &= ~SIGNAL_BIT(prepared->info.signo);
}

void signal_detach_locked(struct process *process, struct pending_signal *prepared)
{
	struct pending_signal *pending;

	if (!prepared->queue)
		return;
	pending = slab_alloc(&pending_cache);
	if (!pending || !signal_reserve_locked(process)) {
		if (pending)
			slab_free(&pending_cache, pending);
		signal_forget_locked(process, prepared);
		return;
	}
	*pending = *prepared;
	pending->timer = NULL;
	list_replace(&prepared->link, &pending->link);
	prepared->queue = NULL;
}
