/*
 * Sets of semaphores. Waiters of a set sleep in one queue; whoever changes a value wakes them all,
 * and each tries again. Undo records hang on the set and on the process.
 */
#include <lib/err.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/process.h>
#include <proc/semaphore.h>

struct semaphore { /* [ipc] */
	u16 value;
	s32 pid; /* of the last operation */
	u32 waiting_more, waiting_zero;
};

struct sem_set {
	struct ipc_entry entry;
	struct wait_queue changed;
	struct atomic32 references;	 /* the table's and each waiter's */
	bool removed;			 /* [ipc] */
	s64 operation_time, change_time; /* [ipc] s */
	struct list_node undos;		 /* [ipc] by set_link */
	u32 count;			 /* [const] */
	struct semaphore semaphores[];
};

/* What is to be added to each semaphore of a set when the process ends. */
struct sem_undo {
	struct list_node set_link, process_link; /* [ipc] */
	struct sem_set *set;			 /* [ipc] NULL: it was removed */
	struct process *process;		 /* [const] */
	s16 adjust[];				 /* [ipc] */
};

static struct ipc_table sets = { .entries = LIST_INIT(sets.entries), .max = IPC_ENTRIES_MAX };

static struct sem_set *set_of(struct ipc_entry *entry)
{
	return IS_ERR_OR_NULL(entry) ? (struct sem_set *)entry
				     : container_of(entry, struct sem_set, entry);
}

static void set_put(struct sem_set *set)
{
	if (atomic32_dec_and_test(&set->references))
		kfree(set);
}

static struct sem_set *set_make(u32 count)
{
	struct sem_set *set = kzalloc(sizeof(*set) + count * sizeof(set->semaphores[0]));

	if (!set)
		return ERR_PTR(-ENOMEM);
	wait_queue_init(&set->changed);
	atomic32_set(&set->references, 1);
	list_init(&set->undos);
	set->count = count;
	set->change_time = ipc_time();
	return set;
}

s64 sem_get(s32 key, s32 count, u32 flags)
{
	struct sem_set *set;
	s64 result;

	if (count < 0 || count > SEM_SET_MAX)
		return -EINVAL;
	mutex_lock(&ipc_lock);
	set = set_of(ipc_lookup(&sets, key, flags));
	if (!set) {
		set = count ? set_make((u32)count) : ERR_PTR(-EINVAL);
		if (!IS_ERR(set))
			ipc_add(&sets, &set->entry, key, flags);
	} else if (!IS_ERR(set) && (u32)count > set->count) {
		set = ERR_PTR(-EINVAL);
	}
	result = IS_ERR(set) ? PTR_ERR(set) : ipc_id(&set->entry);
	mutex_unlock(&ipc_lock);
	return result;
}

/* [ipc] The set of @id, for a caller that needs @access. ERR_PTR. */
static struct sem_set *set_find(s32 id, u32 access)
{
	struct sem_set *set = set_of(ipc_find(&sets, id));

	if (!IS_ERR(set) && !ipc_permitted(&set->entry.permission, access))
		set = ERR_PTR(-EACCES);
	return set;
}

static struct semaphore *semaphore_of(struct sem_set *set, const struct sem_operation *operation)
{
	return &set->semaphores[operation->number];
}

static struct sem_undo *undo_find(struct sem_set *set, struct process *process)
{
	struct sem_undo *undo;

	list_for_each_entry(undo, &set->undos, set_link) {
		if (undo->process == process)
			return undo;
	}
	return NULL;
}

static void undo_free(struct sem_undo *undo)
{
	if (undo->set)
		list_remove(&undo->set_link);
	list_remove(&undo->process_link);
	kfree(undo);
}

/* Records of removed sets make room: who still waits with one does not look at it again. */
static struct sem_undo *undo_make(struct sem_set *set, struct process *process)
{
	struct sem_undo *undo, *next;

