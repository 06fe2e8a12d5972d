/*
 * The buffer cache. One spinlock guards the hash and the lists; what a buffer's flags say is changed
 * atomically, and whoever waits for a flag sleeps on one queue.
 */
#include <fs/buffer.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <lib/sort.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <sched/wait.h>

enum { BUFFER_VALID = 1, BUFFER_READING = 2, BUFFER_WRITING = 4, BUFFER_DIRTY = 8 };
enum { BUFFER_FORGOTTEN = 16, BUFFER_FAILED = 32 };
enum { BUCKETS = 2048, WRITE_BATCH = 16, SYNC_BATCH = 128 };

static SLAB_CACHE(buffer_cache, struct buffer);
static struct spinlock cache_lock = SPINLOCK_INIT(RANK_WAIT); /* interrupts off */
static struct list_node buckets[BUCKETS];		      /* [cache] next NULL: never used */
static struct list_node idle = LIST_INIT(idle);		      /* [cache] oldest first */
static struct list_node dirty = LIST_INIT(dirty);	      /* [cache] in order of dirtying */
static u64 bytes_all, bytes_dirty;			      /* [cache; atomic read] */
void (*buffers_became_dirty)(void);
static struct wait_queue flag_wait = WAIT_QUEUE_INIT(flag_wait);

static bool has(const struct buffer *buffer, u32 flags)
{
	return atomic32_read_acquire(&buffer->flags) & flags;
}

static struct list_node *bucket_of(const struct block_device *device, u64 block)
{
	struct list_node *bucket = &buckets[(hash_pointer(device) + hash_u64(block)) % BUCKETS];

	if (unlikely(!bucket->next))
		list_init(bucket);
	return bucket;
}

static void *data_alloc(u32 size)
{
	struct frame *frame;

	if (size < PAGE_SIZE)
		return kmalloc(size);
	frame = frame_alloc(FRAME_KERNEL, 0);
	return frame ? frame_data(frame) : NULL;
}

static void data_free(void *data, u32 size)
{
	if (size < PAGE_SIZE)
		kfree(data);
	else if (data)
		frame_free(frame_of_data(data), 0);
}

static void buffer_free(struct buffer *buffer)
{
	data_free(buffer->data, buffer->size);
	slab_free(&buffer_cache, buffer);
}

static struct buffer *buffer_make(struct block_device *device, u64 block, u32 size)
{
	struct buffer *buffer = slab_alloc_zeroed(&buffer_cache);

	if (!buffer)
		return NULL;
	buffer->device = device;
	buffer->block = block;
	buffer->size = size;
	buffer->data = data_alloc(size);
	if (!buffer->data) {
		slab_free(&buffer_cache, buffer);
		return NULL;
	}
	atomic32_set(&buffer->references, 1);
	list_init(&buffer->hash_link);
	list_init(&buffer->lru_link);
	list_init(&buffer->journal_link);
	return buffer;
}

/* [cache] With a reference. */
static struct buffer *find_locked(struct block_device *device, u64 block, u32 size)
{
	struct buffer *buffer;

	list_for_each_entry(buffer, bucket_of(device, block), hash_link) {
		if (buffer->block != block || buffer->device != device || buffer->size != size ||
		    has(buffer, BUFFER_FORGOTTEN))
			continue;
		if (!atomic32_read(&buffer->references) && !has(buffer, BUFFER_DIRTY))
			list_remove_init(&buffer->lru_link);
		atomic32_inc(&buffer->references);
		return buffer;
	}
	return NULL;
}

static bool range_is_valid(const struct block_device *device, u64 block, u32 size)
{
	return size >= device->sector_size && size <= PAGE_SIZE && IS_ALIGNED(size, SECTOR_SIZE) &&
	       block < device->size / size;
}

/* The buffer, with a reference, whatever its state. */
static int buffer_obtain(struct block_device *device, u64 block, u32 size, struct buffer **found)
{
	struct buffer *fresh = NULL, *buffer;
	unsigned long state;

	if (!range_is_valid(device, block, size))
		return -EINVAL;
	for (;;) {
		state = spin_lock_irqsave(&cache_lock);
		buffer = find_locked(device, block, size);
		if (!buffer && fresh) {
			list_add_head(bucket_of(device, block), &fresh->hash_link);
			WRITE_ONCE(bytes_all, bytes_all + size);
			buffer = fresh;
			fresh = NULL;
		}
		spin_unlock_irqrestore(&cache_lock, state);
		if (buffer)
			break;
		fresh = buffer_make(device, block, size);
		if (!fresh && buffer_shrink(64))
			fresh = buffer_make(device, block, size);
		if (!fresh)
			return -ENOMEM;
	}
	if (fresh)
		buffer_free(fresh);
	*found = buffer;
	return 0;
}

