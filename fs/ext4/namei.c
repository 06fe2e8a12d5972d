/* Names: looking up, making and removing them. The directory is locked exclusively by the VFS. */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <lib/string.h>

enum { CREDITS_CREATE = 64, CREDITS_REMOVE = 16, TRIES = 3 };

static int lookup_ino(struct ext4_inode *directory, const char *name, size_t length, u32 *ino)
{
	struct ext4_found found;
	int error;

	if (directory->flags & EXT4_INLINE_DATA)
		return ext4_inline_find(directory, name, length, ino);
	error = ext4_name_find(directory, name, length, &found);
	if (error)
		return error;
	*ino = found.entry->ino;
	buffer_put(found.buffer);
	return 0;
}

static int lookup(struct vnode *directory, const char *name, size_t length, struct vnode **found)
{
	struct ext4 *ext4 = ext4_of(directory);
	struct ext4_inode *inode;
	u32 ino;
	int error = lookup_ino(ext4_inode_of(directory), name, length, &ino);

	if (error)
		return error;
	if (!ext4_ino_valid(ext4, ino) || ino == directory->ino)
		return ext4_corrupt(ext4, "directory %lu: a name leads to inode %u",
				    (unsigned long)directory->ino, ino);
	error = ext4_inode_get(ext4, ino, false, &inode);
	if (!error)
		*found = &inode->vnode;
	return error;
}

/* A directory that has more subdirectories than it can count has one link (dir_nlink). */
static int links_more(struct vnode *directory)
{
	struct ext4 *ext4 = ext4_of(directory);
	bool uncounted = ext4_has_ro_compat(ext4, EXT4_RO_DIR_NLINK);
	u32 most = ext4->extents ? EXT4_LINK_MAX : EXT2_LINK_MAX;

	if (directory->links == 1 && uncounted)
		return 0;
	if (directory->links >= most - 1 && !uncounted)
		return -EMLINK;
	directory->links = directory->links >= most - 1 ? 1 : directory->links + 1;
	return 0;
}

static void links_fewer(struct vnode *directory)
{
	if (directory->links > 2)
		directory->links--;
}

/* A new inode without a name. On failure nothing is left of it but, perhaps, work for release(). */
static int make(struct journal_handle *handle, struct vnode *directory, u32 mode, u64 device,
		struct ext4_inode **made)
{
	struct ext4 *ext4 = ext4_of(directory);
	u32 ino;
	int error = ext4_inode_allocate(ext4, handle, directory, mode, &ino);

	if (error)
		return error;
	error = ext4_inode_make(ext4, handle, ino, directory, mode, device, made);
	if (error) {
		ext4_inode_free(ext4, handle, ino, S_ISDIR(mode));
		return error;
	}
	return 0;
}

/* It has no name after all: it goes with its last reference, which is put once the handle is closed. */
static void unmake(struct journal_handle *handle, struct ext4_inode *inode)
{
	inode->vnode.links = 0;
	ext4_orphan_add(handle, inode);
}

static int touch(struct journal_handle *handle, struct vnode *directory)
{
	vnode_touch(directory, false, true, true);
	return ext4_inode_store(handle, ext4_inode_of(directory));
}

static int give_name(struct journal_handle *handle, struct vnode *directory, const char *name,
		     size_t length, struct ext4_inode *inode)
{
	bool is_directory = S_ISDIR(inode->vnode.mode);
	int error = 0;

	if (is_directory) {
		inode->vnode.links = 2;
		error = ext4_directory_make(handle, inode, (u32)directory->ino);
	}
	if (!error)
		error = ext4_name_add(handle, ext4_inode_of(directory), name, length,
				      (u32)inode->vnode.ino, inode->vnode.mode);
	if (!error && is_directory)
		error = links_more(directory);
	if (!error)
		error = ext4_inode_store(handle, inode);
	return error ? error : touch(handle, directory);
}

static int write_target(struct journal_handle *handle, struct ext4_inode *inode, const char *target)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	struct ext4_run run = { .count = 1 };
	size_t length = strlen(target);
	struct buffer *buffer;
	int error;

	inode->vnode.size = inode->disk_size = length;
	if (length < sizeof(inode->block)) {
		inode->flags &= ~(u32)EXT4_EXTENTS;
		memset(inode->block, 0, sizeof(inode->block));
		memcpy(inode->block, target, length);
		return 0;
	}
	error = ext4_blocks_allocate(ext4, handle, ext4_map_goal(inode, 0), &run.count, false,
				     &run.start);
	if (!error)
		error = ext4_block_new(ext4, run.start, &buffer);
	if (error)
		return error;
	memcpy(buffer->data, target, length);
	error = ext4_block_changed(ext4, handle, buffer, EXT4_PLAIN, 0);
	buffer_put(buffer);
	inode->vnode.blocks += ext4->block_size / 512;
	return error ? error : ext4_map_insert(handle, inode, &run);
}

