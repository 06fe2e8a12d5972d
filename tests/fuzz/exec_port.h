#pragma once
/*
 * The machine for fuzzing the loader: the real kernel/mm and the real image builder on arch/host,
 * with files that are bytes in memory. Whatever an input does, all it took must come back.
 */
#include <arch/thread.h>
#include <dev/random.h>
#include <fs/file.h>
#include <fs/path.h>
#include <lib/err.h>
#include <proc/arguments.h>
#include <proc/image.h>
#include <proc/process.h>
#include <proc/script.h>

#include "../host/mm_port.h"

enum { FUZZ_MEGABYTES = 64 };

/* A file: pages that are filled from @data, zeros behind it. */
struct fuzz_file {
	struct file file;
	struct memory_object object;
	const u8 *data;
	size_t size;
	bool mappable;
};

static struct fuzz_file fuzz_files[2]; /* the program, and any interpreter */
static u8 *host_vdso;		       /* its data page, and the image */

static int fuzz_fill(struct memory_object *object, u64 index, void *data)
{
	struct fuzz_file *from = container_of(object, struct fuzz_file, object);
	size_t at = index * PAGE_SIZE;

	if (at < from->size)
		memcpy(data, from->data + at, MIN(from->size - at, (size_t)PAGE_SIZE));
	return 0;
}

static void fuzz_release(struct memory_object *object)
{
	abort(); /* the file counts it */
}

static int fuzz_map(struct file *file, struct map_request *request)
{
	struct fuzz_file *from = container_of(file, struct fuzz_file, file);

	if (!from->mappable)
		return -ENODEV;
	request->object = &from->object;
	return 0;
}

static void fuzz_file_open(struct fuzz_file *file, const u8 *data, size_t size, bool mappable)
{
	static const struct object_operations operations = { .fill = fuzz_fill,
							     .release = fuzz_release };
	static const struct file_operations file_operations = { .map = fuzz_map };

	*file = (struct fuzz_file){ .data = data, .size = size, .mappable = mappable };
	file->file.operations = &file_operations;
	atomic32_set(&file->file.references, 1);
	object_init(&file->object, &operations, size);
}

static void fuzz_file_close(struct fuzz_file *file)
{
	if (atomic32_read(&file->file.references) != 1 ||
	    atomic32_read(&file->object.references) != 1 || !list_empty(&file->object.mappings))
		abort();
	object_destroy_pages(&file->object);
}

void file_put(struct file *file)
{
	if (atomic32_dec_and_test(&file->references))
		abort();
}

struct file *file_open_exec(int dirfd, const char *name, unsigned lookup_flags)
{
	if (!*name || *name == '!')
		return ERR_PTR(-ENOENT);
	file_get(&fuzz_files[1].file);
	return &fuzz_files[1].file;
}

ssize_t file_read_kernel(struct file *file, void *to, size_t size, s64 position)
{
	struct fuzz_file *from = container_of(file, struct fuzz_file, file);

	if (position < 0)
		abort();
	if ((u64)position >= from->size)
		return 0;
	size = MIN(size, from->size - (size_t)position);
	memcpy(to, from->data + position, size);
	return (ssize_t)size;
}

void random_bytes(void *to, size_t size)
{
	memset(to, 0x5a, size);
}

const void *vdso_image(size_t *size)
{
	*size = PAGE_SIZE;
	return host_vdso + PAGE_SIZE;
}

void *vdso_data_page(void)
{
	return host_vdso;
}

unsigned long cpu_hwcap(void)
{
	return 0x112d;
}

bool cpu_runs_elf(unsigned machine, u32 flags)
{
	return machine == 243;
}

static void hook_get(struct file *file)
{
	file_get(file);
}

/* Once per process; then the level that each input must leave. */
static struct mm_level fuzz_level(void)
{
	static bool booted;
	static struct mm_level level;

	if (!booted) {
		mm_boot(FUZZ_MEGABYTES);
		host_vdso = frame_data(frame_alloc(FRAME_KERNEL, 1));
		mapping_file_hooks = (struct mapping_file_hooks){ hook_get, file_put, NULL };
		booted = true;
	}
	level = mm_level();
	return level;
}
