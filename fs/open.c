/* open(2): from a name, or a place, to an open file. */
#include <fs/device_node.h>
#include <fs/names.h>
#include <fs/notify.h>
#include <fs/writeback.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { O_TMPFILE_BIT = 020000000, MAY_EXECUTE = 1, MAY_WRITE = 2, MAY_READ = 4 };

int open_flags_check(u32 *flags, u32 *mode)
{
	u32 known = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK |
		    O_DSYNC | O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW |
		    O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE_BIT | 04000000;

	*flags &= known;
	if (*flags & O_PATH)
		*flags &= O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
	if (*flags & O_TMPFILE_BIT) {
		if (!(*flags & O_DIRECTORY) || *flags & O_CREAT || !((*flags + 1) & 2))
			return -EINVAL;
	}
	if ((*flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return -EINVAL;
	*mode = *flags & (O_CREAT | O_TMPFILE_BIT) ? *mode & 07777 : 0;
	if (!(*flags & O_PATH))
		*flags |= O_LARGEFILE;
	return 0;
}

/* What the flags ask of the file's permissions. Access mode 3 asks for both and gives none. */
static unsigned access_wanted(u32 flags)
{
	static const u8 by_mode[4] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
				       MAY_READ | MAY_WRITE };
	unsigned access = by_mode[flags & O_ACCMODE];

	if (flags & FILE_EXECUTED)
		return MAY_EXECUTE;
	return flags & O_TRUNC ? access | MAY_WRITE : access;
}

static int may_open(const struct path *path, u32 flags, bool created)
{
	struct vnode *vnode = path_vnode(path);
	unsigned access = access_wanted(flags);
	int error;

	switch (vnode->mode & S_IFMT) {
	case S_IFLNK:
		return -ELOOP;
	case S_IFDIR:
		if (access & MAY_WRITE)
			return -EISDIR;
		if (flags & FILE_EXECUTED)
			return -EACCES;
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (path->mount->flags & MS_NODEV)
			return -EACCES;
		__fallthrough;
	case S_IFIFO:
	case S_IFSOCK:
		if (flags & FILE_EXECUTED)
			return -EACCES;
		break;
	default:
		if (access & MAY_WRITE && !created && mount_is_read_only(path->mount))
			return -EROFS;
		if (flags & FILE_EXECUTED && path->mount->flags & MS_NOEXEC)
			return -EACCES;
	}
	error = created ? 0 : vnode_permission(vnode, access);
	if (!error && flags & O_NOATIME && !vnode_is_owner(vnode))
		error = -EPERM;
	if (!error && vnode->flags & VNODE_APPEND &&
	    ((access & MAY_WRITE && !(flags & O_APPEND)) || flags & O_TRUNC))
		error = -EPERM;
	return error;
}

static int set_operations(struct file *file)
{
	struct vnode *vnode = file->vnode;
	const struct file_operations *operations = vnode->file_operations;

	switch (vnode->mode & S_IFMT) {
	case S_IFCHR:
	case S_IFBLK:
		if (!operations) {
			int error = device_node_find(vnode->mode & S_IFMT, vnode->device,
						     &operations, &file->private);
			if (error)
				return error;
		}
		break;
	case S_IFIFO:
		operations = &fifo_file_operations;
		break;
	case S_IFSOCK:
		return -ENXIO;
	case S_IFDIR:
		operations = operations ? operations : &directory_file_operations;
		break;
	default:
		break;
	}
	file->operations = operations;
	return operations ? 0 : -ENXIO;
}

/* Writers exclude execution and the reverse; only regular files know it. */
static int count_use(struct file *file)
{
	int error;

	if (!S_ISREG(file->vnode->mode))
		return 0;
	if (file->flags & FILE_EXECUTED)
		return vnode_execution_get(file->vnode);
	if (!file_writable(file))
		return 0;
	error = vnode_writer_get(file->vnode);
	if (error)
		return error;
	file->flags |= FILE_WRITER;
	atomic32_inc(&file->vnode->system->writers);
	return 0;
}

static int truncate_opened(const struct path *path)
{
	struct vnode_change change = { .which = ATTR_SIZE };

	return path_change(path, &change);
}

static int open_file(struct file *file, const struct path *path, bool created)
{
	u32 flags = file->flags;
	int error;

	if (flags & O_PATH)
		return 0;
	error = set_operations(file);
	if (!error)
		error = count_use(file);
	if (error) {
		file->flags &= ~FILE_EXECUTED;
		return error;
	}
	/* Text that is made when it is read (procfs) has nothing to lose. */
	if (flags & O_TRUNC && file->vnode->object && !created)
		error = truncate_opened(path);
	if (!error && file->operations->open)
		error = file->operations->open(file->vnode, file);
	return error;
}

static const struct file_operations no_operations;

/* @file becomes what @path names, or is put. */
static struct file *open_prepared(struct file *file, const struct path *path, u32 flags,
				  bool created)
{
	struct vnode *vnode = path_vnode(path);
	int error = 0;

	if (flags & O_DIRECTORY && !S_ISDIR(vnode->mode))
		error = -ENOTDIR;
	else if (!(flags & O_PATH))
		error = may_open(path, flags, created);
	if (error) {
		file_put(file);
		return ERR_PTR(error);
	}
	path_get(path);
	vnode_get(vnode);
	file->path = *path;
	file->vnode = vnode;
	writeback_errors_begin(file);
	error = open_file(file, path, created);
	if (error) {
		/* What open() refused is not released either. */
		file->operations = &no_operations;
		file_put(file);
		return ERR_PTR(error);
	}
	file->flags &= ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
	file->announced = true;
	notify_file(file, IN_OPEN);
	return file;
}

struct file *file_open_path(const struct path *path, u32 flags, bool created)
{
	struct file *file = file_create(&no_operations, flags, NULL);

	return IS_ERR(file) ? file : open_prepared(file, path, flags, created);
}

/*
 * The last name of an open that may create. 0: walk->path is the file, *@created says whether it is
 * new; 1: follow a link.
 */
static int open_create(struct walk *walk, u32 flags, u32 mode, bool *created)
{
	struct vnode *parent = path_vnode(&walk->path);
	bool follow = !(flags & (O_NOFOLLOW | O_EXCL));
	struct dentry *dentry;
	int error = 0;

	if (walk->kind != WALK_NORMAL || walk->slash)
		return -EISDIR;
	dentry = dentry_find(walk->path.dentry, walk->name, walk->length);
	if (dentry && dentry->vnode && !(flags & O_EXCL) && dentry_is_current(dentry))
		return walk_into(walk, dentry, follow);
	if (dentry)
		dentry_put(dentry);
	write_lock(&parent->lock);
	dentry = dentry_lookup_locked(walk->path.dentry, walk->name, walk->length);
	error = PTR_ERR_OR_ZERO(dentry);
	if (!error && dentry->vnode) {
		error = flags & O_EXCL ? -EEXIST : 0;
	} else if (!error) {
		error = mount_is_read_only(walk->path.mount) ? -EROFS : names_may_create(parent);
		if (!error)
			error = names_create_locked(walk->path.dentry, dentry,
						    S_IFREG | names_umask(mode), 0);
		*created = !error;
	}
	write_unlock(&parent->lock);
	if (error) {
		if (!IS_ERR(dentry))
			dentry_put(dentry);
		return error;
	}
	return walk_into(walk, dentry, follow);
}

static struct file *open_walked(struct walk *walk, u32 flags, u32 mode)
{
	/* Before a name is created, which would stay when there is no memory for the file. */
	struct file *file = file_create(&no_operations, flags, NULL);
	bool created = false;
	int error;

	if (IS_ERR(file))
		return file;

	do {
		created = false;
		error = walk_to_parent(walk);
		if (error)
			goto refuse;
		error = flags & O_CREAT ? open_create(walk, flags, mode, &created)
					: walk_last(walk, !(flags & O_NOFOLLOW));
		if (error < 0)
			goto refuse;
	} while (error);
	error = -EISDIR;
	if (flags & O_CREAT && S_ISDIR(path_vnode(&walk->path)->mode))
		goto refuse;
	error = -ENOTDIR;
	if (walk->flags & LOOKUP_DIRECTORY && !S_ISDIR(path_vnode(&walk->path)->mode))
		goto refuse;
	return open_prepared(file, &walk->path, flags, created);
refuse:
	file_put(file);
	return ERR_PTR(error);
}

/* @unnamed becomes a new file in @directory's file system, as open(2) says of O_TMPFILE. */
static int make_unnamed(const struct path *directory, u32 flags, u32 mode, struct path *unnamed)
{
	struct vnode *parent = path_vnode(directory), *vnode;
	char name[24];
	int error;

	if (!S_ISDIR(parent->mode))
		return -ENOTDIR;
	if (mount_is_read_only(directory->mount))
		return -EROFS;
	error = vnode_permission(parent, MAY_WRITE | MAY_EXECUTE);
	if (error)
		return error;
	if (!parent->operations->tmpfile)
		return -EOPNOTSUPP;
	write_lock(&parent->lock);
	error = parent->operations->tmpfile(parent, S_IFREG | names_umask(mode), &vnode);
	write_unlock(&parent->lock);
	if (error)
		return error;
	vnode->linkable = !(flags & O_EXCL);
	snprintf(name, sizeof(name), "#%llu", (unsigned long long)vnode->ino);
	unnamed->dentry = dentry_create(directory->dentry, name, strlen(name), vnode);
	if (!unnamed->dentry) {
		vnode_put(vnode);
		return -ENOMEM;
	}
	unnamed->mount = directory->mount;
	atomic32_inc(&unnamed->mount->references);
	return 0;
}

static struct file *open_unnamed(int dirfd, const char *name, u32 flags, u32 mode,
				 unsigned lookup_flags)
{
	unsigned follow = flags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct path directory, unnamed;
	struct file *file;
	int error = path_lookup(dirfd, name, lookup_flags | follow, &directory);

	if (error)
		return ERR_PTR(error);
	error = make_unnamed(&directory, flags, mode, &unnamed);
	path_put(&directory);
	if (error)
		return ERR_PTR(error);
	file = file_open_path(&unnamed, flags & ~(u32)O_DIRECTORY, true);
	path_put(&unnamed);
	if (!IS_ERR(file))
		file->flags |= O_DIRECTORY;
	return file;
}

struct file *file_open_how(int dirfd, const char *name, u32 flags, u32 mode, unsigned lookup_flags)
{
	struct walk walk;
	struct file *file;
	int error;

	if (flags & O_TMPFILE_BIT)
		return open_unnamed(dirfd, name, flags, mode, lookup_flags);
	error = walk_start(&walk, dirfd, name, lookup_flags);
	file = error ? ERR_PTR(error) : open_walked(&walk, flags, mode);
	walk_end(&walk);
	return file;
}

struct file *file_open(int dirfd, const char *name, u32 flags, u32 mode)
{
	int error = open_flags_check(&flags, &mode);

	return error ? ERR_PTR(error) : file_open_how(dirfd, name, flags, mode, 0);
}

struct file *file_open_exec(int dirfd, const char *name, unsigned lookup_flags)
{
	u32 flags = O_RDONLY | O_LARGEFILE | FILE_EXECUTED;

	if (!(lookup_flags & LOOKUP_FOLLOW))
		flags |= O_NOFOLLOW;
	return file_open_how(dirfd, name, flags, 0, lookup_flags);
}