struct creation {
	const char *name;
	size_t length;
	u32 mode;
	u64 device;
	const char *target;
};

static int create_once(struct vnode *directory, const struct creation *creation,
		       struct vnode **created)
{
	struct ext4_inode *inode = NULL;
	struct journal_handle handle;
	int error = journal_begin(ext4_of(directory), CREDITS_CREATE, &handle);

	if (error)
		return error;
	error = make(&handle, directory, creation->mode, creation->device, &inode);
	if (!error && creation->target)
		error = write_target(&handle, inode, creation->target);
	if (!error)
		error = give_name(&handle, directory, creation->name, creation->length, inode);
	if (error && inode)
		unmake(&handle, inode);
	journal_end(&handle);
	if (!error)
		*created = &inode->vnode;
	else if (inode)
		vnode_put(&inode->vnode);
	return error;
}

/* What was freed lately is there after a commit. */
static bool try_again(struct ext4 *ext4, int error, unsigned *tries)
{
	return error == -ENOSPC && ext4->journal && ++*tries < TRIES && !journal_commit(ext4);
}

static int create_any(struct vnode *directory, const struct creation *creation,
		      struct vnode **created)
{
	unsigned tries = 0;
	int error;

	if (ext4_inode_of(directory)->flags & EXT4_IMMUTABLE)
		return -EPERM;
	do
		error = create_once(directory, creation, created);
	while (error && try_again(ext4_of(directory), error, &tries));
	return error;
}

static int create(struct vnode *directory, const char *name, size_t length, u32 mode, u64 device,
		  struct vnode **created)
{
	struct creation creation = { name, length, mode, device, NULL };

	return create_any(directory, &creation, created);
}

static int make_link(struct vnode *directory, const char *name, size_t length, const char *target,
		     struct vnode **created)
{
	struct creation creation = { name, length, S_IFLNK | 0777, 0, target };

	if (strlen(target) >= ext4_of(directory)->block_size)
		return -ENAMETOOLONG;
	return create_any(directory, &creation, created);
}

static int tmpfile(struct vnode *directory, u32 mode, struct vnode **created)
{
	struct ext4_inode *inode = NULL;
	struct journal_handle handle;
	int error = journal_begin(ext4_of(directory), CREDITS_REMOVE, &handle);

	if (error)
		return error;
	error = make(&handle, directory, mode, 0, &inode);
	if (!error) {
		inode->vnode.links = 0;
		error = ext4_orphan_add(&handle, inode);
	}
	journal_end(&handle);
	if (!error)
		*created = &inode->vnode;
	else if (inode)
		vnode_put(&inode->vnode);
	return error;
}

static int link_once(struct vnode *directory, const char *name, size_t length, struct vnode *target)
{
	struct ext4_inode *inode = ext4_inode_of(target);
	struct journal_handle handle;
	int error = journal_begin(ext4_of(directory), CREDITS_CREATE, &handle);

	if (error)
		return error;
	error = ext4_name_add(&handle, ext4_inode_of(directory), name, length, (u32)target->ino,
			      target->mode);
	if (!error) {
		target->links++;
		vnode_touch(target, false, false, true);
		error = ext4_orphan_remove(&handle, inode);
	}
	if (!error)
		error = ext4_inode_store(&handle, inode);
	if (!error)
		error = touch(&handle, directory);
	journal_end(&handle);
	return error;
}

static int link(struct vnode *directory, const char *name, size_t length, struct vnode *target)
{
	u32 most = ext4_of(directory)->extents ? EXT4_LINK_MAX : EXT2_LINK_MAX;
	unsigned tries = 0;
	int error;

	if (target->links >= most)
		return -EMLINK;
	if ((ext4_inode_of(directory)->flags | ext4_inode_of(target)->flags) &
	    (EXT4_IMMUTABLE | EXT4_APPEND))
		return -EPERM;
	do
		error = link_once(directory, name, length, target);
	while (error && try_again(ext4_of(directory), error, &tries));
	return error;
}

/* A name of @inode is gone. */
static int drop_name(struct journal_handle *handle, struct ext4_inode *inode)
{
	struct vnode *vnode = &inode->vnode;

	if (S_ISDIR(vnode->mode))
		vnode->links = 0;
	else if (vnode->links)
		vnode->links--;
	vnode_touch(vnode, false, false, true);
	return vnode->links ? ext4_inode_store(handle, inode) : ext4_orphan_add(handle, inode);
}

