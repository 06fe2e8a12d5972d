/* Files that are in no file system: eventfd, epoll, timerfd. Each has a vnode for fstat(2). */
#include <fs/dentry.h>
#include <fs/file.h>
#include <fs/mount.h>
#include <lib/err.h>
#include <mm/slab.h>

static SLAB_CACHE(anonymous_vnode_cache, struct vnode);

static void anonymous_release(struct vnode *vnode)
{
	slab_free(&anonymous_vnode_cache, vnode);
}

struct file *file_create_unnamed(const char *name, const struct file_operations *operations,
				 u32 flags, void *private)
{
	static const struct vnode_operations vnode_operations = { .release = anonymous_release };
	static struct atomic64 last_ino;
	struct vnode *vnode = slab_alloc(&anonymous_vnode_cache);

	if (!vnode)
		return ERR_PTR(-ENOMEM);
	vnode_init(vnode, &anonymous_system, 0600);
	vnode_set_owner(vnode, NULL);
	vnode->operations = &vnode_operations;
	vnode->ino = atomic64_inc_return(&last_ino);
	return file_create_anonymous(vnode, name, operations, flags, private);
}
