/* Writing transactions to the log, and blocks from there to their places. */
#include <debug/log.h>
#include <fs/ext4/journal_internal.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/sort.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { CHECKPOINT_BATCH = 64 };

/* The images of a transaction on its way to the log. */
struct log_image {
	struct block_segment *segments;
	u32 count;
	u8 *descriptor; /* the one that is being filled */
	u32 descriptor_at;
	u8 *last_tag;
};

static u32 advance(const struct journal *journal, u32 position, u32 by)
{
	position += by;
	return position >= journal->length ? position - journal->length + journal->first : position;
}

static void header(u8 *block, u32 type, u32 sequence)
{
	store_be32(block, JOURNAL_MAGIC);
	store_be32(block + 4, type);
	store_be32(block + 8, sequence);
}

static u8 *new_block(struct journal *journal, u32 type, u32 sequence)
{
	u8 *block = journal_memory(journal->block_size);

	memset(block, 0, journal->block_size);
	header(block, type, sequence);
	return block;
}

static void image_add(struct journal *journal, struct log_image *image, void *data)
{
	image->segments[image->count++] =
		(struct block_segment){ .data = data, .size = journal->block_size };
}

static void seal_tail(struct journal *journal, u8 *block)
{
	if (journal->checksums)
		store_be32(block + journal->block_size - JOURNAL_TAIL,
			   journal_tail_checksum(journal, block));
}

static void image_revokes(struct journal *journal, struct log_image *image)
{
	u32 size = journal->incompat & JOURNAL_HAS_64BIT ? 8 : 4;
	u32 room = journal->block_size - (journal->checksums ? JOURNAL_TAIL : 0);
	u32 i = 0;

	while (i < journal->revoked_count) {
		u8 *block = new_block(journal, JOURNAL_REVOKE, journal->running);
		u32 at = JOURNAL_REVOKE_HEADER;

		for (; i < journal->revoked_count && at + size <= room; at += size, i++) {
			if (size == 8)
				store_be64(block + at, journal->revoked[i]);
			else
				store_be32(block + at, (u32)journal->revoked[i]);
		}
		store_be32(block + JOURNAL_HEADER, at);
		seal_tail(journal, block);
		image_add(journal, image, block);
	}
}

static void descriptor_end(struct journal *journal, struct log_image *image)
{
	/* The last byte of the flags in both layouts of a tag. */
	enum { FLAGS = 7 };

	if (!image->descriptor)
		return;
	image->last_tag[FLAGS] |= TAG_LAST;
	seal_tail(journal, image->descriptor);
	image->descriptor = NULL;
}

static void tag_write(struct journal *journal, u8 *at, u64 block, u32 flags, const void *data)
{
	u32 sum = journal->checksums ? journal_tag_checksum(journal, journal->running, data) : 0;

	store_be32(at, (u32)block);
	if (journal->incompat & JOURNAL_HAS_CSUM_V3) {
		store_be32(at + 4, flags);
		store_be32(at + 8, (u32)(block >> 32));
		store_be32(at + 12, sum);
		return;
	}
	store_be32(at + 4, (sum & 0xffff) << 16 | flags);
	if (journal->incompat & JOURNAL_HAS_64BIT)
		store_be32(at + 8, (u32)(block >> 32));
}

/* A tag for @block and its image. The first tag of a descriptor is followed by the journal's UUID. */
static void image_block(struct journal *journal, struct log_image *image, struct buffer *buffer,
			void *copy)
{
	u32 room = journal->block_size - (journal->checksums ? JOURNAL_TAIL : 0);
	bool escape = load_be32(copy) == JOURNAL_MAGIC, first;

	if (image->descriptor && image->descriptor_at + journal->tag_size > room)
		descriptor_end(journal, image);
	first = !image->descriptor;
	if (first) {
		image->descriptor = new_block(journal, JOURNAL_DESCRIPTOR, journal->running);
		image->descriptor_at = JOURNAL_HEADER;
		image_add(journal, image, image->descriptor);
	}
	if (escape)
		store_be32(copy, 0);
	image->last_tag = image->descriptor + image->descriptor_at;
	tag_write(journal, image->last_tag, buffer->block,
		  (escape ? TAG_ESCAPED : 0) | (first ? 0 : TAG_SAME_UUID), copy);
	image->descriptor_at += journal->tag_size;
	if (first) {
		memcpy(image->descriptor + image->descriptor_at, journal->super + JSB_UUID,
		       JOURNAL_UUID);
		image->descriptor_at += JOURNAL_UUID;
	}
	image_add(journal, image, copy);
}

