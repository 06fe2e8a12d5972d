#pragma once
/*
 * A machine for file systems: a disk in memory that records what is written and when it is flushed, a small
 * buffer cache that evicts whatever it may, a small page cache, one thread. Memory comes from malloc(), so that
 * the sanitizers see each object's bounds.
 */
#include <debug/log.h>
#include <dev/block.h>
#include <fs/buffer.h>
#include <fs/file.h>
#include <fs/text.h>
#include <fs/writeback.h>
#include <lib/errno.h>
#include <lib/radix.h>
#include <mm/frame.h>
#include <mm/object.h>
#include <mm/slab.h>
#include <sched/thread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"

/* ---- messages, time, threads ---- */

static bool port_quiet = true; /* the kernel's messages are not shown */
static unsigned port_errors;   /* messages of level error */
static s64 port_time = 1700000000000000000;

void log_write(enum log_level level, const char *format, ...)
{
	va_list arguments;

	port_errors += level <= LOG_ERROR;
	if (port_quiet || level > LOG_ERROR)
		return;
	va_start(arguments, format);
	vprintf(format, arguments);
	putchar('\n');
	va_end(arguments);
}

s64 vnode_time_now(void)
{
	return port_time += 1000003;
}

bool thread_interrupted(enum wait_mode mode)
{
	return false;
}

/* Nobody reads /proc/mounts here. */
void text_format(struct text *text, const char *format, ...)
{
}

void thread_yield(void)
{
	abort();
}

struct thread *thread_create(const char *name, void (*entry)(void *), void *argument)
{
	return NULL;
}

void thread_start(struct thread *thread)
{
}

u64 time_now(void);
u64 time_now(void)
{
	return (u64)port_time;
}

/* ---- locks: one thread, so that whoever would wait would wait for ever ---- */

void spin_init(struct spinlock *lock, enum lock_rank rank)
{
	lock->locked = 0;
}

void spin_lock(struct spinlock *lock)
{
	if (lock->locked++)
		abort();
}

void spin_unlock(struct spinlock *lock)
{
	if (--lock->locked)
		abort();
}

void mutex_init(struct mutex *mutex, enum lock_rank rank)
{
	atomic32_set(&mutex->state, 0);
}

void mutex_lock(struct mutex *mutex)
{
	if (mutex->state.v++)
		abort();
}

void mutex_unlock(struct mutex *mutex)
{
	if (--mutex->state.v)
		abort();
}

void rwlock_init(struct rwlock *lock, enum lock_rank rank)
{
	atomic32_set(&lock->word, 0);
}

void read_lock(struct rwlock *lock)
{
	if (lock->word.v)
		abort();
	lock->word.v = 2;
}

void read_unlock(struct rwlock *lock)
{
	if (lock->word.v != 2)
		abort();
	lock->word.v = 0;
}

void write_lock(struct rwlock *lock)
{
	if (lock->word.v)
		abort();
	lock->word.v = 1;
}

void write_unlock(struct rwlock *lock)
{
	if (lock->word.v != 1)
		abort();
	lock->word.v = 0;
}

void wait_queue_init(struct wait_queue *queue)
{
}

void wait_begin(struct wait_queue *queue, struct waiter *waiter)
{
}

int wait_sleep(struct waiter *waiter, u64 deadline, enum wait_mode mode)
{
	abort();
}

void wait_end(struct waiter *waiter)
{
}

void wait_wake_events(struct wait_queue *queue, unsigned exclusive_count, u32 events)
{
}

/* ---- memory ---- */

static long port_live; /* allocations */

void *kmalloc(size_t size)
{
	port_live++;
	return malloc(size ? size : 1);
}

void *kzalloc(size_t size)
{
	port_live++;
	return calloc(1, size ? size : 1);
}

void kfree(void *data)
{
	port_live -= data != NULL;
	free(data);
}

void *slab_alloc(struct slab_cache *cache)
{
	void *object = kmalloc(cache->size);

	memset(object, 0xa5, cache->size);
	return object;
}

void *slab_alloc_zeroed(struct slab_cache *cache)
{
	return kzalloc(cache->size);
}

void slab_free(struct slab_cache *cache, void *object)
{
	kfree(object);
}

enum { PORT_FRAMES = 65536 };
unsigned char *host_ram;
struct frame_bank frame_banks[8];
static struct frame *port_free_frames[PORT_FRAMES];
static unsigned port_free_count;

