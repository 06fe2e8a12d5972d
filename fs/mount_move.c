/* Mounts that change their place, and copies of whole trees of them: MS_MOVE, pivot_root(2), MS_REC. */
#include <fs/dentry.h>
#include <fs/mount.h>
#include <fs/walk.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <proc/process.h>

/* [mount_lock] Is @mount below @ancestor in the tree, or the same? */
static bool is_below(const struct mount *mount, const struct mount *ancestor)
{
	while (mount && mount != ancestor)
		mount = mount->parent;
	return mount;
}

/* [mount_lock] @mount leaves its place, whose references are the caller's to drop. */
static struct path take_away(struct mount *mount)
{
	struct path place = { mount->parent, mount->mountpoint };

	mount->parent = NULL;
	mount->mountpoint = NULL;
	place.dentry->mounted = mount_is_place(place.dentry);
	return place;
}

/* [mount_lock] The references of @place go into it. */
static void put_at(struct mount *mount, const struct path *place)
{
	mount->parent = place->mount;
	mount->mountpoint = place->dentry;
	place->dentry->mounted = true;
}

int mount_move(const struct path *from, const struct path *to)
{
	struct mount *mount = from->mount;
	struct path former = { NULL, NULL };
	int error = 0;

	if (from->dentry != mount->root)
		return -EINVAL;
	if (S_ISDIR(mount->root->vnode->mode) != S_ISDIR(path_vnode(to)->mode))
		return -EINVAL;
	spin_lock(&mount_lock);
	if (!mount->parent || list_empty(&mount->link)) {
		error = -EINVAL;
	} else if (is_below(to->mount, mount)) {
		error = -ELOOP;
	} else {
		path_get(to);
		former = take_away(mount);
		put_at(mount, to);
	}
	spin_unlock(&mount_lock);
	if (former.mount)
		path_put(&former);
	return error;
}

/* [mount_lock] pivot_root(2), "Notes", in its order. */
static int may_pivot(const struct path *root, const struct path *new, const struct path *put_old)
{
	if (!new->mount->parent)
		return -EINVAL;
	if (new->mount == root->mount || put_old->mount == root->mount)
		return -EBUSY;
	if (root->dentry != root->mount->root || !root->mount->parent)
		return -EINVAL;
	if (new->dentry != new->mount->root)
		return -EINVAL;
	if (!is_below(put_old->mount, new->mount) || !is_below(new->mount, root->mount))
		return -EINVAL;
	return 0;
}

/* Every process whose root or working directory was @old has @new instead. */
static void change_roots(const struct path *old, const struct path *new)
{
	struct process *process;

	for (s32 pid = 0; (process = process_next(pid));) {
		struct directory_context *context = process_directory(process);

		pid = process->id->number;
		if (context) {
			directory_context_replace(context, old, new);
			directory_context_put(context);
		}
		process_put(process);
	}
}

int mount_pivot(const struct path *new, const struct path *put_old)
{
	struct path root, root_place, new_place;
	int error;

	path_get_root(&root);
	spin_lock(&mount_lock);
	error = may_pivot(&root, new, put_old);
	if (!error) {
		path_get(put_old);
		new_place = take_away(new->mount);
		root_place = take_away(root.mount);
		put_at(new->mount, &root_place);
		put_at(root.mount, put_old);
	}
	spin_unlock(&mount_lock);
	if (!error) {
		path_put(&new_place);
		change_roots(&root, new);
	}
	path_put(&root);
	return error;
}

struct copy {
	struct mount *from; /* counted */
	struct mount *made; /* counted; NULL: not part of the tree, or not yet copied */
};

/* All mounts there are, counted; *@count of them. NULL: no memory. */
static struct copy *snapshot(unsigned *count)
{
	struct copy *copies;
	struct mount *mount;
	unsigned room;

	spin_lock(&mount_lock);
	room = (unsigned)list_length(&mounts);
	spin_unlock(&mount_lock);
	/* More may come meanwhile; those are not part of what was asked for. */
	copies = kzalloc((room + 1) * sizeof(*copies));
	*count = 0;
	if (!copies)
		return NULL;
	spin_lock(&mount_lock);
	list_for_each_entry(mount, &mounts, link) {
		if (*count == room)
			break;
		atomic32_inc(&mount->references);
		copies[(*count)++].from = mount;
	}
	spin_unlock(&mount_lock);
	return copies;
}

static struct mount *copy_of(const struct copy *copies, unsigned count, const struct mount *mount)
{
	for (unsigned i = 0; i < count; i++) {
		if (copies[i].from == mount)
			return copies[i].made;
	}
	return NULL;
}

/* What is mounted below @top, onto the copies of where it is. Parents come before children. */
static int copy_children(struct copy *copies, unsigned count, const struct path *top)
{
	for (unsigned i = 0; i < count; i++) {
		struct mount *from = copies[i].from;
		struct path place = { NULL, from->mountpoint };

		if (copies[i].made || !from->parent)
			continue;
		place.mount = copy_of(copies, count, from->parent);
		if (!place.mount ||
		    (from->parent == top->mount && !dentry_is_below(place.dentry, top->dentry)))
			continue;
		copies[i].made = mount_copy(from, from->root);
		if (!copies[i].made)
			return -ENOMEM;
		atomic32_inc(&copies[i].made->references);
		mount_attach(copies[i].made, &place);
	}
	return 0;
}

int mount_bind_tree(const struct path *from, const struct path *to)
{
	struct copy *copies;
	unsigned count;
	int error;

	copies = snapshot(&count);
	if (!copies)
		return -ENOMEM;
	error = mount_bind(from, to);
	for (unsigned i = 0; i < count && !error; i++) {
		if (copies[i].from == from->mount) {
			struct path made = *to;

			path_get(&made);
			path_cross_mounts(&made);
			copies[i].made = made.mount;
			dentry_put(made.dentry);
		}
	}
	if (!error)
		error = copy_children(copies, count, from);
	while (count--) {
		if (copies[count].made)
			mount_put(copies[count].made);
		mount_put(copies[count].from);
	}
	kfree(copies);
	return error;
}
