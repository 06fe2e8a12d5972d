#include <arch/user.h>
#include <fs/file.h>
#include <fs/walk.h>
#include <lib/err.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/process.h>

static bool same_place(const struct path *a, const struct path *b)
{
	return a->dentry == b->dentry && a->mount == b->mount;
}

static void walk_need_root(struct walk *walk)
{
	if (!walk->has_root)
		path_get_root(&walk->root);
	walk->has_root = true;
}

static void walk_to_root(struct walk *walk)
{
	walk_need_root(walk);
	path_get(&walk->root);
	if (walk->path.dentry)
		path_put(&walk->path);
	walk->path = walk->root;
}

/* openat2(2), RESOLVE_NO_XDEV: may a link lead there? The start of a path may be anywhere. */
static bool leaves_mount(const struct walk *walk, const struct path *to)
{
	return walk->flags & LOOKUP_NO_XDEV && walk->path.mount != to->mount;
}

static int walk_start_at(struct walk *walk, int dirfd, const char *name)
{
	struct file_hold hold;
	int error = 0;

	if (dirfd == AT_FDCWD) {
		path_get_cwd(&walk->path);
		return 0;
	}
	hold = file_hold_path(dirfd);
	if (!hold.file)
		return -EBADF;
	if (!hold.file->path.dentry || (*name && !S_ISDIR(hold.file->vnode->mode)))
		error = -ENOTDIR;
	else
		walk->path = hold.file->path;
	if (!error)
		path_get(&walk->path);
	file_release(hold);
	return error;
}

int walk_start(struct walk *walk, int dirfd, const char *name, unsigned flags)
{
	int error;

	*walk = (struct walk){ .flags = flags, .rest = name };
	if (!*name && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	if (*name == '/' && !(flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT))) {
		walk_to_root(walk);
		return 0;
	}
	error = walk_start_at(walk, dirfd, name);
	if (error)
		return error;
	if (flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT)) {
		path_get(&walk->path);
		walk->root = walk->path;
		walk->has_root = true;
		if (*name == '/' && flags & LOOKUP_BENEATH)
			return -EXDEV;
	}
	return 0;
}

void walk_end(struct walk *walk)
{
	if (walk->path.dentry)
		path_put(&walk->path);
	if (walk->has_root)
		path_put(&walk->root);
	kfree(walk->text);
}

static int walk_permission(struct walk *walk, struct vnode *vnode)
{
	if (walk->flags & LOOKUP_REAL_IDS && process_current()) {
		struct credentials *credentials = credentials_current();

		return vnode_permission_as(vnode, 1, credentials->uid, credentials->gid);
	}
	return vnode_permission(vnode, 1);
}

