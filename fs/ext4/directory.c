/* Directories as blocks of names, searched one after the other unless there is an index. */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <lib/string.h>

bool ext4_is_indexed(const struct ext4_inode *directory)
{
	return directory->flags & EXT4_INDEX && ext4_of_inode(directory)->indexed;
}

static u32 block_count(const struct ext4_inode *directory)
{
	return (u32)(directory->vnode.size >> ext4_of_inode(directory)->block_shift);
}

static bool is_index_block(const struct ext4_inode *directory, const void *block, u32 number)
{
	const struct ext4_entry *entry = block;

	if (!ext4_is_indexed(directory))
		return false;
	return number == 0 ||
	       (!entry->ino && entry->length == ext4_of_inode(directory)->block_size);
}

static bool checksum_is_right(const struct ext4_inode *directory, const void *block, u32 number)
{
	u32 size = ext4_of_inode(directory)->block_size, *place;
	u32 sum = is_index_block(directory, block, number)
			  ? ext4_index_checksum(directory->checksum_seed, block, size, &place)
			  : ext4_directory_checksum(directory->checksum_seed, block, size, &place);

	return place && *place == sum;
}

int ext4_directory_read(struct ext4_inode *directory, u32 number, struct buffer **buffer)
{
	struct ext4 *ext4 = ext4_of_inode(directory);
	struct ext4_run run;
	int error;

	read_lock(&directory->map);
	error = ext4_map_lookup(directory, number, &run);
	read_unlock(&directory->map);
	if (error)
		return error;
	if (!run.start || run.unwritten)
		return ext4_corrupt(ext4, "directory %lu: block %u is missing",
				    (unsigned long)directory->vnode.ino, number);
	error = ext4_block_read(ext4, run.start, buffer);
	if (error || !ext4->checksums || (*buffer)->verified)
		return error;
	if (!checksum_is_right(directory, (*buffer)->data, number)) {
		buffer_put(*buffer);
		return ext4_corrupt(ext4, "directory %lu: block %u: the checksum is wrong",
				    (unsigned long)directory->vnode.ino, number);
	}
	(*buffer)->verified = true;
	return 0;
}

int ext4_directory_changed(struct journal_handle *handle, struct ext4_inode *directory,
			   struct buffer *buffer, u32 number)
{
	bool index = is_index_block(directory, buffer->data, number);

	return ext4_block_changed(ext4_of_inode(directory), handle, buffer,
				  index ? EXT4_INDEX_BLOCK : EXT4_DIRECTORY_BLOCK,
				  directory->checksum_seed);
}

int ext4_directory_append(struct journal_handle *handle, struct ext4_inode *directory, u32 *number,
			  struct buffer **buffer)
{
	struct ext4 *ext4 = ext4_of_inode(directory);
	struct ext4_run run = { .block = block_count(directory), .count = 1 };
	int error;

	write_lock(&directory->map);
	error = ext4_blocks_allocate(ext4, handle, ext4_map_goal(directory, run.block), &run.count,
				     false, &run.start);
	if (!error)
		error = ext4_block_new(ext4, run.start, buffer);
	if (!error) {
		directory->vnode.blocks += ext4->block_size / 512;
		error = ext4_map_insert(handle, directory, &run);
		if (error)
			buffer_put(*buffer);
	}
	if (!error) {
		directory->disk_size += ext4->block_size;
		WRITE_ONCE(directory->vnode.size, directory->disk_size);
		ext4_directory_block_init(ext4, (*buffer)->data);
	}
	write_unlock(&directory->map);
	if (error)
		return error;
	*number = run.block;
	error = ext4_directory_changed(handle, directory, *buffer, run.block);
	if (!error)
		error = ext4_inode_store(handle, directory);
	if (error)
		buffer_put(*buffer);
	return error;
}

static int find_linear(struct ext4_inode *directory, const char *name, size_t length,
		       struct ext4_found *found)
{
	for (u32 i = 0; i < block_count(directory); i++) {
		int result = ext4_directory_read(directory, i, &found->buffer);

		if (result)
			return result;
		result = ext4_entry_search(directory, found->buffer, name, length, &found->entry);
		if (result > 0) {
			found->block = i;
			return 0;
		}
		buffer_put(found->buffer);
		if (result < 0)
			return result;
	}
	return -ENOENT;
}

int ext4_name_find(struct ext4_inode *directory, const char *name, size_t length,
		   struct ext4_found *found)
{
	int error;

	if (ext4_is_indexed(directory)) {
		error = ext4_index_find(directory, name, length, found);
		if (error != -EUCLEAN)
			return error;
	}
	return find_linear(directory, name, length, found);
}

