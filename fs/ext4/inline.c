/* Files and directories whose contents are in the inode (inline_data): read, never written. */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { IN_BLOCK = 60, PARENT = 4 };

/* All of it: what is in the block's place, then an attribute. kfree(). */
static u8 *contents(struct ext4_inode *inode, size_t *size, int *error)
{
	u8 *data = kzalloc(IN_BLOCK + EXT4_BLOCK_SIZE_MAX);
	ssize_t more;

	*error = data ? 0 : -ENOMEM;
	if (!data)
		return NULL;
	memcpy(data, inode->block, IN_BLOCK);
	more = ext4_xattr_system_data(inode, data + IN_BLOCK, EXT4_BLOCK_SIZE_MAX);
	if (more < 0 && more != -ENODATA) {
		*error = (int)more;
		kfree(data);
		return NULL;
	}
	*size = IN_BLOCK + (size_t)MAX(more, (ssize_t)0);
	return data;
}

ssize_t ext4_inline_read(struct ext4_inode *inode, u64 offset, void *to, size_t size)
{
	size_t have;
	int error;
	u8 *data = contents(inode, &have, &error);

	if (!data)
		return error;
	have = (size_t)MIN((u64)have, inode->vnode.size);
	size = offset < have ? MIN(size, have - (size_t)offset) : 0;
	memcpy(to, data + offset, size);
	kfree(data);
	return (ssize_t)size;
}

/* Two stretches of entries: behind the parent's number, and in the attribute. */
static bool next_entry(struct ext4_inode *directory, const u8 *data, size_t size, u32 *at,
		       const struct ext4_entry **entry)
{
	u32 end = *at < IN_BLOCK ? IN_BLOCK : (u32)size;

	if (*at >= size)
		return false;
	if (!ext4_entry_valid(directory, data, *at, end))
		return false;
	*entry = (const struct ext4_entry *)(data + *at);
	*at += (*entry)->length;
	return true;
}

int ext4_inline_find(struct ext4_inode *directory, const char *name, size_t length, u32 *ino)
{
	const struct ext4_entry *entry;
	size_t size;
	u32 at = PARENT;
	int error;
	u8 *data = contents(directory, &size, &error);

	if (!data)
		return error;
	error = -ENOENT;
	while (error && next_entry(directory, data, size, &at, &entry)) {
		if (entry->ino && entry->name_length == length &&
		    !memcmp(entry->name, name, length)) {
			*ino = entry->ino;
			error = 0;
		}
	}
	kfree(data);
	return error;
}

int ext4_inline_readdir(struct ext4_inode *directory, s64 position, struct directory_sink *sink)
{
	static const u8 types[8] = { 0, 8, 4, 2, 6, 1, 12, 10 };
	const struct ext4_entry *entry;
	size_t size;
	u32 at = PARENT;
	int error;
	u8 *data = contents(directory, &size, &error);
	bool room = true;

	if (!data)
		return error;
	if (position < 1)
		room = sink->emit(sink, ".", 1, directory->vnode.ino, S_IFDIR >> 12, 1);
	if (room && position < 2)
		room = sink->emit(sink, "..", 2, *(u32 *)data, S_IFDIR >> 12, 2);
	while (room && next_entry(directory, data, size, &at, &entry)) {
		if (entry->ino && at - entry->length + 2 >= position)
			room = sink->emit(sink, entry->name, entry->name_length, entry->ino,
					  types[entry->type & 7], at + 2);
	}
	kfree(data);
	return 0;
}
