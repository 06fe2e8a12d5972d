#include <fs/dentry.h>
#include <fs/mount.h>
#include <fs/mount_device.h>
#include <fs/notify.h>
#include <fs/walk.h>
#include <fs/writeback.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { MNT_FORCE = 1, MNT_DETACH = 2, MNT_EXPIRE = 4, UMOUNT_NOFOLLOW = 8 };
enum {
	MOUNT_KEPT_FLAGS = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME |
			   MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME
};

struct spinlock mount_lock = SPINLOCK_INIT(RANK_PROCESS);
struct list_node mounts = LIST_INIT(mounts);
static u32 last_id = 20; /* [mount_lock] */
struct path system_root;

static struct file_system_type anonymous_type = { .name = "anon_inodefs" };
struct file_system anonymous_system = {
	.type = &anonymous_type,
	.device = DEVICE_NUMBER(0, 255),
	.references = ATOMIC_INIT(1),
};
struct mount anonymous_mount = { .references = ATOMIC_INIT(1), .system = &anonymous_system };

void file_system_put(struct file_system *system)
{
	struct block_device *device = system->block;

	if (!atomic32_dec_and_test(&system->references))
		return;
	notify_unmounted(system);
	/* Idle names count its vnodes. */
	dentry_cache_shrink(~(u64)0);
	if (device)
		device_system_finish(system);
	if (system->root_dentry)
		dentry_put(system->root_dentry);
	else if (system->root)
		vnode_put(system->root);
	if (system->unmount)
		system->unmount(system);
	if (device)
		device_system_gone(device);
}

void mount_put(struct mount *mount)
{
	if (!atomic32_dec_and_test(&mount->references))
		return;
	dentry_put(mount->root);
	file_system_put(mount->system);
	kfree(mount->source);
	kfree(mount);
}

/* The reference of @system is taken over, also at failure. */
static struct mount *mount_create(struct file_system *system, struct dentry *root,
				  const char *source, unsigned flags)
{
	struct mount *mount = kzalloc(sizeof(*mount));

	if (mount)
		mount->source = kstrdup(source);
	if (!mount || !mount->source) {
		kfree(mount);
		file_system_put(system);
		return NULL;
	}
	atomic32_set(&mount->references, 1);
	mount->system = system;
	dentry_get(root);
	mount->root = root;
	mount->flags = flags & MOUNT_KEPT_FLAGS;
	list_init(&mount->link);
	return mount;
}

/* A new instance, or the only one of its kind, with its root's dentry. */
static int system_make(struct file_system_type *type, const char *source, const char *data,
		       unsigned flags, struct file_system **made)
{
	struct file_system *system;
	int error = type->needs_device ? device_system_make(type, source, data, flags, &system)
				       : type->mount(source, data, &system);

	if (error)
		return error;
	if (!system->root_dentry) {
		system->root_dentry = dentry_create(NULL, "/", 1, system->root);
		if (!system->root_dentry) {
			file_system_put(system);
			return -ENOMEM;
		}
	}
	*made = system;
	return 0;
}

void mount_attach(struct mount *mount, const struct path *where)
{
	path_get(where);
	spin_lock(&mount_lock);
	mount->id = ++last_id;
	mount->parent = where->mount;
	mount->mountpoint = where->dentry;
	where->dentry->mounted = true;
	list_add_tail(&mounts, &mount->link);
	spin_unlock(&mount_lock);
}

/* [mount_lock] What is mounted on @path itself, or NULL. */
static struct mount *mount_on(const struct path *path)
{
	struct mount *mount;

	list_for_each_entry(mount, &mounts, link)
		if (mount->mountpoint == path->dentry && mount->parent == path->mount)
			return mount;
	return NULL;
}

