/* Iterators over user or kernel memory. */
#include <arch/user.h>
#include <fs/file.h>
#include <lib/errno.h>
#include <lib/string.h>

static void io_advance(struct io_iterator *iterator, size_t size)
{
	iterator->left -= size;
	iterator->offset += size;
	while (iterator->count && iterator->offset >= iterator->segments->size) {
		iterator->offset -= iterator->segments->size;
		if (iterator->count == 1) {
			iterator->offset = iterator->segments->size;
			break;
		}
		iterator->segments++;
		iterator->count--;
	}
}

/* One piece inside one segment: how many bytes could not be copied. @data NULL: zeros. */
static size_t copy_piece(struct io_iterator *iterator, u64 at, void *data, size_t size)
{
	if (!data) {
		if (!iterator->kernel)
			return user_clear(at, size) ? size : 0;
		memset((void *)(uintptr_t)at, 0, size);
		return 0;
	}
	if (!iterator->kernel)
		return iterator->to_memory ? copy_out_partial(at, data, size)
					   : copy_in_partial(data, at, size);
	if (iterator->to_memory)
		memcpy((void *)(uintptr_t)at, data, size);
	else
		memcpy(data, (void *)(uintptr_t)at, size);
	return 0;
}

static size_t io_transfer(struct io_iterator *iterator, u8 *data, size_t size)
{
	size_t done = 0;

	size = MIN(size, iterator->left);
	while (done < size) {
		struct io_segment *segment = iterator->segments;
		size_t part = MIN(size - done, segment->size - iterator->offset);
		size_t failed = 0;

		if (part)
			failed = copy_piece(iterator, segment->base + iterator->offset,
					    data ? data + done : NULL, part);
		io_advance(iterator, part - failed);
		done += part - failed;
		if (failed)
			break;
	}
	return done;
}

size_t io_copy(struct io_iterator *iterator, void *data, size_t size)
{
	size_t done;
	u64 at;

	if (unlikely(iterator->kernel || iterator->count != 1))
		return io_transfer(iterator, data, size);
	/* The only segment holds all that is left. */
	at = iterator->segments->base + iterator->offset;
	size = MIN(size, iterator->left);
	done = size - (iterator->to_memory ? copy_out_partial(at, data, size)
					   : copy_in_partial(data, at, size));
	iterator->offset += done;
	iterator->left -= done;
	return done;
}

size_t io_zero(struct io_iterator *iterator, size_t size)
{
	return io_transfer(iterator, NULL, size);
}

int io_fault_in(struct io_iterator *iterator)
{
	u64 at;
	u8 byte;

	if (iterator->kernel || !iterator->left)
		return 0;
	at = iterator->segments->base + iterator->offset;
	if (copy_in(&byte, at, 1))
		return -EFAULT;
	return iterator->to_memory ? copy_out(at, &byte, 1) : 0;
}
