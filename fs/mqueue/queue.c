/* A queue's messages, those who wait for them or for room, and who is told. */
#include <fs/mqueue/mqueue.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <mm/slab.h>
#include <proc/tree.h>

enum { TEXT_MAX = 80 }; /* what reading a queue tells */

static struct mqueue *mqueue_of(const struct file *file)
{
	return container_of(file->vnode, struct mqueue, vnode);
}

static struct mqueue_message *message_of(struct rb_node *node)
{
	return rb_entry(node, struct mqueue_message, link);
}

void mqueue_prepare(struct mqueue *queue)
{
	spin_init(&queue->lock, RANK_TABLE);
	wait_queue_init(&queue->read_wait);
	wait_queue_init(&queue->write_wait);
}

void mqueue_free_messages(struct mqueue *queue)
{
	struct rb_node *node;

	while ((node = rb_first(&queue->messages))) {
		rb_erase(&queue->messages, node);
		kfree(message_of(node));
	}
	if (queue->notice_owner)
		id_put(queue->notice_owner);
}

/* [lock] */
static void insert(struct mqueue *queue, struct mqueue_message *message)
{
	struct rb_node **slot = &queue->messages.top, *parent = NULL;

	message->number = ++queue->last_number;
	while (*slot) {
		parent = *slot;
		slot = message->priority > message_of(parent)->priority ? &parent->left
									: &parent->right;
	}
	rb_insert_at(&queue->messages, &message->link, parent, slot);
	WRITE_ONCE(queue->count, queue->count + 1);
	queue->bytes += message->size;
}

/* [lock] */
static struct mqueue_message *take_first(struct mqueue *queue)
{
	struct rb_node *node = rb_first(&queue->messages);
	struct mqueue_message *message = message_of(node);

	rb_erase(&queue->messages, node);
	WRITE_ONCE(queue->count, queue->count - 1);
	queue->bytes -= message->size;
	return message;
}

/* [lock] The registration, which is over; its id is the caller's. */
static struct id *notice_take(struct mqueue *queue, struct mqueue_notice *notice)
{
	struct id *owner = queue->notice_owner;

	*notice = queue->notice;
	queue->notice_owner = NULL;
	return owner;
}

static void notice_give(struct id *owner, const struct mqueue_notice *notice)
{
	struct signal_info info = { .signo = notice->signo, .code = SI_MESGQ };
	struct process *process;
	unsigned long state = tree_lock();

	process = owner->process;
	if (process)
		process_get(process);
	tree_unlock(state);
	if (process && notice->kind == MQUEUE_NOTICE_SIGNAL && notice->signo) {
		info.sender.pid = process_current()->id->number;
		info.sender.uid = credentials_current()->uid;
		info.sender.value = notice->value;
		signal_send_process(process, &info);
	}
	if (process)
		process_put(process);
	id_put(owner);
}

/* Into the queue if there is room. */
static bool put(struct mqueue *queue, struct mqueue_message *message)
{
	struct mqueue_notice notice;
	struct id *owner = NULL;
	bool fits;

	spin_lock(&queue->lock);
	fits = queue->count < queue->messages_max;
	if (fits)
		insert(queue, message);
	if (fits && queue->count == 1 && !queue->receivers)
		owner = notice_take(queue, &notice);
	spin_unlock(&queue->lock);
	if (!fits)
		return false;
	wait_wake_events(&queue->read_wait, ~0u, POLLIN | POLLRDNORM);
	if (owner)
		notice_give(owner, &notice);
	return true;
}

int mqueue_send(struct file *file, struct io_iterator *data, u32 priority, u64 deadline)
{
	struct mqueue *queue = mqueue_of(file);
	size_t size = data->left;
	struct mqueue_message *message;
	int error = 0;

	if (size > queue->message_size)
		return -EMSGSIZE;
	message = kmalloc(sizeof(*message) + size);
	if (!message)
		return -ENOMEM;
	message->priority = priority;
	message->size = (u32)size;
	if (io_copy(data, message->data, size) != size)
		error = -EFAULT;
	while (!error && !put(queue, message)) {
		if (file->flags & O_NONBLOCK)
			error = -EAGAIN;
		else
			error = wait_event_mode(&queue->write_wait,
						READ_ONCE(queue->count) < queue->messages_max,
						deadline, WAIT_INTERRUPTIBLE);
	}
	if (error)
		kfree(message);
	else
		vnode_touch(file->vnode, true, true, true);
	return error == -EINTR ? -ERESTARTSYS : error;
}

/* The next message, or NULL. @waiting: the caller was counted among those who wait, and is no longer. */
static struct mqueue_message *get(struct mqueue *queue)
{
	struct mqueue_message *message;