static inline void port_frames_init(void)
{
	if (host_ram)
		return;
	host_ram = mmap(NULL, (size_t)PORT_FRAMES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	frame_banks[0] =
		(struct frame_bank){ 0, PORT_FRAMES, calloc(PORT_FRAMES, sizeof(struct frame)) };
	for (unsigned i = PORT_FRAMES; i--;)
		port_free_frames[port_free_count++] = &frame_banks[0].frames[i];
}

struct frame *frame_of_any(u64 number)
{
	return NULL;
}

u64 frame_number_any(const struct frame *frame)
{
	abort();
}

void frame_statistics(struct frame_statistics *statistics)
{
	*statistics = (struct frame_statistics){ .total = 16384, .free = 8192 };
}

static inline struct frame *port_frame_alloc(void)
{
	struct frame *frame = port_free_count ? port_free_frames[--port_free_count] : NULL;

	if (frame) {
		memset(frame, 0, sizeof(*frame));
		atomic32_set(&frame->references, 1);
		memset(frame_data(frame), 0, PAGE_SIZE);
	}
	return frame;
}

void frame_free(struct frame *frame, unsigned order)
{
	port_free_frames[port_free_count++] = frame;
}

/* ---- the disk ---- */

struct port_write { /* recorded: data at an offset, or (size 0) a flush */
	u64 offset;
	size_t size;
	bool fua;
	u8 *data;
};

static struct block_device port_disk;
static u8 *port_image;
static bool port_recording;
static struct port_write *port_writes;
static size_t port_write_count, port_write_room;
static long port_fail_after = -1;	       /* requests until -EIO */
static unsigned long port_reads, port_written; /* requests */

static inline void port_disk_load(const char *path)
{
	FILE *file = fopen(path, "rb");
	long size;

	if (!file || fseek(file, 0, SEEK_END)) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	size = ftell(file);
	rewind(file);
	free(port_image);
	port_image = malloc((size_t)size);
	if (fread(port_image, 1, (size_t)size, file) != (size_t)size)
		abort();
	fclose(file);
	port_disk = (struct block_device){
		.name = "disk",
		.size = (u64)size,
		.sector_size = 512,
		.disk = &port_disk,
		.features = BLOCK_HAS_DISCARD,
	};
}

static inline void port_disk_save(const char *path)
{
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(port_image, 1, port_disk.size, file) != port_disk.size ||
	    fclose(file)) {
		perror(path);
		exit(EXIT_FAILURE);
	}
}

static inline int port_request(u64 offset, size_t size)
{
	if (offset % 512 || size % 512 || offset > port_disk.size || size > port_disk.size - offset)
		return -EINVAL;
	if (port_fail_after == 0)
		return -EIO;
	if (port_fail_after > 0)
		port_fail_after--;
	return 0;
}

int block_read(struct block_device *device, u64 offset, void *data, size_t size)
{
	int error = port_request(offset, size);

	port_reads++;
	if (!error)
		memcpy(data, port_image + offset, size);
	return error;
}

static inline void port_record(u64 offset, const void *data, size_t size, bool fua)
{
	struct port_write *write;

	if (!port_recording)
		return;
	if (port_write_count == port_write_room) {
		port_write_room = port_write_room ? port_write_room * 2 : 1024;
		port_writes = realloc(port_writes, port_write_room * sizeof(*port_writes));
	}
	write = &port_writes[port_write_count++];
	*write = (struct port_write){ offset, size, fua, size ? malloc(size) : NULL };
	if (size)
		memcpy(write->data, data, size);
}

int block_write(struct block_device *device, u64 offset, const void *data, size_t size,
		unsigned flags)
{
	int error = device->read_only ? -EROFS : port_request(offset, size);

	port_written++;
	if (error)
		return error;
	memcpy(port_image + offset, data, size);
	port_record(offset, data, size, flags & BLOCK_FUA);
	return 0;
}

int block_readv(struct block_device *device, u64 offset, const struct block_segment *segments,
		unsigned count)
{
	int error = 0;

	for (unsigned i = 0; i < count && !error; offset += segments[i++].size)
		error = block_read(device, offset, segments[i].data, segments[i].size);
	return error;
}

int block_writev(struct block_device *device, u64 offset, const struct block_segment *segments,
		 unsigned count, unsigned flags)
{
	int error = 0;

	for (unsigned i = 0; i < count && !error; offset += segments[i++].size)
		error = block_write(device, offset, segments[i].data, segments[i].size, flags);
	return error;
}

int block_flush(struct block_device *device)
{
	int error = port_request(0, 0);

	if (!error)
		port_record(0, NULL, 0, false);
	return error;
}

