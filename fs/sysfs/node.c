/* The tree of /sys: nodes and their life. */
#include <fs/sysfs/node.h>
#include <lib/err.h>
#include <lib/string.h>
#include <mm/slab.h>

static SLAB_CACHE(node_cache, struct sysfs_node);
static struct spinlock tree = SPINLOCK_INIT(RANK_TABLE);
static u64 last_ino = 1; /* [tree] */

struct sysfs_node sysfs_root = {
	.references = { 1 },
	.kind = SYSFS_DIRECTORY,
	.mode = 0755,
	.ino = 1,
	.name = "",
	.sibling = LIST_INIT(sysfs_root.sibling),
	.children = LIST_INIT(sysfs_root.children),
};

static void node_free(struct sysfs_node *node)
{
	kfree(node->name);
	kfree(node->fixed);
	slab_free(&node_cache, node);
}

void sysfs_put(struct sysfs_node *node)
{
	while (node && atomic32_dec_and_test(&node->references)) {
		struct sysfs_node *parent = node->parent;

		if (node->target)
			sysfs_put(node->target);
		node_free(node);
		node = parent;
	}
}

static struct sysfs_node *find_locked(struct sysfs_node *parent, const char *name, size_t length)
{
	struct sysfs_node *child;

	list_for_each_entry(child, &parent->children, sibling)
		if (*child->name == *name && strlen(child->name) == length &&
		    !memcmp(child->name, name, length))
			return child;
	return NULL;
}

struct sysfs_node *sysfs_find(struct sysfs_node *parent, const char *name, size_t length)
{
	struct sysfs_node *child;

	spin_lock(&tree);
	child = find_locked(parent, name, length);
	if (child)
		sysfs_get(child);
	spin_unlock(&tree);
	return child;
}

struct sysfs_node *sysfs_next(struct sysfs_node *parent, u64 ino)
{
	struct sysfs_node *child, *found = NULL;

	spin_lock(&tree);
	list_for_each_entry(child, &parent->children, sibling) {
		if (child->ino >= ino) {
			found = child;
			sysfs_get(found);
			break;
		}
	}
	spin_unlock(&tree);
	return found;
}

static struct sysfs_node *node_make(struct sysfs_node *parent, const char *name, size_t length,
				    const struct sysfs_node *like)
{
	struct sysfs_node *node = slab_alloc(&node_cache);

	if (!node)
		return NULL;
	*node = *like;
	node->name = kmalloc(length + 1);
	if (!node->name) {
		slab_free(&node_cache, node);
		return NULL;
	}
	memcpy(node->name, name, length);
	node->name[length] = '\0';
	node->parent = parent;
	list_init(&node->children);
	rwlock_init(&node->use, RANK_NONE);
	atomic32_set(&node->references, 1);
	return node;
}

struct sysfs_node *sysfs_add(struct sysfs_node *parent, const char *name, size_t length,
			     const struct sysfs_node *like)
{
	struct sysfs_node *node = node_make(parent, name, length, like);
	bool taken;

	if (!node)
		return ERR_PTR(-ENOMEM);
	spin_lock(&tree);
	taken = find_locked(parent, name, length) != NULL;
	if (!taken) {
		node->ino = ++last_ino;
		sysfs_get(parent);
		list_add_tail(&parent->children, &node->sibling);
	}
	spin_unlock(&tree);
	if (!taken)
		return node;
	node->fixed = NULL;
	node_free(node);
	return ERR_PTR(-EEXIST);
}

/* The directory @name[0..length) of @parent, made when it is missing; not counted: the tree counts it. */
static struct sysfs_node *directory_of(struct sysfs_node *parent, const char *name, size_t length)
{
	struct sysfs_node like = { .kind = SYSFS_DIRECTORY, .mode = 0755 };
	struct sysfs_node *node = sysfs_add(parent, name, length, &like);

