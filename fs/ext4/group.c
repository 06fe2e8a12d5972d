/* Group descriptors and the bitmaps that they lead to. */
#include <debug/log.h>
#include <fs/ext4/ext4.h>
#include <lib/bitmap.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

static u32 per_block(const struct ext4 *ext4)
{
	return ext4->block_size / ext4->descriptor_size;
}

static bool wide(const struct ext4 *ext4)
{
	return ext4->descriptor_size >= sizeof(struct ext4_descriptor);
}

struct buffer *ext4_descriptor_buffer(struct ext4 *ext4, u32 group)
{
	return ext4->descriptors[group / per_block(ext4)];
}

struct ext4_descriptor *ext4_descriptor(struct ext4 *ext4, u32 group)
{
	u8 *data = ext4_descriptor_buffer(ext4, group)->data;

	return (struct ext4_descriptor *)(data + group % per_block(ext4) * ext4->descriptor_size);
}

u64 ext4_group_start(const struct ext4 *ext4, u32 group)
{
	return ext4->first_data_block + (u64)group * ext4->blocks_per_group;
}

u32 ext4_group_blocks(const struct ext4 *ext4, u32 group)
{
	u64 left = ext4->block_count - ext4_group_start(ext4, group);

	return (u32)MIN(left, (u64)ext4->blocks_per_group);
}

#define FIELD(type, name)                                                                          \
	type ext4_group_##name(const struct ext4 *ext4, const struct ext4_descriptor *descriptor)
#define JOIN(name, shift)                                                                          \
	(descriptor->name##_low | (wide(ext4) ? (u64)descriptor->name##_high << (shift) : (u64)0))

FIELD(u64, block_bitmap)
{
	return JOIN(block_bitmap, 32);
}

FIELD(u64, inode_bitmap)
{
	return JOIN(inode_bitmap, 32);
}

FIELD(u64, inode_table)
{
	return JOIN(inode_table, 32);
}

FIELD(u32, free_blocks)
{
	return (u32)JOIN(free_blocks, 16);
}

FIELD(u32, free_inodes)
{
	return (u32)JOIN(free_inodes, 16);
}

FIELD(u32, directories)
{
	return (u32)JOIN(directories, 16);
}

FIELD(u32, unused)
{
	return (u32)JOIN(unused, 16);
}

#define SET(name)                                                                                  \
	void ext4_group_set_##name(struct ext4 *ext4, struct ext4_descriptor *descriptor,          \
				   u32 value)                                                      \
	{                                                                                          \
		descriptor->name##_low = (u16)value;                                               \
		if (wide(ext4))                                                                    \
			descriptor->name##_high = (u16)(value >> 16);                              \
	}

SET(free_blocks)
SET(free_inodes)
SET(directories)
SET(unused)

static bool is_power_of(u32 number, u32 base)
{
	u64 power = base;

	while (power < number)
		power *= base;
	return power == number;
}

bool ext4_group_has_super(const struct ext4 *ext4, u32 group)
{
	if (group == 0)
		return true;
	if (ext4_has_compat(ext4, EXT4_COMPAT_SPARSE_SUPER2))
		return group == ext4->super->backup_groups[0] ||
		       group == ext4->super->backup_groups[1];
	if (group == 1 || !ext4_has_ro_compat(ext4, EXT4_RO_SPARSE_SUPER))
		return true;
	return group % 2 &&
	       (is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7));
}

/* With meta_bg, a block of descriptors lies in the first, second and last of the groups it describes. */
u32 ext4_group_head(const struct ext4 *ext4, u32 group)
{
	u32 meta = group / per_block(ext4), in_meta = group % per_block(ext4);
	bool has_super = ext4_group_has_super(ext4, group);
	u32 blocks = DIV_ROUND_UP(ext4->group_count, per_block(ext4));

	if (ext4_has_incompat(ext4, EXT4_INCOMPAT_META_BG)) {
		if (meta >= ext4->super->first_meta_group)
			return has_super + (in_meta <= 1 || in_meta == per_block(ext4) - 1);
		blocks = ext4->super->first_meta_group;
	}
	return has_super ? 1 + blocks + ext4->super->reserved_descriptor_blocks : 0;
}