	list_for_each_entry_safe(undo, next, &process->semaphore_undos, process_link) {
		if (!undo->set)
			undo_free(undo);
	}
	undo = kzalloc(sizeof(*undo) + set->count * sizeof(undo->adjust[0]));
	if (!undo)
		return NULL;
	undo->set = set;
	undo->process = process;
	list_add_tail(&set->undos, &undo->set_link);
	list_add_tail(&process->semaphore_undos, &undo->process_link);
	return undo;
}

/* What one operation does to the value: 0; 1: it must wait; -ERANGE. */
static int apply(struct sem_set *set, const struct sem_operation *operation, struct sem_undo *undo)
{
	struct semaphore *semaphore = semaphore_of(set, operation);
	int value = semaphore->value + operation->change;

	if (!operation->change)
		return semaphore->value != 0;
	if (value < 0)
		return 1;
	if (value > SEM_VALUE_MAX)
		return -ERANGE;
	if (operation->flags & SEM_UNDO) {
		int adjust = undo->adjust[operation->number] - operation->change;

		if (adjust < -SEM_VALUE_MAX - 1 || adjust > SEM_VALUE_MAX)
			return -ERANGE;
		undo->adjust[operation->number] = (s16)adjust;
	}
	semaphore->value = (u16)value;
	return 0;
}

static void take_back(struct sem_set *set, const struct sem_operation *operation,
		      struct sem_undo *undo)
{
	semaphore_of(set, operation)->value -= operation->change;
	if (operation->change && operation->flags & SEM_UNDO)
		undo->adjust[operation->number] += operation->change;
}

/* [ipc] All or none. 0; -ERANGE; 1: @blocked is the one that must wait. */
static int try_all(struct sem_set *set, const struct sem_operation *operations, unsigned count,
		   struct sem_undo *undo, const struct sem_operation **blocked)
{
	s32 pid = process_current()->id->number;
	int result = 0;
	unsigned done;

	for (done = 0; done < count; done++) {
		result = apply(set, &operations[done], undo);
		if (result)
			break;
	}
	if (result) {
		*blocked = &operations[done];
		while (done--)
			take_back(set, &operations[done], undo);
		return result;
	}
	for (unsigned i = 0; i < count; i++)
		semaphore_of(set, &operations[i])->pid = pid;
	set->operation_time = ipc_time();
	wait_wake_all(&set->changed);
	return 0;
}

/* [ipc], open while asleep: 0: try again. */
static int wait_for_change(struct sem_set *set, const struct sem_operation *blocked, u64 deadline)
{
	struct semaphore *semaphore = semaphore_of(set, blocked);
	u32 *waiting = blocked->change ? &semaphore->waiting_more : &semaphore->waiting_zero;
	struct waiter waiter;
	int error;

	++*waiting;
	wait_begin(&set->changed, &waiter);
	mutex_unlock(&ipc_lock);
	error = wait_sleep(&waiter, deadline, WAIT_INTERRUPTIBLE);
	wait_end(&waiter);
	mutex_lock(&ipc_lock);
	--*waiting;
	if (set->removed)
		return -EIDRM;
	return error == -ETIMEDOUT ? -EAGAIN : error;
}

/* [ipc] */
static int operate_locked(struct sem_set *set, const struct sem_operation *operations,
			  unsigned count, struct sem_undo *undo, u64 deadline)
{
	const struct sem_operation *blocked;
	int result;

	while ((result = try_all(set, operations, count, undo, &blocked)) > 0) {
		if (blocked->flags & IPC_NOWAIT)
			return -EAGAIN;
		result = wait_for_change(set, blocked, deadline);
		if (result)
			return result;
	}
	return result;
}

struct sem_needs {
	u16 highest;
	bool change, undo;
};

static struct sem_needs needs_of(const struct sem_operation *operations, unsigned count)
{
	struct sem_needs needs = { 0 };

	for (unsigned i = 0; i < count; i++) {
		needs.highest = MAX(needs.highest, operations[i].number);
		needs.change |= operations[i].change != 0;
		needs.undo |= operations[i].change && operations[i].flags & SEM_UNDO;
	}
	return needs;
}

