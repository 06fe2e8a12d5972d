/* Directories: their entries by name, for lookup, and by age, for readdir. */
#include <fs/path.h>
#include <fs/tmpfs/tmpfs.h>
#include <lib/errno.h>
#include <lib/hash.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { ENTRY_SIZE = 20 }; /* what a name adds to st_size, as on Linux */

struct name_key {
	const char *name;
	size_t length;
	u32 hash;
};

static struct name_key key_of(const char *name, size_t length)
{
	return (struct name_key){ name, length, hash_bytes(name, length) };
}

static int compare_name(const void *key, const struct rb_node *node)
{
	const struct name_key *wanted = key;
	const struct tmpfs_entry *entry = container_of(node, struct tmpfs_entry, by_name);

	if (wanted->hash != entry->hash)
		return wanted->hash < entry->hash ? -1 : 1;
	if (wanted->length != entry->length)
		return wanted->length < entry->length ? -1 : 1;
	return memcmp(wanted->name, entry->name, entry->length);
}

static int compare_cookie(const void *key, const struct rb_node *node)
{
	s64 wanted = *(const s64 *)key;
	s64 cookie = container_of(node, struct tmpfs_entry, by_cookie)->cookie;

	return wanted < cookie ? -1 : wanted > cookie;
}

static struct tmpfs_directory *directory_of(struct vnode *vnode)
{
	return &tmpfs_node_of(vnode)->directory;
}

static struct tmpfs_entry *entry_find(struct vnode *directory, const char *name, size_t length)
{
	struct name_key key = key_of(name, length);
	struct rb_node *node = rb_find(&directory_of(directory)->by_name, &key, compare_name);

	return rb_entry_or_null(node, struct tmpfs_entry, by_name);
}

static struct tmpfs_entry *entry_create(const char *name, size_t length)
{
	struct tmpfs_entry *entry = kmalloc(sizeof(*entry) + length);

	if (!entry)
		return NULL;
	entry->length = length;
	entry->hash = hash_bytes(name, length);
	memcpy(entry->name, name, length);
	return entry;
}

/* @entry comes in and shows @node, whose reference it takes over. */
static void entry_add(struct vnode *directory, struct tmpfs_entry *entry, struct tmpfs_node *node)
{
	struct tmpfs_directory *in = directory_of(directory);
	struct name_key key = { entry->name, entry->length, entry->hash };

	entry->node = node;
	entry->cookie = in->next_cookie++;
	rb_insert(&in->by_name, &entry->by_name, &key, compare_name);
	rb_insert(&in->by_cookie, &entry->by_cookie, &entry->cookie, compare_cookie);
	directory->size += ENTRY_SIZE;
}

/* The reference to the node is the caller's. */
static void entry_remove(struct vnode *directory, struct tmpfs_entry *entry)
{
	struct tmpfs_directory *in = directory_of(directory);

	rb_erase(&in->by_name, &entry->by_name);
	rb_erase(&in->by_cookie, &entry->by_cookie);
	directory->size -= ENTRY_SIZE;
	kfree(entry);
}

static int directory_lookup(struct vnode *directory, const char *name, size_t length,
			    struct vnode **found)
{
	struct tmpfs_entry *entry = entry_find(directory, name, length);

	if (!entry)
		return -ENOENT;
	*found = &entry->node->vnode;
	vnode_get(*found);
	return 0;
}

/* A new node under a new name; *@made with a reference of the caller's. */
static int make(struct vnode *directory, const char *name, size_t length, u32 mode,
		struct tmpfs_node **made)
{
	struct tmpfs_entry *entry = entry_create(name, length);
	struct tmpfs_node *node;
	int error;

	if (!entry)
		return -ENOMEM;
	node = tmpfs_node_create(tmpfs_of(directory), mode, &error);
	if (!node) {
		kfree(entry);
		return error;
	}
	vnode_set_owner(&node->vnode, directory);
	if (S_ISDIR(mode)) {
		node->directory.parent = tmpfs_node_of(directory);
		directory->links++;
	}
	vnode_get(&node->vnode);
	entry_add(directory, entry, node);
	vnode_touch(directory, false, true, true);
	*made = node;
	return 0;
}

static int directory_create(struct vnode *directory, const char *name, size_t length, u32 mode,
			    u64 device, struct vnode **created)
{
	struct tmpfs_node *node;
	int error = make(directory, name, length, mode, &node);

	if (error)
		return error;
	node->vnode.device = device;
	*created = &node->vnode;
	return 0;
}

static int directory_tmpfile(struct vnode *directory, u32 mode, struct vnode **created)
{
	int error = 0;
	struct tmpfs_node *node = tmpfs_node_create(tmpfs_of(directory), mode, &error);

	if (!node)
		return error;
	vnode_set_owner(&node->vnode, directory);
	node->vnode.links = 0;
	*created = &node->vnode;
	return 0;
}

static int directory_symlink(struct vnode *directory, const char *name, size_t length,
			     const char *target, struct vnode **created)
{
	char *text = kstrdup(target);
	struct tmpfs_node *node;
	int error;

	if (!text)
		return -ENOMEM;
	error = make(directory, name, length, S_IFLNK | 0777, &node);
	if (error) {
		kfree(text);
		return error;
	}
	node->target = text;
	node->vnode.size = strlen(text);
	*created = &node->vnode;
	return 0;
}

static int directory_link(struct vnode *directory, const char *name, size_t length,
			  struct vnode *target)
{
	struct tmpfs_entry *entry = entry_create(name, length);

