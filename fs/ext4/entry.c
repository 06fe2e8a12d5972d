/* Names within one block of a directory. */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <lib/string.h>

u32 ext4_entry_space(const struct ext4 *ext4)
{
	u32 tail = ext4->checksums ? (u32)sizeof(struct ext4_directory_tail) : 0;

	return ext4->block_size - tail;
}

u32 ext4_entry_length(size_t name_length)
{
	return ALIGN_UP((u32)name_length + EXT4_ENTRY_HEADER, 4u);
}

u8 ext4_entry_type(const struct ext4 *ext4, u32 mode)
{
	static const u8 types[16] = { [S_IFREG >> 12] = 1, [S_IFDIR >> 12] = 2,
				      [S_IFCHR >> 12] = 3, [S_IFBLK >> 12] = 4,
				      [S_IFIFO >> 12] = 5, [S_IFSOCK >> 12] = 6,
				      [S_IFLNK >> 12] = 7 };

	return ext4_has_incompat(ext4, EXT4_INCOMPAT_FILETYPE) ? types[mode >> 12 & 15] : 0;
}

static struct ext4_entry *entry_at(const void *block, u32 offset)
{
	return (struct ext4_entry *)((uintptr_t)block + offset);
}

bool ext4_entry_valid(const struct ext4_inode *directory, const void *block, u32 offset, u32 space)
{
	const struct ext4_entry *entry = entry_at(block, offset);

	return offset + EXT4_ENTRY_HEADER <= space && entry->length % 4 == 0 &&
	       entry->length >= ext4_entry_length(1) && entry->length <= space - offset &&
	       ext4_entry_length(entry->name_length) <= entry->length &&
	       entry->ino <= ext4_of_inode(directory)->inode_count;
}

static int entry_wrong(struct ext4_inode *directory, u64 block, u32 offset)
{
	return ext4_corrupt(ext4_of_inode(directory),
			    "directory %lu: block %lu: entry at %u is wrong",
			    (unsigned long)directory->vnode.ino, (unsigned long)block, offset);
}

int ext4_entry_search(struct ext4_inode *directory, struct buffer *buffer, const char *name,
		      size_t length, struct ext4_entry **found)
{
	u32 size = ext4_of_inode(directory)->block_size;

	for (u32 offset = 0; offset < size;) {
		struct ext4_entry *entry = entry_at(buffer->data, offset);

		if (!ext4_entry_valid(directory, buffer->data, offset, size))
			return entry_wrong(directory, buffer->block, offset);
		if (entry->ino && entry->name_length == length &&
		    !memcmp(entry->name, name, length)) {
			*found = entry;
			return 1;
		}
		offset += entry->length;
	}
	return 0;
}

static void entry_fill(struct ext4_inode *directory, struct ext4_entry *entry, const char *name,
		       size_t length, u32 ino, u32 mode)
{
	entry->ino = ino;
	entry->name_length = (u8)length;
	entry->type = ext4_entry_type(ext4_of_inode(directory), mode);
	memcpy(entry->name, name, length);
}

int ext4_entry_add(struct ext4_inode *directory, struct buffer *buffer, const char *name,
		   size_t length, u32 ino, u32 mode)
{
	u32 space = ext4_entry_space(ext4_of_inode(directory));
	u32 need = ext4_entry_length(length);

	for (u32 offset = 0; offset < space;) {
		struct ext4_entry *entry = entry_at(buffer->data, offset);
		u32 used = entry->ino ? ext4_entry_length(entry->name_length) : 0;

		if (!ext4_entry_valid(directory, buffer->data, offset, space))
			return entry_wrong(directory, buffer->block, offset);
		if (entry->length >= used + need) {
			if (used) {
				struct ext4_entry *rest = entry_at(entry, used);

				rest->length = (u16)(entry->length - used);
				entry->length = (u16)used;
				entry = rest;
			}
			entry_fill(directory, entry, name, length, ino, mode);
			return 0;
		}
		offset += entry->length;
	}
	return -ENOSPC;
}

int ext4_entry_remove(struct ext4_inode *directory, const struct ext4_found *found)
{
	const void *block = found->buffer->data;
	u32 size = ext4_of_inode(directory)->block_size;
	struct ext4_entry *before = NULL;

	for (u32 offset = 0; offset < size;) {
		struct ext4_entry *entry = entry_at(block, offset);

		if (!ext4_entry_valid(directory, block, offset, size))
			return entry_wrong(directory, found->buffer->block, offset);
		if (entry == found->entry) {
			if (before)
				before->length = (u16)(before->length + entry->length);
			entry->ino = 0;
			return 0;
		}
		before = entry;
		offset += entry->length;
	}
	return -ENOENT;
}

void ext4_directory_block_init(const struct ext4 *ext4, void *block)
{
	u32 space = ext4_entry_space(ext4);
	struct ext4_entry *entry = block;

	memset(block, 0, ext4->block_size);
	entry->length = (u16)space;
	if (ext4->checksums) {
		struct ext4_directory_tail *tail =
			(struct ext4_directory_tail *)((u8 *)block + space);

		tail->length = sizeof(*tail);
		tail->type = EXT4_TAIL_TYPE;
	}
}
