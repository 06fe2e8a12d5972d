/*
 * One directory, whose names come and go with the pseudo-terminals. Cached names are looked at
 * again by revalidate(), so none has to be taken out of the cache.
 */
#include <fs/dentry.h>
#include <fs/device_node.h>
#include <fs/devpts/devpts.h>
#include <fs/mount.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { DEVPTS_MAGIC = 0x1cd1, ROOT_INODE = 1, MASTER_INODE = 2, FIRST_INODE = 3 };

struct devpts_node {
	struct vnode vnode;
	struct list_node link; /* [nodes_lock] */
	unsigned number;       /* [const] */
	bool shown, removed;   /* [nodes_lock; atomic read] */
};

static struct spinlock nodes_lock = SPINLOCK_INIT(RANK_TABLE);
static struct list_node nodes = LIST_INIT(nodes); /* [nodes_lock] by number */
static struct vnode root, master;
static u32 slave_mode = 0600, slave_gid = ~0u, slave_uid = ~0u; /* [atomic] mount options */
static SLAB_CACHE(node_cache, struct devpts_node);

static struct devpts_node *node_of(struct vnode *vnode)
{
	return container_of(vnode, struct devpts_node, vnode);
}

static void node_release(struct vnode *vnode)
{
	slab_free(&node_cache, node_of(vnode));
}

static bool node_is_current(struct vnode *vnode)
{
	return !READ_ONCE(node_of(vnode)->removed);
}

/* What is part of the one instance is never freed. */
static void fixed_release(struct vnode *vnode)
{
}

static bool fixed_is_current(struct vnode *vnode)
{
	return true;
}

static const struct vnode_operations node_operations = {
	.revalidate = node_is_current,
	.release = node_release,
};
static const struct vnode_operations master_operations = { .release = fixed_release };

static int parse_number(const char *name, size_t length, unsigned *number)
{
	unsigned value = 0;

	if (!length || length > 5 || (name[0] == '0' && length > 1))
		return -ENOENT;
	for (size_t i = 0; i < length; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -ENOENT;
		value = value * 10 + (name[i] - '0');
	}
	*number = value;
	return 0;
}

static int root_lookup(struct vnode *directory, const char *name, size_t length,
		       struct vnode **found)
{
	struct devpts_node *node;
	unsigned number;
	int error = -ENOENT;

	if (length == 4 && memcmp(name, "ptmx", 4) == 0) {
		vnode_get(&master);
		*found = &master;
		return 0;
	}
	if (parse_number(name, length, &number))
		return -ENOENT;
	spin_lock(&nodes_lock);
	list_for_each_entry(node, &nodes, link) {
		if (node->number != number || !node->shown)
			continue;
		vnode_get(&node->vnode);
		*found = &node->vnode;
		error = 0;
		break;
	}
	spin_unlock(&nodes_lock);
	return error;
}

/* The first node with a number ≥ @number that has a name: its number, or -1. */
static int next_number(int number)
{
	struct devpts_node *node;
	int found = -1;

	spin_lock(&nodes_lock);
	list_for_each_entry(node, &nodes, link) {
		if (node->shown && (int)node->number >= number) {
			found = node->number;
			break;
		}
	}
	spin_unlock(&nodes_lock);
	return found;
}

/* Positions: 0 ".", 1 "..", 2 ptmx, from 3 on the numbers. */
static int root_readdir(struct vnode *directory, s64 position, struct directory_sink *sink)
{
	static const char *const fixed[] = { ".", "..", "ptmx" };
	char name[8];
	int number;

	for (; position < FIRST_INODE; position++) {
		bool device = position == MASTER_INODE;

		if (!sink->emit(sink, fixed[position], strlen(fixed[position]),
				device ? MASTER_INODE : ROOT_INODE,
				(device ? S_IFCHR : S_IFDIR) >> 12, position + 1))
			return 0;
	}
	while (position <= FIRST_INODE + DEVPTS_MAX) {
		number = next_number(position - FIRST_INODE);
		if (number < 0)
			return 0;
		snprintf(name, sizeof(name), "%d", number);
		position = number + FIRST_INODE + 1;
		if (!sink->emit(sink, name, strlen(name), number + FIRST_INODE, S_IFCHR >> 12,
				position))
			return 0;
	}
	return 0;
}

static const struct vnode_operations root_operations = {
	.lookup = root_lookup,
	.readdir = root_readdir,
	.revalidate = fixed_is_current,
	.release = fixed_release,
};

static void devpts_statfs(struct file_system *system, struct statfs_result *result)
{
	*result = (struct statfs_result){ .type = DEVPTS_MAGIC,
					  .block_size = PAGE_SIZE,
					  .name_length = NAME_MAX };
}

/* mount(8), "Mount options for devpts". There is one instance, so newinstance is what is there. */
static int apply_option(const char *word)
{
	const char *value = strchr(word, '='), *end;
	size_t length = value ? (size_t)(value - word) : strlen(word);
	u64 number;
	bool octal;

	if (!value)
		return string_equal(word, "newinstance") ? 0 : -EINVAL;
	octal = length >= 4 && memcmp(value - 4, "mode", 4) == 0;
	if (parse_u64(value + 1, &end, octal ? 8 : 10, &number) || *end || number >= ~0u)
		return -EINVAL;
	if (length == 4 && memcmp(word, "mode", 4) == 0)
		WRITE_ONCE(slave_mode, (u32)number & 07777);
	else if (length == 8 && memcmp(word, "ptmxmode", 8) == 0)
		WRITE_ONCE(master.mode, S_IFCHR | ((u32)number & 07777));
	else if (length == 3 && memcmp(word, "gid", 3) == 0)
		WRITE_ONCE(slave_gid, (u32)number);
	else if (length == 3 && memcmp(word, "uid", 3) == 0)
		WRITE_ONCE(slave_uid, (u32)number);
	else if (length != 3 || memcmp(word, "max", 3) || number > DEVPTS_MAX)
		return -EINVAL;
	return 0;
}