	if (PTR_ERR_OR_ZERO(node) == -EEXIST) {
		node = sysfs_find(parent, name, length);
		sysfs_put(node);
	}
	if (IS_ERR_OR_NULL(node) || node->kind != SYSFS_DIRECTORY)
		return NULL;
	return node;
}

struct sysfs_node *sysfs_directory(struct sysfs_node *parent, const char *path)
{
	struct sysfs_node *at = parent ? parent : &sysfs_root;

	while (at && *path) {
		const char *slash = strchr(path, '/');
		size_t length = slash ? (size_t)(slash - path) : strlen(path);

		at = directory_of(at, path, length);
		path += length + (slash != NULL);
	}
	return at;
}

int sysfs_file(struct sysfs_node *parent, const char *name, u32 mode, sysfs_show *show,
	       sysfs_store *store, void *context)
{
	struct sysfs_node like = {
		.kind = SYSFS_FILE, .mode = mode, .show = show, .store = store, .context = context
	};

	return parent ? PTR_ERR_OR_ZERO(sysfs_add(parent, name, strlen(name), &like)) : -ENOMEM;
}

int sysfs_text(struct sysfs_node *parent, const char *name, const char *text)
{
	struct sysfs_node like = { .kind = SYSFS_FILE, .mode = 0444, .fixed = kstrdup(text) };
	int error = -ENOMEM;

	if (parent && like.fixed)
		error = PTR_ERR_OR_ZERO(sysfs_add(parent, name, strlen(name), &like));
	if (error)
		kfree(like.fixed);
	return error;
}

int sysfs_link(struct sysfs_node *parent, const char *name, struct sysfs_node *target)
{
	struct sysfs_node like = { .kind = SYSFS_LINK, .mode = 0777, .target = target };
	int error;

	if (!parent || !target)
		return -ENOMEM;
	sysfs_get(target);
	error = PTR_ERR_OR_ZERO(sysfs_add(parent, name, strlen(name), &like));
	if (error)
		sysfs_put(target);
	return error;
}

/* Children first, so that nobody comes by a path to a node that is gone. */
void sysfs_remove(struct sysfs_node *node)
{
	struct sysfs_node *child;

	while ((child = sysfs_next(node, 0))) {
		sysfs_remove(child);
		sysfs_put(child);
	}
	write_lock(&node->use);
	node->removed = true;
	write_unlock(&node->use);
	spin_lock(&tree);
	if (list_empty(&node->sibling)) {
		spin_unlock(&tree);
		return;
	}
	list_remove_init(&node->sibling);
	spin_unlock(&tree);
	sysfs_put(node);
}

static unsigned depth_of(const struct sysfs_node *node)
{
	unsigned depth = 0;

	for (; node->parent; node = node->parent)
		depth++;
	return depth;
}

/* Parents never change, so their chain needs no lock. */
static bool path_below(const struct sysfs_node *node, unsigned depth, char *buffer, size_t size)
{
	if (!depth)
		return true;
	if (!path_below(node->parent, depth - 1, buffer, size))
		return false;
	if (*buffer && buffer[strlen(buffer) - 1] != '/')
		strlcat(buffer, "/", size);
	return strlcat(buffer, node->name, size) < size;
}

ssize_t sysfs_link_text(const struct sysfs_node *link, char *buffer, size_t size)
{
	const struct sysfs_node *from = link->parent, *to = link->target;
	unsigned from_depth = depth_of(from), to_depth = depth_of(to), below = 0;

	*buffer = '\0';
	for (; from_depth > to_depth; from_depth--, from = from->parent)
		strlcat(buffer, "../", size);
	for (; to_depth > from_depth; to_depth--, to = to->parent)
		below++;
	for (; from != to; from = from->parent, to = to->parent, below++)
		strlcat(buffer, "../", size);
	if (!path_below(link->target, below, buffer, size))
		return -ENAMETOOLONG;
	return (ssize_t)strlen(buffer);
}