	spin_lock(&queue->lock);
	message = queue->count ? take_first(queue) : NULL;
	spin_unlock(&queue->lock);
	if (message)
		wait_wake_events(&queue->write_wait, ~0u, POLLOUT | POLLWRNORM);
	return message;
}

static int wait_for_message(struct mqueue *queue, u64 deadline)
{
	int error;

	spin_lock(&queue->lock);
	queue->receivers++;
	spin_unlock(&queue->lock);
	error = wait_event_mode(&queue->read_wait, READ_ONCE(queue->count), deadline,
				WAIT_INTERRUPTIBLE);
	spin_lock(&queue->lock);
	queue->receivers--;
	spin_unlock(&queue->lock);
	return error;
}

ssize_t mqueue_receive(struct file *file, struct io_iterator *data, u32 *priority, u64 deadline)
{
	struct mqueue *queue = mqueue_of(file);
	struct mqueue_message *message;
	ssize_t result;
	int error = 0;

	if (data->left < queue->message_size)
		return -EMSGSIZE;
	while (!(message = get(queue))) {
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		error = wait_for_message(queue, deadline);
		if (error)
			return error == -EINTR ? -ERESTARTSYS : error;
	}
	*priority = message->priority;
	/* The message is lost with a bad address, as on Linux. */
	result = io_copy(data, message->data, message->size) == message->size
			 ? (ssize_t)message->size
			 : -EFAULT;
	kfree(message);
	vnode_touch(file->vnode, true, true, true);
	return result;
}

/* [lock] */
static bool is_mine(const struct mqueue *queue)
{
	return queue->notice_owner && process_current() &&
	       queue->notice_owner == process_current()->id;
}

int mqueue_notify(struct file *file, const struct mqueue_notice *notice)
{
	struct mqueue *queue = mqueue_of(file);
	struct mqueue_notice old;
	struct id *unused = NULL;
	int error = 0;

	spin_lock(&queue->lock);
	if (!notice) {
		if (is_mine(queue))
			unused = notice_take(queue, &old);
	} else if (queue->notice_owner) {
		error = -EBUSY;
	} else {
		queue->notice = *notice;
		queue->notice_owner = process_current()->id;
		id_get(queue->notice_owner);
	}
	spin_unlock(&queue->lock);
	if (unused)
		id_put(unused);
	return error;
}

void mqueue_get_attributes(struct file *file, struct mqueue_attributes *attributes)
{
	const struct mqueue *queue = mqueue_of(file);

	*attributes = (struct mqueue_attributes){
		.flags = file->flags & O_NONBLOCK,
		.messages_max = queue->messages_max,
		.message_size = queue->message_size,
		.messages = READ_ONCE(queue->count),
	};
}

/* Files. */

/* Whoever closes a descriptor of the queue is not told of messages any more. */
static void mqueue_flush(struct file *file, struct file_table *table)
{
	mqueue_notify(file, NULL);
}

static ssize_t mqueue_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct mqueue *queue = mqueue_of(file);
	struct mqueue_notice notice = { 0 };
	char text[TEXT_MAX];
	int size, owner = 0;
	size_t wanted;
	u64 bytes;

	spin_lock(&queue->lock);
	bytes = queue->bytes;
	if (queue->notice_owner) {
		notice = queue->notice;
		owner = queue->notice_owner->number;
	}
	spin_unlock(&queue->lock);
	size = scnprintf(text, sizeof(text),
			 "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
			 (unsigned long)bytes, owner ? (int)notice.kind : 0,
			 owner && notice.kind == MQUEUE_NOTICE_SIGNAL ? notice.signo : 0, owner);
	if (*position >= size)
		return 0;
	wanted = MIN((size_t)(size - *position), iterator->left);
	wanted = io_copy(iterator, text + *position, wanted);
	if (!wanted && iterator->left)
		return -EFAULT;
	*position += (s64)wanted;
	return (ssize_t)wanted;
}

static u32 mqueue_poll(struct file *file, struct poll_table *table)
{
	struct mqueue *queue = mqueue_of(file);
	u32 events = 0, count;

	poll_wait(file, &queue->read_wait, table);
	poll_wait(file, &queue->write_wait, table);
	count = READ_ONCE(queue->count);
	if (count)
		events |= POLLIN | POLLRDNORM;
	if (count < queue->messages_max)
		events |= POLLOUT | POLLWRNORM;
	return events;
}

const struct file_operations mqueue_file_operations = {
	.flush = mqueue_flush,
	.read = mqueue_read,
	.poll = mqueue_poll,
	.seekable = true,
};