static int apply_options(const char *data)
{
	char *text = kstrdup(data), *word = text;
	int error = text ? 0 : -ENOMEM;

	while (!error && *word) {
		char *comma = strchr(word, ','), *next = comma ? comma + 1 : word + strlen(word);

		if (comma)
			*comma = '\0';
		if (*word)
			error = apply_option(word);
		word = next;
	}
	kfree(text);
	return error;
}

static int devpts_mount(const char *source, const char *data, struct file_system **made);
static struct file_system_type devpts_type = { .name = "devpts", .mount = devpts_mount };
static struct file_system devpts = {
	.type = &devpts_type,
	.root = &root,
	.references = ATOMIC_INIT(1),
	.statfs = devpts_statfs,
};

static int devpts_mount(const char *source, const char *data, struct file_system **made)
{
	int error = apply_options(data);

	if (error)
		return error;
	atomic32_inc(&devpts.references);
	*made = &devpts;
	return 0;
}

static void set_owner(struct vnode *vnode)
{
	u32 uid = READ_ONCE(slave_uid), gid = READ_ONCE(slave_gid);

	vnode_set_owner(vnode, NULL);
	if (uid != ~0u)
		vnode->uid = uid;
	if (gid != ~0u)
		vnode->gid = gid;
}

/* [nodes_lock] Into the list at the first gap between numbers. */
static int take_number(struct devpts_node *node)
{
	struct devpts_node *other;
	unsigned number = 0;

	list_for_each_entry(other, &nodes, link) {
		if (other->number > number)
			break;
		number = other->number + 1;
	}
	if (number >= DEVPTS_MAX)
		return -ENOSPC;
	node->number = number;
	list_add_before(&node->link, &other->link);
	return 0;
}

struct vnode *devpts_add(const struct file_operations *operations, void *private)
{
	struct devpts_node *node = slab_alloc(&node_cache);
	int error;

	if (!node)
		return ERR_PTR(-ENOMEM);
	vnode_init(&node->vnode, &devpts, S_IFCHR | READ_ONCE(slave_mode));
	set_owner(&node->vnode);
	node->vnode.operations = &node_operations;
	node->vnode.file_operations = operations;
	node->vnode.private = private;
	node->shown = node->removed = false;
	spin_lock(&nodes_lock);
	error = take_number(node);
	spin_unlock(&nodes_lock);
	if (error) {
		slab_free(&node_cache, node);
		return ERR_PTR(error);
	}
	node->vnode.ino = node->number + FIRST_INODE;
	node->vnode.device = DEVICE_NUMBER(MAJOR_PTS, node->number);
	return &node->vnode;
}

void devpts_show(struct vnode *vnode)
{
	spin_lock(&nodes_lock);
	node_of(vnode)->shown = true;
	spin_unlock(&nodes_lock);
}

unsigned devpts_number(struct vnode *vnode)
{
	return node_of(vnode)->number;
}

void devpts_remove(struct vnode *vnode)
{
	struct devpts_node *node = node_of(vnode);

	spin_lock(&nodes_lock);
	WRITE_ONCE(node->removed, true);
	list_remove(&node->link);
	spin_unlock(&nodes_lock);
	vnode_put(vnode);
}

static bool find_mount(struct mount *mount, void *context)
{
	struct path *place = context;

	if (mount->system != &devpts)
		return true;
	*place = (struct path){ mount, mount->root };
	path_get(place);
	return false;
}

struct file *devpts_open(struct vnode *vnode, u32 flags)
{
	struct path directory = { NULL, NULL }, place;
	struct dentry *dentry;
	struct file *file;
	char name[8];

	mount_for_each(find_mount, &directory);
	if (!directory.mount)
		return ERR_PTR(-ENODEV);
	snprintf(name, sizeof(name), "%u", node_of(vnode)->number);
	write_lock(&root.lock);
	dentry = dentry_lookup_locked(directory.dentry, name, strlen(name));
	write_unlock(&root.lock);
	if (IS_ERR(dentry)) {
		path_put(&directory);
		return ERR_PTR(PTR_ERR(dentry));
	}
	place = (struct path){ directory.mount, dentry };
	file = file_open_path(&place, flags, true);
	dentry_put(directory.dentry);
	path_put(&place);
	return file;
}

void devpts_init(void)
{
	vnode_init(&root, &devpts, S_IFDIR | 0755);
	root.links = 2;
	root.ino = ROOT_INODE;
	root.operations = &root_operations;
	root.file_operations = &directory_file_operations;
	vnode_init(&master, &devpts, S_IFCHR);
	master.ino = MASTER_INODE;
	master.device = DEVICE_NUMBER(MAJOR_CONSOLE, 2);
	master.operations = &master_operations;
	devpts.device = file_system_device();
	file_system_register(&devpts_type);
}
