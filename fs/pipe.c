/*
 * Pipes and FIFOs: a ring of pages, pipe(7). A write of at most PIPE_BUF (one page) goes into one
 * slot, or behind the last bytes of the newest one, so that it is never mixed with another's.
 */
#include <arch/user.h>
#include <fs/mount.h>
#include <fs/pipe_internal.h>
#include <lib/err.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <proc/process.h>
#include <sched/cpu.h>

enum { PIPE_SLOTS = 16 };
#define FIONREAD 0x541bu

static SLAB_CACHE(pipe_cache, struct pipe);
static SLAB_CACHE(pipe_vnode_cache, struct vnode);

static struct pipe *pipe_alloc(void)
{
	struct pipe *pipe = slab_alloc_zeroed(&pipe_cache);

	if (!pipe)
		return NULL;
	pipe->slots = kmalloc(PIPE_SLOTS * sizeof(*pipe->slots));
	if (!pipe->slots) {
		slab_free(&pipe_cache, pipe);
		return NULL;
	}
	pipe->slot_count = PIPE_SLOTS;
	mutex_init(&pipe->lock, RANK_INODE);
	wait_queue_init(&pipe->read_wait);
	wait_queue_init(&pipe->write_wait);
	return pipe;
}

static void pipe_free(struct pipe *pipe)
{
	for (u32 i = pipe->head; i != pipe->tail; i++)
		frame_free(pipe_slot_at(pipe, i)->frame, 0);
	if (pipe->spare)
		frame_free(pipe->spare, 0);
	kfree(pipe->slots);
	slab_free(&pipe_cache, pipe);
}

void pipe_wake(struct wait_queue *queue)
{
	if (wait_queue_active(queue))
		wait_wake_all(queue);
}

void pipe_slot_drop(struct pipe *pipe)
{
	struct frame *frame = pipe_slot_at(pipe, pipe->head)->frame;

	if (pipe->spare)
		frame_free(frame, 0);
	else
		pipe->spare = frame;
	WRITE_ONCE(pipe->head, pipe->head + 1);
}

/* [lock] From the first slot: bytes, or -EFAULT. @last: a packet ends the read. */
static ssize_t slot_read(struct pipe *pipe, struct io_iterator *iterator, bool *last)
{
	struct pipe_slot *slot = pipe_slot_at(pipe, pipe->head);
	size_t wanted = MIN((size_t)slot->length, iterator->left);
	size_t done = io_copy(iterator, (u8 *)frame_data(slot->frame) + slot->offset, wanted);

	*last = done < wanted || slot->packet;
	slot->offset += done;
	slot->length -= done;
	if (done == wanted && (!slot->length || slot->packet))
		pipe_slot_drop(pipe);
	return done || !wanted ? (ssize_t)done : -EFAULT;
}

/* No data, and there never will be any. */
static bool pipe_ended(struct pipe *pipe)
{
	return pipe_empty(pipe) && !READ_ONCE(pipe->writers);
}

/* Until there may be something to take: 0, also at the end; or an error. */
static __noinline int wait_for_data(struct pipe *pipe, bool no_wait)
{
	if (pipe_ended(pipe))
		return 0;
	if (no_wait)
		return -EAGAIN;
	return wait_event_interruptible(&pipe->read_wait, pipe_readable(pipe) || pipe_ended(pipe))
		       ? -ERESTARTSYS
		       : 0;
}

static ssize_t pipe_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct pipe *pipe = file->private;
	ssize_t total = 0, done;
	bool was_full, last = false;

	if (!iterator->left)
		return 0;
	for (;;) {
		int error = pipe_readable(pipe)
				    ? 0
				    : wait_for_data(pipe, io_must_not_wait(file, iterator));

		if (error)
			return error;
		mutex_lock(&pipe->lock);
		if (pipe_readable(pipe) || pipe_ended(pipe))
			break;
		mutex_unlock(&pipe->lock); /* another reader was first */
	}
	was_full = pipe_full(pipe);
	while (iterator->left && !last && pipe_readable(pipe)) {
		done = slot_read(pipe, iterator, &last);
		if (done >= 0)
			total += done;
		else if (!total)
			total = done;
	}
	was_full = was_full && !pipe_full(pipe);
	mutex_unlock(&pipe->lock);
	if (was_full)
		pipe_wake(&pipe->write_wait);
	return total;
}

