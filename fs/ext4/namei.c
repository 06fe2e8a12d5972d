/* Names: looking up, making and removing them. The directory is locked exclusively by the VFS. */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <lib/string.h>

enum { TRIES = 3 };

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

int ext4_links_more(struct vnode *directory)
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

void ext4_links_fewer(struct vnode *directory)
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

int ext4_directory_touch(struct journal_handle *handle, struct vnode *directory)
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
		error = ext4_links_more(directory);
	if (!error)
		error = ext4_inode_store(handle, inode);
	return error ? error : ext4_directory_touch(handle, directory);
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
	int error = journal_begin(ext4_of(directory), EXT4_CREDITS_CREATE, &handle);

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

bool ext4_try_again(struct ext4 *ext4, int error, unsigned *tries)
{
	return error == -ENOSPC && ext4->journal && ++*tries < TRIES && !journal_commit(ext4);
}

static int create_any(struct vnode *directory, const struct creation *creation,
		      struct vnode **created)
{
	unsigned tries = 0;
	int error;

	do
		error = create_once(directory, creation, created);
	while (error && ext4_try_again(ext4_of(directory), error, &tries));
	return error ? error : ext4_directory_settle(directory);
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
	int error = journal_begin(ext4_of(directory), EXT4_CREDITS_REMOVE, &handle);

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
	int error = journal_begin(ext4_of(directory), EXT4_CREDITS_CREATE, &handle);

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
		error = ext4_directory_touch(&handle, directory);
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
	do
		error = link_once(directory, name, length, target);
	while (error && ext4_try_again(ext4_of(directory), error, &tries));
	return error ? error : ext4_directory_settle(directory);
}

int ext4_name_drop(struct journal_handle *handle, struct ext4_inode *inode)
{
	struct vnode *vnode = &inode->vnode;

	if (S_ISDIR(vnode->mode))
		vnode->links = 0;
	else if (vnode->links)
		vnode->links--;
	vnode_touch(vnode, false, false, true);
	return vnode->links ? ext4_inode_store(handle, inode) : ext4_orphan_add(handle, inode);
}

int ext4_check_removable(struct ext4_inode *victim)
{
	int error = 0;

	if (S_ISDIR(victim->vnode.mode) && !ext4_directory_empty(victim, &error))
		return error ? error : -ENOTEMPTY;
	return 0;
}

int ext4_name_find_exactly(struct vnode *directory, const char *name, size_t length,
			   const struct vnode *expected, struct ext4_found *found)
{
	int error = ext4_name_find(ext4_inode_of(directory), name, length, found);

	if (error || found->entry->ino == expected->ino)
		return error;
	buffer_put(found->buffer);
	return ext4_corrupt(ext4_of(directory), "directory %lu: a name leads elsewhere",
			    (unsigned long)directory->ino);
}

int ext4_name_remove(struct journal_handle *handle, struct vnode *directory,
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
	int error = ext4_check_removable(inode);

	if (!error)
		error = ext4_name_find_exactly(directory, name, length, victim, &found);
	if (error)
		return error;
	error = journal_begin(ext4_of(directory), EXT4_CREDITS_REMOVE, &handle);
	if (!error) {
		error = ext4_name_remove(&handle, directory, &found);
		if (!error)
			error = ext4_name_drop(&handle, inode);
		if (!error && S_ISDIR(victim->mode))
			ext4_links_fewer(directory);
		if (!error)
			error = ext4_directory_touch(&handle, directory);
		journal_end(&handle);
	}
	buffer_put(found.buffer);
	return error ? error : ext4_directory_settle(directory);
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

const struct vnode_operations ext4_directory_operations = {
	.lookup = lookup,
	.create = create,
	.symlink = make_link,
	.link = link,
	.unlink = unlink,
	.rename = ext4_rename,
	.readdir = ext4_readdir,
	.change = ext4_change,
	.tmpfile = tmpfile,
	.flags_get = ext4_flags_get,
	.flags_set = ext4_flags_set,
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
	.flags_get = ext4_flags_get,
	.flags_set = ext4_flags_set,
	.extent_next = ext4_extent_next,
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
