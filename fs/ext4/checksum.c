/* The checksums of metadata_csum, and those of uninit_bg for descriptors. */
#include <fs/ext4/ext4.h>
#include <lib/crc32c.h>

u32 ext4_super_checksum(const struct ext4_super *super)
{
	return crc32c(~0u, super, offsetof(struct ext4_super, checksum));
}

u16 ext4_descriptor_checksum(const struct ext4 *ext4, u32 group, const struct ext4_descriptor *of)
{
	enum { PLACE = offsetof(struct ext4_descriptor, checksum), AFTER = PLACE + 2 };
	const u8 *bytes = (const u8 *)of;
	u16 zero = 0, sum;
	u32 crc;

	if (ext4->checksums) {
		crc = crc32c(ext4->checksum_seed, &group, sizeof(group));
		crc = crc32c(crc, bytes, PLACE);
		crc = crc32c(crc, &zero, sizeof(zero));
		return (u16)crc32c(crc, bytes + AFTER, ext4->descriptor_size - AFTER);
	}
	sum = crc16(0xffff, ext4->super->uuid, sizeof(ext4->super->uuid));
	sum = crc16(sum, &group, sizeof(group));
	sum = crc16(sum, bytes, PLACE);
	return crc16(sum, bytes + AFTER, ext4->descriptor_size - AFTER);
}

u32 ext4_bitmap_checksum(const struct ext4 *ext4, const void *bitmap, u32 bits)
{
	return crc32c(ext4->checksum_seed, bitmap, bits / 8);
}

u32 ext4_inode_seed(const struct ext4 *ext4, u32 ino, u32 generation)
{
	u32 crc = crc32c(ext4->checksum_seed, &ino, sizeof(ino));

	return crc32c(crc, &generation, sizeof(generation));
}

u32 ext4_inode_checksum(const struct ext4_inode *inode, const struct ext4_raw_inode *raw)
{
	enum {
		LOW = offsetof(struct ext4_raw_inode, checksum_low),
		HIGH = offsetof(struct ext4_raw_inode, checksum_high),
	};
	const struct ext4 *ext4 = ext4_of_inode(inode);
	const u8 *bytes = (const u8 *)raw;
	u16 zero = 0;
	u32 crc = crc32c(inode->checksum_seed, bytes, LOW);
	u32 from = LOW + 2;

	crc = crc32c(crc, &zero, sizeof(zero));
	if (ext4->inode_size > EXT4_OLD_INODE_SIZE && raw->extra_size >= 4) {
		crc = crc32c(crc, bytes + from, HIGH - from);
		crc = crc32c(crc, &zero, sizeof(zero));
		from = HIGH + 2;
	}
	return crc32c(crc, bytes + from, ext4->inode_size - from);
}

u32 ext4_extent_checksum(u32 seed, const void *block, u32 size, u32 **place)
{
	const struct ext4_extent_header *header = block;
	u32 tail = sizeof(*header) + header->max * (u32)sizeof(struct ext4_extent);

	*place = NULL;
	if (tail + sizeof(u32) > size)
		return 0;
	*place = (u32 *)((u8 *)(uintptr_t)block + tail);
	return crc32c(seed, block, tail);
}

u32 ext4_directory_checksum(u32 seed, const void *block, u32 size, u32 **place)
{
	u32 space = size - sizeof(struct ext4_directory_tail);
	struct ext4_directory_tail *tail =
		(struct ext4_directory_tail *)((u8 *)(uintptr_t)block + space);

	*place = NULL;
	if (tail->zero || tail->zero2 || tail->length != sizeof(*tail) ||
	    tail->type != EXT4_TAIL_TYPE)
		return 0;
	*place = &tail->checksum;
	return crc32c(seed, block, space);
}

/* The count lies after a fake entry that spans the block, or after "." and ".." in the root. */
static u32 index_count_offset(const void *block, u32 size)
{
	const struct ext4_entry *first = block, *second;

	if (first->length == size)
		return 8;
	second = (const struct ext4_entry *)((const u8 *)block + 12);
	if (first->length == 12 && second->length == size - 12)
		return 32;
	return 0;
}

u32 ext4_index_checksum(u32 seed, const void *block, u32 size, u32 **place)
{
	u32 offset = index_count_offset(block, size), zero = 0, crc, end;
	const struct ext4_index_count *count;
	struct ext4_index_tail *tail;

	*place = NULL;
	if (!offset)
		return 0;
	count = (const struct ext4_index_count *)((const u8 *)block + offset);
	end = offset + count->limit * (u32)sizeof(struct ext4_index_entry);
	if (count->count > count->limit || end + sizeof(*tail) > size)
		return 0;
	tail = (struct ext4_index_tail *)((u8 *)(uintptr_t)block + end);
	*place = &tail->checksum;
	crc = crc32c(seed, block, offset + count->count * sizeof(struct ext4_index_entry));
	crc = crc32c(crc, &tail->reserved, sizeof(tail->reserved));
	return crc32c(crc, &zero, sizeof(zero));
}

u32 ext4_xattr_checksum(const struct ext4 *ext4, u64 number, const struct ext4_xattr_header *block)
{
	enum { PLACE = offsetof(struct ext4_xattr_header, checksum) };
	u32 zero = 0, crc = crc32c(ext4->checksum_seed, &number, sizeof(number));

	crc = crc32c(crc, block, PLACE);
	crc = crc32c(crc, &zero, sizeof(zero));
	return crc32c(crc, (const u8 *)block + PLACE + 4, ext4->block_size - PLACE - 4);
}
