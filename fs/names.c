/* Making and removing names: mknod, mkdir, symlink, link, unlink, rmdir. */
#include <fs/names.h>
#include <fs/notify.h>
#include <lib/err.h>
#include <lib/string.h>
#include <proc/process.h>

enum { AT_SYMLINK_FOLLOW = 0x400, AT_EMPTY_PATH = 0x1000 };

int names_may_create(struct vnode *directory)
{
	if (!directory->links)
		return -ENOENT;
	return vnode_permission(directory, 3);
}

/* In a sticky directory only the owner of the file or of the directory removes a name. */
static bool is_sticky_for(struct vnode *directory, struct vnode *victim)
{
	return directory->mode & S_ISVTX && !vnode_is_owner(victim) && !vnode_is_owner(directory);
}

int names_may_remove(struct vnode *directory, struct dentry *dentry, bool is_directory)
{
	int error = vnode_permission(directory, 3);

	if (error)
		return error;
	if (is_sticky_for(directory, dentry->vnode))
		return -EPERM;
	if (directory->flags & VNODE_APPEND ||
	    dentry->vnode->flags & (VNODE_IMMUTABLE | VNODE_APPEND))
		return -EPERM;
	if (is_directory)
		return S_ISDIR(dentry->vnode->mode) ? 0 : -ENOTDIR;
	return S_ISDIR(dentry->vnode->mode) ? -EISDIR : 0;
}

/*
 * The place for a new name: walk->path is its directory, locked; *@found its negative dentry,
 * counted. On failure nothing is locked.
 */
static int create_begin(struct walk *walk, int dirfd, const char *name, bool directory,
			struct dentry **found)
{
	struct vnode *parent;
	struct dentry *dentry;
	int error = walk_start(walk, dirfd, name, 0);

	if (!error)
		error = walk_to_parent(walk);
	if (error)
		return error;
	if (walk->kind != WALK_NORMAL)
		return -EEXIST;
	parent = path_vnode(&walk->path);
	write_lock(&parent->lock);
	dentry = dentry_lookup_locked(walk->path.dentry, walk->name, walk->length);
	error = PTR_ERR_OR_ZERO(dentry);
	if (error)
		goto out;
	if (dentry->vnode)
		error = -EEXIST;
	else if (walk->slash && !directory)
		error = -ENOENT;
	else if (mount_is_read_only(walk->path.mount))
		error = -EROFS;
	else
		error = names_may_create(parent);
	if (!error) {
		*found = dentry;
		return 0;
	}
	dentry_put(dentry);
out:
	write_unlock(&parent->lock);
	return error;
}

static void create_end(struct walk *walk, struct dentry *dentry)
{
	write_unlock(&path_vnode(&walk->path)->lock);
	dentry_put(dentry);
}

u32 names_umask(u32 mode)
{
	struct process *process = process_current();

	return process ? mode & ~READ_ONCE(process->directory->umask) : mode;
}

int names_create_locked(struct dentry *parent, struct dentry *dentry, u32 mode, u64 device)
{
	struct vnode *directory = parent->vnode, *made;
	int error = -EPERM;

	if (directory->operations->create)
		error = directory->operations->create(directory, dentry->name, dentry->name_length,
						      mode, device, &made);
	if (!error) {
		dentry_set_vnode(dentry, made);
		notify_created(parent, dentry);
	}
	return error;
}

/* @made, when not NULL, becomes the new file's place, counted. */
static int make(int dirfd, const char *name, u32 mode, u64 device, struct path *made)
{
	struct dentry *dentry;
	struct walk walk;
	int error = create_begin(&walk, dirfd, name, S_ISDIR(mode), &dentry);

	if (!error) {
		error = names_create_locked(walk.path.dentry, dentry, names_umask(mode), device);
		if (!error && made) {
			*made = (struct path){ walk.path.mount, dentry };
			path_get(made);
		}
		create_end(&walk, dentry);
	}
	walk_end(&walk);
	return error;
}

int path_mknod(int dirfd, const char *name, u32 mode, u64 device)
{
	if (!(mode & S_IFMT))
		mode |= S_IFREG;
	if (S_ISDIR(mode))
		return -EPERM;
	if (!S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode) && !S_ISCHR(mode) &&
	    !S_ISBLK(mode))
		return -EINVAL;
	if ((S_ISCHR(mode) || S_ISBLK(mode)) && !fs_is_privileged())
		return -EPERM;
	return make(dirfd, name, mode & (S_IFMT | 07777),
		    S_ISCHR(mode) || S_ISBLK(mode) ? device : 0, NULL);
}

int path_make_socket(const char *name, u32 mode, struct path *made)
{
	return make(AT_FDCWD, name, S_IFSOCK | (mode & 07777), 0, made);
}

int path_mkdir(int dirfd, const char *name, u32 mode)
{
	return make(dirfd, name, S_IFDIR | (mode & 01777), 0, NULL);
}

