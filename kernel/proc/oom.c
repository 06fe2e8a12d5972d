#include <debug/log.h>
#include <lib/errno.h>
#include <mm/space.h>
#include <proc/oom.h>
#include <proc/tree.h>

enum { OOM_ADJUST_MIN = -1000, OOM_ADJUST_MAX = 1000 };
#define OOM_WAIT (10ul * 1000 * 1000) /* ns */

struct choice {
	struct process *process; /* counted, or NULL */
	u64 pages;		 /* with its adjustment */
	bool ending;		 /* somebody large is on the way out already */
};

/* Pages that go back when @process ends: those that are its own, mostly. */
static u64 private_pages(struct process *process)
{
	struct space *space = process_space(process);
	struct page_counts counts = { 0 };

	if (!space)
		return 0;
	/* Waiting for a lock here could be waiting for the very thread that lacks memory. */
	if (read_trylock(&space->lock)) {
		space_count_pages(space, USER_START, USER_END, &counts);
		read_unlock(&space->lock);
	}
	space_put(space);
	return counts.owned + counts.cow;
}

static u64 adjusted(struct process *process, u64 pages)
{
	s64 adjust = CLAMP(process->oom_score_adjust, OOM_ADJUST_MIN, OOM_ADJUST_MAX);

	if (adjust == OOM_ADJUST_MIN)
		return 0;
	return adjust >= 0 ? pages + pages * (u64)adjust / 100
			   : pages - pages * (u64)-adjust / 1001;
}

static void consider(struct process *process, struct choice *choice)
{
	u64 pages = adjusted(process, private_pages(process));

	if (process == process_init || pages <= choice->pages)
		return;
	if (choice->process)
		process_put(choice->process);
	process_get(process);
	choice->process = process;
	choice->pages = pages;
	choice->ending = process->exiting;
}

static struct choice choose(void)
{
	struct choice choice = { 0 };
	struct process *process;

	for (s32 pid = 0; (process = process_next(pid));) {
		pid = process->id->number;
		consider(process, &choice);
		process_put(process);
	}
	return choice;
}

static void report(struct process *victim, u64 pages)
{
	struct thread *leader = process_leader(victim);

	log_warning("out of memory: %s[%d] with %llu pages is killed\n",
		    leader ? leader->name : "?", victim->id->number, (unsigned long long)pages);
	if (leader)
		thread_put(leader);
}

int oom_kill(void)
{
	struct signal_info info = { .signo = SIGKILL, .code = SI_KERNEL };
	struct choice choice;

	if (thread_interrupted(WAIT_KILLABLE))
		return -EINTR;
	choice = choose();
	if (!choice.process && process_count() == 1) {
		/* Only init is left, and what it wants does not exist. */
		signal_force_fault(SIGBUS, SI_KERNEL, 0);
		return -EINTR;
	}
	if (choice.process && !choice.ending) {
		report(choice.process, choice.pages);
		signal_send_process(choice.process, &info);
	}
	if (choice.process)
		process_put(choice.process);
	if (thread_interrupted(WAIT_KILLABLE))
		return -EINTR;
	return thread_sleep_ns(OOM_WAIT, WAIT_KILLABLE) ? -EINTR : 0;
}
