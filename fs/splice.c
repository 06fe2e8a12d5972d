/*
 * Pages are copied, not moved: what they show later is never another's to change.
 *
 * While a splice works on the data of a pipe it has claimed them: other readers wait, so that it may write
 * them elsewhere without the pipe's lock and then take as much as was written. A place for data
 * that are still to be read from somewhere is reserved, so that they cannot come too late.
 */
#include <arch/user.h>
#include <fs/pipe_internal.h>
#include <fs/splice.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <sched/cpu.h>

bool splice_is_pipe(const struct file *file)
{
	return pipe_of(file);
}

bool splice_same_pipe(const struct file *a, const struct file *b)
{
	return pipe_of(a) == pipe_of(b);
}

/* 1: there are data, and they are ours until claim_end(); 0: the end; -EAGAIN, -ERESTARTSYS. */
static int claim(struct pipe *pipe, bool nonblock)
{
	for (;;) {
		bool claimed, over;

		mutex_lock(&pipe->lock);
		claimed = pipe_readable(pipe);
		if (claimed)
			WRITE_ONCE(pipe->claimed, true);
		over = pipe_empty(pipe) && !pipe->writers;
		mutex_unlock(&pipe->lock);
		if (claimed || over)
			return claimed;
		if (nonblock)
			return -EAGAIN;
		if (wait_event_interruptible(
			    &pipe->read_wait,
			    pipe_readable(pipe) || (pipe_empty(pipe) && !READ_ONCE(pipe->writers))))
			return -ERESTARTSYS;
	}
}

/* The claimed data of the slot @index after the first: how many, or 0. */
static size_t piece_at(struct pipe *pipe, u32 index, u8 **data)
{
	struct pipe_slot *slot;
	size_t length = 0;

	mutex_lock(&pipe->lock);
	if (index < pipe->tail - pipe->head) {
		slot = pipe_slot_at(pipe, pipe->head + index);
		*data = (u8 *)frame_data(slot->frame) + slot->offset;
		length = slot->length;
	}
	mutex_unlock(&pipe->lock);
	return length;
}

/* Take @size bytes of the first slot. */
static void consume(struct pipe *pipe, size_t size)
{
	struct pipe_slot *slot;
	bool was_full;

	mutex_lock(&pipe->lock);
	was_full = pipe_full(pipe);
	slot = pipe_slot_at(pipe, pipe->head);
	slot->offset += size;
	slot->length -= size;
	if (!slot->length)
		pipe_slot_drop(pipe);
	was_full = was_full && !pipe_full(pipe);
	mutex_unlock(&pipe->lock);
	if (was_full)
		pipe_wake(&pipe->write_wait);
}

static void claim_end(struct pipe *pipe)
{
	mutex_lock(&pipe->lock);
	WRITE_ONCE(pipe->claimed, false);
	mutex_unlock(&pipe->lock);
	pipe_wake(&pipe->read_wait);
}

/* 0: a free slot is kept for slot_fill() or reserve_end(); -EAGAIN, -EPIPE, -ERESTARTSYS. */
static int reserve(struct pipe *pipe, bool nonblock)
{
	for (;;) {
		bool broken, reserved;

		mutex_lock(&pipe->lock);
		broken = !pipe->readers;
		reserved = !broken && !pipe_full(pipe);
		if (reserved)
			WRITE_ONCE(pipe->reserved, pipe->reserved + 1);
		mutex_unlock(&pipe->lock);
		if (broken)
			return (int)pipe_broken();
		if (reserved)
			return 0;
		if (nonblock)
			return -EAGAIN;
		if (wait_event_interruptible(&pipe->write_wait,
					     !pipe_full(pipe) || !READ_ONCE(pipe->readers)))
			return -ERESTARTSYS;
	}
}

static void reserve_end(struct pipe *pipe)
{
	mutex_lock(&pipe->lock);
	WRITE_ONCE(pipe->reserved, pipe->reserved - 1);
	mutex_unlock(&pipe->lock);
	pipe_wake(&pipe->write_wait);
}

/* The reserved slot gets @frame with @size bytes. */
static void slot_fill(struct pipe *pipe, struct frame *frame, size_t size)
{
	mutex_lock(&pipe->lock);
	WRITE_ONCE(pipe->reserved, pipe->reserved - 1);
	*pipe_slot_at(pipe, pipe->tail) = (struct pipe_slot){ frame, 0, (u16)size, false };
	WRITE_ONCE(pipe->tail, pipe->tail + 1);
	mutex_unlock(&pipe->lock);
	pipe_wake(&pipe->read_wait);
}

static ssize_t write_piece(struct file *to, s64 *position, u8 *data, size_t size)
{
	struct io_iterator iterator;

	io_kernel(&iterator, data, size, false);
	return position ? file_write(to, &iterator, position) : file_write_here(to, &iterator);
}

/* One piece of what is claimed to @to, or @memory. */
static ssize_t drain_piece(struct pipe *pipe, struct file *to, s64 *position,
			   struct io_iterator *memory, u64 size)
{
	u8 *data;
	size_t length = MIN((u64)piece_at(pipe, 0, &data), size);
	ssize_t done;

	if (!length)
		return 0;
	if (memory) {
		done = (ssize_t)io_copy(memory, data, length);
		if (!done)
			return -EFAULT;
	} else {
		done = write_piece(to, position, data, length);
	}
	if (done > 0)
		consume(pipe, (size_t)done);
	return done;
}

