/* Memory devices: null(4), zero(4), full(4), random(4). */
#include <boot/initcall.h>
#include <dev/random.h>
#include <fs/device_node.h>
#include <lib/err.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <proc/process.h>
#include <sched/cpu.h>

static ssize_t read_nothing(struct file *file, struct io_iterator *iterator, s64 *position)
{
	return 0;
}

static ssize_t write_swallow(struct file *file, struct io_iterator *iterator, s64 *position)
{
	ssize_t size = iterator->left;

	iterator->left = 0;
	return size;
}

static ssize_t write_full(struct file *file, struct io_iterator *iterator, s64 *position)
{
	return -ENOSPC;
}

static s64 seek_nowhere(struct file *file, s64 offset, int whence)
{
	file->position = 0;
	return 0;
}

static ssize_t read_zeros(struct file *file, struct io_iterator *iterator, s64 *position)
{
	ssize_t total = 0;

	while (iterator->left) {
		size_t wanted = MIN(iterator->left, (size_t)PAGE_SIZE);
		size_t done = io_zero(iterator, wanted);

		total += done;
		if (done < wanted)
			return total ? total : -EFAULT;
		if (signal_pending())
			break;
		schedule_if_needed();
	}
	return total ? total : iterator->left ? -ERESTARTSYS : 0;
}

/* Anonymous memory; when shared, space_map() makes an object of it (mm-hazards 3). */
static int map_zeros(struct file *file, struct map_request *request)
{
	request->offset = 0;
	return 0;
}

static ssize_t read_random(struct file *file, struct io_iterator *iterator, s64 *position)
{
	ssize_t total = 0;
	u8 data[256];

	while (iterator->left) {
		size_t wanted = MIN(iterator->left, sizeof(data)), done;

		random_bytes(data, wanted);
		done = io_copy(iterator, data, wanted);
		total += done;
		if (done < wanted)
			return total ? total : -EFAULT;
		if (signal_pending())
			break;
		schedule_if_needed();
	}
	return total ? total : iterator->left ? -ERESTARTSYS : 0;
}

static ssize_t write_random(struct file *file, struct io_iterator *iterator, s64 *position)
{
	ssize_t total = 0;
	u8 data[256];

	while (iterator->left && !signal_pending()) {
		size_t done = io_copy(iterator, data, MIN(iterator->left, sizeof(data)));

		if (!done)
			return total ? total : -EFAULT;
		random_add(data, done);
		total += done;
	}
	return total;
}

static const struct file_operations null_operations = {
	.read = read_nothing,
	.write = write_swallow,
	.seek = seek_nowhere,
	.seekable = true,
	.read_flags = true,
	.write_flags = true,
	.no_wait = true,
};
static const struct file_operations zero_operations = {
	.read = read_zeros,
	.write = write_swallow,
	.seek = seek_nowhere,
	.map = map_zeros,
	.seekable = true,
	.read_flags = true,
	.write_flags = true,
	.no_wait = true,
};
static const struct file_operations full_operations = {
	.read = read_zeros,
	.write = write_full,
	.seek = seek_nowhere,
	.seekable = true,
	.read_flags = true,
};
static const struct file_operations random_operations = {
	.read = read_random,
	.write = write_random,
	.seek = seek_nowhere,
	.seekable = true,
	.read_flags = true,
	.write_flags = true,
	.no_wait = true,
};
static int mem_start(void)
{
	static const struct {
		const char *name;
		u32 minor, mode;
		const struct file_operations *operations;
	} nodes[] = {
		{ "null", 3, 0666, &null_operations },
		{ "zero", 5, 0666, &zero_operations },
		{ "full", 7, 0666, &full_operations },
		{ "random", 8, 0666, &random_operations },
		{ "urandom", 9, 0666, &random_operations },
	};

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		int error = device_node_register(nodes[i].name, S_IFCHR | nodes[i].mode,
						 DEVICE_NUMBER(MAJOR_MEM, nodes[i].minor),
						 nodes[i].operations, NULL);
		if (error)
			return error;
	}
	return 0;
}
INITCALL_CORE(mem_start);