int sem_operate(s32 id, const struct sem_operation *operations, unsigned count, u64 deadline)
{
	struct sem_needs needs = needs_of(operations, count);
	struct process *process = process_current();
	struct sem_undo *undo = NULL;
	struct sem_set *set;
	int result;

	mutex_lock(&ipc_lock);
	set = set_of(ipc_find(&sets, id));
	if (IS_ERR(set)) {
		result = (int)PTR_ERR(set);
	} else if (needs.highest >= set->count) {
		result = -EFBIG;
	} else if (!ipc_permitted(&set->entry.permission, needs.change ? IPC_WRITE : IPC_READ)) {
		result = -EACCES;
	} else if (needs.undo && !(undo = undo_find(set, process)) &&
		   !(undo = undo_make(set, process))) {
		result = -ENOMEM;
	} else {
		atomic32_inc(&set->references);
		result = operate_locked(set, operations, count, undo, deadline);
		set_put(set);
	}
	mutex_unlock(&ipc_lock);
	return result;
}

static void fill_status(const struct sem_set *set, struct sem_status *status)
{
	*status = (struct sem_status){ .permission = set->entry.permission,
				       .operation_time = set->operation_time,
				       .change_time = set->change_time,
				       .count = set->count };
}

s64 sem_status(s32 number, bool by_index, bool any, struct sem_status *status)
{
	struct sem_set *set;
	s64 result;

	mutex_lock(&ipc_lock);
	set = set_of(ipc_find_stat(&sets, number, by_index, any));
	if (IS_ERR(set)) {
		result = PTR_ERR(set);
	} else {
		fill_status(set, status);
		result = by_index ? ipc_id(&set->entry) : 0;
	}
	mutex_unlock(&ipc_lock);
	return result;
}

int sem_set(s32 id, const struct ipc_permission *wanted)
{
	struct sem_set *set;
	int error = 0;

	mutex_lock(&ipc_lock);
	set = set_of(ipc_find_owned(&sets, id));
	if (IS_ERR(set)) {
		error = (int)PTR_ERR(set);
	} else {
		ipc_set(&set->entry.permission, wanted);
		set->change_time = ipc_time();
	}
	mutex_unlock(&ipc_lock);
	return error;
}

/* [ipc] The undo records stay with their processes, without a meaning. */
static void set_remove_locked(struct sem_set *set)
{
	struct sem_undo *undo, *next;

	ipc_remove(&sets, &set->entry);
	set->removed = true;
	list_for_each_entry_safe(undo, next, &set->undos, set_link) {
		list_remove(&undo->set_link);
		undo->set = NULL;
	}
	wait_wake_all(&set->changed);
	set_put(set);
}

int sem_remove(s32 id)
{
	struct sem_set *set;
	int error = 0;

	mutex_lock(&ipc_lock);
	set = set_of(ipc_find_owned(&sets, id));
	if (IS_ERR(set))
		error = (int)PTR_ERR(set);
	else
		set_remove_locked(set);
	mutex_unlock(&ipc_lock);
	return error;
}

static s64 answer(const struct semaphore *semaphore, enum sem_question question)
{
	switch (question) {
	case SEM_VALUE:
		return semaphore->value;
	case SEM_PID:
		return semaphore->pid;
	case SEM_WAIT_MORE:
		return semaphore->waiting_more;
	case SEM_WAIT_ZERO:
		return semaphore->waiting_zero;
	}
	return -EINVAL;
}

s64 sem_ask(s32 id, s32 number, enum sem_question question)
{
	struct sem_set *set;
	s64 result = -EINVAL;

	mutex_lock(&ipc_lock);
	set = set_find(id, IPC_READ);
	if (IS_ERR(set))
		result = PTR_ERR(set);
	else if (number >= 0 && (u32)number < set->count)
		result = answer(&set->semaphores[number], question);
	mutex_unlock(&ipc_lock);
	return result;
}

/* [ipc] A value that is set is nobody's to undo (semctl(2)). */
static void store(struct sem_set *set, u32 number, u16 value)
{
	struct sem_undo *undo;

	list_for_each_entry(undo, &set->undos, set_link)
		undo->adjust[number] = 0;
	set->semaphores[number].value = value;
	set->semaphores[number].pid = process_current()->id->number;
	set->change_time = ipc_time();
}