/* What was there is gone at once, and a power cut does not bring it back: the worst that a device may do. */
int block_discard(struct block_device *device, u64 offset, u64 size)
{
	int error = port_request(offset, size);
	u8 *garbage;

	if (error)
		return error;
	garbage = malloc(size);
	memset(garbage, 0xdd, size);
	memcpy(port_image + offset, garbage, size);
	port_record(offset, garbage, size, true);
	free(garbage);
	return 0;
}

/* ---- the buffer cache: flags 1: dirty ---- */

enum { PORT_BUCKETS = 1024 };
static struct list_node port_buckets[PORT_BUCKETS];
static unsigned port_buffer_count;

static inline struct list_node *port_bucket(u64 block)
{
	if (!port_buckets[0].next)
		for (unsigned i = 0; i < PORT_BUCKETS; i++)
			list_init(&port_buckets[i]);
	return &port_buckets[block % PORT_BUCKETS];
}

struct buffer *buffer_find(struct block_device *device, u64 block, u32 size)
{
	struct buffer *buffer;

	list_for_each_entry(buffer, port_bucket(block), hash_link) {
		if (buffer->block == block && buffer->size == size) {
			buffer_get(buffer);
			return buffer;
		}
	}
	return NULL;
}

static inline void port_buffer_free(struct buffer *buffer)
{
	list_remove(&buffer->hash_link);
	free(buffer->data);
	free(buffer);
	port_buffer_count--;
}

static inline int port_buffer_write(struct buffer *buffer)
{
	int error = block_write(buffer->device, buffer->block * buffer->size, buffer->data,
				buffer->size, 0);

	atomic32_set(&buffer->flags, 0);
	return error;
}

/* Idle buffers come and go as they like; dirty ones may be written at any time. */
static inline void port_evict(void)
{
	struct list_node *bucket = &port_buckets[check_random() % PORT_BUCKETS];
	struct buffer *buffer, *next;

	if (port_buffer_count < 64 || check_random() % 4)
		return;
	list_for_each_entry_safe(buffer, next, bucket, hash_link) {
		if (atomic32_read(&buffer->references))
			continue;
		if (atomic32_read(&buffer->flags))
			port_buffer_write(buffer);
		port_buffer_free(buffer);
	}
}

static inline int port_buffer(struct block_device *device, u64 block, u32 size, bool read,
			      struct buffer **found)
{
	struct buffer *buffer = buffer_find(device, block, size);
	int error = 0;

	if (buffer) {
		*found = buffer;
		return 0;
	}
	port_evict();
	if (block >= device->size / size)
		return -EINVAL;
	buffer = calloc(1, sizeof(*buffer));
	*buffer = (struct buffer){ .device = device, .block = block, .size = size };
	buffer->data = calloc(1, size);
	if (read)
		error = block_read(device, block * size, buffer->data, size);
	if (error) {
		free(buffer->data);
		free(buffer);
		return error;
	}
	atomic32_set(&buffer->references, 1);
	list_add_head(port_bucket(block), &buffer->hash_link);
	port_buffer_count++;
	*found = buffer;
	return 0;
}

int buffer_read(struct block_device *device, u64 block, u32 size, struct buffer **buffer)
{
	return port_buffer(device, block, size, true, buffer);
}

int buffer_get_new(struct block_device *device, u64 block, u32 size, struct buffer **buffer)
{
	return port_buffer(device, block, size, false, buffer);
}

void buffer_put(struct buffer *buffer)
{
	if (!atomic32_read(&buffer->references))
		abort();
	if (atomic32_dec_and_test(&buffer->references) && buffer->private)
		abort();
}

void buffer_dirty(struct buffer *buffer)
{
	atomic32_set(&buffer->flags, 1);
}

void buffer_forget(struct buffer *buffer)
{
	atomic32_set(&buffer->flags, 0);
	buffer_put(buffer);
}

int buffer_sync(struct block_device *device)
{
	int result = 0;

	port_bucket(0);
	for (unsigned i = 0; i < PORT_BUCKETS; i++) {
		struct buffer *buffer;

		list_for_each_entry(buffer, &port_buckets[i], hash_link) {
			int error = atomic32_read(&buffer->flags) ? port_buffer_write(buffer) : 0;

			result = result ? result : error;
		}
	}
	return result;
}