void path_cross_mounts(struct path *path)
{
	while (READ_ONCE(path->dentry->mounted)) {
		struct mount *mount;

		spin_lock(&mount_lock);
		mount = mount_on(path);
		if (mount)
			atomic32_inc(&mount->references);
		spin_unlock(&mount_lock);
		if (!mount)
			return;
		dentry_get(mount->root);
		path_put(path);
		*path = (struct path){ mount, mount->root };
	}
}

bool path_leave_mount(struct path *path)
{
	struct path outside;

	spin_lock(&mount_lock);
	outside = (struct path){ path->mount->parent, path->mount->mountpoint };
	if (outside.mount)
		path_get(&outside);
	spin_unlock(&mount_lock);
	if (!outside.mount)
		return false;
	path_put(path);
	*path = outside;
	return true;
}

void path_get_system_root(struct path *path)
{
	*path = system_root;
	path_get(path);
}

int mount_root(struct file_system_type *type)
{
	struct file_system *system;
	struct mount *mount;
	int error = system_make(type, "rootfs", "", 0, &system);

	if (error)
		return error;
	mount = mount_create(system, system->root_dentry, "rootfs", 0);
	if (!mount)
		return -ENOMEM;
	spin_lock(&mount_lock);
	mount->id = ++last_id;
	list_add_tail(&mounts, &mount->link);
	spin_unlock(&mount_lock);
	dentry_get(mount->root);
	system_root = (struct path){ mount, mount->root };
	return 0;
}

int mount_new_root(struct file_system_type *type, const char *source, const char *data,
		   unsigned flags)
{
	struct path root;
	int error;

	path_get_system_root(&root);
	error = mount_at(&root, type, source, data, flags);
	if (error) {
		path_put(&root);
		return error;
	}
	path_cross_mounts(&root);
	path_put(&system_root);
	system_root = root;
	return 0;
}

/* A directory on a directory, anything else on anything else; not on a name that is gone. */
static int mount_on_place(struct mount *mount, const struct path *where)
{
	struct vnode *vnode = path_vnode(where);
	int error = 0;

	if (S_ISDIR(mount->root->vnode->mode) != S_ISDIR(vnode->mode))
		return -ENOTDIR;
	write_lock(&vnode->lock);
	if (where->dentry->unhashed)
		error = -ENOENT;
	else
		mount_attach(mount, where);
	write_unlock(&vnode->lock);
	return error;
}

int mount_at(const struct path *where, struct file_system_type *type, const char *source,
	     const char *data, unsigned flags)
{
	struct file_system *system;
	struct mount *mount;
	int error = system_make(type, source, data, flags, &system);

	if (error)
		return error;
	if (where->mount->system == system && where->dentry == system->root_dentry) {
		file_system_put(system);
		return -EBUSY;
	}
	mount = mount_create(system, system->root_dentry, source, flags);
	if (!mount)
		return -ENOMEM;
	error = mount_on_place(mount, where);
	if (error)
		mount_put(mount);
	return error;
}

struct mount *mount_copy(struct mount *mount, struct dentry *root)
{
	atomic32_inc(&mount->system->references);
	return mount_create(mount->system, root, mount->source, mount->flags);
}

int mount_bind(const struct path *from, const struct path *to)
{
	struct mount *mount;
	int error;

	if (from->mount == &anonymous_mount || from->mount->flags & MS_UNBINDABLE)
		return -EINVAL;
	mount = mount_copy(from->mount, from->dentry);
	if (!mount)
		return -ENOMEM;
	error = mount_on_place(mount, to);
	if (error)
		mount_put(mount);
	return error;
}

int mount_set_unbindable(const struct path *where, bool unbindable)
{
	if (where->dentry != where->mount->root)
		return -EINVAL;
	spin_lock(&mount_lock);
	where->mount->flags &= ~(u32)MS_UNBINDABLE;
	where->mount->flags |= unbindable ? MS_UNBINDABLE : 0;
	spin_unlock(&mount_lock);
	return 0;
}

