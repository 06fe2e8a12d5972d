/*
 * Blocks. What a transaction frees is marked busy until it has committed: before that, a crash brings the old
 * owner back, whose blocks must still hold its data.
 */
#include <debug/log.h>
#include <dev/block.h>
#include <fs/ext4/ext4.h>
#include <lib/bitmap.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sched/thread.h>

/* Kept back from delayed writes for the extent blocks that they may need. */
static u64 margin(const struct ext4 *ext4)
{
	return MIN(ext4->block_count / 50, (u64)256);
}

static u64 root_reserve(const struct ext4 *ext4)
{
	u64 reserve = ext4->super->reserved_low;

	if (ext4_has_incompat(ext4, EXT4_INCOMPAT_64BIT))
		reserve |= (u64)ext4->super->reserved_high << 32;
	return reserve;
}

u64 ext4_blocks_kept(const struct ext4 *ext4)
{
	return margin(ext4) + root_reserve(ext4);
}

int ext4_promise(struct ext4 *ext4, u64 count)
{
	u64 kept = margin(ext4) + (fs_is_privileged() ? 0 : root_reserve(ext4));
	int error = -ENOSPC;

	mutex_lock(&ext4->allocation);
	if (ext4->promised + count + kept <= ext4->free_blocks) {
		ext4->promised += count;
		error = 0;
	}
	mutex_unlock(&ext4->allocation);
	return error;
}

void ext4_promise_drop(struct ext4 *ext4, u64 count)
{
	mutex_lock(&ext4->allocation);
	ext4->promised -= MIN(count, ext4->promised);
	mutex_unlock(&ext4->allocation);
}

const u64 *ext4_taken_map(struct ext4 *ext4, u32 group, const struct buffer *bitmap)
{
	const u64 *map = bitmap->data, *busy = ext4->groups[group].busy;

	if (!busy)
		return map;
	for (u32 i = 0; i < ext4->block_size / 8; i++)
		ext4->scratch[i] = map[i] | busy[i];
	return ext4->scratch;
}

/* The run of clear bits at @from, at most @want. */
static u32 run_at(const u64 *map, u32 bits, u32 from, u32 want)
{
	u32 end = (u32)MIN((u64)from + want, (u64)bits);

	return (u32)bitmap_next_set(map, end, from) - from;
}

/* @want clear bits in a row: at or after @from, else anywhere. True: *@found. */
static bool find_run(const u64 *map, u32 bits, u32 from, u32 want, u32 *found)
{
	*found = (u32)bitmap_next_zero_run(map, bits, from, want);
	if (*found >= bits && from)
		*found = (u32)bitmap_next_zero_run(map, bits, 0, want);
	return *found < bits;
}

/* [allocation] Take [bit, bit + count) of @group, which are clear. */
static int take(struct ext4 *ext4, struct journal_handle *handle, u32 group, struct buffer *bitmap,
		u32 bit, u32 count)
{
	struct ext4_descriptor *descriptor = ext4_descriptor(ext4, group);
	u32 free = ext4_group_free_blocks(ext4, descriptor);
	int error = ext4_block_changed(ext4, handle, ext4_descriptor_buffer(ext4, group),
				       EXT4_DESCRIPTORS, 0);

	if (error)
		return error;
	bitmap_set_range(bitmap->data, bit, count);
	descriptor->flags &= (u16)~EXT4_GROUP_BLOCK_UNINIT;
	ext4_group_set_free_blocks(ext4, descriptor, free > count ? free - count : 0);
	ext4->free_blocks -= MIN((u64)count, ext4->free_blocks);
	ext4->counts_changed = true;
	ext4->groups[group].hint = bit + count;
	return ext4_block_changed(ext4, handle, bitmap, EXT4_BLOCK_BITMAP, group);
}

struct search {
	u64 goal;
	u32 want;
	bool at_goal; /* a shorter run that starts at the goal will do */
};

/* [allocation] 1: taken, *@count from *@start on; 0: no such run in @group. */
static int try_group(struct ext4 *ext4, struct journal_handle *handle, u32 group,
		     const struct search *search, u32 *count, u64 *start)
{
	u64 first = ext4_group_start(ext4, group);
	u32 bits = ext4_group_blocks(ext4, group), bit, length = search->want;
	bool has_goal = search->goal >= first && search->goal < first + bits;
	u32 from = has_goal ? (u32)(search->goal - first) : ext4->groups[group].hint;
	struct buffer *bitmap;
	const u64 *map;
	int error;

	if (ext4_group_free_blocks(ext4, ext4_descriptor(ext4, group)) < (has_goal ? 1 : length))
		return 0;
	error = ext4_block_bitmap(ext4, group, &bitmap);
	if (error)
		return error == -EUCLEAN ? 0 : error;
	map = ext4_taken_map(ext4, group, bitmap);
	from = from < bits ? from : 0;
	bit = from;
	if (has_goal && search->at_goal)
		length = run_at(map, bits, from, search->want);
	if (!has_goal || !search->at_goal || length < MIN(search->want, 8u)) {
		length = search->want;
		if (!find_run(map, bits, from, length, &bit))
			length = 0;
	}
	if (length)
		error = take(ext4, handle, group, bitmap, bit, length);
	buffer_put(bitmap);
	if (error || !length)
		return error;
	*count = length;
	*start = first + bit;
	return 1;
}