int path_symlink(const char *target, int dirfd, const char *name)
{
	struct dentry *dentry;
	struct vnode *directory, *made;
	struct walk walk;
	int error = create_begin(&walk, dirfd, name, false, &dentry);

	if (!error) {
		directory = path_vnode(&walk.path);
		error = -EPERM;
		if (directory->operations->symlink)
			error = directory->operations->symlink(directory, dentry->name,
							       dentry->name_length, target, &made);
		if (!error) {
			dentry_set_vnode(dentry, made);
			notify_created(walk.path.dentry, dentry);
		}
		create_end(&walk, dentry);
	}
	walk_end(&walk);
	return error;
}

/*
 * Debian's fs.protected_hardlinks: a new name for someone else's file only when it could be read
 * and written anyway, and grants nothing by being executed.
 */
static bool may_link(struct vnode *target)
{
	if (vnode_is_owner(target))
		return true;
	return S_ISREG(target->mode) && !(target->mode & S_ISUID) &&
	       (target->mode & (S_ISGID | 010)) != (S_ISGID | 010) && !vnode_permission(target, 6);
}

static int link_locked(struct dentry *parent, struct dentry *dentry, struct vnode *target)
{
	struct vnode *directory = parent->vnode;
	int error;

	if (S_ISDIR(target->mode) || !directory->operations->link || !may_link(target) ||
	    target->flags & (VNODE_IMMUTABLE | VNODE_APPEND))
		return -EPERM;
	write_lock_nested(&target->lock);
	error = !target->links && !target->linkable
			? -ENOENT
			: directory->operations->link(directory, dentry->name, dentry->name_length,
						      target);
	if (!error)
		target->linkable = false;
	write_unlock(&target->lock);
	if (!error) {
		vnode_get(target);
		dentry_set_vnode(dentry, target);
		notify_links(target);
		notify_created(parent, dentry);
	}
	return error;
}

int path_link(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	unsigned lookup = flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;
	struct dentry *dentry;
	struct path source;
	struct walk walk;
	int error;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	error = path_lookup(from_fd, from, lookup, &source);
	if (error)
		return error;
	error = create_begin(&walk, to_fd, to, false, &dentry);
	if (!error) {
		error = walk.path.mount != source.mount
				? -EXDEV
				: link_locked(walk.path.dentry, dentry, path_vnode(&source));
		create_end(&walk, dentry);
	}
	walk_end(&walk);
	path_put(&source);
	return error;
}

/* unlink(2) and rmdir(2) of a last name that is no name. */
static int unlink_kind_error(enum walk_kind kind, bool directory)
{
	if (!directory)
		return -EISDIR;
	return kind == WALK_DOT ? -EINVAL : kind == WALK_DOTDOT ? -ENOTEMPTY : -EBUSY;
}

int names_remove_locked(struct dentry *parent, struct dentry *dentry)
{
	struct vnode *directory = parent->vnode, *victim = dentry->vnode;
	int error = -EPERM;

	if (dentry->mounted)
		return -EBUSY;
	write_lock_nested(&victim->lock);
	if (READ_ONCE(dentry->mounted))
		error = -EBUSY;
	else if (directory->operations->unlink)
		error = directory->operations->unlink(directory, dentry->name, dentry->name_length,
						      victim);
	if (!error)
		dentry_unhash(dentry);
	write_unlock(&victim->lock);
	if (!error)
		notify_removed(parent, dentry);
	return error;
}

static int unlink_found(struct walk *walk, struct dentry *dentry, bool directory)
{
	struct vnode *parent = path_vnode(&walk->path);
	int error;

	if (!dentry->vnode)
		return -ENOENT;
	if (!directory && walk->slash)
		return S_ISDIR(dentry->vnode->mode) ? -EISDIR : -ENOTDIR;
	error = names_may_remove(parent, dentry, directory);
	return error ? error : names_remove_locked(walk->path.dentry, dentry);
}

int path_unlink(int dirfd, const char *name, bool directory)
{
	struct dentry *dentry = NULL;
	struct vnode *parent;
	struct walk walk;
	int error = walk_start(&walk, dirfd, name, 0);

	if (!error)
		error = walk_to_parent(&walk);
	if (!error && walk.kind != WALK_NORMAL)
		error = unlink_kind_error(walk.kind, directory);
	if (!error && mount_is_read_only(walk.path.mount))
		error = -EROFS;
	if (error)
		goto out;
	parent = path_vnode(&walk.path);
	write_lock(&parent->lock);
	dentry = dentry_lookup_locked(walk.path.dentry, walk.name, walk.length);
	error = IS_ERR(dentry) ? (int)PTR_ERR(dentry) : unlink_found(&walk, dentry, directory);
	write_unlock(&parent->lock);
	/* After the unlocking: this may free the file. */
	if (!IS_ERR(dentry))
		dentry_put(dentry);
out:
	walk_end(&walk);
	return error;
}
