/* Nodes of all types: their making and end, and the contents of files. */
#include <fs/path.h>
#include <fs/seal.h>
#include <fs/tmpfs/tmpfs.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

static SLAB_CACHE(node_cache, struct tmpfs_node);

static void node_free(struct tmpfs_node *node)
{
	tmpfs_xattr_free(node);
	atomic64_dec(&tmpfs_of(&node->vnode)->nodes);
	slab_free(&node_cache, node);
}

/* Bring the file system's count of pages up to date with this file. */
static void count_pages(struct tmpfs_node *node)
{
	struct tmpfs *tmpfs = tmpfs_of(&node->vnode);

	mutex_lock(&node->object.lock);
	atomic64_add(&tmpfs->pages_used, node->object.page_count - node->pages_counted);
	node->pages_counted = node->object.page_count;
	mutex_unlock(&node->object.lock);
}

/* The vnode has let go, and so has every mapping. */
static void object_release(struct memory_object *object)
{
	struct tmpfs_node *node = container_of(object, struct tmpfs_node, object);

	atomic64_sub(&tmpfs_of(&node->vnode)->pages_used, node->pages_counted);
	object_destroy_pages(object);
	node_free(node);
}

static const struct object_operations object_operations = { .release = object_release };

void tmpfs_vnode_release(struct vnode *vnode)
{
	struct tmpfs_node *node = tmpfs_node_of(vnode);

	if (S_ISREG(vnode->mode)) {
		object_put(&node->object);
		return;
	}
	if (S_ISLNK(vnode->mode))
		kfree(node->target);
	/* Only a root that is unmounted still holds names. */
	if (S_ISDIR(vnode->mode))
		tmpfs_empty_tree(node);
	node_free(node);
}

static void set_type(struct tmpfs_node *node)
{
	struct vnode *vnode = &node->vnode;

	switch (vnode->mode & S_IFMT) {
	case S_IFREG:
		vnode->operations = &tmpfs_file_operations;
		vnode->file_operations = &regular_file_operations;
		object_init(&node->object, &object_operations, 0);
		node->object.owner = vnode;
		vnode->object = &node->object;
		vnode->seals = SEALABLE | F_SEAL_SEAL;
		break;
	case S_IFDIR:
		vnode->operations = &tmpfs_directory_operations;
		vnode->file_operations = &directory_file_operations;
		vnode->links = 2;
		vnode->size = 40;
		node->directory = (struct tmpfs_directory){ .next_cookie = 2, .parent = node };
		break;
	case S_IFLNK:
		vnode->operations = &tmpfs_link_operations;
		node->target = NULL;
		break;
	default:
		vnode->operations = &tmpfs_special_operations;
	}
}

struct tmpfs_node *tmpfs_node_create(struct tmpfs *tmpfs, u32 mode, int *error)
{
	struct tmpfs_node *node;

	if (atomic64_inc_return(&tmpfs->nodes) > tmpfs->nodes_max && tmpfs->nodes_max) {
		atomic64_dec(&tmpfs->nodes);
		*error = -ENOSPC;
		return NULL;
	}
	node = slab_alloc(&node_cache);
	if (!node) {
		atomic64_dec(&tmpfs->nodes);
		*error = -ENOMEM;
		return NULL;
	}
	vnode_init(&node->vnode, &tmpfs->system, mode);
	node->vnode.birth = node->vnode.times.change;
	node->vnode.ino = atomic64_inc_return(&tmpfs->last_ino);
	node->pages_counted = 0;
	node->attributes = NULL;
	set_type(node);
	return node;
}

/* How far from @position the pages that are missing fit into @pages more. */
static u64 fitting(struct memory_object *object, u64 position, u64 size, u64 pages)
{
	u64 at = position, end = position + size;

	mutex_lock(&object->lock);
	while (at < end) {
		if (!radix_lookup(&object->pages, at / PAGE_SIZE) && !pages--)
			break;
		at = ALIGN_DOWN(at, PAGE_SIZE) + PAGE_SIZE;
	}
	mutex_unlock(&object->lock);
	return MIN(at, end) - position;
}

static s64 file_reserve(struct vnode *vnode, u64 position, u64 size)
{
	struct tmpfs *tmpfs = tmpfs_of(vnode);
	u64 used = atomic64_read(&tmpfs->pages_used), left;

	if (!tmpfs->pages_max)
		return size;
	left = used < tmpfs->pages_max ? tmpfs->pages_max - used : 0;
	if (size / PAGE_SIZE + 2 > left)
		size = fitting(vnode->object, position, size, left);
	return size ? (s64)size : -ENOSPC;
}

static void file_refresh(struct vnode *vnode)
{
	struct tmpfs_node *node = tmpfs_node_of(vnode);

	if (tmpfs_of(vnode)->pages_max &&
	    READ_ONCE(node->object.page_count) != READ_ONCE(node->pages_counted))
		count_pages(node);
	vnode->blocks = READ_ONCE(node->object.page_count) * (PAGE_SIZE / 512);
}

int tmpfs_change(struct vnode *vnode, const struct vnode_change *change)
{
	if (change->which & ATTR_SIZE) {
		WRITE_ONCE(vnode->size, MIN(vnode->size, change->size));
		object_set_size(vnode->object, change->size);
		WRITE_ONCE(vnode->size, change->size);
		file_refresh(vnode);
	}
	vnode_change_fields(vnode, change);
	return 0;
}

static ssize_t link_read(struct vnode *vnode, char *buffer, size_t size)
{
	size = MIN((u64)size, vnode->size);
	memcpy(buffer, tmpfs_node_of(vnode)->target, size);
	return size;
}

u32 tmpfs_flags_get(struct vnode *vnode)
{
	return vnode->flags;
}

int tmpfs_flags_set(struct vnode *vnode, u32 flags)
{
	if (flags & ~(u32)(VNODE_IMMUTABLE | VNODE_APPEND | VNODE_NODUMP | VNODE_NOATIME))
		return -EOPNOTSUPP;
	WRITE_ONCE(vnode->flags, flags);
	vnode_touch(vnode, false, false, true);
	return 0;
}

const struct vnode_operations tmpfs_file_operations = {
	.refresh = file_refresh,
	.reserve = file_reserve,
	.change = tmpfs_change,
	.flags_get = tmpfs_flags_get,
	.flags_set = tmpfs_flags_set,
	.xattr_get = tmpfs_xattr_get,
	.xattr_set = tmpfs_xattr_set,
	.xattr_list = tmpfs_xattr_list,
	.release = tmpfs_vnode_release,
};

const struct vnode_operations tmpfs_link_operations = {
	.readlink = link_read,
	.change = tmpfs_change,
	.xattr_get = tmpfs_xattr_get,
	.xattr_set = tmpfs_xattr_set,
	.xattr_list = tmpfs_xattr_list,
	.release = tmpfs_vnode_release,
};

const struct vnode_operations tmpfs_special_operations = {
	.change = tmpfs_change,
	.xattr_get = tmpfs_xattr_get,
	.xattr_set = tmpfs_xattr_set,
	.xattr_list = tmpfs_xattr_list,
	.release = tmpfs_vnode_release,
};
