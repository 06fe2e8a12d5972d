/* Finding the journal, its super block, and its end. */
#include <debug/log.h>
#include <fs/ext4/journal_internal.h>
#include <lib/bits.h>
#include <lib/crc32c.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>

u64 journal_physical(const struct journal *journal, u32 position, u32 *run)
{
	for (u32 i = 0; i < journal->extent_count; i++) {
		const struct journal_extent *extent = &journal->extents[i];
		u32 skip = position - extent->block;

		if (position >= extent->block && skip < extent->count) {
			u32 end = MIN(extent->count, journal->length - extent->block);

			*run = end > skip ? end - skip : 1;
			return extent->start + skip;
		}
	}
	return 0;
}

int journal_super_write(struct journal *journal, u32 sequence, u32 start)
{
	u32 run;
	u64 block = journal_physical(journal, 0, &run);

	store_be32(journal->super + JSB_SEQUENCE, sequence);
	store_be32(journal->super + JSB_START, start);
	if (journal->checksums) {
		store_be32(journal->super + JSB_CHECKSUM, 0);
		store_be32(journal->super + JSB_CHECKSUM, crc32c(~0u, journal->super, JSB_SIZE));
	}
	return block_write(journal->ext4->device, block * journal->block_size, journal->super,
			   journal->block_size, BLOCK_FUA);
}