/* Checksums of all blocks; the descriptors of groups hold those of bitmaps, and come last. */
static void seal_blocks(struct journal *journal)
{
	struct journal_block *block;

	list_for_each_entry(block, &journal->blocks, running_link)
		if (block->kind != EXT4_DESCRIPTORS)
			ext4_block_seal(journal->ext4, block->buffer, block->kind, block->seed);
	list_for_each_entry(block, &journal->blocks, running_link)
		if (block->kind == EXT4_DESCRIPTORS)
			ext4_block_seal(journal->ext4, block->buffer, block->kind, block->seed);
}

/* No handle is open. Take the running transaction's blocks, as copies, and begin the next one. */
static u32 take_snapshot(struct journal *journal, struct log_image *image, struct list_node *freed)
{
	struct journal_block *block, *next;
	u32 count = 0;

	image_revokes(journal, image);
	list_for_each_entry_safe(block, next, &journal->blocks, running_link) {
		void *copy = journal_memory(journal->block_size);

		memcpy(copy, block->buffer->data, journal->block_size);
		image_block(journal, image, block->buffer, copy);
		list_remove_init(&block->running_link);
		block->running = 0;
		/* Not dropped by journal_block_drop() while it is on its way. */
		block->logged = journal->running;
		journal->snapshot[count++] = block;
	}
	descriptor_end(journal, image);
	list_splice_tail(freed, &journal->freed);
	journal->freed_count = 0;
	journal->revoked_count = 0;
	journal->block_count = 0;
	return count;
}

/* Images one after the other into the log, in as few requests as its layout and end allow. */
static int images_write(struct journal *journal, u32 position, struct block_segment *segments,
			u32 count)
{
	int error = 0;

	while (count && !error) {
		u32 run;
		u64 block = journal_physical(journal, position, &run);

		if (!block)
			return -EUCLEAN;
		run = MIN(run, count);
		error = block_writev(journal->ext4->device, block * journal->block_size, segments,
				     run, 0);
		position = advance(journal, position, run);
		segments += run;
		count -= run;
	}
	return error;
}

static int write_commit_block(struct journal *journal, u32 sequence, u32 position)
{
	u8 *block = new_block(journal, JOURNAL_COMMIT, sequence);
	s64 now = vnode_time_now();
	u32 run;
	u64 at = journal_physical(journal, position, &run);
	int error = at ? 0 : -EUCLEAN;

	store_be64(block + COMMIT_SECONDS, (u64)(now / 1000000000));
	store_be32(block + COMMIT_NANOSECONDS, (u32)(now % 1000000000));
	if (journal->checksums)
		store_be32(block + COMMIT_CHECKSUM, journal_commit_checksum(journal, block));
	/* What it vouches for is on the medium, data of files included. */
	if (!error)
		error = block_flush(journal->ext4->device);
	if (!error)
		error = block_write(journal->ext4->device, at * journal->block_size, block,
				    journal->block_size, BLOCK_FUA);
	kfree(block);
	return error;
}

static void fail(struct journal *journal, int error)
{
	WRITE_ONCE(journal->error, error);
	ext4_stop(journal->ext4, error, "the journal cannot be written");
}