static int check_removable(struct ext4_inode *victim)
{
	int error = 0;

	if (victim->flags & (EXT4_IMMUTABLE | EXT4_APPEND))
		return -EPERM;
	if (S_ISDIR(victim->vnode.mode) && !ext4_directory_empty(victim, &error))
		return error ? error : -ENOTEMPTY;
	return 0;
}

static int find_exactly(struct vnode *directory, const char *name, size_t length,
			const struct vnode *expected, struct ext4_found *found)
{
	int error = ext4_name_find(ext4_inode_of(directory), name, length, found);

	if (error || found->entry->ino == expected->ino)
		return error;
	buffer_put(found->buffer);
	return ext4_corrupt(ext4_of(directory), "directory %lu: a name leads elsewhere",
			    (unsigned long)directory->ino);
}

static int remove_entry(struct journal_handle *handle, struct vnode *directory,
			const struct ext4_found *found)
{
	struct ext4_inode *inode = ext4_inode_of(directory);
	int error = ext4_entry_remove(inode, found);

	return error ? error : ext4_directory_changed(handle, inode, found->buffer, found->block);
}

static int unlink(struct vnode *directory, const char *name, size_t length, struct vnode *victim)
{
	struct ext4_inode *inode = ext4_inode_of(victim);
	struct journal_handle handle;
	struct ext4_found found;
	int error = check_removable(inode);

	if (!error && ext4_inode_of(directory)->flags & (EXT4_IMMUTABLE | EXT4_APPEND))
		error = -EPERM;
	if (!error)
		error = find_exactly(directory, name, length, victim, &found);
	if (error)
		return error;
	error = journal_begin(ext4_of(directory), CREDITS_REMOVE, &handle);
	if (!error) {
		error = remove_entry(&handle, directory, &found);
		if (!error)
			error = drop_name(&handle, inode);
		if (!error && S_ISDIR(victim->mode))
			links_fewer(directory);
		if (!error)
			error = touch(&handle, directory);
		journal_end(&handle);
	}
	buffer_put(found.buffer);
	return error;
}

static ssize_t readlink(struct vnode *vnode, char *buffer, size_t size)
{
	struct ext4_inode *inode = ext4_inode_of(vnode);
	struct ext4_run run;
	struct buffer *block;
	int error;

	size = MIN((u64)size, vnode->size);
	if (inode->flags & EXT4_INLINE_DATA)
		return ext4_inline_read(inode, 0, buffer, size);
	if (vnode->size < sizeof(inode->block) && !(inode->flags & EXT4_EXTENTS)) {
		memcpy(buffer, inode->block, size);
		return size;
	}
	read_lock(&inode->map);
	error = ext4_map_lookup(inode, 0, &run);
	read_unlock(&inode->map);
	if (!error && !run.start)
		error = ext4_corrupt(ext4_of(vnode), "link %lu has no text",
				     (unsigned long)vnode->ino);
	if (!error)
		error = ext4_block_read(ext4_of(vnode), run.start, &block);
	if (error)
		return error;
	memcpy(buffer, block->data, size);
	buffer_put(block);
	return size;
}

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

static int readdir(struct vnode *vnode, s64 position, struct directory_sink *sink)
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

/* ".." of a directory that moved from one to another. */
static int set_parent(struct journal_handle *handle, struct vnode *moved,
		      const struct vnode *parent)
{
	struct ext4_inode *inode = ext4_inode_of(moved);
	struct ext4_found found;
	int error = ext4_directory_parent(inode, &found);

	if (error)
		return error;
	found.entry->ino = (u32)parent->ino;
	error = ext4_directory_changed(handle, inode, found.buffer, 0);
	buffer_put(found.buffer);
	return error;
}

static int moved_between(struct journal_handle *handle, struct vnode *moved, struct vnode *from,
			 struct vnode *to)
{
	int error;

	if (!S_ISDIR(moved->mode) || from == to)
		return 0;
	error = links_more(to);
	if (error)
		return error;
	links_fewer(from);
	return set_parent(handle, moved, to);
}

static int point_to(struct journal_handle *handle, struct vnode *directory,
		    const struct ext4_found *found, const struct vnode *target)
{
	found->entry->ino = (u32)target->ino;
	found->entry->type = ext4_entry_type(ext4_of(directory), target->mode);
	return ext4_directory_changed(handle, ext4_inode_of(directory), found->buffer,
				      found->block);
}

struct renaming {
	struct vnode *from, *moved, *to, *victim;
	const char *from_name, *to_name;
	size_t from_length, to_length;
};

