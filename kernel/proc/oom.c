#include <arch/time.h>
#include <debug/log.h>
#include <fs/file.h>
#include <fs/vnode.h>
#include <lib/errno.h>
#include <mm/reclaim.h>
#include <mm/weight.h>
#include <proc/oom.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>
#include <sched/cpu.h>

enum {
	OOM_ADJUST_MIN = -1000,
	OOM_ADJUST_MAX = 1000,
	GROUP_MEMBERS_MIN = 8, /* of a group that ends as one */
	GROUP_FACTOR = 2,      /* by which it outweighs the heaviest process */
	CACHED_PER_CPU = 32,   /* free frames that only their CPU reaches: mm/frame.c */
	WEIGH_TRIES = 4,
	SOME = 32,
	STACK_PAGES = KERNEL_STACK_SIZE / PAGE_SIZE,
};
#define OOM_WAIT     (5ul * 1000 * 1000)    /* ns, before the next attempt */
#define OOM_PATIENCE (1000ul * 1000 * 1000) /* ns, for somebody to end */

static struct atomic32 choosing; /* one thread at a time */
static u64 last_kill;		 /* [choosing] ns */

struct choice {
	struct process *process; /* counted, or NULL */
	u64 pages;
	bool ending; /* somebody with memory is on the way out */
};

/* Memory may be short for this CPU only: others keep some. */
static bool memory_is_short(void)
{
	struct frame_statistics memory;

	frame_statistics(&memory);
	return memory.free < (u64)CACHED_PER_CPU * cpu_count + SOME;
}

/* Files without a name that only their descriptors keep: memfd, and what was removed. */
static u64 unnamed_file_pages(struct process *process)
{
	struct file_table *files = process_files(process);
	u64 pages = 0;

	if (!files)
		return 0;
	for (int fd = fd_next(files, 0); fd >= 0; fd = fd_next(files, fd + 1)) {
		struct file *file = fd_get_from(files, fd);
		struct memory_object *object = file && file->vnode ? file->vnode->object : NULL;

		if (object && !file->vnode->links && !object->operations->fill &&
		    list_empty(&object->mappings))
			pages += READ_ONCE(object->page_count);
		if (file)
			file_put(file);
	}
	file_table_put(files);
	return pages;
}

/*
 * Whoever holds the space's lock for long may be the hog: then all that it has mapped counts.
 */
static u64 space_pages(struct space *space)
{
	struct frame_statistics memory;
	u64 pages;

	for (unsigned i = 0; i < WEIGH_TRIES; i++) {
		if (space_weigh(space, &pages))
			return pages;
		thread_yield();
	}
	frame_statistics(&memory);
	return MIN(READ_ONCE(space->pages_mapped), memory.total);
}

static u64 adjusted(struct process *process, u64 pages)
{
	s64 adjust = CLAMP(process->oom_score_adjust, OOM_ADJUST_MIN, OOM_ADJUST_MAX);

	if (adjust == OOM_ADJUST_MIN)
		return 0;
	return adjust >= 0 ? pages + pages * (u64)adjust / 100
			   : pages - pages * (u64)-adjust / 1001;
}

/* Pages that go back when @process ends. */
static u64 weight(struct process *process)
{
	struct space *space = process_space(process);
	u64 pages;

	if (!space)
		return 0;
	pages = space_pages(space) + (u64)READ_ONCE(process->thread_count) * STACK_PAGES;
	space_put(space);
	return adjusted(process, pages + unnamed_file_pages(process));
}

static void consider(struct process *process, struct choice *choice)
{
	u64 pages = process == process_init ? 0 : weight(process);
	bool ending = READ_ONCE(process->exiting);

	choice->ending |= pages && ending;
	WRITE_ONCE(process->oom_pages, ending ? 0 : pages);
	if (ending || pages <= choice->pages)
		return;
	if (choice->process)
		process_put(choice->process);
	process_get(process);
	choice->process = process;
	choice->pages = pages;
}

static struct choice choose_process(void)
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

struct group_choice {
	struct id *group; /* counted, or NULL */
	u64 pages;
	unsigned members;
};

/* [tree] */
static void consider_group_locked(struct id *group, struct group_choice *choice)
{
	struct process *process;
	unsigned members = 0;
	u64 pages = 0;

	list_for_each_entry(process, &group->group, group_link) {
		if (process == process_init)
			return;
		pages += process->oom_pages;
		members += process->oom_pages != 0;
	}
	if (members < GROUP_MEMBERS_MIN || pages <= choice->pages)
		return;
	if (choice->group)
		id_put(choice->group);
	id_get(group);
	*choice = (struct group_choice){ group, pages, members };
}

static struct group_choice choose_group(void)
{
	struct group_choice choice = { 0 };
	unsigned long state = tree_lock();
	struct process *process;

	process_for_each_locked(process)
	{
		struct id *group = process->group_id;

		if (process == list_first_entry(&group->group, struct process, group_link))
			consider_group_locked(group, &choice);
	}
	tree_unlock(state);
	return choice;
}

static void kill_process(struct process *victim, u64 pages)
{
	struct signal_info info = signal_info_kernel(SIGKILL);
	struct thread *leader = process_leader(victim);

	log_warning("out of memory: %s[%d] with %llu pages is killed\n",
		    leader ? leader->name : "?", victim->id->number, (unsigned long long)pages);
	if (leader)
		thread_put(leader);
	signal_send_process(victim, &info);
}

static void kill_group(const struct group_choice *choice)
{
	log_warning("out of memory: group %d, %u processes with %llu pages, is killed\n",
		    choice->group->number, choice->members, (unsigned long long)choice->pages);
	signal_send_group(choice->group->number, SIGKILL);
}

/* 0: somebody ends, or is about to; -ENOMEM: there is nobody. */
static int choose_and_kill(void)
{
	struct choice one = choose_process();
	struct group_choice many = choose_group();
	u64 now = time_now();
	int result = 0;

	if (one.ending && now - last_kill < OOM_PATIENCE) {
		/* Their memory is to come yet. */
	} else if (!one.process) {
		result = one.ending ? 0 : -ENOMEM;
	} else {
		last_kill = now;
		if (many.group && many.pages > GROUP_FACTOR * one.pages)
			kill_group(&many);
		else
			kill_process(one.process, one.pages);
	}
	if (one.process)
		process_put(one.process);
	if (many.group)
		id_put(many.group);
	return result;
}

int oom_kill(void)
{
	int result = 0;

	if (thread_interrupted(WAIT_KILLABLE))
		return -EINTR;
	if (!memory_is_short() || reclaim_thoroughly())
		return 0;
	if (!atomic32_xchg(&choosing, 1)) {
		result = choose_and_kill();
		atomic32_set_release(&choosing, 0);
	}
	if (result)
		return result;
	if (thread_interrupted(WAIT_KILLABLE))
		return -EINTR;
	return thread_sleep_ns(OOM_WAIT, WAIT_KILLABLE) ? -EINTR : 0;
}

bool oom_try_again(s64 result)
{
	return result == -ENOMEM && memory_is_short() && !oom_kill();
}
