/* Listing directories. The directory is locked at least shared by the VFS. */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>

static int emit_block(struct ext4_inode *directory, struct buffer *buffer, s64 base, s64 position,
		      struct directory_sink *sink)
{
	static const u8 types[8] = { 0, 8, 4, 2, 6, 1, 12, 10 };
	u32 size = ext4_of_inode(directory)->block_size;

	for (u32 offset = 0; offset < size;) {
		struct ext4_entry *entry = (struct ext4_entry *)((u8 *)buffer->data + offset);

		if (!ext4_entry_valid(directory, buffer->data, offset, size))
			return ext4_corrupt(ext4_of_inode(directory), "directory %lu is wrong",
					    (unsigned long)directory->vnode.ino);
		if (entry->ino && base + offset >= position &&
		    !sink->emit(sink, entry->name, entry->name_length, entry->ino,
				types[entry->type & 7], base + offset + entry->length))
			return 0;
		offset += entry->length;
	}
	return 1;
}

/* "." and ".." are the first two; their positions are 0 and 1 where the others are sorted by hash. */
static int emit_dots(struct ext4_inode *directory, s64 *position, struct directory_sink *sink)
{
	struct ext4_found parent;
	u32 ino;
	int error;

	if (*position < 1 && !sink->emit(sink, ".", 1, directory->vnode.ino, S_IFDIR >> 12, 1))
		return 0;
	*position = MAX(*position, (s64)1);
	if (*position < 2) {
		error = ext4_directory_parent(directory, &parent);
		if (error)
			return error;
		ino = parent.entry->ino;
		buffer_put(parent.buffer);
		if (!sink->emit(sink, "..", 2, ino, S_IFDIR >> 12, 2))
			return 0;
	}
	*position = MAX(*position, (s64)2);
	return 1;
}

int ext4_readdir(struct vnode *vnode, s64 position, struct directory_sink *sink)
{
	struct ext4_inode *directory = ext4_inode_of(vnode);
	struct ext4 *ext4 = ext4_of(vnode);
	int result = 1;

	if (position < 0)
		return -EINVAL;
	if (directory->flags & EXT4_INLINE_DATA)
		return ext4_inline_readdir(directory, position, sink);
	if (ext4_is_indexed(directory)) {
		result = emit_dots(directory, &position, sink);
		return result > 0 ? ext4_index_readdir(directory, position, sink) : result;
	}
	for (u32 i = (u32)MIN((u64)position >> ext4->block_shift, (u64)~0u);
	     (u64)i << ext4->block_shift < vnode->size && result > 0; i++) {
		struct buffer *buffer;

		result = ext4_directory_read(directory, i, &buffer);
		if (result)
			return result;
		result = emit_block(directory, buffer, (s64)i << ext4->block_shift, position, sink);
		buffer_put(buffer);
	}
	return MIN(result, 0);
}