/* [lock] Behind what the newest slot of a pipe that is not empty holds. False: it does not fit there. */
static bool append_to_last(struct pipe *pipe, struct io_iterator *iterator, size_t size,
			   ssize_t *done)
{
	struct pipe_slot *slot = pipe_slot_at(pipe, pipe->tail - 1);
	size_t end;

	if (slot->packet)
		return false;
	end = slot->offset + slot->length;
	if (end + size > PAGE_SIZE)
		return false;
	*done = io_copy(iterator, (u8 *)frame_data(slot->frame) + end, size);
	slot->length += *done;
	if (!*done)
		*done = -EFAULT;
	return true;
}

/* [lock] Into a new slot: bytes, -EFAULT or -ENOMEM. */
static ssize_t slot_write(struct pipe *pipe, struct io_iterator *iterator, bool packet)
{
	struct pipe_slot *slot = pipe_slot_at(pipe, pipe->tail);
	struct frame *frame = pipe->spare;
	size_t done;

	pipe->spare = NULL;
	if (!frame)
		frame = frame_alloc(FRAME_KERNEL, 0);
	if (!frame)
		return -ENOMEM;
	done = io_copy(iterator, frame_data(frame), MIN(iterator->left, (size_t)PAGE_SIZE));
	if (!done) {
		pipe->spare = frame;
		return -EFAULT;
	}
	*slot = (struct pipe_slot){ frame, 0, done, packet };
	WRITE_ONCE(pipe->tail, pipe->tail + 1);
	return done;
}

ssize_t pipe_broken(void)
{
	struct signal_info info = { .signo = SIGPIPE, .code = SI_USER };

	if (process_current()) {
		info.sender.pid = process_current()->id->number;
		info.sender.uid = credentials_current()->uid;
		signal_send_thread(thread_current(), &info);
	}
	return -EPIPE;
}

/* [lock], dropped meanwhile: until there is room or nobody reads any more. */
static __noinline int wait_for_room(struct pipe *pipe, bool no_wait)
{
	int error;

	if (no_wait)
		return -EAGAIN;
	mutex_unlock(&pipe->lock);
	pipe_wake(&pipe->read_wait);
	error = wait_event_interruptible(&pipe->write_wait,
					 !pipe_full(pipe) || !READ_ONCE(pipe->readers));
	mutex_lock(&pipe->lock);
	return error ? -ERESTARTSYS : 0;
}

static ssize_t pipe_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct pipe *pipe = file->private;
	bool packet = file->flags & O_DIRECT;
	ssize_t total = 0, done = 0;

	if (!iterator->left)
		return 0;
	mutex_lock(&pipe->lock);
	/* Only the odd bytes are merged: whole pages stay whole. */
	if (!pipe_empty(pipe) && pipe->readers && iterator->left % PAGE_SIZE && !packet &&
	    append_to_last(pipe, iterator, iterator->left % PAGE_SIZE, &done) && done > 0)
		total = done;
	while (iterator->left && done >= 0) {
		if (!pipe->readers)
			done = pipe_broken();
		else if (!pipe_full(pipe))
			done = slot_write(pipe, iterator, packet);
		else
			done = wait_for_room(pipe, io_must_not_wait(file, iterator));
		if (done > 0)
			total += done;
	}
	mutex_unlock(&pipe->lock);
	if (total)
		pipe_wake(&pipe->read_wait);
	return total ? total : done;
}

static __force_inline u32 pipe_events(const struct file *file, struct pipe *pipe)
{
	u32 events = 0;

	if (file_readable(file)) {
		if (!pipe_empty(pipe))
			events |= POLLIN | POLLRDNORM;
		if (!READ_ONCE(pipe->writers) && READ_ONCE(pipe->writer_opens))
			events |= POLLHUP;
	}
	if (file_writable(file)) {
		if (!pipe_full(pipe))
			events |= POLLOUT | POLLWRNORM;
		if (!READ_ONCE(pipe->readers))
			events |= POLLERR;
	}
	return events;
}

static __noinline u32 pipe_poll_join(struct file *file, struct poll_table *table)
{
	struct pipe *pipe = file->private;

	if (file_readable(file))
		poll_wait(file, &pipe->read_wait, table);
	if (file_writable(file))
		poll_wait(file, &pipe->write_wait, table);
	return pipe_events(file, pipe);
}