static ssize_t drain(struct pipe *pipe, struct file *to, s64 *position, struct io_iterator *memory,
		     u64 size, bool nonblock)
{
	ssize_t total = 0, done;
	int error = claim(pipe, nonblock);

	if (error <= 0)
		return error;
	do {
		done = drain_piece(pipe, to, position, memory, size - (u64)total);
		if (done > 0)
			total += done;
		schedule_if_needed();
	} while (done > 0 && (u64)total < size && !thread_interrupted(WAIT_INTERRUPTIBLE));
	claim_end(pipe);
	return total ? total : done;
}

ssize_t splice_from_pipe(struct file *pipe, struct file *to, s64 *position, u64 size, u32 flags)
{
	return drain(pipe_of(pipe), to, position, NULL, size,
		     flags & SPLICE_NONBLOCK || pipe->flags & O_NONBLOCK);
}

static ssize_t read_piece(struct file *from, s64 *position, struct io_iterator *memory, void *to,
			  size_t size)
{
	struct io_iterator iterator;

	if (memory) {
		size_t done = io_copy(memory, to, size);

		return done || !size ? (ssize_t)done : -EFAULT;
	}
	io_kernel(&iterator, to, size, true);
	return position ? file_read(from, &iterator, position) : file_read_here(from, &iterator);
}

/* A page at most from @from or @memory into a slot. */
static ssize_t fill_piece(struct pipe *pipe, struct file *from, s64 *position,
			  struct io_iterator *memory, u64 size, bool nonblock)
{
	struct frame *frame;
	ssize_t done = reserve(pipe, nonblock);

	if (done)
		return done;
	frame = frame_alloc(FRAME_KERNEL, 0);
	done = -ENOMEM;
	if (frame)
		done = read_piece(from, position, memory, frame_data(frame),
				  MIN(size, (u64)PAGE_SIZE));
	if (done > 0) {
		slot_fill(pipe, frame, (size_t)done);
		return done;
	}
	if (frame)
		frame_free(frame, 0);
	reserve_end(pipe);
	return done;
}

/* As much as there is room for, and at least something. */
static ssize_t fill(struct pipe *pipe, struct file *from, s64 *position, struct io_iterator *memory,
		    u64 size, bool nonblock)
{
	ssize_t total = 0, done;

	do {
		done = fill_piece(pipe, from, position, memory, size - (u64)total,
				  nonblock || total);
		if (done > 0)
			total += done;
		schedule_if_needed();
		/* More than a short read could only be had by waiting. */
	} while (done == PAGE_SIZE && (u64)total < size);
	return total ? total : done;
}

ssize_t splice_to_pipe(struct file *from, s64 *position, struct file *pipe, u64 size, u32 flags)
{
	return fill(pipe_of(pipe), from, position, NULL, size,
		    flags & SPLICE_NONBLOCK || pipe->flags & O_NONBLOCK);
}

ssize_t splice_memory(struct file *file, struct io_iterator *memory, u32 flags)
{
	bool nonblock = flags & SPLICE_NONBLOCK || file->flags & O_NONBLOCK;
	struct pipe *pipe = pipe_of(file);
	u64 size = memory->left;
	ssize_t total = 0, done;

	if (!size)
		return 0;
	if (memory->to_memory)
		return drain(pipe, NULL, NULL, memory, size, nonblock);
	/* Segments need not end where pages do. */
	do {
		done = fill_piece(pipe, NULL, NULL, memory, memory->left, nonblock || total);
		if (done > 0)
			total += done;
	} while (done > 0 && memory->left);
	return total ? total : done;
}

/* Of the claimed slot @index: bytes that now are in @to, too. */
static ssize_t copy_piece(struct pipe *from, u32 index, struct pipe *to, u64 size)
{
	struct frame *frame;
	u8 *data;
	size_t length = MIN((u64)piece_at(from, index, &data), size);
	int error;

	if (!length)
		return 0;
	error = reserve(to, true);
	if (error)
		return error;
	frame = frame_alloc(FRAME_KERNEL, 0);
	if (!frame) {
		reserve_end(to);
		return -ENOMEM;
	}
	memcpy(frame_data(frame), data, length);
	slot_fill(to, frame, length);
	return (ssize_t)length;
}

/* How much is claimed: what is written behind it meanwhile is not part of it. */
static u64 bytes_claimed(struct pipe *pipe)
{
	u64 bytes = 0;

	mutex_lock(&pipe->lock);
	for (u32 i = pipe->head; i != pipe->tail; i++)
		bytes += pipe_slot_at(pipe, i)->length;
	mutex_unlock(&pipe->lock);
	return bytes;
}

static ssize_t copy_claimed(struct pipe *from, struct pipe *to, u64 size, bool copy)
{
	ssize_t total = 0, done;
	u32 index = 0;

	size = MIN(size, bytes_claimed(from));
	do {
		done = copy_piece(from, index, to, size - (u64)total);
		if (done <= 0)
			break;
		total += done;
		if (copy)
			index++;
		else
			consume(from, (size_t)done);
		schedule_if_needed();
	} while ((u64)total < size);
	return total ? total : done;
}

/* Nothing is claimed while we wait for room. */
ssize_t splice_between(struct file *from, struct file *to, u64 size, u32 flags, bool copy)
{
	struct pipe *source = pipe_of(from), *target = pipe_of(to);
	bool nonblock_from = flags & SPLICE_NONBLOCK || from->flags & O_NONBLOCK;
	bool nonblock_to = flags & SPLICE_NONBLOCK || to->flags & O_NONBLOCK;

	for (;;) {
		ssize_t result = claim(source, nonblock_from);

		if (result <= 0)
			return result;
		result = copy_claimed(source, target, size, copy);
		claim_end(source);
		if (result != -EAGAIN || nonblock_to)
			return result;
		result = reserve(target, false);
		if (result)
			return result;
		reserve_end(target);
	}
}