static int add_linear(struct journal_handle *handle, struct ext4_inode *directory, const char *name,
		      size_t length, u32 ino, u32 mode)
{
	struct buffer *buffer;
	u32 number = block_count(directory);
	int error;

	/* New names find room at the end more often than not. */
	while (number--) {
		error = ext4_directory_read(directory, number, &buffer);
		if (error)
			return error;
		error = ext4_entry_add(directory, buffer, name, length, ino, mode);
		if (!error)
			error = ext4_directory_changed(handle, directory, buffer, number);
		buffer_put(buffer);
		if (error != -ENOSPC)
			return error;
	}
	if (block_count(directory) == 1 && ext4_of_inode(directory)->indexed) {
		error = ext4_index_make(handle, directory);
		return error ? error : ext4_index_add(handle, directory, name, length, ino, mode);
	}
	error = ext4_directory_append(handle, directory, &number, &buffer);
	if (error)
		return error;
	error = ext4_entry_add(directory, buffer, name, length, ino, mode);
	if (!error)
		error = ext4_directory_changed(handle, directory, buffer, number);
	buffer_put(buffer);
	return error;
}

int ext4_name_add(struct journal_handle *handle, struct ext4_inode *directory, const char *name,
		  size_t length, u32 ino, u32 mode)
{
	if (ext4_is_indexed(directory))
		return ext4_index_add(handle, directory, name, length, ino, mode);
	/* Whoever does not keep an index up to date says so. */
	directory->flags &= ~(u32)EXT4_INDEX;
	return add_linear(handle, directory, name, length, ino, mode);
}

int ext4_directory_make(struct journal_handle *handle, struct ext4_inode *made, u32 parent)
{
	struct ext4 *ext4 = ext4_of_inode(made);
	struct ext4_entry *dot, *dotdot;
	struct buffer *buffer;
	u32 number;
	int error = ext4_directory_append(handle, made, &number, &buffer);

	if (error)
		return error;
	dot = buffer->data;
	dotdot = (struct ext4_entry *)((u8 *)buffer->data + ext4_entry_length(1));
	dotdot->length = (u16)(dot->length - ext4_entry_length(1));
	dot->length = (u16)ext4_entry_length(1);
	dot->ino = (u32)made->vnode.ino;
	dot->name_length = 1;
	dot->name[0] = '.';
	dotdot->ino = parent;
	dotdot->name_length = 2;
	dotdot->name[0] = dotdot->name[1] = '.';
	dot->type = dotdot->type = ext4_entry_type(ext4, S_IFDIR);
	error = ext4_directory_changed(handle, made, buffer, number);
	buffer_put(buffer);
	return error;
}

static bool is_dots(const struct ext4_entry *entry)
{
	return entry->name[0] == '.' &&
	       (entry->name_length == 1 || (entry->name_length == 2 && entry->name[1] == '.'));
}

/* Does the block hold a name but "." and ".."? */
static bool block_empty(struct ext4_inode *directory, const struct buffer *buffer, int *error)
{
	u32 size = ext4_of_inode(directory)->block_size;

	for (u32 offset = 0; offset < size;) {
		const struct ext4_entry *entry =
			(const struct ext4_entry *)((const u8 *)buffer->data + offset);

		if (!ext4_entry_valid(directory, buffer->data, offset, size)) {
			*error = ext4_corrupt(ext4_of_inode(directory), "directory %lu is wrong",
					      (unsigned long)directory->vnode.ino);
			return false;
		}
		if (entry->ino && !is_dots(entry))
			return false;
		offset += entry->length;
	}
	return true;
}

bool ext4_directory_empty(struct ext4_inode *directory, int *error)
{
	bool empty = true;

	*error = 0;
	if (directory->flags & EXT4_INLINE_DATA)
		return false;
	for (u32 i = 0; i < block_count(directory) && empty; i++) {
		struct buffer *buffer;

		*error = ext4_directory_read(directory, i, &buffer);
		if (*error)
			return false;
		empty = block_empty(directory, buffer, error);
		buffer_put(buffer);
	}
	return empty;
}

int ext4_directory_parent(struct ext4_inode *directory, struct ext4_found *found)
{
	struct ext4_entry *dot, *dotdot;
	int error = ext4_directory_read(directory, 0, &found->buffer);

	if (error)
		return error;
	dot = found->buffer->data;
	dotdot = (struct ext4_entry *)((u8 *)found->buffer->data + ext4_entry_length(1));
	if (dot->length != ext4_entry_length(1) || dotdot->name_length != 2 || !is_dots(dotdot)) {
		buffer_put(found->buffer);
		return ext4_corrupt(ext4_of_inode(directory), "directory %lu has no \"..\"",
				    (unsigned long)directory->vnode.ino);
	}
	found->entry = dotdot;
	found->block = 0;
	return 0;
}
