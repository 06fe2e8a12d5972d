/* Process groups and sessions: setpgid(2), setsid(2), credentials(7). */
#include <lib/errno.h>
#include <proc/tree.h>

/*
 * POSIX 3.264: a group is orphaned when the parent of every member is in the group itself or in
 * another session. @except is about to end and counts no more.
 */
bool process_group_orphaned_locked(struct id *group, struct process *except)
{
	struct process *process;

	list_for_each_entry(process, &group->group, group_link) {
		struct process *parent = process->parent;

		if (process == except || process->state != PROCESS_ALIVE || !parent ||
		    parent == process_init)
			continue;
		if (parent->group_id != group && parent->session_id == process->session_id)
			return false;
	}
	return true;
}

bool process_group_is_orphaned(s32 pgid)
{
	struct id *id = id_find(pgid);
	unsigned long state;
	bool orphaned;

	if (!id)
		return true;
	state = tree_lock();
	orphaned = process_group_orphaned_locked(id, NULL);
	tree_unlock(state);
	id_put(id);
	return orphaned;
}

bool process_group_in_session(s32 pgid, s32 session)
{
	struct id *id = id_find(pgid);
	unsigned long state;
	bool found = false;

	if (!id)
		return false;
	state = tree_lock();
	if (!list_empty(&id->group)) {
		struct process *member = list_first_entry(&id->group, struct process, group_link);

		found = !session || member->session_id->number == session;
	}
	tree_unlock(state);
	id_put(id);
	return found;
}

void process_session_drop_terminal(s32 session, struct terminal *terminal)
{
	struct id *id = id_find(session);
	struct process *process;
	unsigned long state;

	if (!id)
		return;
	state = tree_lock();
	list_for_each_entry(process, &id->session, session_link) {
		if (process->terminal == terminal)
			process->terminal = NULL;
	}
	tree_unlock(state);
	id_put(id);
}

/* setpgid(2)'s rules for @process, a child of the caller or the caller. */
static int check_set_group_locked(struct process *process, s32 group, struct id *id)
{
	struct process *self = process_current(), *member;

	if (process != self) {
		if (process->parent != self)
			return -ESRCH;
		if (process->session_id != self->session_id)
			return -EPERM;
		if (process->has_execed)
			return -EACCES;
	}
	if (process->session_id == process->id)
		return -EPERM;
	if (group == process->id->number)
		return 0;
	if (!id || list_empty(&id->group))
		return -EPERM;
	member = list_first_entry(&id->group, struct process, group_link);
	return member->session_id == self->session_id ? 0 : -EPERM;
}

int process_set_group(s32 pid, s32 group)
{
	struct process *self = process_current(), *process;
	struct id *id, *old = NULL;
	unsigned long state;
	int error;

	if (group < 0)
		return -EINVAL;
	process = process_find(pid ? pid : self->id->number);
	if (!process)
		return -ESRCH;
	if (!group)
		group = process->id->number;
	id = id_find(group);
	state = tree_lock();
	error = process->state == PROCESS_DEAD ? -ESRCH
					       : check_set_group_locked(process, group, id);
	if (!error && process->group_id != id) {
		old = process->group_id;
		process_enter_group_locked(process, id, process->session_id);
	}
	tree_unlock(state);
	if (old)
		id_put(old);
	if (id)
		id_put(id);
	process_put(process);
	return error;
}

s64 process_new_session(void)
{
	struct process *self = process_current();
	struct id *id = self->id, *old_group = NULL, *old_session = NULL;
	unsigned long state = tree_lock();

	/*
	 * A group with this number exists already: the caller leads it, or its members outlived a
	 * namesake.
	 */
	if (!list_empty(&id->group) || !list_empty(&id->session)) {
		tree_unlock(state);
		return -EPERM;
	}
	old_group = self->group_id;
	old_session = self->session_id;
	process_enter_group_locked(self, id, id);
	self->terminal = NULL;
	tree_unlock(state);
	id_put(old_group);
	id_put(old_session);
	return id->number;
}
