/* Dispositions: sigaction(2). */
#include <lib/bits.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <proc/signal_queue.h>
#include <proc/tree.h>

enum {
	SIGNAL_FLAGS_KNOWN = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART |
			     SA_NODEFER
};

static SLAB_CACHE(actions_cache, struct signal_actions);

struct signal_actions *signal_actions_create(void)
{
	struct signal_actions *actions = slab_alloc_zeroed(&actions_cache);

	if (!actions)
		return NULL;
	atomic32_set(&actions->references, 1);
	spin_init(&actions->lock, RANK_SIGNAL);
	return actions;
}

struct signal_actions *signal_actions_copy(struct signal_actions *from)
{
	struct signal_actions *actions = signal_actions_create();
	unsigned long state;

	if (!actions)
		return NULL;
	state = spin_lock_irqsave(&from->lock);
	actions->set = from->set;
	for (u64 left = from->set; left; left &= left - 1) {
		unsigned i = ctz64(left);

		actions->actions[i] = from->actions[i];
	}
	spin_unlock_irqrestore(&from->lock, state);
	return actions;
}

void signal_actions_put(struct signal_actions *actions)
{
	if (atomic32_dec_and_test(&actions->references))
		slab_free(&actions_cache, actions);
}

void signal_actions_reset(struct signal_actions *actions, bool all)
{
	unsigned long state = spin_lock_irqsave(&actions->lock);

	for (u64 left = actions->set; left; left &= left - 1) {
		unsigned i = ctz64(left);
		u64 handler = actions->actions[i].handler;

		actions->actions[i] = (struct signal_action){
			.handler = handler == SIG_IGN && !all ? SIG_IGN : SIG_DFL,
		};
	}
	spin_unlock_irqrestore(&actions->lock, state);
}

static bool is_ignoring(int signo, const struct signal_action *action)
{
	return action->handler == SIG_IGN ||
	       (action->handler == SIG_DFL && SIGNALS_IGNORED & SIGNAL_BIT(signo));
}

/*
 * Without the lock: what was sent before this call, by whomever, is seen; what is sent meanwhile may
 * as well come after it. Other threads' queues can only be looked at with the lock.
 */
static bool may_be_pending(const struct process *process, int signo)
{
	u64 set = READ_ONCE(process->pending.set) | READ_ONCE(thread_current()->user->pending.set);

	return read_acquire(&process->thread_count) > 1 || set & SIGNAL_BIT(signo);
}

/* POSIX 2.4.3: what is pending and now ignored is thrown away, blocked or not. Always 0. */
static __noinline int discard_pending(int signo)
{
	struct process *process = process_current();
	struct user_thread *user;
	unsigned long state;

	if (!may_be_pending(process, signo))
		return 0;
	state = tree_lock();
	spin_lock(&process->actions->lock);
	if (is_ignoring(signo, &process->actions->actions[signo - 1])) {
		signal_flush_locked(process, &process->pending, SIGNAL_BIT(signo));
		process_for_each_thread(user, process)
			signal_flush_locked(process, &user->pending, SIGNAL_BIT(signo));
	}
	spin_unlock(&process->actions->lock);
	tree_unlock(state);
	return 0;
}

/* Nobody else changes the actions, but for threads that share them: senders only read. */
static bool actions_are_shared(const struct process *process)
{
	return atomic32_read(&process->actions->references) > 1 ||
	       read_acquire(&process->thread_count) > 1;
}

/* One's own, in one step where others may change it too. @new may be NULL. */
static __noinline void exchange_locked(int signo, const struct signal_action *new,
				       struct signal_action *old)
{
	struct process *process = process_current();
	struct signal_actions *actions = process->actions;
	unsigned long state = signal_lock(process);
	struct signal_action *at = &actions->actions[signo - 1], former = *at;

	if (new) {
		*at = *new;
		actions->set |= SIGNAL_BIT(signo);
	}
	signal_unlock(process, state);
	if (old)
		*old = former;
}

static __noinline int change_action(int signo, const struct signal_action *new,
				    struct signal_action *old)
{
	exchange_locked(signo, new, old);
	return is_ignoring(signo, new) ? discard_pending(signo) : 0;
}

int signal_get_action(int signo, struct signal_action *action)
{
	struct process *process = process_current();

	if (!signal_number_valid(signo))
		return -EINVAL;
	if (actions_are_shared(process))
		exchange_locked(signo, NULL, action);
	else
		*action = process->actions->actions[signo - 1];
	return 0;
}

static bool action_equal(const struct signal_action *one, const struct signal_action *other)
{
	return one->handler == other->handler && one->flags == other->flags &&
	       one->mask == other->mask;
}

int signal_set_action(int signo, struct signal_action *new, struct signal_action *old)
{
	struct process *process = process_current();

	if (!signal_number_valid(signo) || SIGNALS_UNBLOCKABLE & SIGNAL_BIT(signo))
		return -EINVAL;
	new->flags &= SIGNAL_FLAGS_KNOWN | SA_RESETHAND;
	new->mask &= ~SIGNALS_UNBLOCKABLE;
	/* Start-up code sets many to what they are: no lock for that, and no more to copy at fork. */
	if (actions_are_shared(process) ||
	    !action_equal(new, &process->actions->actions[signo - 1]))
		return change_action(signo, new, old);
	if (old)
		*old = *new;
	return is_ignoring(signo, new) ? discard_pending(signo) : 0;
}