static int walk_up(struct walk *walk)
{
	struct dentry *parent;

	walk_need_root(walk);
	for (;;) {
		if (same_place(&walk->path, &walk->root))
			return walk->flags & LOOKUP_BENEATH ? -EXDEV : 0;
		if (walk->path.dentry != walk->path.mount->root)
			break;
		if (walk->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
		if (!path_leave_mount(&walk->path))
			return 0;
	}
	parent = dentry_parent(walk->path.dentry);
	dentry_put(walk->path.dentry);
	walk->path.dentry = parent;
	path_cross_mounts(&walk->path);
	return 0;
}

/* The rest of the path becomes @target, then what came after the link. */
static int walk_set_rest(struct walk *walk, const char *target, size_t length)
{
	size_t rest = strlen(walk->rest);
	char *text = kmalloc(length + rest + 2), *end;

	if (!text)
		return -ENOMEM;
	memcpy(text, target, length);
	end = text + length;
	if (walk->slash)
		*end++ = '/';
	memcpy(end, walk->rest, rest + 1);
	kfree(walk->text);
	walk->text = text;
	walk->rest = text;
	return 0;
}

static int follow_text(struct walk *walk, struct vnode *vnode)
{
	size_t size = vnode->size ? MIN(vnode->size + 1, (u64)PATH_MAX) : PATH_MAX;
	char *target;
	ssize_t length;
	int error;

	if (!vnode->operations->readlink)
		return -EINVAL;
	target = kmalloc(size);
	if (!target)
		return -ENOMEM;
	length = vnode->operations->readlink(vnode, target, size);
	error = length < 0 ? (int)length : !length ? -ENOENT : 0;
	if (!error && *target == '/' && walk->flags & LOOKUP_BENEATH)
		error = -EXDEV;
	if (!error)
		error = walk_set_rest(walk, target, length);
	if (!error && *target == '/') {
		walk_need_root(walk);
		if (leaves_mount(walk, &walk->root))
			error = -EXDEV;
		else
			walk_to_root(walk);
	}
	kfree(target);
	return error;
}

/* The place itself, when the file system knows it; -EINVAL: only the text is known. */
static int follow_magic(struct walk *walk, struct vnode *vnode)
{
	struct path target;
	int error;

	if (!vnode->operations->follow)
		return -EINVAL;
	error = vnode->operations->follow(vnode, &target);
	if (error)
		return error;
	if (walk->flags & (LOOKUP_NO_MAGIC | LOOKUP_BENEATH | LOOKUP_IN_ROOT) ||
	    leaves_mount(walk, &target)) {
		path_put(&target);
		return walk->flags & LOOKUP_NO_MAGIC ? -ELOOP : -EXDEV;
	}
	path_put(&walk->path);
	walk->path = target;
	return 0;
}

/*
 * Debian's fs.protected_symlinks: in a shared sticky directory, only links of its owner or one's
 * own.
 */
static bool may_follow(struct vnode *directory, struct vnode *link)
{
	struct process *process = process_current();

	return (directory->mode & (S_ISVTX | 02)) != (S_ISVTX | 02) || !process ||
	       process->credentials.fsuid == link->uid || directory->uid == link->uid;
}

/* @link is counted here; walk->path is still its directory. 1: walk->rest is to be resolved. */
static int walk_follow(struct walk *walk, struct dentry *link)
{
	struct vnode *vnode = link->vnode;
	int error;

	if (walk->flags & LOOKUP_NO_SYMLINKS || ++walk->links > SYMLINK_DEPTH_MAX)
		error = -ELOOP;
	else if (!may_follow(path_vnode(&walk->path), vnode))
		error = -EACCES;
	else
		error = follow_magic(walk, vnode);
	if (error == -EINVAL) {
		error = follow_text(walk, vnode);
		if (!error)
			error = 1;
	} else if (!error && walk->slash && !S_ISDIR(path_vnode(&walk->path)->mode)) {
		error = -ENOTDIR;
	}
	dentry_put(link);
	return error;
}

int walk_into(struct walk *walk, struct dentry *dentry, bool follow)
{
	struct vnode *vnode = read_acquire(&dentry->vnode);
	struct path next = { walk->path.mount, dentry };

	if (!vnode) {
		dentry_put(dentry);
		return -ENOENT;
	}
	if (S_ISLNK(vnode->mode) && follow)
		return walk_follow(walk, dentry);
	if (unlikely(READ_ONCE(dentry->mounted))) {
		atomic32_inc(&next.mount->references);
		path_cross_mounts(&next);
		if (next.mount != walk->path.mount && walk->flags & LOOKUP_NO_XDEV) {
			path_put(&next);
			return -EXDEV;
		}
		path_put(&walk->path);
		walk->path = next;
		return 0;
	}
	dentry_put(walk->path.dentry);
	walk->path.dentry = dentry;
	return 0;
}

static struct dentry *lookup_name(struct dentry *parent, const char *name, size_t length,
				  bool cached)
{
	struct vnode *directory = parent->vnode;
	struct dentry *dentry = dentry_find(parent, name, length);

	if (likely(dentry)) {
		if (likely(dentry_is_current(dentry)))
			return dentry;
		dentry_put(dentry);
	}
	if (unlikely(cached))
		return ERR_PTR(-EAGAIN);
	write_lock(&directory->lock);
	dentry = dentry_lookup_locked(parent, name, length);
	write_unlock(&directory->lock);
	return dentry;
}

/* One name: as walk_last(). */
static int walk_step(struct walk *walk, bool follow)
{
	struct dentry *dentry;

	switch (walk->kind) {
	case WALK_DOT:
	case WALK_ROOT:
		return 0;
	case WALK_DOTDOT:
		return walk_up(walk);
	default:
		break;
	}
	dentry = lookup_name(walk->path.dentry, walk->name, walk->length,
			     walk->flags & LOOKUP_CACHED);
	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	return walk_into(walk, dentry, follow);
}

static int walk_name(struct walk *walk)
{
	const char *end = walk->rest;

	while (*end && *end != '/')
		end++;
	walk->name = walk->rest;
	walk->length = end - walk->rest;
	walk->slash = *end == '/';
	while (*end == '/')
		end++;
	walk->rest = end;
	walk->kind = WALK_NORMAL;
	if (walk->length > NAME_MAX)
		return -ENAMETOOLONG;
	if (walk->name[0] == '.' && walk->length == 1)
		walk->kind = WALK_DOT;
	else if (walk->name[0] == '.' && walk->name[1] == '.' && walk->length == 2)
		walk->kind = WALK_DOTDOT;
	return 0;
}

int walk_to_parent(struct walk *walk)
{
	int error;

	while (*walk->rest == '/')
		walk->rest++;
	if (!*walk->rest) {
		walk->kind = WALK_ROOT;
		walk->name = walk->rest;
		walk->length = 0;
		walk->slash = false;
		return 0;
	}
	for (;;) {
		struct vnode *vnode = path_vnode(&walk->path);

		if (!S_ISDIR(vnode->mode))
			return -ENOTDIR;
		error = walk_permission(walk, vnode);
		if (!error)
			error = walk_name(walk);
		if (error || !*walk->rest)
			return error;
		error = walk_step(walk, true);
		if (error < 0)
			return error;
		/* A link's text may start at the root, and may be all slashes. */
		while (error && *walk->rest == '/')
			walk->rest++;
		if (!*walk->rest) {
			walk->kind = WALK_ROOT;
			walk->length = 0;
			walk->slash = false;
			return 0;
		}
	}
}

int walk_last(struct walk *walk, bool follow)
{
	bool slash = walk->slash;
	int error = walk_step(walk, follow || slash);

	if (!error && slash && !S_ISDIR(path_vnode(&walk->path)->mode))
		return -ENOTDIR;
	return error;
}

int path_lookup(int dirfd, const char *name, unsigned flags, struct path *found)
{
	struct walk walk;
	int error = walk_start(&walk, dirfd, name, flags);

	while (!error) {
		error = walk_to_parent(&walk);
		if (error)
			break;
		error = walk_last(&walk, flags & LOOKUP_FOLLOW);
		if (error <= 0)
			break;
		error = 0;
	}
	if (!error && flags & LOOKUP_DIRECTORY && !S_ISDIR(path_vnode(&walk.path)->mode))
		error = -ENOTDIR;
	if (!error) {
		*found = walk.path;
		walk.path.dentry = NULL;
	}
	walk_end(&walk);
	return error;
}

int path_buffer_fill(struct path_buffer *buffer, vaddr_t user, bool empty)
{
	ssize_t length = string_in(buffer->small, user, sizeof(buffer->small));

	buffer->text = buffer->small;
	if (length == -ENAMETOOLONG) {
		buffer->text = path_copy_in(user, empty);
		return PTR_ERR_OR_ZERO(buffer->text);
	}
	if (length < 0)
		return length;
	return length || empty ? 0 : -ENOENT;
}

void path_buffer_free(struct path_buffer *buffer)
{
	if (buffer->text != buffer->small)
		kfree(buffer->text);
}

char *path_copy_in(vaddr_t user, bool empty)
{
	char *text = kmalloc(PATH_MAX);
	ssize_t length;

	if (!text)
		return ERR_PTR(-ENOMEM);
	length = string_in(text, user, PATH_MAX);
	if (length >= 0 && (length || empty))
		return text;
	kfree(text);
	return ERR_PTR(length ? length : -ENOENT);
}

int path_lookup_user(int dirfd, vaddr_t name, unsigned flags, struct path *found)
{
	struct path_buffer buffer;
	int error = path_buffer_fill(&buffer, name, flags & LOOKUP_EMPTY);

	if (error)
		return error;
	error = path_lookup(dirfd, buffer.text, flags, found);
	path_buffer_free(&buffer);
	return error;
}
