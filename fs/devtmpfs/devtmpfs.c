/*
 * Device nodes by number, and devtmpfs: a tmpfs, the same one wherever it is mounted, with a name
 * for each. Drivers may register before there is a file system: their names are made when it
 * starts.
 */
#include <debug/log.h>
#include <fs/devtmpfs/devtmpfs.h>
#include <fs/names.h>
#include <fs/sysfs/sysfs.h>
#include <fs/tmpfs/tmpfs.h>
#include <lib/err.h>
#include <lib/string.h>
#include <mm/slab.h>

struct device_node {
	struct list_node link;			  /* [nodes_lock] */
	char *name;				  /* [const] */
	u32 mode;				  /* [const] */
	u64 number;				  /* [const] */
	const struct file_operations *operations; /* [const] */
	void *private;				  /* [const] */
	bool named;				  /* [nodes_lock] its name was made */
};

static struct spinlock nodes_lock = SPINLOCK_INIT(RANK_TABLE);
static struct list_node nodes = LIST_INIT(nodes); /* [nodes_lock] only ever grows */
static struct tmpfs *devtmpfs;			  /* [atomic] set once */

/* [nodes_lock] */
static struct device_node *find(u32 type, u64 number)
{
	struct device_node *node;

	list_for_each_entry(node, &nodes, link)
		if ((node->mode & S_IFMT) == type && node->number == number)
			return node;
	return NULL;
}

int device_node_find(u32 type, u64 number, const struct file_operations **operations,
		     void **private)
{
	struct device_node *node;

	spin_lock(&nodes_lock);
	node = find(type, number);
	spin_unlock(&nodes_lock);
	if (!node)
		return -ENXIO;
	*operations = node->operations;
	*private = node->private;
	return 0;
}

/* Name @name[0..length) in @parent, made when it is not there: its dentry, counted. */
static struct dentry *make_name(struct dentry *parent, const char *name, size_t length, u32 mode,
				u64 number)
{
	struct dentry *dentry;
	int error = 0;

	write_lock(&parent->vnode->lock);
	dentry = dentry_lookup_locked(parent, name, length);
	if (!IS_ERR(dentry) && !dentry->vnode)
		error = names_create_locked(parent, dentry, mode, number);
	write_unlock(&parent->vnode->lock);
	if (error) {
		dentry_put(dentry);
		return ERR_PTR(error);
	}
	return dentry;
}

static int make_path(const struct device_node *node)
{
	struct dentry *at = devtmpfs->system.root_dentry, *next;
	const char *name = node->name, *slash;

	dentry_get(at);
	do {
		slash = strchr(name, '/');
		next = slash ? make_name(at, name, slash - name, S_IFDIR | 0755, 0)
			     : make_name(at, name, strlen(name), node->mode, node->number);
		dentry_put(at);
		if (IS_ERR(next))
			return PTR_ERR(next);
		at = next;
		name = slash + 1;
	} while (slash);
	dentry_put(at);
	return 0;
}

static struct device_node *take_unnamed(void)
{
	struct device_node *node, *found = NULL;

	spin_lock(&nodes_lock);
	list_for_each_entry(node, &nodes, link) {
		if (!node->named) {
			node->named = true;
			found = node;
			break;
		}
	}
	spin_unlock(&nodes_lock);
	return found;
}

static void name_all(void)
{
	struct device_node *node;

	if (!read_acquire(&devtmpfs))
		return;
	while ((node = take_unnamed())) {
		int error = make_path(node);

		if (error)
			log_warning("devtmpfs: no name for %s: error %d", node->name, -error);
	}
}

/* A name that was made here. */
static void drop_name(const char *name)
{
	struct dentry *top = devtmpfs->system.root_dentry, *dentry;

	write_lock(&top->vnode->lock);
	dentry = dentry_lookup_locked(top, name, strlen(name));
	if (!IS_ERR(dentry) && dentry->vnode)
		(void)names_remove_locked(top, dentry);
	write_unlock(&top->vnode->lock);
	if (!IS_ERR(dentry))
		dentry_put(dentry);
}

void device_node_name(u32 type, u64 number, bool named)
{
	struct device_node *node;
	bool drop = false;

	spin_lock(&nodes_lock);
	node = find(type, number);
	if (node) {
		drop = node->named && !named;
		/* One without a name that is to stay so counts as done. */
		node->named = !named;
	}
	spin_unlock(&nodes_lock);
	if (node && drop && read_acquire(&devtmpfs))
		drop_name(node->name);
	if (node && named)
		name_all();
}

int device_node_register(const char *name, u32 mode, u64 number,
			 const struct file_operations *operations, void *private)
{
	struct device_node *node = kmalloc(sizeof(*node));
	bool taken;

	if (!node)
		return -ENOMEM;
	*node = (struct device_node){ .name = kstrdup(name),
				      .mode = mode,
				      .number = number,
				      .operations = operations,
				      .private = private };
	if (!node->name) {
		kfree(node);
		return -ENOMEM;
	}
	spin_lock(&nodes_lock);
	taken = find(mode & S_IFMT, number) != NULL;
	if (!taken)
		list_add_tail(&nodes, &node->link);
	spin_unlock(&nodes_lock);
	if (taken) {
		kfree(node->name);
		kfree(node);
		return -EBUSY;
	}
	sysfs_device_of_node(name, mode, number);
	name_all();
	return 0;
}

void device_node_for_each(bool (*visit)(const char *name, u32 mode, u64 number, void *context),
			  void *context)
{
	struct device_node *node;

	spin_lock(&nodes_lock);
	list_for_each_entry(node, &nodes, link)
		if (!visit(node->name, node->mode, node->number, context))
			break;
	spin_unlock(&nodes_lock);
}

static int devtmpfs_mount(const char *source, const char *data, struct file_system **made)
{
	atomic32_inc(&devtmpfs->system.references);
	*made = &devtmpfs->system;
	return 0;
}

static struct file_system_type devtmpfs_type = { .name = "devtmpfs", .mount = devtmpfs_mount };

int devtmpfs_init(void)
{
	struct tmpfs *made = tmpfs_create(&devtmpfs_type);

	if (!made)
		return -ENOMEM;
	made->system.root_dentry = dentry_create(NULL, "/", 1, made->system.root);
	if (!made->system.root_dentry) {
		file_system_put(&made->system);
		return -ENOMEM;
	}
	store_release(&devtmpfs, made);
	file_system_register(&devtmpfs_type);
	name_all();
	return 0;
}
