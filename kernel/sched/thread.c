#include <arch/time.h>
#include <debug/panic.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sched/runqueue.h>

static SLAB_CACHE(thread_cache, struct thread);
static struct spinlock all_lock = SPINLOCK_INIT(RANK_TABLE);
static struct list_node all_threads = LIST_INIT(all_threads); /* [all_lock] */
static u64 all_count;					      /* [all_lock] */
void (*thread_release_hook)(struct thread *thread);

/* First on the stack of a new thread, in the place of a return from thread_context_switch(). */
static void begin(void *argument)
{
	struct thread *thread = argument;

	runqueue_finish_switch();
	irq_enable();
	thread->entry(thread->argument);
	thread_exit();
}

/* What a kernel thread inherits from the idle thread that made it is the right to run anywhere. */
static void inherit(struct thread *thread)
{
	const struct thread *current = thread_current();

	thread->cpu = current->cpu;
	if (current == current->cpu->idle) {
		thread->affinity.bits = ~(u64)0;
	} else {
		thread->affinity.bits = READ_ONCE(current->affinity.bits);
		thread->nice = current->nice;
		if (!current->reset_policy) {
			thread->policy = current->policy;
			thread->priority = current->priority;
		} else if (current->nice < 0) {
			thread->nice = 0;
		}
	}
}

struct thread *thread_create(const char *name, void (*entry)(void *), void *argument)
{
	struct thread *thread = slab_alloc_zeroed(&thread_cache);

	if (!thread)
		return NULL;
	thread->stack_object = stack_alloc();
	if (!thread->stack_object) {
		slab_free(&thread_cache, thread);
		return NULL;
	}
	thread->stack = stack_base(thread->stack_object);
	inherit(thread);
	thread->state = THREAD_NEW;
	thread->slice_left = slice_of(thread);
	thread->entry = entry;
	thread->argument = argument;
	list_init(&thread->run_link);
	atomic32_set(&thread->references, 1);
	thread_set_name(thread, name);
	thread_context_init(thread, begin, thread);
	spin_lock(&all_lock);
	list_add_tail(&all_threads, &thread->all_link);
	all_count++;
	spin_unlock(&all_lock);
	return thread;
}

void thread_put(struct thread *thread)
{
	if (!atomic32_dec_and_test(&thread->references))
		return;
	assert(thread->state == THREAD_DEAD || thread->state == THREAD_NEW);
	spin_lock(&all_lock);
	list_remove(&thread->all_link);
	all_count--;
	spin_unlock(&all_lock);
	if (thread->process)
		thread_release_hook(thread);
	stack_free(thread->stack_object);
	slab_free(&thread_cache, thread);
}

void thread_start(struct thread *thread)
{
	assert(thread->state == THREAD_NEW);
	thread->state = THREAD_RUNNABLE;
	thread->cpu = runqueue_choose(thread);
	cpus_kick(runqueue_place(thread, false));
}

void thread_set_name(struct thread *thread, const char *name)
{
	strlcpy(thread->name, name, sizeof(thread->name));
}

u64 thread_count(void)
{
	return READ_ONCE(all_count);
}

void thread_for_each(bool (*visit)(struct thread *thread, void *context), void *context)
{
	struct thread *thread;

	spin_lock(&all_lock);
	list_for_each_entry(thread, &all_threads, all_link) {
		if (!visit(thread, context))
			break;
	}
	spin_unlock(&all_lock);
}

static u64 running_for(struct thread *thread)
{
	unsigned long state;
	struct cpu *cpu = thread_lock(thread, &state);
	u64 mark = READ_ONCE(thread->time_mark), now = time_now(), ran = 0;

	if (thread->state == THREAD_RUNNING && now > mark)
		ran = now - mark;
	thread_unlock(cpu, state);
	return ran;
}

void thread_times(struct thread *thread, u64 *user, u64 *system)
{
	u64 running = 0;

	if (thread == thread_current()) {
		unsigned long state = irq_save();

		time_charge(thread->cpu, time_now(), CHARGE_UNKNOWN);
		irq_restore(state);
	} else {
		running = running_for(thread);
	}
	*user = READ_ONCE(thread->time_user) + running / 2;
	*system = READ_ONCE(thread->time_system) + running - running / 2;
}