/* The snapshot's blocks wait for their checkpoint. */
static void keep_blocks(struct journal *journal, u32 blocks)
{
	for (u32 i = 0; i < blocks; i++) {
		struct journal_block *block = journal->snapshot[i];

		if (!list_empty(&block->checkpoint_link))
			continue;
		list_add_tail(&journal->checkpoint, &block->checkpoint_link);
		journal->checkpoint_count++;
	}
}

/* The transaction is on disk: its blocks wait for their checkpoint, what it freed is free. */
static void committed(struct journal *journal, u32 sequence, u32 blocks, struct list_node *freed)
{
	struct journal_record *record = journal_memory(sizeof(*record));

	record->transaction = sequence;
	record->position = journal->head;
	list_add_tail(&journal->records, &record->link);
	mutex_lock(&journal->state);
	keep_blocks(journal, blocks);
	WRITE_ONCE(journal->committed, sequence);
	mutex_unlock(&journal->state);
	ext4_freed_committed(journal->ext4, freed);
}

/* Blocks that a committed transaction has given up are of no interest any more. */
static void drop_freed(struct journal *journal)
{
	struct journal_block *block, *next;

	mutex_lock(&journal->state);
	list_for_each_entry_safe(block, next, &journal->checkpoint, checkpoint_link) {
		if (!block->freed || (s32)(block->freed - journal->committed) > 0)
			continue;
		list_remove_init(&block->checkpoint_link);
		journal->checkpoint_count--;
		block->logged = 0;
		journal_block_drop(journal, block);
	}
	mutex_unlock(&journal->state);
}

static void image_free(struct log_image *image)
{
	for (u32 i = 0; i < image->count; i++)
		kfree(image->segments[i].data);
}

/* Is there anything to commit? The super block's counts join what is. */
static bool prepare(struct journal *journal)
{
	struct journal_handle handle = { .ext4 = journal->ext4, .transaction = journal->running };

	if (list_empty(&journal->blocks) && !journal->revoked_count && list_empty(&journal->freed))
		return false;
	return !ext4_super_update(journal->ext4, &handle);
}

/* @held: no handle is open, and none may begin before the caller says so. */
static int commit_once(struct journal *journal, bool held)
{
	struct log_image image = { .segments = journal->segments };
	struct list_node freed;
	u32 sequence, blocks;
	int error;

	list_init(&freed);
	if (!held)
		journal_stop(journal);
	if (!prepare(journal)) {
		if (!held)
			journal_go(journal);
		return 0;
	}
	seal_blocks(journal);
	sequence = journal->running;
	blocks = take_snapshot(journal, &image, &freed);
	WRITE_ONCE(journal->running, sequence + 1);
	if (!held)
		journal_go(journal);
	error = images_write(journal, journal->head, image.segments, image.count);
	if (!error)
		error = write_commit_block(journal, sequence,
					   advance(journal, journal->head, image.count));
	image_free(&image);
	if (error) {
		fail(journal, error);
		keep_blocks(journal, blocks);
		list_splice_tail(&journal->freed, &freed);
		return error;
	}
	committed(journal, sequence, blocks, &freed);
	journal->head = advance(journal, journal->head, image.count + 1);
	journal->used += image.count + 1;
	drop_freed(journal);
	return 0;
}

/*
 * There must be room for two more transactions: one that comes as usual, and one that empties the log. A block that
 * is logged, and changed again, can only be written to its place after it was logged again; so that one keeps the
 * handles out until all is where it belongs.
 */
static bool log_is_full(const struct journal *journal)
{
	u32 most = journal->limit + journal->limit / 16 + 8;

	return journal->used + 2 * most > journal->length - journal->first;
}

int journal_commit_locked(struct journal *journal)
{
	int error = READ_ONCE(journal->error);

	if (!error)
		error = commit_once(journal, false);
	if (!error && log_is_full(journal)) {
		journal_stop(journal);
		error = commit_once(journal, true);
		if (!error)
			error = journal_checkpoint_locked(journal, true);
		journal_go(journal);
	}
	return error;
}