static int exchange_names(struct journal_handle *handle, const struct renaming *r)
{
	struct ext4_found first, second;
	int error = find_exactly(r->from, r->from_name, r->from_length, r->moved, &first);

	if (error)
		return error;
	error = find_exactly(r->to, r->to_name, r->to_length, r->victim, &second);
	if (error)
		goto out;
	error = point_to(handle, r->from, &first, r->victim);
	if (!error)
		error = point_to(handle, r->to, &second, r->moved);
	if (!error)
		error = moved_between(handle, r->moved, r->from, r->to);
	if (!error)
		error = moved_between(handle, r->victim, r->to, r->from);
	vnode_touch(r->victim, false, false, true);
	if (!error)
		error = ext4_inode_store(handle, ext4_inode_of(r->victim));
	buffer_put(second.buffer);
out:
	buffer_put(first.buffer);
	return error;
}

static int replace(struct journal_handle *handle, const struct renaming *r)
{
	struct ext4_found found;
	int error = find_exactly(r->to, r->to_name, r->to_length, r->victim, &found);

	if (error)
		return error;
	error = point_to(handle, r->to, &found, r->moved);
	buffer_put(found.buffer);
	if (!error && S_ISDIR(r->victim->mode))
		links_fewer(r->to);
	return error ? error : drop_name(handle, ext4_inode_of(r->victim));
}

/* The new name first: should it fail, nothing has happened. Making it may move the old one. */
static int move_name(struct journal_handle *handle, const struct renaming *r)
{
	struct ext4_found found;
	int error;

	if (r->victim)
		error = replace(handle, r);
	else
		error = ext4_name_add(handle, ext4_inode_of(r->to), r->to_name, r->to_length,
				      (u32)r->moved->ino, r->moved->mode);
	if (!error)
		error = find_exactly(r->from, r->from_name, r->from_length, r->moved, &found);
	if (error)
		return error;
	error = remove_entry(handle, r->from, &found);
	buffer_put(found.buffer);
	return error ? error : moved_between(handle, r->moved, r->from, r->to);
}

static int rename_once(const struct renaming *r, bool exchange)
{
	struct journal_handle handle;
	int error = journal_begin(ext4_of(r->from), CREDITS_CREATE + CREDITS_REMOVE, &handle);

	if (error)
		return error;
	error = exchange ? exchange_names(&handle, r) : move_name(&handle, r);
	if (!error) {
		vnode_touch(r->moved, false, false, true);
		error = ext4_inode_store(&handle, ext4_inode_of(r->moved));
	}
	if (!error)
		error = touch(&handle, r->from);
	if (!error && r->to != r->from)
		error = touch(&handle, r->to);
	journal_end(&handle);
	return error;
}

static int rename(struct vnode *from, const char *from_name, size_t from_length,
		  struct vnode *moved, struct vnode *to, const char *to_name, size_t to_length,
		  struct vnode *victim, bool exchange)
{
	struct renaming renaming = { from,	moved,	 to,	      victim,
				     from_name, to_name, from_length, to_length };
	unsigned tries = 0;
	int error = victim && !exchange ? check_removable(ext4_inode_of(victim)) : 0;

	if (!error &&
	    (ext4_inode_of(from)->flags | ext4_inode_of(to)->flags | ext4_inode_of(moved)->flags) &
		    (EXT4_IMMUTABLE | EXT4_APPEND))
		error = -EPERM;
	if (error)
		return error;
	do
		error = rename_once(&renaming, exchange);
	while (error && try_again(ext4_of(from), error, &tries));
	return error;
}

const struct vnode_operations ext4_directory_operations = {
	.lookup = lookup,
	.create = create,
	.symlink = make_link,
	.link = link,
	.unlink = unlink,
	.rename = rename,
	.readdir = readdir,
	.change = ext4_change,
	.tmpfile = tmpfile,
	.xattr_get = ext4_xattr_get,
	.xattr_set = ext4_xattr_set,
	.xattr_list = ext4_xattr_list,
	.sync = ext4_file_sync,
	.release = ext4_vnode_release,
};

const struct vnode_operations ext4_file_operations = {
	.change = ext4_change,
	.allocate = ext4_allocate,
	.seek_data = ext4_seek_data,
	.xattr_get = ext4_xattr_get,
	.xattr_set = ext4_xattr_set,
	.xattr_list = ext4_xattr_list,
	.sync = ext4_file_sync,
	.release = ext4_vnode_release,
};

const struct vnode_operations ext4_link_operations = {
	.readlink = readlink,
	.change = ext4_change,
	.xattr_get = ext4_xattr_get,
	.xattr_set = ext4_xattr_set,
	.xattr_list = ext4_xattr_list,
	.sync = ext4_file_sync,
	.release = ext4_vnode_release,
};

const struct vnode_operations ext4_special_operations = {
	.change = ext4_change,
	.xattr_get = ext4_xattr_get,
	.xattr_set = ext4_xattr_set,
	.xattr_list = ext4_xattr_list,
	.sync = ext4_file_sync,
	.release = ext4_vnode_release,
};
