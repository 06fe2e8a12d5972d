/* Attributes: chmod, chown, utimes, truncate. The caller has checked who may. */
#include <fs/file.h>
#include <fs/notify.h>
#include <fs/seal.h>
#include <lib/errno.h>
#include <proc/process.h>

enum { X_ANY = 0111 };

static int check_size(struct vnode *vnode, u64 size)
{
	u64 limit = process_current() ? process_limit(RLIMIT_FSIZE) : RLIMIT_INFINITY;
	struct signal_info info = { .signo = SIGXFSZ, .code = SI_KERNEL };

	if (!S_ISREG(vnode->mode))
		return S_ISDIR(vnode->mode) ? -EISDIR : -EINVAL;
	/* Files without contents of their own (procfs) have their own idea of sizes. */
	if (!vnode->object || size <= vnode->size || size <= limit)
		return 0;
	signal_send_thread(thread_current(), &info);
	return -EFBIG;
}

/* Whoever changes the contents or the owner takes away what set-id bits granted. */
static void drop_privileges(struct vnode *vnode, const struct vnode_change *change)
{
	u32 drop = 0;

	if (S_ISDIR(vnode->mode))
		return;
	if (change->which & (ATTR_UID | ATTR_GID))
		drop = S_ISUID | (vnode->mode & 010 ? S_ISGID : 0);
	else if (change->which & ATTR_SIZE)
		vnode_drop_privileges(vnode);
	WRITE_ONCE(vnode->mode, vnode->mode & ~drop);
}

/* chattr(1) */
static int check_flags(const struct vnode *vnode, const struct vnode_change *change)
{
	bool touch = change->which & ATTR_NOW &&
		     !(change->which & ~(u32)(ATTR_ATIME | ATTR_MTIME | ATTR_NOW));
	u32 flags = READ_ONCE(vnode->flags);

	return flags & VNODE_IMMUTABLE || (flags & VNODE_APPEND && !touch) ? -EPERM : 0;
}

int path_change(const struct path *path, const struct vnode_change *change)
{
	struct vnode *vnode = path_vnode(path);
	int error = 0;

	if (mount_is_read_only(path->mount))
		return -EROFS;
	write_lock(&vnode->lock);
	error = check_flags(vnode, change);
	if (!error && change->which & ATTR_SIZE)
		error = check_size(vnode, change->size);
	if (!error && change->which & ATTR_SIZE)
		error = seal_check_size(vnode, change->size);
	if (change->which & ATTR_MODE && vnode->seals & F_SEAL_EXEC &&
	    (vnode->mode ^ change->mode) & X_ANY)
		error = -EPERM;
	if (!error && vnode->operations->change)
		error = vnode->operations->change(vnode, change);
	else if (!error && change->which & ATTR_SIZE)
		error = -EINVAL;
	else if (!error)
		vnode_change_fields(vnode, change);
	if (!error)
		drop_privileges(vnode, change);
	write_unlock(&vnode->lock);
	if (!error)
		notify_change(path->dentry, change);
	return error;
}