static int by_number(const void *a, const void *b)
{
	const struct journal_block *const *left = a, *const *right = b;
	u64 x = (*left)->buffer->block, y = (*right)->buffer->block;

	return x < y ? -1 : x > y;
}

/* [commit] The blocks that may be written to their places, in the order of the device. */
static u32 gather(struct journal *journal, struct journal_block **list, u32 room)
{
	struct journal_block *block;
	u32 count = 0;

	list_for_each_entry(block, &journal->checkpoint, checkpoint_link)
		if (count < room)
			list[count++] = block;
	sort(list, count, sizeof(*list), by_number);
	return count;
}

/*
 * Copies of a batch, without those that the running transaction has changed: what they hold now may not be
 * written yet, and the log keeps what they held.
 */
static u32 copy_batch(struct journal *journal, struct journal_block **list, u32 count,
		      struct block_segment *copies, bool stopped)
{
	u32 copied = 0;

	if (!stopped)
		journal_stop(journal);
	for (u32 i = 0; i < count; i++) {
		struct journal_block *block = list[i];

		if (block->running || block->freed)
			continue;
		copies[copied] = (struct block_segment){ journal_memory(journal->block_size),
							 journal->block_size };
		memcpy(copies[copied].data, block->buffer->data, journal->block_size);
		list[copied++] = block;
	}
	if (!stopped)
		journal_go(journal);
	return copied;
}

static int write_batch(struct journal *journal, struct journal_block **list, u32 count,
		       struct block_segment *copies)
{
	int error = 0;

	for (u32 i = 0, run; i < count && !error; i += run) {
		u64 start = list[i]->buffer->block;

		for (run = 1; i + run < count && list[i + run]->buffer->block == start + run; run++)
			;
		error = block_writev(journal->ext4->device, start * journal->block_size, &copies[i],
				     run, 0);
	}
	mutex_lock(&journal->state);
	for (u32 i = 0; i < count; i++) {
		struct journal_block *block = list[i];

		kfree(copies[i].data);
		if (error)
			continue;
		list_remove_init(&block->checkpoint_link);
		journal->checkpoint_count--;
		block->logged = 0;
		journal_block_drop(journal, block);
	}
	mutex_unlock(&journal->state);
	return error;
}

/* The oldest transaction that the log must still hold is that of the oldest block in it. */
static int tail_advance(struct journal *journal)
{
	u32 oldest = journal->committed + 1, start;
	struct journal_record *record, *next;
	struct journal_block *block;

	list_for_each_entry(block, &journal->checkpoint, checkpoint_link)
		if ((s32)(block->logged - oldest) < 0)
			oldest = block->logged;
	list_for_each_entry_safe(record, next, &journal->records, link) {
		if ((s32)(record->transaction - oldest) >= 0)
			break;
		list_remove(&record->link);
		kfree(record);
	}
	start = list_empty(&journal->records)
			? journal->head
			: list_first_entry(&journal->records, struct journal_record, link)
				  ->position;
	journal->tail = start;
	journal->used = journal->head >= start
				? journal->head - start
				: journal->head + (journal->length - journal->first) - start;
	return journal_super_write(journal, oldest, start);
}

int journal_checkpoint_locked(struct journal *journal, bool stopped)
{
	struct block_segment copies[CHECKPOINT_BATCH];
	u32 count = journal->checkpoint_count;
	struct journal_block **list = journal_memory((count + 1) * sizeof(*list));
	int error = READ_ONCE(journal->error);

	count = gather(journal, list, count);
	for (u32 i = 0; i < count && !error; i += CHECKPOINT_BATCH) {
		u32 batch = MIN(count - i, (u32)CHECKPOINT_BATCH);

		batch = copy_batch(journal, list + i, batch, copies, stopped);
		error = write_batch(journal, list + i, batch, copies);
	}
	if (!error)
		error = block_flush(journal->ext4->device);
	if (!error)
		error = tail_advance(journal);
	if (error && !journal->error)
		fail(journal, error);
	kfree(list);
	return error;
}