static void flag_wait_clear(struct buffer *buffer, u32 flag)
{
	if (has(buffer, flag))
		wait_event(&flag_wait, !has(buffer, flag));
}

static void flags_end(struct buffer *buffer, u32 set, u32 clear)
{
	atomic32_fetch_or(&buffer->flags, set);
	atomic32_fetch_and(&buffer->flags, ~clear);
	if (wait_queue_active(&flag_wait))
		wait_wake_all(&flag_wait);
}

int buffer_read(struct block_device *device, u64 block, u32 size, struct buffer **found)
{
	struct buffer *buffer;
	int error = buffer_obtain(device, block, size, &buffer);

	if (error)
		return error;
	while (!has(buffer, BUFFER_VALID)) {
		if (atomic32_fetch_or(&buffer->flags, BUFFER_READING) & BUFFER_READING) {
			flag_wait_clear(buffer, BUFFER_READING);
			continue;
		}
		/* The last reader may have finished just before. */
		if (!has(buffer, BUFFER_VALID)) {
			buffer->verified = false;
			error = block_read(device, block * size, buffer->data, size);
		}
		flags_end(buffer, error ? 0 : BUFFER_VALID, BUFFER_READING);
		if (error) {
			buffer_put(buffer);
			return error;
		}
	}
	*found = buffer;
	return 0;
}

int buffer_get_new(struct block_device *device, u64 block, u32 size, struct buffer **found)
{
	struct buffer *buffer;
	int error = buffer_obtain(device, block, size, &buffer);

	if (error)
		return error;
	while (!has(buffer, BUFFER_VALID)) {
		if (atomic32_fetch_or(&buffer->flags, BUFFER_READING) & BUFFER_READING) {
			flag_wait_clear(buffer, BUFFER_READING);
			continue;
		}
		if (!has(buffer, BUFFER_VALID))
			memset(buffer->data, 0, size);
		flags_end(buffer, BUFFER_VALID, BUFFER_READING);
	}
	*found = buffer;
	return 0;
}

struct buffer *buffer_find(struct block_device *device, u64 block, u32 size)
{
	unsigned long state = spin_lock_irqsave(&cache_lock);
	struct buffer *buffer = find_locked(device, block, size);

	spin_unlock_irqrestore(&cache_lock, state);
	if (buffer && !has(buffer, BUFFER_VALID)) {
		buffer_put(buffer);
		return NULL;
	}
	return buffer;
}

struct prefetch {
	struct block_request request;
	struct block_segment segment;
	struct buffer *buffer;
};

static void prefetch_done(struct block_request *request)
{
	struct prefetch *prefetch = container_of(request, struct prefetch, request);
	struct buffer *buffer = prefetch->buffer;

	flags_end(buffer, request->status ? 0 : BUFFER_VALID, BUFFER_READING);
	buffer_put(buffer);
	kfree(prefetch);
}

static bool prefetch_one(struct block_device *device, u64 block, u32 size)
{
	struct buffer *buffer;
	struct prefetch *prefetch;

	if (buffer_obtain(device, block, size, &buffer))
		return false;
	prefetch = has(buffer, BUFFER_VALID) ? NULL : kzalloc(sizeof(*prefetch));
	if (!prefetch || atomic32_fetch_or(&buffer->flags, BUFFER_READING) & BUFFER_READING) {
		kfree(prefetch);
		buffer_put(buffer);
		return true;
	}
	if (has(buffer, BUFFER_VALID)) {
		flags_end(buffer, 0, BUFFER_READING);
		kfree(prefetch);
		buffer_put(buffer);
		return true;
	}
	prefetch->buffer = buffer;
	prefetch->segment = (struct block_segment){ buffer->data, size };
	prefetch->request = (struct block_request){
		.device = device,
		.operation = BLOCK_READ,
		.sector = block * size >> SECTOR_SHIFT,
		.sector_count = size >> SECTOR_SHIFT,
		.segments = &prefetch->segment,
		.segment_count = 1,
		.done = prefetch_done,
	};
	block_submit(&prefetch->request);
	return true;
}

void buffer_prefetch(struct block_device *device, u64 block, unsigned count, u32 size)
{
	while (count-- && prefetch_one(device, block, size))
		block++;
}

/* [cache] Out of the hash; the caller frees it. */
static void detach_locked(struct buffer *buffer)
{
	list_remove_init(&buffer->hash_link);
	list_remove_init(&buffer->lru_link);
	WRITE_ONCE(bytes_all, bytes_all - buffer->size);
}