void ext4_descriptors_seal(struct ext4 *ext4, struct buffer *buffer)
{
	for (u32 i = 0; i < DIV_ROUND_UP(ext4->group_count, per_block(ext4)); i++) {
		u32 group = i * per_block(ext4);

		if (ext4->descriptors[i] != buffer)
			continue;
		for (u32 end = MIN(group + per_block(ext4), ext4->group_count); group < end;
		     group++) {
			struct ext4_descriptor *descriptor = ext4_descriptor(ext4, group);

			descriptor->checksum = ext4_descriptor_checksum(ext4, group, descriptor);
		}
	}
}

void ext4_block_bitmap_seal(struct ext4 *ext4, u32 group, const void *bitmap)
{
	struct ext4_descriptor *descriptor = ext4_descriptor(ext4, group);
	u32 sum = ext4_bitmap_checksum(ext4, bitmap, ext4->blocks_per_group);

	descriptor->block_checksum_low = (u16)sum;
	if (wide(ext4))
		descriptor->block_checksum_high = (u16)(sum >> 16);
}

void ext4_inode_bitmap_seal(struct ext4 *ext4, u32 group, const void *bitmap)
{
	struct ext4_descriptor *descriptor = ext4_descriptor(ext4, group);
	u32 sum = ext4_bitmap_checksum(ext4, bitmap, ext4->inodes_per_group);

	descriptor->inode_checksum_low = (u16)sum;
	if (wide(ext4))
		descriptor->inode_checksum_high = (u16)(sum >> 16);
}

static bool sums_equal(const struct ext4 *ext4, u32 sum, u16 low, u16 high)
{
	return (u16)sum == low && (!wide(ext4) || sum >> 16 == high);
}

/* Set what of [start, start + count) lies in @group. */
static void mark(struct ext4 *ext4, u32 group, u64 *bitmap, u64 start, u64 count)
{
	u64 first = ext4_group_start(ext4, group), end = first + ext4_group_blocks(ext4, group);
	u64 from = MAX(start, first), to = MIN(start + count, end);

	if (from < to)
		bitmap_set_range(bitmap, from - first, to - from);
}

/* A group whose blocks were never used: all is free but its own metadata. */
static void make_block_bitmap(struct ext4 *ext4, u32 group, u64 *bitmap)
{
	struct ext4_descriptor *descriptor = ext4_descriptor(ext4, group);
	u32 table = DIV_ROUND_UP(ext4->inodes_per_group * ext4->inode_size, ext4->block_size);
	u32 blocks = ext4_group_blocks(ext4, group), bits = ext4->block_size * 8;

	memset(bitmap, 0, ext4->block_size);
	bitmap_set_range(bitmap, 0, MIN(ext4_group_head(ext4, group), blocks));
	mark(ext4, group, bitmap, ext4_group_block_bitmap(ext4, descriptor), 1);
	mark(ext4, group, bitmap, ext4_group_inode_bitmap(ext4, descriptor), 1);
	mark(ext4, group, bitmap, ext4_group_inode_table(ext4, descriptor), table);
	bitmap_set_range(bitmap, blocks, bits - blocks);
}

static int bitmap_unusable(struct ext4 *ext4, u32 group, bool *mark_it, const char *which)
{
	if (*mark_it)
		return -EUCLEAN;
	*mark_it = true;
	return ext4_corrupt(ext4, "group %u: the %s bitmap is wrong", group, which);
}