static u32 pipe_poll(struct file *file, struct poll_table *table)
{
	return table ? pipe_poll_join(file, table) : pipe_events(file, file->private);
}

static u32 pipe_bytes(struct pipe *pipe)
{
	u32 bytes = 0;

	mutex_lock(&pipe->lock);
	for (u32 i = pipe->head; i != pipe->tail; i++)
		bytes += pipe_slot_at(pipe, i)->length;
	mutex_unlock(&pipe->lock);
	return bytes;
}

static long pipe_ioctl(struct file *file, unsigned command, unsigned long argument)
{
	u32 bytes;

	if (command != FIONREAD)
		return -ENOTTY;
	bytes = pipe_bytes(file->private);
	return copy_out(argument, &bytes, sizeof(bytes));
}

/* The last open file of a pipe takes it along; of a FIFO, its name stays. */
static void pipe_release(struct file *file)
{
	struct pipe *pipe = file->private;
	struct vnode *vnode = file->vnode;
	bool last;

	write_lock(&vnode->lock);
	mutex_lock_nested(&pipe->lock);
	if (file_readable(file))
		WRITE_ONCE(pipe->readers, pipe->readers - 1);
	if (file_writable(file))
		WRITE_ONCE(pipe->writers, pipe->writers - 1);
	last = --pipe->files == 0;
	if (last)
		vnode->pipe = NULL;
	mutex_unlock(&pipe->lock);
	write_unlock(&vnode->lock);
	if (last) {
		pipe_free(pipe);
		return;
	}
	pipe_wake(&pipe->read_wait);
	pipe_wake(&pipe->write_wait);
}

/* [vnode] One more open file, which counts as reader and writer as it may. */
static void pipe_join(struct pipe *pipe, struct file *file)
{
	mutex_lock_nested(&pipe->lock);
	pipe->files++;
	if (file_readable(file)) {
		WRITE_ONCE(pipe->readers, pipe->readers + 1);
		WRITE_ONCE(pipe->reader_opens, pipe->reader_opens + 1);
	}
	if (file_writable(file)) {
		WRITE_ONCE(pipe->writers, pipe->writers + 1);
		WRITE_ONCE(pipe->writer_opens, pipe->writer_opens + 1);
	}
	mutex_unlock(&pipe->lock);
	file->private = pipe;
}

/* What an opening of one end found of the other: who was there, or how often it was opened before. */
struct fifo_other {
	u32 present, opens;
};

/* [vnode] */
static struct fifo_other fifo_look(const struct pipe *pipe, const struct file *file)
{
	return file_readable(file) ? (struct fifo_other){ pipe->writers, pipe->writer_opens }
				   : (struct fifo_other){ pipe->readers, pipe->reader_opens };
}

/*
 * fifo(7): one end waits for the other, unless both or O_NONBLOCK. The other may come and go before we
 * look: that it was there when we joined, or was opened since, is what counts.
 */
static int fifo_wait(struct pipe *pipe, struct file *file, struct fifo_other found)
{
	u32 *opens = file_readable(file) ? &pipe->writer_opens : &pipe->reader_opens;
	struct wait_queue *queue = file_readable(file) ? &pipe->read_wait : &pipe->write_wait;

	if ((file_readable(file) && file_writable(file)) || found.present)
		return 0;
	if (file->flags & O_NONBLOCK)
		return file_readable(file) ? 0 : -ENXIO;
	if (wait_event_interruptible(queue, READ_ONCE(*opens) != found.opens))
		return -ERESTARTSYS;
	return 0;
}

static int fifo_open(struct vnode *vnode, struct file *file)
{
	struct pipe *pipe;
	struct fifo_other other = { 0 };
	int error = 0;

	write_lock(&vnode->lock);
	if (!vnode->pipe)
		vnode->pipe = pipe_alloc();
	pipe = vnode->pipe;
	if (pipe) {
		pipe_join(pipe, file);
		other = fifo_look(pipe, file);
	}
	write_unlock(&vnode->lock);
	if (!pipe)
		return -ENOMEM;
	pipe_wake(&pipe->read_wait);
	pipe_wake(&pipe->write_wait);
	/* pipe(2)'s, opened again by /proc/PID/fd: nobody need be at the other end any more. */
	if (vnode->system != &anonymous_system)
		error = fifo_wait(pipe, file, other);
	if (error)
		pipe_release(file);
	return error;
}

