/* fork, exit and exec, and the life of threads. */
#include "memory_internal.h"

#include <lib/err.h>
#include <string.h>

/* What the child may do is sure only where nothing changed during the fork. */
static enum right right_in_child(const struct page *before, const struct page *after, bool write)
{
	enum right was = write ? before->write : before->read;
	enum right is = write ? after->write : after->read;

	return was == is && !before->changing && !after->changing ? was : MAY;
}

static void publish_child(struct fork *fork, struct space *space)
{
	struct machine_space *child = &machine.spaces[fork->child];

	child->space = space;
	for (unsigned i = 0; i < PAGES; i++) {
		const struct page *before = &fork->pages[i];
		const struct page *after = &machine.spaces[fork->parent].pages[i];

		child->pages[i] = *after;
		child->pages[i].changing = 0;
		child->pages[i].values = fork->values[i];
		child->pages[i].read = right_in_child(before, after, false);
		child->pages[i].write = right_in_child(before, after, true);
	}
	fork->active = false;
	if (fork->thread < THREADS)
		machine.threads[fork->thread].dormant = false;
}

/* The kernel shows the child to the world: from here on it may run. */
void __real_space_publish(struct space *space);
void __wrap_space_publish(struct space *space)
{
	struct fork *fork = &machine.forks[MAX(machine_current(), 0)];

	__real_space_publish(space);
	if (machine_current() >= 0 && fork->active)
		publish_child(fork, space);
}

static int fork_with(unsigned space, unsigned thread)
{
	struct fork *fork = &machine.forks[machine_current()];
	unsigned number = self()->space;
	struct space *made;

	begin("fork", 0);
	fork->parent = number;
	fork->child = space;
	fork->thread = thread;
	memcpy(fork->pages, machine.spaces[number].pages, sizeof(fork->pages));
	for (unsigned i = 0; i < PAGES; i++)
		fork->values[i] = fork->pages[i].values;
	fork->active = true;
	made = space_fork(space_of(number));
	fork->active = false;
	return IS_ERR(made) ? (int)PTR_ERR(made) : 0;
}

int try_fork_to(unsigned thread)
{
	return fork_with(machine.threads[thread].space, thread);
}

void fork_to(unsigned thread)
{
	if (try_fork_to(thread))
		violation("fork fails");
}

void fork_alone(unsigned space)
{
	if (fork_with(space, THREADS))
		violation("fork fails");
}

void take_down(struct machine_space *left)
{
	struct space *space = left->space;

	left->space = NULL;
	space_leave(space);
}

void leave_space(void)
{
	struct machine_space *mine = &machine.spaces[self()->space];

	begin("exit", 0);
	if (mine->threads > 1 || !BROKEN(RULE_8_EXIT_SWITCHES))
		mmu_switch(NULL);
	if (!--mine->threads)
		take_down(mine);
	else if (mine->threads == 1)
		machine.flags[0] = 1; /* exec_to() waits for it */
}

static void thread_body(void)
{
	struct machine_thread *thread = self();

	if (thread->child) {
		begin("start", 0);
		mmu_switch(&space_of(thread->space)->mmu);
	}
	thread->run();
	if (machine.spaces[thread->space].space)
		leave_space();
}

void thread_on(unsigned number, void (*run)(void), unsigned space)
{
	machine_thread(number, thread_body, space);
	machine.threads[number].run = run;
}

void child_thread(unsigned number, void (*run)(void), unsigned space)
{
	thread_on(number, run, space);
	machine.threads[number].dormant = true;
	machine.threads[number].child = true;
}

void thread_joining(unsigned number, void (*run)(void), unsigned space)
{
	thread_on(number, run, space);
	machine.threads[number].child = true;
}

void enter_image(unsigned number, struct space *space)
{
	struct machine_space *old = &machine.spaces[self()->space];
	unsigned long irq;

	/* The other threads have left. */
	step(STEP_WAIT, &machine.flags[0]);
	machine.spaces[number].space = space;
	irq = irq_save();
	mmu_switch(&space->mmu);
	irq_restore(irq);
	old->threads = 0;
	self()->space = number;
	machine.spaces[number].threads = 1;
	take_down(old);
}

void exec_to(unsigned number, u8 value)
{
	begin("exec", 0);
	make_space_only(number);
	map_private(number, 0, 1, RW);
	if (space_write(space_of(number), BASE, &value, 1, false) != 1)
		violation("exec cannot write its stack");
	machine.spaces[number].pages[0].values = 1u << value;
	enter_image(number, space_of(number));
}