	if (!entry)
		return -ENOMEM;
	vnode_get(target);
	entry_add(directory, entry, tmpfs_node_of(target));
	target->links++;
	vnode_touch(target, false, false, true);
	vnode_touch(directory, false, true, true);
	return 0;
}

/* @victim has lost its name in @directory. Its lock is held, and it is counted by the caller. */
static void drop_link(struct vnode *directory, struct vnode *victim)
{
	if (S_ISDIR(victim->mode)) {
		directory->links--;
		victim->links = 0;
		directory_of(victim)->parent = tmpfs_node_of(victim);
	} else {
		victim->links--;
	}
	vnode_touch(victim, false, false, true);
	vnode_put(victim);
}

static int directory_unlink(struct vnode *directory, const char *name, size_t length,
			    struct vnode *victim)
{
	struct tmpfs_entry *entry = entry_find(directory, name, length);

	if (!entry)
		return -ENOENT;
	if (S_ISDIR(victim->mode) && !rb_empty(&directory_of(victim)->by_name))
		return -ENOTEMPTY;
	entry_remove(directory, entry);
	vnode_touch(directory, false, true, true);
	drop_link(directory, victim);
	return 0;
}

static void change_parent(struct vnode *moved, struct vnode *from, struct vnode *to)
{
	if (!S_ISDIR(moved->mode) || from == to)
		return;
	from->links--;
	to->links++;
	directory_of(moved)->parent = tmpfs_node_of(to);
}

static void exchange_nodes(struct vnode *from, struct tmpfs_entry *a, struct vnode *to,
			   struct tmpfs_entry *b)
{
	struct tmpfs_node *node = a->node;

	change_parent(&a->node->vnode, from, to);
	change_parent(&b->node->vnode, to, from);
	a->node = b->node;
	b->node = node;
	vnode_touch(&a->node->vnode, false, false, true);
	vnode_touch(&b->node->vnode, false, false, true);
}

static int directory_rename(struct vnode *from, const char *from_name, size_t from_length,
			    struct vnode *moved, struct vnode *to, const char *to_name,
			    size_t to_length, struct vnode *victim, bool exchange)
{
	struct tmpfs_entry *old = entry_find(from, from_name, from_length), *new;
	struct tmpfs_entry *replaced = victim ? entry_find(to, to_name, to_length) : NULL;

	if (!old || (victim && !replaced))
		return -ENOENT;
	if (exchange) {
		exchange_nodes(from, old, to, replaced);
		goto out;
	}
	if (victim && S_ISDIR(victim->mode) && !rb_empty(&directory_of(victim)->by_name))
		return -ENOTEMPTY;
	if (replaced) {
		/* The name stays where it is; only what it shows changes. */
		replaced->node = tmpfs_node_of(moved);
		drop_link(to, victim);
	} else {
		new = entry_create(to_name, to_length);
		if (!new)
			return -ENOMEM;
		entry_add(to, new, tmpfs_node_of(moved));
	}
	entry_remove(from, old);
	change_parent(moved, from, to);
	vnode_touch(moved, false, false, true);
out:
	vnode_touch(from, false, true, true);
	vnode_touch(to, false, true, true);
	return 0;
}

static int directory_read(struct vnode *directory, s64 position, struct directory_sink *sink)
{
	struct tmpfs_directory *in = directory_of(directory);
	struct rb_node *node;

	if (position < 0)
		return -EINVAL;
	if (position < 1) {
		if (!sink->emit(sink, ".", 1, directory->ino, S_IFDIR >> 12, 1))
			return 0;
		position = 1;
	}
	if (position < 2) {
		if (!sink->emit(sink, "..", 2, in->parent->vnode.ino, S_IFDIR >> 12, 2))
			return 0;
		position = 2;
	}
	for (node = rb_find_from(&in->by_cookie, &position, compare_cookie); node;
	     node = rb_next(node)) {
		struct tmpfs_entry *entry = container_of(node, struct tmpfs_entry, by_cookie);

		if (!sink->emit(sink, entry->name, entry->length, entry->node->vnode.ino,
				entry->node->vnode.mode >> 12, entry->cookie + 1))
			return 0;
	}
	return 0;
}

/* Bottom up without recursion: into the first subdirectory that holds names, else the name goes. */
void tmpfs_empty_tree(struct tmpfs_node *root)
{
	struct tmpfs_node *at = root;

	for (;;) {
		struct rb_node *node = rb_first(&at->directory.by_name);
		struct tmpfs_entry *entry = rb_entry_or_null(node, struct tmpfs_entry, by_name);
		struct tmpfs_node *child;

		if (!entry) {
			if (at == root)
				return;
			at = at->directory.parent;
			continue;
		}
		child = entry->node;
		if (S_ISDIR(child->vnode.mode) && !rb_empty(&child->directory.by_name)) {
			at = child;
			continue;
		}
		entry_remove(&at->vnode, entry);
		vnode_put(&child->vnode);
	}
}

const struct vnode_operations tmpfs_directory_operations = {
	.lookup = directory_lookup,
	.create = directory_create,
	.symlink = directory_symlink,
	.link = directory_link,
	.unlink = directory_unlink,
	.rename = directory_rename,
	.readdir = directory_read,
	.change = tmpfs_change,
	.flags_get = tmpfs_flags_get,
	.flags_set = tmpfs_flags_set,
	.tmpfile = directory_tmpfile,
	.xattr_get = tmpfs_xattr_get,
	.xattr_set = tmpfs_xattr_set,
	.xattr_list = tmpfs_xattr_list,
	.release = tmpfs_vnode_release,
};