int mount_change_flags(const struct path *where, unsigned flags, const char *data)
{
	struct file_system *system = where->mount->system;
	int error = 0;

	if (where->dentry != where->mount->root)
		return -EINVAL;
	if (system->block && !(flags & MS_BIND))
		error = device_system_remount(system, flags, data);
	if (error)
		return error;
	spin_lock(&mount_lock);
	where->mount->flags = flags & MOUNT_KEPT_FLAGS;
	spin_unlock(&mount_lock);
	return 0;
}

/* [mount_lock] */
static bool has_children(const struct mount *mount)
{
	struct mount *other;

	list_for_each_entry(other, &mounts, link)
		if (other->parent == mount)
			return true;
	return false;
}

bool mount_is_place(const struct dentry *dentry)
{
	struct mount *mount;

	list_for_each_entry(mount, &mounts, link)
		if (mount->mountpoint == dentry)
			return true;
	return false;
}

/* [mount_lock] Off the tree; the references of its place are the caller's to drop. */
static struct path mount_detach(struct mount *mount)
{
	struct path place = { mount->parent, mount->mountpoint };

	list_remove_init(&mount->link);
	mount->parent = NULL;
	mount->mountpoint = NULL;
	place.dentry->mounted = mount_is_place(place.dentry);
	return place;
}

/* [mount_lock] @mount, or what is mounted somewhere below it and carries nothing itself. */
static struct mount *lowest_below(struct mount *mount)
{
	struct mount *other;
	bool deeper;

	do {
		deeper = false;
		list_for_each_entry(other, &mounts, link) {
			if (other->parent == mount) {
				mount = other;
				deeper = true;
				break;
			}
		}
	} while (deeper);
	return mount;
}

/* umount2(2) with MNT_DETACH: what is mounted below goes as well. */
static void detach_tree(struct mount *mount)
{
	struct mount *lowest;
	struct path place;

	do {
		spin_lock(&mount_lock);
		lowest = lowest_below(mount);
		if (list_empty(&lowest->link)) {
			spin_unlock(&mount_lock);
			return;
		}
		place = mount_detach(lowest);
		spin_unlock(&mount_lock);
		path_put(&place);
		mount_put(lowest);
	} while (lowest != mount);
}

int mount_remove(const struct path *where, int flags)
{
	struct mount *mount = where->mount;
	struct path place;

	if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW) ||
	    (flags & MNT_EXPIRE && flags & (MNT_FORCE | MNT_DETACH)))
		return -EINVAL;
	if (where->dentry != mount->root || mount == &anonymous_mount || !mount->parent)
		return -EINVAL;
	if (flags & MNT_DETACH) {
		detach_tree(mount);
		return 0;
	}
	spin_lock(&mount_lock);
	if (list_empty(&mount->link)) {
		spin_unlock(&mount_lock);
		return -EINVAL;
	}
	/* The tree's reference and the caller's path. */
	if (atomic32_read(&mount->references) > 2 || has_children(mount)) {
		spin_unlock(&mount_lock);
		return -EBUSY;
	}
	place = mount_detach(mount);
	spin_unlock(&mount_lock);
	path_put(&place);
	mount_put(mount);
	return 0;
}

void mount_for_each(bool (*visit)(struct mount *mount, void *context), void *context)
{
	struct mount *mount;

	spin_lock(&mount_lock);
	list_for_each_entry(mount, &mounts, link)
		if (!visit(mount, context))
			break;
	spin_unlock(&mount_lock);
}

void path_statfs(const struct path *path, struct statfs_result *result)
{
	struct file_system *system = path->mount->system;

	*result = (struct statfs_result){ .block_size = PAGE_SIZE, .name_length = NAME_MAX };
	if (system->statfs)
		system->statfs(system, result);
}

int file_systems_sync(void)
{
	struct file_system *system = NULL;
	int result = writeback_system(NULL);

	while ((system = device_system_next(system))) {
		int error = file_system_sync(system);

		result = result ? result : error;
	}
	return result;
}