const struct file_operations fifo_file_operations = {
	.open = fifo_open,
	.release = pipe_release,
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.read_flags = true,
	.write_flags = true,
	.no_wait = true,
};

static void pipe_vnode_release(struct vnode *vnode)
{
	slab_free(&pipe_vnode_cache, vnode);
}

static struct vnode *pipe_vnode_create(void)
{
	static const struct vnode_operations operations = { .release = pipe_vnode_release };
	static struct atomic64 last_ino;
	struct vnode *vnode = slab_alloc(&pipe_vnode_cache);

	if (!vnode)
		return NULL;
	vnode_init(vnode, &anonymous_system, S_IFIFO | 0600);
	vnode_set_owner(vnode, NULL);
	vnode->operations = &operations;
	vnode->ino = atomic64_inc_return(&last_ino);
	return vnode;
}

static struct file *pipe_end(struct pipe *pipe, struct file *file)
{
	if (!IS_ERR(file))
		pipe_join(pipe, file);
	return file;
}

/* The other end is the same dentry, opened once more. */
static struct file *second_end(struct file *first, u32 flags)
{
	struct file *file = file_create(&fifo_file_operations, flags, NULL);

	if (IS_ERR(file))
		return file;
	path_get(&first->path);
	vnode_get(first->vnode);
	file->path = first->path;
	file->vnode = first->vnode;
	return file;
}

int pipe_create(struct file **read_end, struct file **write_end, u32 flags)
{
	struct pipe *pipe = pipe_alloc();
	struct vnode *vnode = pipe ? pipe_vnode_create() : NULL;
	struct file *reader, *writer;

	if (!vnode) {
		if (pipe)
			pipe_free(pipe);
		return -ENOMEM;
	}
	vnode->pipe = pipe;
	reader = pipe_end(pipe, file_create_anonymous(vnode, "", &fifo_file_operations,
						      O_RDONLY | (flags & O_NONBLOCK), NULL));
	if (IS_ERR(reader)) {
		pipe_free(pipe);
		return PTR_ERR(reader);
	}
	writer = pipe_end(pipe, second_end(reader, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT))));
	if (IS_ERR(writer)) {
		file_put(reader);
		return PTR_ERR(writer);
	}
	*read_end = reader;
	*write_end = writer;
	return 0;
}

struct pipe *pipe_of(const struct file *file)
{
	return file->operations == &fifo_file_operations ? file->private : NULL;
}

long pipe_get_size(struct file *file)
{
	struct pipe *pipe = pipe_of(file);

	return pipe ? (long)READ_ONCE(pipe->slot_count) * PAGE_SIZE : -EBADF;
}

/* [lock] */
static int pipe_resize(struct pipe *pipe, u32 slot_count)
{
	u32 used = pipe->tail - pipe->head;
	struct pipe_slot *slots;

	if (used + pipe->reserved > slot_count)
		return -EBUSY;
	slots = kmalloc(slot_count * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (u32 i = 0; i < used; i++)
		slots[i] = *pipe_slot_at(pipe, pipe->head + i);
	kfree(pipe->slots);
	pipe->slots = slots;
	WRITE_ONCE(pipe->slot_count, slot_count);
	WRITE_ONCE(pipe->head, 0);
	WRITE_ONCE(pipe->tail, used);
	return 0;
}

long pipe_set_size(struct file *file, u64 size)
{
	struct pipe *pipe = pipe_of(file);
	u64 slot_count = 1;
	int error;

	if (!pipe)
		return -EBADF;
	if (size > 1u << 31)
		return -EINVAL;
	while (slot_count * PAGE_SIZE < size)
		slot_count *= 2;
	mutex_lock(&pipe->lock);
	if (slot_count > pipe->slot_count && slot_count * PAGE_SIZE > PIPE_SIZE_MAX &&
	    !fs_is_privileged())
		error = -EPERM;
	else
		error = pipe_resize(pipe, slot_count);
	mutex_unlock(&pipe->lock);
	if (error)
		return error;
	pipe_wake(&pipe->write_wait);
	return slot_count * PAGE_SIZE;
}
