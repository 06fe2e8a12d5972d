/* rename(2), renameat2(2). */
#include <fs/names.h>
#include <fs/notify.h>
#include <lib/err.h>
#include <lib/string.h>

enum { RENAME_NOREPLACE = 1, RENAME_EXCHANGE = 2 };

/* Between directories: so that no two renames can each put the other's directory below its own. */
static struct mutex rename_mutex;

void rename_init(void)
{
	mutex_init(&rename_mutex, RANK_MOUNT);
}

struct rename {
	struct walk from, to;
	struct dentry *moved, *target; /* counted */
	unsigned flags;
};

/*
 * Lock both directories, ancestor first. Returns the child of one directory that leads to the
 * other, counted: a name that may not be moved (or replaced); or NULL.
 */
static struct dentry *child_towards(struct dentry *ancestor, struct dentry *dentry)
{
	struct dentry *found = NULL;

	spin_lock(&dentry_tree_lock);
	while (dentry->parent != dentry && dentry->parent != ancestor)
		dentry = dentry->parent;
	if (dentry->parent == ancestor && dentry != ancestor) {
		dentry_get(dentry);
		found = dentry;
	}
	spin_unlock(&dentry_tree_lock);
	return found;
}

static struct dentry *rename_lock(struct dentry *from, struct dentry *to)
{
	struct dentry *trap, *first = from, *second = to;

	if (from == to) {
		write_lock(&from->vnode->lock);
		return NULL;
	}
	mutex_lock(&rename_mutex);
	trap = child_towards(from, to);
	if (!trap) {
		trap = child_towards(to, from);
		if (trap || to < from) {
			first = to;
			second = from;
		}
	}
	write_lock(&first->vnode->lock);
	write_lock_nested(&second->vnode->lock);
	return trap;
}

static void rename_unlock(struct dentry *from, struct dentry *to)
{
	write_unlock(&from->vnode->lock);
	if (from == to)
		return;
	write_unlock(&to->vnode->lock);
	mutex_unlock(&rename_mutex);
}

static int check_kinds(struct rename *rename)
{
	struct dentry *moved = rename->moved, *target = rename->target;
	bool exchange = rename->flags & RENAME_EXCHANGE;

	if (!moved->vnode)
		return -ENOENT;
	if (target->vnode && rename->flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (!target->vnode && exchange)
		return -ENOENT;
	if (exchange && rename->to.slash && !S_ISDIR(target->vnode->mode))
		return -ENOTDIR;
	if (!S_ISDIR(moved->vnode->mode) && (rename->from.slash || (!exchange && rename->to.slash)))
		return -ENOTDIR;
	return 0;
}

static int check_permissions(struct rename *rename)
{
	struct vnode *from = path_vnode(&rename->from.path), *to = path_vnode(&rename->to.path);
	struct vnode *moved = rename->moved->vnode, *victim = rename->target->vnode;
	bool exchange = rename->flags & RENAME_EXCHANGE;
	int error = names_may_remove(from, rename->moved, S_ISDIR(moved->mode));

	if (error)
		return error;
	if (!victim)
		error = names_may_create(to);
	else
		error = names_may_remove(to, rename->target,
					 S_ISDIR(exchange ? victim->mode : moved->mode));
	if (error || from == to)
		return error;
	/* Its ".." changes. */
	if (S_ISDIR(moved->mode))
		error = vnode_permission(moved, 2);
	if (!error && exchange && S_ISDIR(victim->mode))
		error = vnode_permission(victim, 2);
	return error;
}

static int rename_apply(struct rename *rename)
{
	struct vnode *from = path_vnode(&rename->from.path), *to = path_vnode(&rename->to.path);
	struct dentry *moved = rename->moved, *target = rename->target;
	struct vnode *victim = target->vnode;
	bool exchange = rename->flags & RENAME_EXCHANGE;
	int error;

	if (READ_ONCE(moved->mounted) || READ_ONCE(target->mounted))
		return -EBUSY;
	if (!from->operations->rename || from->operations->rename != to->operations->rename)
		return -EPERM;
	if (victim && !exchange)
		write_lock_nested(&victim->lock);
	error = from->operations->rename(from, moved->name, moved->name_length, moved->vnode, to,
					 target->name, target->name_length, victim, exchange);
	if (victim && !exchange)
		write_unlock(&victim->lock);
	return error;
}

static void rename_notify(struct rename *rename)
{
	struct walk *from = &rename->from, *to = &rename->to;
	bool exchange = rename->flags & RENAME_EXCHANGE;

	notify_moved(from->path.dentry, from->name, from->length, to->path.dentry, rename->moved,
		     exchange ? NULL : rename->target->vnode);
	if (exchange)
		notify_moved(to->path.dentry, to->name, to->length, from->path.dentry,
			     rename->target, NULL);
}

/* With the directories locked and both names looked up. */
static int rename_found(struct rename *rename, struct dentry *trap)
{
	bool exchange = rename->flags & RENAME_EXCHANGE;
	int error = check_kinds(rename);

	if (error)
		return error;
	if (rename->moved == trap)
		return -EINVAL;
	if (rename->target == trap)
		return exchange ? -EINVAL : -ENOTEMPTY;
	if (rename->moved->vnode == rename->target->vnode)
		return 0;
	error = check_permissions(rename);
	if (error)
		return error;
	error = rename_apply(rename);
	if (error)
		return error;
	error = dentry_move(rename->moved, rename->target, exchange);
	/* No memory to note it: the cache forgets both names, and finds them again when asked. */
	if (error) {
		dentry_unhash(rename->moved);
		dentry_unhash(rename->target);
	} else {
		rename_notify(rename);
	}
	return 0;
}

static int rename_parents(struct rename *rename)
{
	struct dentry *from = rename->from.path.dentry, *to = rename->to.path.dentry;
	struct dentry *trap = rename_lock(from, to);
	int error;

	rename->moved = dentry_lookup_locked(from, rename->from.name, rename->from.length);
	error = PTR_ERR_OR_ZERO(rename->moved);
	if (!error) {
		rename->target = dentry_lookup_locked(to, rename->to.name, rename->to.length);
		error = PTR_ERR_OR_ZERO(rename->target);
		if (!error)
			error = rename_found(rename, trap);
	}
	rename_unlock(from, to);
	if (!IS_ERR_OR_NULL(rename->moved))
		dentry_put(rename->moved);
	if (!IS_ERR_OR_NULL(rename->target))
		dentry_put(rename->target);
	if (trap)
		dentry_put(trap);
	return error;
}

static int check_walks(struct rename *rename)
{
	if (rename->from.path.mount != rename->to.path.mount)
		return -EXDEV;
	if (rename->from.kind != WALK_NORMAL)
		return -EBUSY;
	if (rename->to.kind != WALK_NORMAL)
		return rename->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	return mount_is_read_only(rename->from.path.mount) ? -EROFS : 0;
}

int path_rename(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	struct rename rename = { .flags = flags };
	int error;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	error = walk_start(&rename.from, from_fd, from, 0);
	if (!error)
		error = walk_to_parent(&rename.from);
	if (!error) {
		error = walk_start(&rename.to, to_fd, to, 0);
		if (!error)
			error = walk_to_parent(&rename.to);
		if (!error)
			error = check_walks(&rename);
		if (!error)
			error = rename_parents(&rename);
		walk_end(&rename.to);
	}
	walk_end(&rename.from);
	return error;
}
