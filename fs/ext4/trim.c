/* fstrim(8): telling the device of blocks that nobody uses. */
#include <dev/block.h>
#include <fs/ext4/ext4.h>
#include <lib/bitmap.h>
#include <lib/errno.h>
#include <sched/thread.h>

struct trimming {
	u64 first, end; /* blocks */
	u64 minimum;
	u64 *trimmed; /* bytes so far */
};

/* [allocation] So nobody takes what is being discarded. */
static int trim_run(struct ext4 *ext4, u64 start, u64 count, const struct trimming *trimming)
{
	u32 shift = ext4->block_shift;
	int error;

	if (count < trimming->minimum)
		return 0;
	error = block_discard(ext4->device, start << shift, count << shift);
	if (!error)
		*trimming->trimmed += count << shift;
	return error;
}

/* [allocation] */
static int trim_bits(struct ext4 *ext4, u32 group, const u64 *map, const struct trimming *trimming)
{
	u64 base = ext4_group_start(ext4, group), bits = ext4_group_blocks(ext4, group);
	u64 bit = trimming->first > base ? trimming->first - base : 0;
	u64 end = MIN(bits, trimming->end - base), last;
	int error = 0;

	while (!error && bit < end) {
		bit = bitmap_next_zero(map, end, bit);
		if (bit >= end)
			break;
		last = bitmap_next_set(map, end, bit);
		error = trim_run(ext4, base + bit, last - bit, trimming);
		bit = last;
	}
	return error;
}

static int trim_group(struct ext4 *ext4, u32 group, const struct trimming *trimming)
{
	struct buffer *bitmap;
	int error = 0;

	mutex_lock(&ext4->allocation);
	if (ext4_group_free_blocks(ext4, ext4_descriptor(ext4, group)) >= trimming->minimum) {
		error = ext4_block_bitmap(ext4, group, &bitmap);
		if (!error) {
			error = trim_bits(ext4, group, ext4_taken_map(ext4, group, bitmap),
					  trimming);
			buffer_put(bitmap);
		}
	}
	mutex_unlock(&ext4->allocation);
	/* A group whose bitmap is wrong is left alone. */
	return error == -EUCLEAN ? 0 : error;
}

int ext4_trim(struct file_system *system, u64 start, u64 size, u64 minimum, u64 *trimmed)
{
	struct ext4 *ext4 = container_of(system, struct ext4, system);
	u32 shift = ext4->block_shift, group;
	u64 most = ext4->block_count;
	struct trimming trimming = { start >> shift, most, MAX(minimum >> shift, 1ull), trimmed };
	int error = ext4_writable(ext4);

	if (error)
		return error;
	if (!(ext4->device->disk->features & BLOCK_HAS_DISCARD))
		return -EOPNOTSUPP;
	if (trimming.minimum > ext4->blocks_per_group || trimming.first >= most ||
	    size < ext4->block_size)
		return -EINVAL;
	if (size >> shift < most - trimming.first)
		trimming.end = trimming.first + (size >> shift);
	if (trimming.end <= ext4->first_data_block)
		return 0;
	trimming.first = MAX(trimming.first, (u64)ext4->first_data_block);
	group = (u32)((trimming.first - ext4->first_data_block) / ext4->blocks_per_group);
	for (; !error && group < ext4->group_count && ext4_group_start(ext4, group) < trimming.end;
	     group++) {
		error = thread_interrupted(WAIT_INTERRUPTIBLE) ? -EINTR
							       : trim_group(ext4, group, &trimming);
	}
	return error;
}