/* The blocks of metadata must be marked as used, else files would be put over them. */
static bool block_bitmap_sane(struct ext4 *ext4, u32 group, const u64 *bitmap)
{
	const struct ext4_descriptor *descriptor = ext4_descriptor(ext4, group);
	u64 first = ext4_group_start(ext4, group), blocks = ext4_group_blocks(ext4, group);
	u64 own[] = { ext4_group_block_bitmap(ext4, descriptor),
		      ext4_group_inode_bitmap(ext4, descriptor),
		      ext4_group_inode_table(ext4, descriptor) };
	u32 sum;

	for (unsigned i = 0; i < ARRAY_SIZE(own); i++)
		if (own[i] >= first && own[i] < first + blocks &&
		    !bitmap_test(bitmap, own[i] - first))
			return false;
	if (!ext4->checksums)
		return true;
	sum = ext4_bitmap_checksum(ext4, bitmap, ext4->blocks_per_group);
	return sums_equal(ext4, sum, descriptor->block_checksum_low,
			  descriptor->block_checksum_high);
}

int ext4_block_bitmap(struct ext4 *ext4, u32 group, struct buffer **bitmap)
{
	struct ext4_descriptor *descriptor = ext4_descriptor(ext4, group);
	u64 block = ext4_group_block_bitmap(ext4, descriptor);
	struct ext4_group *state = &ext4->groups[group];
	bool sums = ext4->checksums || ext4->group_sums;
	int error;

	if (state->unusable)
		return -EUCLEAN;
	/* Nothing was ever taken from it, so that it is the same each time. */
	if (sums && descriptor->flags & EXT4_GROUP_BLOCK_UNINIT) {
		error = ext4_block_new(ext4, block, bitmap);
		if (!error)
			make_block_bitmap(ext4, group, (*bitmap)->data);
		state->blocks_checked = true;
		return error;
	}
	error = ext4_block_read(ext4, block, bitmap);
	if (error || state->blocks_checked)
		return error;
	if (!block_bitmap_sane(ext4, group, (*bitmap)->data)) {
		buffer_put(*bitmap);
		return bitmap_unusable(ext4, group, &state->unusable, "block");
	}
	state->blocks_checked = true;
	return 0;
}

static bool inode_bitmap_sane(struct ext4 *ext4, u32 group, const u64 *bitmap)
{
	const struct ext4_descriptor *descriptor = ext4_descriptor(ext4, group);
	u32 sum;

	if (!ext4->checksums)
		return true;
	sum = ext4_bitmap_checksum(ext4, bitmap, ext4->inodes_per_group);
	return sums_equal(ext4, sum, descriptor->inode_checksum_low,
			  descriptor->inode_checksum_high);
}

int ext4_inode_bitmap(struct ext4 *ext4, u32 group, struct buffer **bitmap)
{
	struct ext4_descriptor *descriptor = ext4_descriptor(ext4, group);
	u64 block = ext4_group_inode_bitmap(ext4, descriptor);
	struct ext4_group *state = &ext4->groups[group];
	bool uninit = descriptor->flags & EXT4_GROUP_INODE_UNINIT &&
		      (ext4->checksums || ext4->group_sums);
	u32 bits = ext4->block_size * 8;
	int error;

	if (state->inodes_unusable)
		return -EUCLEAN;
	if (uninit) {
		error = ext4_block_new(ext4, block, bitmap);
		if (error)
			return error;
		memset((*bitmap)->data, 0, ext4->block_size);
		bitmap_set_range((*bitmap)->data, ext4->inodes_per_group,
				 bits - ext4->inodes_per_group);
		state->inodes_checked = true;
		return 0;
	}
	error = ext4_block_read(ext4, block, bitmap);
	if (error || state->inodes_checked)
		return error;
	if (!inode_bitmap_sane(ext4, group, (*bitmap)->data)) {
		buffer_put(*bitmap);
		return bitmap_unusable(ext4, group, &state->inodes_unusable, "inode");
	}
	state->inodes_checked = true;
	return 0;
}

