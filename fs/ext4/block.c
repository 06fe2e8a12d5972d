/* Metadata blocks: bounds, and which checksum each kind gets. */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <lib/string.h>

bool ext4_blocks_valid(const struct ext4 *ext4, u64 block, u64 count)
{
	return block > ext4->first_data_block && block < ext4->block_count &&
	       count <= ext4->block_count - block;
}

int ext4_block_read(struct ext4 *ext4, u64 block, struct buffer **buffer)
{
	if (block >= ext4->block_count)
		return ext4_corrupt(ext4, "block %lu is beyond the end", (unsigned long)block);
	return buffer_read(ext4->device, block, ext4->block_size, buffer);
}

int ext4_block_new(struct ext4 *ext4, u64 block, struct buffer **buffer)
{
	int error = buffer_get_new(ext4->device, block, ext4->block_size, buffer);

	if (error)
		return error;
	memset((*buffer)->data, 0, ext4->block_size);
	(*buffer)->verified = true;
	return 0;
}

void ext4_block_seal(struct ext4 *ext4, struct buffer *buffer, enum ext4_kind kind, u32 seed)
{
	u32 *place = NULL, sum = 0;

	switch (kind) {
	case EXT4_EXTENT_BLOCK:
		sum = ext4_extent_checksum(seed, buffer->data, ext4->block_size, &place);
		break;
	case EXT4_DIRECTORY_BLOCK:
		sum = ext4_directory_checksum(seed, buffer->data, ext4->block_size, &place);
		break;
	case EXT4_INDEX_BLOCK:
		sum = ext4_index_checksum(seed, buffer->data, ext4->block_size, &place);
		break;
	case EXT4_XATTR_BLOCK:
		place = &((struct ext4_xattr_header *)buffer->data)->checksum;
		sum = ext4_xattr_checksum(ext4, buffer->block, buffer->data);
		break;
	case EXT4_BLOCK_BITMAP:
		ext4_block_bitmap_seal(ext4, seed, buffer->data);
		return;
	case EXT4_INODE_BITMAP:
		ext4_inode_bitmap_seal(ext4, seed, buffer->data);
		return;
	case EXT4_DESCRIPTORS:
		ext4_descriptors_seal(ext4, buffer);
		return;
	case EXT4_PLAIN:
		return;
	}
	if (place)
		*place = sum;
}

int ext4_block_changed(struct ext4 *ext4, struct journal_handle *handle, struct buffer *buffer,
		       enum ext4_kind kind, u32 seed)
{
	if (!ext4->checksums && !(ext4->group_sums && kind == EXT4_DESCRIPTORS))
		kind = EXT4_PLAIN;
	if (ext4->journal)
		return journal_add(handle, buffer, kind, seed);
	if (kind != EXT4_PLAIN) {
		ext4_block_seal(ext4, buffer, kind, seed);
		if (kind == EXT4_BLOCK_BITMAP || kind == EXT4_INODE_BITMAP) {
			struct buffer *descriptors = ext4_descriptor_buffer(ext4, seed);

			ext4_descriptors_seal(ext4, descriptors);
			buffer_dirty(descriptors);
		}
	}
	buffer_dirty(buffer);
	return 0;
}
