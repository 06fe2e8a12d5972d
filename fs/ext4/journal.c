/* Handles, and which blocks the running transaction holds. */
#include <fs/ext4/journal_internal.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sched/thread.h>

static SLAB_CACHE(block_cache, struct journal_block);

void *journal_memory(size_t size)
{
	void *memory;

	while (!(memory = kmalloc(size)))
		thread_yield();
	return memory;
}

void journal_stop(struct journal *journal)
{
	mutex_lock(&journal->state);
	journal->stopped = true;
	mutex_unlock(&journal->state);
	wait_event(&journal->idle, !READ_ONCE(journal->handles));
}

void journal_go(struct journal *journal)
{
	mutex_lock(&journal->state);
	journal->stopped = false;
	mutex_unlock(&journal->state);
	wait_wake_all(&journal->waiting);
}

/* [state] Lists of revoked and freed blocks take room in the transaction, too. */
static bool fits(const struct journal *journal, u32 credits)
{
	u32 revoke_blocks = journal->revoked_count * 8 / journal->block_size + 1;

	return journal->block_count + journal->reserved + credits + revoke_blocks <= journal->limit;
}

int journal_begin(struct ext4 *ext4, u32 credits, struct journal_handle *handle)
{
	struct journal *journal = ext4->journal;
	int error = ext4_writable(ext4);

	*handle = (struct journal_handle){ .ext4 = ext4, .credits = credits };
	if (error || !journal)
		return error;
	credits = MIN(credits, journal->limit / 2);
	handle->credits = credits;
	for (;;) {
		wait_event(&journal->waiting, !READ_ONCE(journal->stopped));
		error = ext4_writable(ext4);
		if (error)
			return error;
		mutex_lock(&journal->state);
		if (!journal->stopped && fits(journal, credits)) {
			journal->handles++;
			journal->reserved += credits;
			handle->transaction = journal->running;
			mutex_unlock(&journal->state);
			return 0;
		}
		error = !journal->stopped && !journal->handles && !journal->block_count &&
			!journal->revoked_count;
		mutex_unlock(&journal->state);
		if (error)
			return -ENOSPC;
		if (!READ_ONCE(journal->stopped)) {
			error = journal_commit(ext4);
			if (error)
				return error;
		}
	}
}

void journal_end(struct journal_handle *handle)
{
	struct journal *journal = handle->ext4->journal;
	bool last;

	if (!journal)
		return;
	mutex_lock(&journal->state);
	last = --journal->handles == 0;
	journal->reserved -= handle->credits;
	mutex_unlock(&journal->state);
	if (last)
		wait_wake_all(&journal->idle);
}

static struct journal_block *block_make(struct buffer *buffer)
{
	struct journal_block *block;

	while (!(block = slab_alloc(&block_cache)))
		thread_yield();
	*block = (struct journal_block){ .buffer = buffer };
	list_init(&block->running_link);
	list_init(&block->checkpoint_link);
	buffer_get(buffer);
	buffer->private = block;
	return block;
}

void journal_block_drop(struct journal *journal, struct journal_block *block)
{
	if (block->running || block->logged)
		return;
	block->buffer->private = NULL;
	buffer_put(block->buffer);
	slab_free(&block_cache, block);
}

int journal_add(struct journal_handle *handle, struct buffer *buffer, u8 kind, u32 seed)
{
	struct journal *journal = handle->ext4->journal;
	struct journal_block *block;

	mutex_lock(&journal->state);
	block = buffer->private;
	if (!block)
		block = block_make(buffer);
	if (!block->running) {
		block->running = journal->running;
		list_add_tail(&journal->blocks, &block->running_link);
		journal->block_count++;
		if (handle->credits) {
			handle->credits--;
			journal->reserved--;
		}
	}
	block->freed = 0;
	block->kind = kind;
	block->seed = seed;
	mutex_unlock(&journal->state);
	return 0;
}

/* [state] */
static void revoke(struct journal *journal, u64 block)
{
	if (journal->revoked_count == journal->revoked_room) {
		u32 room = journal->revoked_room ? journal->revoked_room * 2 : 64;
		u64 *revoked = journal_memory(room * sizeof(*revoked));

		if (journal->revoked_count)
			memcpy(revoked, journal->revoked,
			       journal->revoked_count * sizeof(*revoked));
		kfree(journal->revoked);
		journal->revoked = revoked;
		journal->revoked_room = room;
	}
	journal->revoked[journal->revoked_count++] = block;
}

/* [state] It is not written any more; what the log holds of it stays good until the commit. */
static void give_up(struct journal *journal, struct journal_block *block)
{
	if (block->running) {
		list_remove_init(&block->running_link);
		block->running = 0;
		journal->block_count--;
	}
	block->freed = journal->running;
	journal_block_drop(journal, block);
}

static void metadata_freed(struct journal *journal, u64 number)
{
	struct ext4 *ext4 = journal->ext4;
	struct buffer *buffer = buffer_find(ext4->device, number, ext4->block_size);

	mutex_lock(&journal->state);
	revoke(journal, number);
	if (buffer && buffer->private)
		give_up(journal, buffer->private);
	mutex_unlock(&journal->state);
	if (buffer)
		buffer_put(buffer);
}

int journal_note_freed(struct journal_handle *handle, u64 start, u32 count, bool metadata)
{
	struct journal *journal = handle->ext4->journal;
	struct journal_freed *freed = journal_memory(sizeof(*freed));

	*freed = (struct journal_freed){ .start = start, .count = count };
	mutex_lock(&journal->state);
	list_add_tail(&journal->freed, &freed->link);
	journal->freed_count++;
	mutex_unlock(&journal->state);
	for (u32 i = 0; metadata && i < count; i++)
		metadata_freed(journal, start + i);
	return 0;
}

u32 journal_running(struct ext4 *ext4)
{
	return ext4->journal ? READ_ONCE(ext4->journal->running) : 0;
}

bool journal_pending(struct ext4 *ext4, u32 number)
{
	return ext4->journal && number && (s32)(number - READ_ONCE(ext4->journal->committed)) > 0;
}

int journal_commit(struct ext4 *ext4)
{
	struct journal *journal = ext4->journal;
	int error;

	if (!journal)
		return 0;
	mutex_lock(&journal->commit);
	error = journal_commit_locked(journal);
	mutex_unlock(&journal->commit);
	return error;
}

int journal_wait(struct ext4 *ext4, u32 number)
{
	struct journal *journal = ext4->journal;
	int error = 0;

	if (!journal)
		return 0;
	/* Whoever comes while another commits finds its own work done more often than not. */
	mutex_lock(&journal->commit);
	if (journal_pending(ext4, number))
		error = journal_commit_locked(journal);
	else
		error = READ_ONCE(journal->error);
	mutex_unlock(&journal->commit);
	return error;
}

int journal_checkpoint(struct ext4 *ext4)
{
	struct journal *journal = ext4->journal;
	int error;

	if (!journal)
		return 0;
	mutex_lock(&journal->commit);
	error = journal_checkpoint_locked(journal, false);
	mutex_unlock(&journal->commit);
	return error;
}