static int search_groups(struct ext4 *ext4, struct journal_handle *handle, struct search *search,
			 u32 *count, u64 *start)
{
	u32 first = (u32)((search->goal - ext4->first_data_block) / ext4->blocks_per_group);

	for (; search->want; search->want /= 2) {
		for (u32 i = 0; i < ext4->group_count; i++) {
			u32 group = (first + i) % ext4->group_count;
			int result = try_group(ext4, handle, group, search, count, start);

			if (result)
				return result < 0 ? result : 0;
		}
	}
	return -ENOSPC;
}

int ext4_blocks_allocate(struct ext4 *ext4, struct journal_handle *handle, u64 goal, u32 *count,
			 bool delayed, u64 *start)
{
	struct search search = { .goal = goal, .at_goal = true };
	int error = -ENOSPC;

	if (goal <= ext4->first_data_block || goal >= ext4->block_count)
		search.goal = ext4->first_data_block + 1;
	search.want = MIN(*count, MIN(ext4->blocks_per_group / 2, (u32)EXT4_EXTENT_WRITTEN_MAX));
	mutex_lock(&ext4->allocation);
	if (delayed || ext4->free_blocks > ext4->promised)
		error = search_groups(ext4, handle, &search, count, start);
	mutex_unlock(&ext4->allocation);
	if (!error && !ext4_blocks_valid(ext4, *start, *count))
		return ext4_corrupt(ext4, "a free block lies outside");
	return error;
}

/* Small, and without it data could be lost: wait for memory. */
static u64 *busy_map(struct ext4 *ext4)
{
	u64 *map;

	while (!(map = kzalloc(ext4->block_size)))
		thread_yield();
	return map;
}

/* [allocation] A piece within one group. */
static int free_piece(struct ext4 *ext4, struct journal_handle *handle, u32 group, u32 bit,
		      u32 count)
{
	struct ext4_descriptor *descriptor = ext4_descriptor(ext4, group);
	struct ext4_group *state = &ext4->groups[group];
	struct buffer *bitmap;
	int error = ext4_block_bitmap(ext4, group, &bitmap);

	if (error)
		return error;
	if (bitmap_next_zero(bitmap->data, bit + count, bit) < bit + count) {
		buffer_put(bitmap);
		return ext4_corrupt(ext4, "group %u: blocks from %u on are freed twice", group,
				    bit);
	}
	error = ext4_block_changed(ext4, handle, ext4_descriptor_buffer(ext4, group),
				   EXT4_DESCRIPTORS, 0);
	if (!error) {
		if (ext4->journal) {
			if (!state->busy)
				state->busy = busy_map(ext4);
			bitmap_set_range(state->busy, bit, count);
			state->busy_count += count;
		}
		bitmap_clear_range(bitmap->data, bit, count);
		ext4_group_set_free_blocks(ext4, descriptor,
					   ext4_group_free_blocks(ext4, descriptor) + count);
		ext4->free_blocks += count;
		ext4->counts_changed = true;
		error = ext4_block_changed(ext4, handle, bitmap, EXT4_BLOCK_BITMAP, group);
	}
	buffer_put(bitmap);
	return error;
}

/* Without a journal: what the cache still holds of them must not be written any more. */
static void forget_buffers(struct ext4 *ext4, u64 start, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		struct buffer *buffer = buffer_find(ext4->device, start + i, ext4->block_size);

		if (buffer)
			buffer_forget(buffer);
	}
}

int ext4_blocks_free(struct ext4 *ext4, struct journal_handle *handle, u64 start, u32 count,
		     unsigned flags)
{
	int error = 0;

	if (!count)
		return 0;
	if (!ext4_blocks_valid(ext4, start, count))
		return ext4_corrupt(ext4, "blocks %lu+%u to be freed lie outside",
				    (unsigned long)start, count);
	if (ext4->journal)
		error = journal_note_freed(handle, start, count, flags & EXT4_FREE_METADATA);
	else if (flags & EXT4_FREE_METADATA)
		forget_buffers(ext4, start, count);
	mutex_lock(&ext4->allocation);
	while (count && !error) {
		u64 at = start - ext4->first_data_block;
		u32 group = (u32)(at / ext4->blocks_per_group);
		u32 bit = (u32)(at % ext4->blocks_per_group);
		u32 piece = MIN(count, ext4->blocks_per_group - bit);

		error = free_piece(ext4, handle, group, bit, piece);
		start += piece;
		count -= piece;
	}
	mutex_unlock(&ext4->allocation);
	return error;
}

static void busy_clear(struct ext4 *ext4, u64 start, u32 count)
{
	while (count) {
		u64 at = start - ext4->first_data_block;
		struct ext4_group *group = &ext4->groups[at / ext4->blocks_per_group];
		u32 bit = (u32)(at % ext4->blocks_per_group);
		u32 piece = MIN(count, ext4->blocks_per_group - bit);

		if (group->busy) {
			bitmap_clear_range(group->busy, bit, piece);
			group->busy_count -= MIN(piece, group->busy_count);
			if (!group->busy_count) {
				kfree(group->busy);
				group->busy = NULL;
			}
		}
		start += piece;
		count -= piece;
	}
}

void ext4_freed_committed(struct ext4 *ext4, struct list_node *freed)
{
	struct journal_freed *piece, *next;

	/* They are busy still, so nobody has written to them. That it fails is no harm. */
	if (ext4->options.discard)
		list_for_each_entry(piece, freed, link)
			block_discard(ext4->device, piece->start << ext4->block_shift,
				      (u64)piece->count << ext4->block_shift);
	mutex_lock(&ext4->allocation);
	list_for_each_entry_safe(piece, next, freed, link) {
		busy_clear(ext4, piece->start, piece->count);
		list_remove(&piece->link);
		kfree(piece);
	}
	mutex_unlock(&ext4->allocation);
}
