/* Names that move: rename(2), with a victim or in exchange. The VFS holds both directories. */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>

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
	error = ext4_links_more(to);
	if (error)
		return error;
	ext4_links_fewer(from);
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
	int error = ext4_name_find_exactly(r->from, r->from_name, r->from_length, r->moved, &first);

	if (error)
		return error;
	error = ext4_name_find_exactly(r->to, r->to_name, r->to_length, r->victim, &second);
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
	int error = ext4_name_find_exactly(r->to, r->to_name, r->to_length, r->victim, &found);

	if (error)
		return error;
	error = point_to(handle, r->to, &found, r->moved);
	buffer_put(found.buffer);
	if (!error && S_ISDIR(r->victim->mode))
		ext4_links_fewer(r->to);
	return error ? error : ext4_name_drop(handle, ext4_inode_of(r->victim));
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
		error = ext4_name_find_exactly(r->from, r->from_name, r->from_length, r->moved,
					       &found);
	if (error)
		return error;
	error = ext4_name_remove(handle, r->from, &found);
	buffer_put(found.buffer);
	return error ? error : moved_between(handle, r->moved, r->from, r->to);
}

static int rename_once(const struct renaming *r, bool exchange)
{
	struct journal_handle handle;
	int error =
		journal_begin(ext4_of(r->from), EXT4_CREDITS_CREATE + EXT4_CREDITS_REMOVE, &handle);

	if (error)
		return error;
	error = exchange ? exchange_names(&handle, r) : move_name(&handle, r);
	if (!error) {
		vnode_touch(r->moved, false, false, true);
		error = ext4_inode_store(&handle, ext4_inode_of(r->moved));
	}
	if (!error)
		error = ext4_directory_touch(&handle, r->from);
	if (!error && r->to != r->from)
		error = ext4_directory_touch(&handle, r->to);
	journal_end(&handle);
	return error;
}

int ext4_rename(struct vnode *from, const char *from_name, size_t from_length, struct vnode *moved,
		struct vnode *to, const char *to_name, size_t to_length, struct vnode *victim,
		bool exchange)
{
	struct renaming renaming = { from,	moved,	 to,	      victim,
				     from_name, to_name, from_length, to_length };
	unsigned tries = 0;
	int error = victim && !exchange ? ext4_check_removable(ext4_inode_of(victim)) : 0;

	if (error)
		return error;
	do
		error = rename_once(&renaming, exchange);
	while (error && ext4_try_again(ext4_of(from), error, &tries));
	if (!error)
		error = ext4_directory_settle(from);
	return error ? error : ext4_directory_settle(to);
}
