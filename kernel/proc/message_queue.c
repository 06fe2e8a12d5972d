/*
 * Who waits for room or for a message sleeps in the queue's one wait queue, which each change wakes; all of them look
 * again.
 */
#include <lib/err.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/credentials.h>
#include <proc/message_queue.h>
#include <proc/process.h>
#include <sched/wait.h>

struct msg_queue {
	struct ipc_entry entry;
	struct wait_queue changed;
	struct atomic32 references;		  /* the table's and each waiter's */
	bool removed;				  /* [ipc] */
	struct list_node messages;		  /* [ipc] */
	s64 send_time, receive_time, change_time; /* [ipc] s */
	u64 bytes, count, bytes_max;		  /* [ipc] */
	s32 send_pid, receive_pid;		  /* [ipc] */
};

static struct ipc_table queues = { .entries = LIST_INIT(queues.entries), .max = MSG_QUEUES_MAX };

static struct msg_queue *queue_of(struct ipc_entry *entry)
{
	return IS_ERR_OR_NULL(entry) ? (struct msg_queue *)entry
				     : container_of(entry, struct msg_queue, entry);
}

static void queue_put(struct msg_queue *queue)
{
	if (atomic32_dec_and_test(&queue->references))
		kfree(queue);
}

static struct msg_queue *queue_make(void)
{
	struct msg_queue *queue = kzalloc(sizeof(*queue));

	if (!queue)
		return ERR_PTR(-ENOMEM);
	wait_queue_init(&queue->changed);
	list_init(&queue->messages);
	atomic32_set(&queue->references, 1);
	queue->bytes_max = MSG_BYTES_MAX;
	queue->change_time = ipc_time();
	return queue;
}

s64 msg_get(s32 key, u32 flags)
{
	struct msg_queue *queue;
	s64 result;

	mutex_lock(&ipc_lock);
	queue = queue_of(ipc_lookup(&queues, key, flags));
	if (!queue) {
		queue = queue_make();
		if (!IS_ERR(queue))
			ipc_add(&queues, &queue->entry, key, flags);
	}
	result = IS_ERR(queue) ? PTR_ERR(queue) : ipc_id(&queue->entry);
	mutex_unlock(&ipc_lock);
	return result;
}

/* [ipc] The queue of @id, for a caller that needs @access. ERR_PTR. */
static struct msg_queue *queue_find(s32 id, u32 access)
{
	struct msg_queue *queue = queue_of(ipc_find(&queues, id));

	if (!IS_ERR(queue) && !ipc_permitted(&queue->entry.permission, access))
		queue = ERR_PTR(-EACCES);
	return queue;
}

/* [ipc], open while asleep: 0: try again. */
static int wait_for_change(struct msg_queue *queue)
{
	struct waiter waiter;
	int error;

	wait_begin(&queue->changed, &waiter);
	mutex_unlock(&ipc_lock);
	error = wait_sleep(&waiter, WAIT_FOREVER, WAIT_INTERRUPTIBLE);
	wait_end(&waiter);
	mutex_lock(&ipc_lock);
	if (queue->removed)
		return -EIDRM;
	return error == -EINTR ? -ERESTARTNOHAND : error;
}

/* Messages without data count as well: there are never more of them than bytes that fit. */
static bool has_room(const struct msg_queue *queue, size_t size)
{
	return queue->bytes + size <= queue->bytes_max && queue->count < queue->bytes_max;
}

/* [ipc] */
static void append(struct msg_queue *queue, struct msg_message *message)
{
	list_add_tail(&queue->messages, &message->link);
	queue->bytes += message->size;
	queue->count++;
	queue->send_pid = process_current()->id->number;
	queue->send_time = ipc_time();
	wait_wake_all(&queue->changed);
}

/* [ipc] A queue that somebody waits in stays in memory. */
static int send_locked(struct msg_queue *queue, struct msg_message *message, u32 flags)
{
	int error = 0;

	atomic32_inc(&queue->references);
	while (!error && !has_room(queue, message->size)) {
		error = flags & IPC_NOWAIT ? -EAGAIN : wait_for_change(queue);
		if (!error && !ipc_permitted(&queue->entry.permission, IPC_WRITE))
			error = -EACCES;
	}
	if (!error)
		append(queue, message);
	queue_put(queue);
	return error;
}

int msg_send(s32 id, struct msg_message *message, u32 flags)
{
	struct msg_queue *queue;
	int error;

	mutex_lock(&ipc_lock);
	queue = queue_find(id, IPC_WRITE);
	error = IS_ERR(queue) ? (int)PTR_ERR(queue) : send_locked(queue, message, flags);
	mutex_unlock(&ipc_lock);
	return error;
}

/* msgrcv(2): 0 the first; negative: of the lowest type up to that; else of the type, or not of it. */
static bool is_wanted(const struct msg_message *message, s64 type, u32 flags)
{
	if (!type)
		return true;
	if (type < 0)
		return message->type <= (type == INT64_MIN ? INT64_MAX : -type);
	return flags & MSG_EXCEPT ? message->type != type : message->type == type;
}

/* [ipc] The message, or NULL. */
static struct msg_message *find(struct msg_queue *queue, s64 type, u32 flags)
{
	struct msg_message *message, *found = NULL;
	s64 place = 0;

	list_for_each_entry(message, &queue->messages, link) {
		if (flags & MSG_COPY) {
			if (place++ == type)
				return message;
			continue;
		}
		if (!is_wanted(message, type, flags))
			continue;
		if (type >= 0)
			return message;
		if (!found || message->type < found->type)
			found = message;
	}
	return found;
}

