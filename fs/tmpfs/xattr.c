/* Extended attributes of tmpfs: a list in memory, in the order in which they came. */
#include <fs/tmpfs/tmpfs.h>
#include <fs/xattr.h>
#include <lib/errno.h>
#include <lib/list.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { BYTES_MAX = 256 << 10 }; /* of one file */

struct attribute {
	struct attribute *next;
	size_t size;
	char *name; /* behind the value */
	u8 value[];
};

static struct attribute **find(struct tmpfs_node *node, const char *name)
{
	struct attribute **at = &node->attributes;

	while (*at && strcmp((*at)->name, name))
		at = &(*at)->next;
	return at;
}

static size_t bytes_of(const struct attribute *attribute)
{
	return sizeof(*attribute) + attribute->size + strlen(attribute->name) + 1;
}

static size_t bytes_used(const struct tmpfs_node *node)
{
	size_t bytes = 0;

	for (const struct attribute *at = node->attributes; at; at = at->next)
		bytes += bytes_of(at);
	return bytes;
}

static struct attribute *attribute_create(const char *name, const void *value, size_t size)
{
	size_t length = strlen(name) + 1;
	struct attribute *attribute = kmalloc(sizeof(*attribute) + size + length);

	if (!attribute)
		return NULL;
	attribute->next = NULL;
	attribute->size = size;
	attribute->name = (char *)attribute->value + size;
	memcpy(attribute->value, value, size);
	memcpy(attribute->name, name, length);
	return attribute;
}

int tmpfs_xattr_set(struct vnode *vnode, const char *name, const void *value, size_t size,
		    int flags)
{
	struct tmpfs_node *node = tmpfs_node_of(vnode);
	struct attribute **at = find(node, name), *old = *at, *new = NULL;

	if (old && flags & XATTR_CREATE)
		return -EEXIST;
	if (!old && (flags & XATTR_REPLACE || !value))
		return -ENODATA;
	if (value) {
		new = attribute_create(name, value, size);
		if (!new)
			return -ENOMEM;
		if (bytes_used(node) - (old ? bytes_of(old) : 0) + bytes_of(new) > BYTES_MAX) {
			kfree(new);
			return -ENOSPC;
		}
		new->next = old ? old->next : NULL;
	}
	*at = new ? new : old->next;
	kfree(old);
	return 0;
}

ssize_t tmpfs_xattr_get(struct vnode *vnode, const char *name, void *value, size_t size)
{
	struct attribute *found = *find(tmpfs_node_of(vnode), name);

	if (!found)
		return -ENODATA;
	if (size && found->size > size)
		return -ERANGE;
	if (size)
		memcpy(value, found->value, found->size);
	return (ssize_t)found->size;
}

ssize_t tmpfs_xattr_list(struct vnode *vnode, char *names, size_t size)
{
	size_t done = 0;

	for (struct attribute *at = tmpfs_node_of(vnode)->attributes; at; at = at->next) {
		size_t length = strlen(at->name) + 1;

		if (done + length > size)
			return -ERANGE;
		memcpy(names + done, at->name, length);
		done += length;
	}
	return (ssize_t)done;
}

void tmpfs_xattr_free(struct tmpfs_node *node)
{
	struct attribute *attribute;

	while ((attribute = node->attributes)) {
		node->attributes = attribute->next;
		kfree(attribute);
	}
}