/* After unmount: drop all; how many were still held. */
static inline unsigned port_buffers_drop(void)
{
	unsigned held = 0;

	port_bucket(0);
	for (unsigned i = 0; i < PORT_BUCKETS; i++) {
		struct buffer *buffer, *next;

		list_for_each_entry_safe(buffer, next, &port_buckets[i], hash_link) {
			held += atomic32_read(&buffer->references) != 0;
			port_buffer_free(buffer);
		}
	}
	return held;
}

/* ---- the page cache ---- */

static void *port_node_alloc(void)
{
	return kmalloc(RADIX_NODE_SIZE);
}

static const struct radix_allocator port_nodes = { port_node_alloc, kfree };
static struct list_node port_dirty = LIST_INIT(port_dirty); /* vnodes with dirty pages, counted */

void object_init(struct memory_object *object, const struct object_operations *operations, u64 size)
{
	memset(object, 0, sizeof(*object));
	atomic32_set(&object->references, 1);
	radix_init(&object->pages, &port_nodes);
	object->size = size;
	object->operations = operations;
}

void object_put(struct memory_object *object)
{
	if (atomic32_dec_and_test(&object->references))
		object->operations->release(object);
}

static inline void port_page_clean(struct memory_object *object, struct frame *frame)
{
	if (!(atomic32_read(&frame->flags) & FRAME_DIRTY))
		return;
	atomic32_and(&frame->flags, ~(u32)FRAME_DIRTY);
	object->dirty_count--;
}

void object_drop_pages(struct memory_object *object, u64 first, u64 last)
{
	struct frame *frame;
	u64 index = first;

	while ((frame = radix_next(&object->pages, &index)) && index <= last) {
		radix_remove(&object->pages, index);
		if (atomic32_read(&frame->flags) & FRAME_DIRTY && object->operations->drop_dirty)
			object->operations->drop_dirty(object, index);
		port_page_clean(object, frame);
		frame_put(frame);
	}
}

void object_destroy_pages(struct memory_object *object)
{
	object_drop_pages(object, 0, ~0ull);
}

void object_set_size(struct memory_object *object, u64 size)
{
	u64 before = object->size;
	bool whole = false;
	struct frame *tail;

	object->size = size;
	if (size >= before)
		return;
	object_drop_pages(object, size / PAGE_SIZE + (size % PAGE_SIZE != 0), ~0ull);
	if (size % PAGE_SIZE && !object_page_write(object, size / PAGE_SIZE, &whole, &tail)) {
		memset((u8 *)frame_data(tail) + size % PAGE_SIZE, 0, PAGE_SIZE - size % PAGE_SIZE);
		frame_put(tail);
	}
}

int object_page(struct memory_object *object, u64 index, bool create, struct frame **found)
{
	struct frame *frame = radix_lookup(&object->pages, index);
	int error = 0;

	if (!frame && !create)
		return -ENOENT;
	if (!frame) {
		frame = port_frame_alloc();
		if (!frame)
			return -ENOMEM;
		error = object->operations->read_pages(object, index, &frame, 1);
		if (!error)
			error = radix_insert(&object->pages, index, frame);
		if (error) {
			frame_put(frame);
			return error;
		}
		frame->index = index;
	}
	frame_get(frame);
	*found = frame;
	return 0;
}

int object_page_write(struct memory_object *object, u64 index, bool *whole, struct frame **found)
{
	int error = object_page(object, index, true, found);

	*whole = false;
	if (error || atomic32_read(&(*found)->flags) & FRAME_DIRTY)
		return error;
	error = object->operations->make_dirty ? object->operations->make_dirty(object, index) : 0;
	if (error) {
		frame_put(*found);
		return error;
	}
	atomic32_or(&(*found)->flags, FRAME_DIRTY);
	if (!object->dirty_count++)
		object->operations->first_dirty(object);
	return 0;
}

void object_page_dirty(struct memory_object *object, struct frame *frame)
{
	if (atomic32_fetch_or(&frame->flags, FRAME_DIRTY) & FRAME_DIRTY)
		return;
	if (!object->dirty_count++)
		object->operations->first_dirty(object);
}

int object_write_back(struct memory_object *object, u64 first, u64 last, enum object_write how)
{
	u64 index = first;
	int result = 0;

	for (;;) {
		struct frame *frames[OBJECT_RUN_MAX], *frame;
		u64 start;
		unsigned count = 0;
		int error;

		while ((frame = radix_next(&object->pages, &index)) && index <= last &&
		       !(atomic32_read(&frame->flags) & FRAME_DIRTY))
			index++;
		if (!frame || index > last)
			return result;
		start = index;
		while (count < OBJECT_RUN_MAX && start + count <= last &&
		       (frame = radix_lookup(&object->pages, start + count)) &&
		       atomic32_read(&frame->flags) & FRAME_DIRTY) {
			port_page_clean(object, frame);
			frames[count++] = frame;
		}
		error = object->operations->write_pages(object, start, frames, count);
		result = result ? result : error;
		index = start + count;
	}
}