void buffer_put(struct buffer *buffer)
{
	u32 references = atomic32_read(&buffer->references);
	bool gone = false;
	unsigned long state;

	while (references > 1)
		if (atomic_replace_value(&buffer->references.v, &references, references - 1))
			return;
	state = spin_lock_irqsave(&cache_lock);
	if (atomic32_dec_and_test(&buffer->references) && !has(buffer, BUFFER_DIRTY)) {
		gone = has(buffer, BUFFER_FORGOTTEN) || !has(buffer, BUFFER_VALID);
		if (gone)
			detach_locked(buffer);
		else
			list_add_tail(&idle, &buffer->lru_link);
	}
	spin_unlock_irqrestore(&cache_lock, state);
	if (gone)
		buffer_free(buffer);
}

void buffer_dirty(struct buffer *buffer)
{
	unsigned long state;
	bool first = false;

	if (has(buffer, BUFFER_DIRTY))
		return;
	state = spin_lock_irqsave(&cache_lock);
	if (!(atomic32_fetch_or(&buffer->flags, BUFFER_DIRTY) & BUFFER_DIRTY)) {
		first = !bytes_dirty;
		list_add_tail(&dirty, &buffer->lru_link);
		WRITE_ONCE(bytes_dirty, bytes_dirty + buffer->size);
	}
	spin_unlock_irqrestore(&cache_lock, state);
	if (first && buffers_became_dirty)
		buffers_became_dirty();
}

bool buffer_is_dirty(const struct buffer *buffer)
{
	return has(buffer, BUFFER_DIRTY);
}

/* [cache] */
static void undirty_locked(struct buffer *buffer)
{
	if (!has(buffer, BUFFER_DIRTY))
		return;
	atomic32_fetch_and(&buffer->flags, ~(u32)BUFFER_DIRTY);
	list_remove_init(&buffer->lru_link);
	WRITE_ONCE(bytes_dirty, bytes_dirty - buffer->size);
}

void buffer_clean(struct buffer *buffer)
{
	unsigned long state = spin_lock_irqsave(&cache_lock);

	undirty_locked(buffer);
	spin_unlock_irqrestore(&cache_lock, state);
	flag_wait_clear(buffer, BUFFER_WRITING);
}

void buffer_forget(struct buffer *buffer)
{
	buffer_clean(buffer);
	atomic32_fetch_or(&buffer->flags, BUFFER_FORGOTTEN);
	buffer_put(buffer);
}

struct write_batch {
	struct block_request requests[WRITE_BATCH], *all[WRITE_BATCH];
	struct block_segment segments[WRITE_BATCH];
};

static void write_done(struct block_request *request)
{
	struct buffer *buffer = request->private;

	if (request->status) {
		buffer->error = request->status;
		atomic32_inc(&buffer->device->metadata_errors);
		atomic32_fetch_or(&buffer->flags, BUFFER_FAILED);
	}
	flags_end(buffer, 0, BUFFER_WRITING);
}

/* @buffers have a reference of the caller's, and nobody else writes them. */
static int write_batch(struct buffer *const buffers[], unsigned count, unsigned flags)
{
	struct write_batch batch;
	int error = 0;

	batch.all[0] = NULL;

	for (unsigned i = 0; i < count; i++) {
		struct buffer *buffer = buffers[i];

		batch.segments[i] = (struct block_segment){ buffer->data, buffer->size };
		batch.requests[i] = (struct block_request){
			.device = buffer->device,
			.operation = BLOCK_WRITE,
			.flags = flags,
			.sector = buffer->block * buffer->size >> SECTOR_SHIFT,
			.sector_count = buffer->size >> SECTOR_SHIFT,
			.segments = &batch.segments[i],
			.segment_count = 1,
			.done = write_done,
			.private = buffer,
		};
		batch.all[i] = &batch.requests[i];
	}
	block_submit_all(batch.all, count);
	for (unsigned i = 0; i < count; i++) {
		flag_wait_clear(buffers[i], BUFFER_WRITING);
		if (atomic32_fetch_and(&buffers[i]->flags, ~(u32)BUFFER_FAILED) & BUFFER_FAILED &&
		    !error)
			error = buffers[i]->error;
	}
	return error;
}

/*
 * Take the right to write it, and the dirt away: what is changed from now on is another write. False:
 * somebody else is writing it.
 */