/* Where the @number-th block of descriptors is. */
static u64 descriptor_block(const struct ext4 *ext4, u32 number)
{
	u32 group = number * per_block(ext4);

	if (!ext4_has_incompat(ext4, EXT4_INCOMPAT_META_BG) ||
	    number < ext4->super->first_meta_group)
		return ext4->super_buffer->block + 1 + number;
	return ext4_group_start(ext4, group) + ext4_group_has_super(ext4, group);
}

static int check_descriptor(struct ext4 *ext4, u32 group)
{
	const struct ext4_descriptor *descriptor = ext4_descriptor(ext4, group);
	u32 table = DIV_ROUND_UP(ext4->inodes_per_group * ext4->inode_size, ext4->block_size);

	if ((ext4->checksums || ext4->group_sums) &&
	    descriptor->checksum != ext4_descriptor_checksum(ext4, group, descriptor)) {
		log_error("%s: group %u: the descriptor's checksum is wrong", ext4->name, group);
		return -EUCLEAN;
	}
	if (!ext4_blocks_valid(ext4, ext4_group_block_bitmap(ext4, descriptor), 1) ||
	    !ext4_blocks_valid(ext4, ext4_group_inode_bitmap(ext4, descriptor), 1) ||
	    !ext4_blocks_valid(ext4, ext4_group_inode_table(ext4, descriptor), table) ||
	    ext4_group_free_blocks(ext4, descriptor) > ext4_group_blocks(ext4, group) ||
	    ext4_group_free_inodes(ext4, descriptor) > ext4->inodes_per_group ||
	    ext4_group_unused(ext4, descriptor) > ext4->inodes_per_group) {
		log_error("%s: group %u: the descriptor contradicts itself", ext4->name, group);
		return -EUCLEAN;
	}
	ext4->free_blocks += ext4_group_free_blocks(ext4, descriptor);
	ext4->free_inodes += ext4_group_free_inodes(ext4, descriptor);
	ext4->directories += ext4_group_directories(ext4, descriptor);
	ext4->overhead += 2 + table + ext4_group_head(ext4, group);
	return 0;
}

void ext4_groups_unload(struct ext4 *ext4)
{
	for (u32 i = 0; ext4->descriptors && i < DIV_ROUND_UP(ext4->group_count, per_block(ext4));
	     i++)
		if (ext4->descriptors[i])
			buffer_put(ext4->descriptors[i]);
	for (u32 i = 0; ext4->groups && i < ext4->group_count; i++)
		kfree(ext4->groups[i].busy);
	kfree(ext4->descriptors);
	kfree(ext4->groups);
	kfree(ext4->scratch);
	ext4->descriptors = NULL;
	ext4->groups = NULL;
	ext4->scratch = NULL;
}

int ext4_groups_load(struct ext4 *ext4)
{
	u32 blocks = DIV_ROUND_UP(ext4->group_count, per_block(ext4));
	int error = 0;

	ext4->free_blocks = ext4->free_inodes = ext4->directories = 0;
	ext4->overhead = ext4->first_data_block;
	ext4->descriptors = kzalloc(blocks * sizeof(*ext4->descriptors));
	ext4->groups = kzalloc(ext4->group_count * sizeof(*ext4->groups));
	ext4->scratch = kzalloc(ext4->block_size);
	if (!ext4->descriptors || !ext4->groups || !ext4->scratch)
		error = -ENOMEM;
	for (u32 i = 0; !error && i < blocks; i++) {
		u64 block = descriptor_block(ext4, i);

		error = block < ext4->block_count
				? buffer_read(ext4->device, block, ext4->block_size,
					      &ext4->descriptors[i])
				: -EUCLEAN;
	}
	for (u32 group = 0; !error && group < ext4->group_count; group++)
		error = check_descriptor(ext4, group);
	if (error)
		ext4_groups_unload(ext4);
	return error;
}