/* ---- vnodes ---- */

void writeback_object_dirty(struct memory_object *object)
{
	struct vnode *vnode = object->owner;

	if (!list_empty(&vnode->dirty_link))
		return;
	vnode_get(vnode);
	list_add_tail(&port_dirty, &vnode->dirty_link);
}

static inline int port_write_vnode(struct vnode *vnode)
{
	int error = 0;

	if (vnode->object && vnode->links)
		error = object_write_back(vnode->object, 0, ~0ull, OBJECT_WAIT);
	else if (vnode->object)
		object_drop_pages(vnode->object, 0, ~0ull);
	if (!list_empty(&vnode->dirty_link)) {
		list_remove_init(&vnode->dirty_link);
		vnode_put(vnode);
	}
	return error;
}

/* What the thread `writeback` does. */
static inline int port_write_all(void)
{
	int result = 0;

	while (!list_empty(&port_dirty)) {
		int error =
			port_write_vnode(list_first_entry(&port_dirty, struct vnode, dirty_link));

		result = result ? result : error;
	}
	return result;
}

void vnode_init(struct vnode *vnode, struct file_system *system, u32 mode)
{
	s64 now = vnode_time_now();

	memset(vnode, 0, sizeof(*vnode));
	atomic32_set(&vnode->references, 1);
	list_init(&vnode->dirty_link);
	vnode->system = system;
	vnode->mode = mode;
	vnode->links = 1;
	vnode->times = (struct vnode_times){ now, now, now };
}

void vnode_put(struct vnode *vnode)
{
	if (!atomic32_read(&vnode->references))
		abort();
	if (atomic32_dec_and_test(&vnode->references))
		vnode->operations->release(vnode);
}

void vnode_touch(struct vnode *vnode, bool access, bool modify, bool change)
{
	s64 now = vnode_time_now();

	vnode->times.access = access ? now : vnode->times.access;
	vnode->times.modify = modify ? now : vnode->times.modify;
	vnode->times.change = change ? now : vnode->times.change;
}

void vnode_set_owner(struct vnode *vnode, const struct vnode *directory)
{
}

void vnode_change_fields(struct vnode *vnode, const struct vnode_change *change)
{
	if (change->which & ATTR_UID)
		vnode->uid = change->uid;
	if (change->which & ATTR_GID)
		vnode->gid = change->gid;
	if (change->which & ATTR_MODE)
		vnode->mode = (vnode->mode & S_IFMT) | (change->mode & ~(u32)S_IFMT);
	vnode_touch(vnode, false, change->which & ATTR_SIZE, true);
	if (change->which & ATTR_ATIME)
		vnode->times.access = change->access;
	if (change->which & ATTR_MTIME)
		vnode->times.modify = change->modify;
}

bool fs_is_privileged(void)
{
	return true;
}

const struct file_operations regular_file_operations, directory_file_operations;
static struct file_system_type *port_types;

void file_system_register(struct file_system_type *type)
{
	type->next = port_types;
	port_types = type;
}

static inline struct file_system_type *port_type(const char *name)
{
	struct file_system_type *type = port_types;

	while (type && strcmp(type->name, name))
		type = type->next;
	return type;
}

/* ---- mounting ---- */

static struct file_system *port_system;

static const char *port_options = "";

static inline int port_mount(const char *type, unsigned flags)
{
	port_frames_init();
	port_bucket(0);
	return port_type(type)->mount_device(&port_disk, port_options, flags, &port_system);
}

/* Everything goes, and nothing may be left. */
static inline void port_unmount(void)
{
	EXPECT(port_write_all(), 0);
	vnode_put(port_system->root);
	port_system->unmount(port_system);
	port_system = NULL;
	EXPECT(port_buffers_drop(), 0);
}

/* A power cut: what was in memory is gone. Leaks on purpose. */
static inline void port_crash(void)
{
	list_init(&port_dirty);
	for (unsigned i = 0; i < PORT_BUCKETS; i++)
		list_init(&port_buckets[i]);
	port_buffer_count = 0;
	port_system = NULL;
}