static bool writing_begin(struct buffer *buffer)
{
	unsigned long state;

	if (atomic32_fetch_or(&buffer->flags, BUFFER_WRITING) & BUFFER_WRITING)
		return false;
	state = spin_lock_irqsave(&cache_lock);
	undirty_locked(buffer);
	spin_unlock_irqrestore(&cache_lock, state);
	return true;
}

/* Nobody waits for another's buffer while his own are begun and not on their way. */
int buffer_write_all(struct buffer *const buffers[], unsigned count)
{
	int error = 0;

	while (count) {
		unsigned part = 0;
		int failed;

		while (part < MIN(count, (unsigned)WRITE_BATCH) && writing_begin(buffers[part]))
			part++;
		if (!part) {
			flag_wait_clear(buffers[0], BUFFER_WRITING);
			continue;
		}
		failed = write_batch(buffers, part, 0);
		error = error ? error : failed;
		buffers += part;
		count -= part;
	}
	return error;
}

int buffer_write(struct buffer *buffer, unsigned flags)
{
	bool own = buffer->device->disk->features & BLOCK_HAS_FUA;
	int error;

	while (!writing_begin(buffer))
		flag_wait_clear(buffer, BUFFER_WRITING);
	error = write_batch(&buffer, 1, own ? flags : flags & ~(unsigned)BLOCK_FUA);
	if (!error && flags & BLOCK_FUA && !own)
		error = block_flush(buffer->device);
	return error;
}

static int by_block(const void *a, const void *b)
{
	const struct buffer *one = *(struct buffer *const *)a, *two = *(struct buffer *const *)b;

	return one->block < two->block ? -1 : one->block > two->block;
}

/* Some dirty buffers of @device with references, oldest first. */
static unsigned collect_dirty(struct block_device *device, struct buffer **buffers, unsigned most)
{
	unsigned long state = spin_lock_irqsave(&cache_lock);
	struct buffer *buffer;
	unsigned count = 0;

	list_for_each_entry(buffer, &dirty, lru_link) {
		if (buffer->device != device)
			continue;
		if (count == most)
			break;
		atomic32_inc(&buffer->references);
		buffers[count++] = buffer;
	}
	spin_unlock_irqrestore(&cache_lock, state);
	return count;
}

int buffer_sync(struct block_device *device)
{
	u64 most = READ_ONCE(bytes_dirty) / SECTOR_SIZE + 1, done = 0;
	struct buffer **buffers = kmalloc(SYNC_BATCH * sizeof(*buffers)), *few[WRITE_BATCH];
	unsigned room = buffers ? SYNC_BATCH : WRITE_BATCH, count;
	struct buffer **some = buffers ? buffers : few;
	int error = 0;

	/* Others may go on dirtying: what was dirty at the start is enough. */
	while (done < most && (count = collect_dirty(device, some, room))) {
		int failed;

		sort(some, count, sizeof(*some), by_block);
		failed = buffer_write_all(some, count);
		error = error ? error : failed;
		for (unsigned i = 0; i < count; i++)
			buffer_put(some[i]);
		done += count;
	}
	kfree(buffers);
	return error;
}

void buffer_drop_device(struct block_device *device)
{
	struct list_node dead = LIST_INIT(dead);
	unsigned long state = spin_lock_irqsave(&cache_lock);

	for (unsigned i = 0; i < BUCKETS; i++) {
		struct list_node *node = buckets[i].next, *next;

		for (; node && node != &buckets[i]; node = next) {
			struct buffer *buffer = list_entry(node, struct buffer, hash_link);

			next = node->next;
			if (buffer->device != device || atomic32_read(&buffer->references))
				continue;
			undirty_locked(buffer);
			detach_locked(buffer);
			list_add_tail(&dead, &buffer->lru_link);
		}
	}
	spin_unlock_irqrestore(&cache_lock, state);
	while (!list_empty(&dead)) {
		struct buffer *buffer = list_first_entry(&dead, struct buffer, lru_link);

		list_remove(&buffer->lru_link);
		buffer_free(buffer);
	}
}

u64 buffer_shrink(u64 count)
{
	u64 freed = 0;

	while (count--) {
		unsigned long state = spin_lock_irqsave(&cache_lock);
		struct buffer *buffer = NULL;

		if (!list_empty(&idle)) {
			buffer = list_first_entry(&idle, struct buffer, lru_link);
			detach_locked(buffer);
		}
		spin_unlock_irqrestore(&cache_lock, state);
		if (!buffer)
			break;
		freed += buffer->size;
		buffer_free(buffer);
	}
	return freed;
}

u64 buffer_bytes(void)
{
	return READ_ONCE(bytes_all);
}

u64 buffer_dirty_bytes(void)
{
	return READ_ONCE(bytes_dirty);
}