static struct msg_message *duplicate(const struct msg_message *message)
{
	struct msg_message *copy = kmalloc(sizeof(*copy) + message->size);

	if (!copy)
		return ERR_PTR(-ENOMEM);
	copy->type = message->type;
	copy->size = message->size;
	memcpy(copy->data, message->data, message->size);
	return copy;
}

/* [ipc] */
static struct msg_message *take(struct msg_queue *queue, struct msg_message *message, u32 flags)
{
	if (flags & MSG_COPY)
		return duplicate(message);
	list_remove(&message->link);
	queue->bytes -= message->size;
	queue->count--;
	queue->receive_pid = process_current()->id->number;
	queue->receive_time = ipc_time();
	wait_wake_all(&queue->changed);
	return message;
}

/* [ipc] */
static struct msg_message *receive_locked(struct msg_queue *queue, size_t size, s64 type, u32 flags)
{
	struct msg_message *message;
	int error = 0;

	atomic32_inc(&queue->references);
	while (!(message = find(queue, type, flags)) && !error) {
		error = flags & IPC_NOWAIT ? -ENOMSG : wait_for_change(queue);
		if (!error && !ipc_permitted(&queue->entry.permission, IPC_READ))
			error = -EACCES;
		if (error)
			break;
	}
	if (!error && message->size > size && !(flags & MSG_NOERROR))
		error = -E2BIG;
	message = error ? ERR_PTR(error) : take(queue, message, flags);
	queue_put(queue);
	return message;
}

struct msg_message *msg_receive(s32 id, size_t size, s64 type, u32 flags)
{
	struct msg_message *message;
	struct msg_queue *queue;

	mutex_lock(&ipc_lock);
	queue = queue_find(id, IPC_READ);
	message = IS_ERR(queue) ? ERR_PTR(PTR_ERR(queue))
				: receive_locked(queue, size, type, flags);
	mutex_unlock(&ipc_lock);
	return message;
}

static void fill_status(const struct msg_queue *queue, struct msg_status *status)
{
	*status = (struct msg_status){ .permission = queue->entry.permission,
				       .send_time = queue->send_time,
				       .receive_time = queue->receive_time,
				       .change_time = queue->change_time,
				       .bytes = queue->bytes,
				       .count = queue->count,
				       .bytes_max = queue->bytes_max,
				       .send_pid = queue->send_pid,
				       .receive_pid = queue->receive_pid };
}

s64 msg_status(s32 number, bool by_index, bool any, struct msg_status *status)
{
	struct msg_queue *queue;
	s64 result;

	mutex_lock(&ipc_lock);
	queue = queue_of(ipc_find_stat(&queues, number, by_index, any));
	if (IS_ERR(queue)) {
		result = PTR_ERR(queue);
	} else {
		fill_status(queue, status);
		result = by_index ? ipc_id(&queue->entry) : 0;
	}
	mutex_unlock(&ipc_lock);
	return result;
}

int msg_set(s32 id, const struct msg_status *wanted)
{
	struct msg_queue *queue;
	int error = 0;

	mutex_lock(&ipc_lock);
	queue = queue_of(ipc_find_owned(&queues, id));
	if (IS_ERR(queue)) {
		error = (int)PTR_ERR(queue);
	} else if (wanted->bytes_max > MSG_BYTES_MAX && !credentials_capable(CAP_SYS_RESOURCE)) {
		error = -EPERM;
	} else {
		ipc_set(&queue->entry.permission, &wanted->permission);
		queue->bytes_max = wanted->bytes_max;
		queue->change_time = ipc_time();
		/* There may be more room, or fewer rights. */
		wait_wake_all(&queue->changed);
	}
	mutex_unlock(&ipc_lock);
	return error;
}

/* [ipc] */
static void queue_remove_locked(struct msg_queue *queue)
{
	struct msg_message *message, *next;

	ipc_remove(&queues, &queue->entry);
	queue->removed = true;
	list_for_each_entry_safe(message, next, &queue->messages, link) {
		list_remove(&message->link);
		kfree(message);
	}
	wait_wake_all(&queue->changed);
	queue_put(queue);
}

int msg_remove(s32 id)
{
	struct msg_queue *queue;
	int error = 0;

	mutex_lock(&ipc_lock);
	queue = queue_of(ipc_find_owned(&queues, id));
	if (IS_ERR(queue))
		error = (int)PTR_ERR(queue);
	else
		queue_remove_locked(queue);
	mutex_unlock(&ipc_lock);
	return error;
}

struct msg_totals msg_totals(void)
{
	struct msg_totals totals = { 0 };
	struct ipc_entry *entry;

	mutex_lock(&ipc_lock);
	totals.queues = queues.count;
	totals.last_index = ipc_last_index(&queues);
	list_for_each_entry(entry, &queues.entries, link) {
		totals.messages += queue_of(entry)->count;
		totals.bytes += queue_of(entry)->bytes;
	}
	mutex_unlock(&ipc_lock);
	return totals;
}

bool msg_next(u32 index, s32 *id, struct msg_status *status)
{
	struct msg_queue *queue;

	mutex_lock(&ipc_lock);
	queue = queue_of(ipc_from(&queues, index));
	if (queue) {
		*id = ipc_id(&queue->entry);
		fill_status(queue, status);
	}
	mutex_unlock(&ipc_lock);
	return queue;
}