int sem_set_value(s32 id, s32 number, s32 value)
{
	struct sem_set *set;
	int error = 0;

	if (value < 0 || value > SEM_VALUE_MAX)
		return -ERANGE;
	mutex_lock(&ipc_lock);
	set = set_find(id, IPC_WRITE);
	if (IS_ERR(set)) {
		error = (int)PTR_ERR(set);
	} else if (number < 0 || (u32)number >= set->count) {
		error = -EINVAL;
	} else {
		store(set, (u32)number, (u16)value);
		wait_wake_all(&set->changed);
	}
	mutex_unlock(&ipc_lock);
	return error;
}

s64 sem_count(s32 id)
{
	struct sem_set *set;
	s64 result;

	mutex_lock(&ipc_lock);
	set = set_of(ipc_find(&sets, id));
	result = IS_ERR(set) ? PTR_ERR(set) : set->count;
	mutex_unlock(&ipc_lock);
	return result;
}

int sem_get_all(s32 id, u16 *values, unsigned count)
{
	struct sem_set *set;
	int error = 0;

	mutex_lock(&ipc_lock);
	set = set_find(id, IPC_READ);
	if (IS_ERR(set))
		error = (int)PTR_ERR(set);
	else if (set->count != count)
		error = -EINVAL;
	for (unsigned i = 0; i < count && !error; i++)
		values[i] = set->semaphores[i].value;
	mutex_unlock(&ipc_lock);
	return error;
}

int sem_set_all(s32 id, const u16 *values, unsigned count)
{
	struct sem_set *set;
	int error = 0;

	for (unsigned i = 0; i < count; i++) {
		if (values[i] > SEM_VALUE_MAX)
			return -ERANGE;
	}
	mutex_lock(&ipc_lock);
	set = set_find(id, IPC_WRITE);
	if (IS_ERR(set))
		error = (int)PTR_ERR(set);
	else if (set->count != count)
		error = -EINVAL;
	for (unsigned i = 0; i < count && !error; i++)
		store(set, i, values[i]);
	if (!error)
		wait_wake_all(&set->changed);
	mutex_unlock(&ipc_lock);
	return error;
}

struct sem_totals sem_totals(void)
{
	struct sem_totals totals = { 0 };
	struct ipc_entry *entry;

	mutex_lock(&ipc_lock);
	list_for_each_entry(entry, &sets.entries, link)
		totals.semaphores += set_of(entry)->count;
	totals.sets = sets.count;
	totals.last_index = ipc_last_index(&sets);
	mutex_unlock(&ipc_lock);
	return totals;
}

bool sem_next(u32 index, s32 *id, struct sem_status *status)
{
	struct sem_set *set;

	mutex_lock(&ipc_lock);
	set = set_of(ipc_from(&sets, index));
	if (set) {
		*id = ipc_id(&set->entry);
		fill_status(set, status);
	}
	mutex_unlock(&ipc_lock);
	return set != NULL;
}

/* [ipc] Values stay within their bounds (semop(2), BUGS). */
static void undo_all(const struct sem_undo *undo)
{
	struct sem_set *set = undo->set;

	for (u32 i = 0; set && i < set->count; i++) {
		struct semaphore *semaphore = &set->semaphores[i];

		if (!undo->adjust[i])
			continue;
		semaphore->value = (u16)CLAMP(semaphore->value + undo->adjust[i], 0, SEM_VALUE_MAX);
		semaphore->pid = undo->process->id->number;
	}
	if (set)
		wait_wake_all(&set->changed);
}

void sem_exit(struct process *process)
{
	/* Only its own threads add records, and they are gone. */
	if (list_empty(&process->semaphore_undos))
		return;
	mutex_lock(&ipc_lock);
	while (!list_empty(&process->semaphore_undos)) {
		struct sem_undo *undo =
			list_first_entry(&process->semaphore_undos, struct sem_undo, process_link);

		undo_all(undo);
		undo_free(undo);
	}
	mutex_unlock(&ipc_lock);
}