static int extent_add(struct journal *journal, const struct ext4_run *run, u32 count)
{
	struct journal_extent *grown, *last;

	if (journal->extent_count) {
		last = &journal->extents[journal->extent_count - 1];
		if (last->start + last->count == run->start) {
			last->count += count;
			return 0;
		}
	}
	grown = kmalloc((journal->extent_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	if (journal->extent_count)
		memcpy(grown, journal->extents, journal->extent_count * sizeof(*grown));
	kfree(journal->extents);
	journal->extents = grown;
	grown[journal->extent_count++] = (struct journal_extent){ run->block, count, run->start };
	return 0;
}

static int find_extents(struct journal *journal, u32 blocks)
{
	u32 block = 0;
	int error = 0;

	while (block < blocks && !error) {
		struct ext4_run run;

		error = ext4_map_lookup(journal->inode, block, &run);
		if (!error && !run.start)
			error = -EUCLEAN;
		if (!error)
			error = extent_add(journal, &run, MIN(run.count, blocks - block));
		block += run.count;
	}
	return error;
}

static int set_features(struct journal *journal)
{
	journal->incompat = load_be32(journal->super + JSB_INCOMPAT);
	journal->checksums = journal->incompat & (JOURNAL_HAS_CSUM_V2 | JOURNAL_HAS_CSUM_V3);
	journal->seed = crc32c(~0u, journal->super + JSB_UUID, JOURNAL_UUID);
	journal->tag_size = 12;
	if (journal->incompat & JOURNAL_HAS_CSUM_V3) {
		journal->tag_size = 16;
	} else {
		if (journal->incompat & JOURNAL_HAS_CSUM_V2)
			journal->tag_size += 2;
		if (!(journal->incompat & JOURNAL_HAS_64BIT))
			journal->tag_size -= 4;
	}
	if (journal->incompat & ~JOURNAL_KNOWN || load_be32(journal->super + JSB_RO_COMPAT)) {
		log_error("%s: journal: unknown features %x (fast commits, when 20): run e2fsck",
			  journal->ext4->name, journal->incompat & ~JOURNAL_KNOWN);
		return -EINVAL;
	}
	return 0;
}

static bool super_is_right(struct journal *journal)
{
	u32 type = load_be32(journal->super + 4), sum, found;

	if (load_be32(journal->super) != JOURNAL_MAGIC ||
	    (type != JOURNAL_SUPER_1 && type != JOURNAL_SUPER_2) ||
	    load_be32(journal->super + JSB_BLOCK_SIZE) != journal->block_size)
		return false;
	if (type == JOURNAL_SUPER_1)
		memset(journal->super + JSB_COMPAT, 0, JSB_SIZE - JSB_COMPAT);
	if (!(load_be32(journal->super + JSB_INCOMPAT) &
	      (JOURNAL_HAS_CSUM_V2 | JOURNAL_HAS_CSUM_V3)))
		return true;
	found = load_be32(journal->super + JSB_CHECKSUM);
	store_be32(journal->super + JSB_CHECKSUM, 0);
	sum = crc32c(~0u, journal->super, JSB_SIZE);
	store_be32(journal->super + JSB_CHECKSUM, found);
	return sum == found;
}

static int read_super(struct journal *journal)
{
	struct ext4 *ext4 = journal->ext4;
	u64 size = journal->inode->vnode.size;
	u32 blocks = (u32)MIN(size >> ext4->block_shift, (u64)1 << 28), run;
	u64 block;
	int error = blocks < 2 ? -EUCLEAN : find_extents(journal, blocks);

	if (error)
		return error;
	journal->length = blocks;
	block = journal_physical(journal, 0, &run);
	error = block_read(ext4->device, block * ext4->block_size, journal->super,
			   ext4->block_size);
	if (error)
		return error;
	journal->length = load_be32(journal->super + JSB_LENGTH);
	journal->first = load_be32(journal->super + JSB_FIRST);
	if (!super_is_right(journal) || journal->length > blocks || !journal->first ||
	    journal->first >= journal->length || journal->length - journal->first < 256) {
		log_error("%s: journal: its super block is wrong", ext4->name);
		return -EUCLEAN;
	}
	return set_features(journal);
}

/* What Linux turns on at its first mount, too. The log is empty. */
static int upgrade(struct journal *journal, u32 next)
{
	u32 wanted = load_be32(journal->super + JSB_INCOMPAT) | JOURNAL_HAS_REVOKE;

	if (load_be32(journal->super + 4) == JOURNAL_SUPER_2) {
		if (journal->ext4->checksums) {
			wanted = (wanted & ~JOURNAL_HAS_CSUM_V2) | JOURNAL_HAS_CSUM_V3;
			journal->super[JSB_CHECKSUM_TYPE] = CHECKSUM_CRC32C;
		}
		if (journal->ext4->block_count >> 32)
			wanted |= JOURNAL_HAS_64BIT;
		store_be32(journal->super + JSB_INCOMPAT, wanted);
	}
	set_features(journal);
	journal->head = journal->tail = journal->first;
	journal->running = next;
	journal->committed = next - 1;
	return journal_super_write(journal, next, journal->first);
}

/* As much as a quarter of the log, and no more than a few percent of memory. */
static int make_room(struct journal *journal)
{
	struct frame_statistics statistics;
	u64 memory;

	frame_statistics(&statistics);
	memory = CLAMP(statistics.total * PAGE_SIZE / 32, (u64)1 << 20, (u64)16 << 20);
	journal->limit = (journal->length - journal->first) / 4 - 32;
	journal->limit = (u32)MIN((u64)journal->limit, memory / journal->block_size);
	journal->segments = kmalloc((journal->limit * 2 + 64) * sizeof(*journal->segments));
	journal->snapshot = kmalloc((journal->limit + 64) * sizeof(*journal->snapshot));
	return journal->segments && journal->snapshot ? 0 : -ENOMEM;
}

static struct journal *journal_create(struct ext4 *ext4)
{
	struct journal *journal = kzalloc(sizeof(*journal));

	if (!journal)
		return NULL;
	journal->ext4 = ext4;
	journal->block_size = ext4->block_size;
	journal->super = kmalloc(ext4->block_size);
	mutex_init(&journal->commit, RANK_JOURNAL);
	mutex_init(&journal->state, RANK_TRANSACTION);
	wait_queue_init(&journal->waiting);
	wait_queue_init(&journal->idle);
	list_init(&journal->records);
	list_init(&journal->checkpoint);
	list_init(&journal->blocks);
	list_init(&journal->freed);
	if (journal->super)
		return journal;
	kfree(journal);
	return NULL;
}

static void journal_release(struct journal *journal)
{
	if (journal->inode)
		vnode_put(&journal->inode->vnode);
	kfree(journal->extents);
	kfree(journal->super);
	kfree(journal->segments);
	kfree(journal->snapshot);
	kfree(journal->revoked);
	kfree(journal);
}

/* 1: replayed, so that all that was read before is void; 0: nothing to replay. */
int journal_open(struct ext4 *ext4, bool writable)
{
	bool recover = ext4_has_incompat(ext4, EXT4_INCOMPAT_RECOVER);
	struct journal *journal = journal_create(ext4);
	int error = -ENOMEM;
	u32 next;

	if (!journal)
		return error;
	error = ext4_inode_get(ext4, ext4->super->journal_ino, false, &journal->inode);
	if (!error && !S_ISREG(journal->inode->vnode.mode))
		error = -EUCLEAN;
	if (!error)
		error = read_super(journal);
	if (error)
		goto out;
	ext4->journal_blocks = journal->length;
	if (recover && ext4->device->read_only) {
		log_error("%s: the journal must be replayed, and the device cannot be written",
			  ext4->name);
		error = -EROFS;
		goto out;
	}
	next = load_be32(journal->super + JSB_SEQUENCE);
	if (recover)
		error = journal_replay(journal, &next);
	if (!error && recover)
		error = journal_super_write(journal, next, 0);
	if (error || recover) {
		error = error ? error : 1;
		goto out;
	}
	if (!writable)
		goto out;
	error = make_room(journal);
	if (!error)
		error = upgrade(journal, next);
	if (error)
		goto out;
	ext4->journal = journal;
	return 0;
out:
	journal_release(journal);
	return error;
}

int journal_close(struct ext4 *ext4)
{
	struct journal *journal = ext4->journal;
	int error;

	mutex_lock(&journal->commit);
	error = journal_commit_locked(journal);
	if (!error)
		error = journal_checkpoint_locked(journal, false);
	if (!error)
		error = journal_super_write(journal, journal->running, 0);
	mutex_unlock(&journal->commit);
	return error;
}

int journal_restart(struct ext4 *ext4)
{
	struct journal *journal = ext4->journal;

	return journal_super_write(journal, journal->running, journal->head);
}

static void drop_blocks(struct journal *journal)
{
	struct journal_block *block, *next;

	list_for_each_entry_safe(block, next, &journal->blocks, running_link) {
		list_remove_init(&block->running_link);
		block->running = 0;
		journal_block_drop(journal, block);
	}
	list_for_each_entry_safe(block, next, &journal->checkpoint, checkpoint_link) {
		list_remove_init(&block->checkpoint_link);
		block->running = block->logged = 0;
		journal_block_drop(journal, block);
	}
}

void journal_free(struct ext4 *ext4)
{
	struct journal *journal = ext4->journal;
	struct journal_record *record, *next_record;
	struct journal_freed *freed, *next_freed;

	if (!journal)
		return;
	drop_blocks(journal);
	list_for_each_entry_safe(record, next_record, &journal->records, link)
		kfree(record);
	list_for_each_entry_safe(freed, next_freed, &journal->freed, link)
		kfree(freed);
	ext4->journal = NULL;
	journal_release(journal);
}
