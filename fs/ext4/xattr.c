/*
 * Extended attributes. Those of an inode are taken out of both places, the inode's rest and its block, changed as a
 * list, and put back: into the inode while it has room, then into the block, which a change makes the inode's own.
 */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <lib/list.h>
#include <lib/sort.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { INDEX_SYSTEM = 7, XATTR_CREATE = 1, XATTR_REPLACE = 2, CREDITS_XATTR = 16 };

static const struct prefix {
	u8 index;
	const char *text;
} prefixes[] = { { 1, "user." },
		 { 2, "system.posix_acl_access" },
		 { 3, "system.posix_acl_default" },
		 { 4, "trusted." },
		 { 6, "security." } };

struct attribute {
	struct list_node link;
	u8 index, name_length;
	bool in_block; /* where it goes */
	u32 size;
	u8 *value; /* behind the name */
	char name[];
};

static const struct prefix *prefix_of(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (string_starts_with(name, prefixes[i].text))
			return &prefixes[i];
	return NULL;
}

static const struct prefix *prefix_by_index(u8 index)
{
	for (unsigned i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (prefixes[i].index == index)
			return &prefixes[i];
	return NULL;
}

static u32 entry_size(u32 name_length)
{
	return ALIGN_UP((u32)sizeof(struct ext4_xattr_entry) + name_length, 4u);
}

static u32 value_size(u32 size)
{
	return ALIGN_UP(size, 4u);
}

static void list_free(struct list_node *list)
{
	struct attribute *attribute, *next;

	list_for_each_entry_safe(attribute, next, list, link)
		kfree(attribute);
	list_init(list);
}

static int list_append(struct list_node *list, u8 index, const char *name, size_t length,
		       const void *value, size_t size)
{
	struct attribute *attribute = kmalloc(sizeof(*attribute) + length + size + 1);

	if (!attribute)
		return -ENOMEM;
	attribute->index = index;
	attribute->name_length = (u8)length;
	attribute->size = (u32)size;
	attribute->in_block = false;
	memcpy(attribute->name, name, length);
	attribute->value = (u8 *)attribute->name + length;
	memcpy(attribute->value, value, size);
	list_add_tail(list, &attribute->link);
	return 0;
}

static int wrong(struct ext4_inode *inode)
{
	return ext4_corrupt(ext4_of_inode(inode), "inode %lu: extended attributes are wrong",
			    (unsigned long)inode->vnode.ino);
}

/* Entries from @first up to @end; offsets of values count from @base. */
static int parse(struct ext4_inode *inode, const u8 *first, const u8 *base, const u8 *end,
		 struct list_node *list)
{
	const u8 *at = first;
	int error = 0;

	while (!error && at + 4 <= end && *(const u32 *)at) {
		const struct ext4_xattr_entry *entry = (const struct ext4_xattr_entry *)at;

		if (at + sizeof(*entry) > end || at + entry_size(entry->name_length) > end ||
		    entry->value_ino || entry->value_size > (u32)(end - base) ||
		    entry->value_offset > (u32)(end - base) - entry->value_size)
			return wrong(inode);
		error = list_append(list, entry->index, entry->name, entry->name_length,
				    base + entry->value_offset, entry->value_size);
		at += entry_size(entry->name_length);
	}
	return error;
}

/* What of the inode is left behind its fields: NULL when there is nothing. */
static u8 *inode_space(struct ext4_inode *inode, struct buffer *buffer, u32 *size)
{
	u32 used = EXT4_OLD_INODE_SIZE + inode->extra_size;
	u32 all = ext4_of_inode(inode)->inode_size;

	if (!inode->extra_size || used + 8 > all)
		return NULL;
	*size = all - used;
	return (u8 *)ext4_raw_of(inode, buffer) + used;
}

static int load_inode(struct ext4_inode *inode, struct list_node *list)
{
	struct buffer *buffer;
	u32 size;
	u8 *space;
	int error = ext4_raw_read(inode, &buffer);

	if (error)
		return error;
	space = inode_space(inode, buffer, &size);
	if (space && *(u32 *)space == EXT4_XATTR_MAGIC)
		error = parse(inode, space + 4, space + 4, space + size, list);
	buffer_put(buffer);
	return error;
}

static int block_read_checked(struct ext4_inode *inode, struct buffer **buffer)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	const struct ext4_xattr_header *header;
	int error;

	if (!ext4_blocks_valid(ext4, inode->xattr_block, 1))
		return wrong(inode);
	error = ext4_block_read(ext4, inode->xattr_block, buffer);
	if (error || (*buffer)->verified)
		return error;
	header = (*buffer)->data;
	if (header->magic != EXT4_XATTR_MAGIC || header->blocks != 1 ||
	    (ext4->checksums &&
	     header->checksum != ext4_xattr_checksum(ext4, inode->xattr_block, header))) {
		buffer_put(*buffer);
		return wrong(inode);
	}
	(*buffer)->verified = true;
	return 0;
}

static int load_block(struct ext4_inode *inode, struct list_node *list)
{
	struct buffer *buffer;
	const u8 *data;
	int error;

	if (!inode->xattr_block)
		return 0;
	error = block_read_checked(inode, &buffer);
	if (error)
		return error;
	data = buffer->data;
	error = parse(inode, data + sizeof(struct ext4_xattr_header), data,
		      data + ext4_of_inode(inode)->block_size, list);
	buffer_put(buffer);
	return error;
}

static int load(struct ext4_inode *inode, struct list_node *list)
{
	int error;

	list_init(list);
	error = load_inode(inode, list);
	if (!error)
		error = load_block(inode, list);
	if (error)
		list_free(list);
	return error;
}

static struct attribute *find(struct list_node *list, u8 index, const char *name)
{
	size_t length = strlen(name);
	struct attribute *attribute;

	list_for_each_entry(attribute, list, link)
		if (attribute->index == index && attribute->name_length == length &&
		    !memcmp(attribute->name, name, length))
			return attribute;
	return NULL;
}

static ssize_t get(struct ext4_inode *inode, u8 index, const char *name, void *buffer, size_t size)
{
	struct attribute *attribute;
	struct list_node list;
	ssize_t result = load(inode, &list);

	if (result)
		return result;
	attribute = find(&list, index, name);
	result = attribute ? (ssize_t)attribute->size : -ENODATA;
	if (attribute && size && size < attribute->size)
		result = -ERANGE;
	else if (attribute && size)
		memcpy(buffer, attribute->value, attribute->size);
	list_free(&list);
	return result;
}

ssize_t ext4_xattr_system_data(struct ext4_inode *inode, void *buffer, size_t size)
{
	return get(inode, INDEX_SYSTEM, "data", buffer, size);
}

ssize_t ext4_xattr_get(struct vnode *vnode, const char *name, void *buffer, size_t size)
{
	const struct prefix *prefix = prefix_of(name);

	if (!prefix)
		return -EOPNOTSUPP;
	return get(ext4_inode_of(vnode), prefix->index, name + strlen(prefix->text), buffer, size);
}

ssize_t ext4_xattr_list(struct vnode *vnode, char *buffer, size_t size)
{
	struct attribute *attribute;
	struct list_node list;
	size_t used = 0;
	ssize_t error = load(ext4_inode_of(vnode), &list);

	if (error)
		return error;
	list_for_each_entry(attribute, &list, link) {
		const struct prefix *prefix = prefix_by_index(attribute->index);
		size_t length = prefix ? strlen(prefix->text) : 0;
		size_t all = length + attribute->name_length + 1;

		if (!prefix || (prefix->index == 4 && !fs_is_privileged()))
			continue;
		if (size && used + all > size) {
			error = -ERANGE;
			break;
		}
		if (size) {
			memcpy(buffer + used, prefix->text, length);
			memcpy(buffer + used + length, attribute->name, attribute->name_length);
			buffer[used + all - 1] = '\0';
		}
		used += all;
	}
	list_free(&list);
	return error ? error : (ssize_t)used;
}

/* Linux's hash of an entry, by which equal blocks are found. */
static u32 entry_hash(const struct attribute *attribute, const u8 *padded_value)
{
	u32 hash = 0;

	for (unsigned i = 0; i < attribute->name_length; i++)
		hash = hash << 5 ^ hash >> 27 ^ (u8)attribute->name[i];
	for (u32 i = 0; i < value_size(attribute->size); i += 4)
		hash = hash << 16 ^ hash >> 16 ^ *(const u32 *)(padded_value + i);
	return hash;
}

static u32 space_for(const struct attribute *attribute)
{
	return entry_size(attribute->name_length) + value_size(attribute->size);
}

static int by_name(const struct attribute *a, const struct attribute *b)
{
	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	if (a->name_length != b->name_length)
		return a->name_length < b->name_length ? -1 : 1;
	return memcmp(a->name, b->name, a->name_length);
}

static void list_sort(struct list_node *list)
{
	struct list_node sorted;

	list_init(&sorted);
	while (!list_empty(list)) {
		struct attribute *least = list_first_entry(list, struct attribute, link);
		struct attribute *attribute;

		list_for_each_entry(attribute, list, link)
			if (by_name(attribute, least) < 0)
				least = attribute;
		list_remove(&least->link);
		list_add_tail(&sorted, &least->link);
	}
	list_splice_tail(list, &sorted);
}

/* Entries grow upwards from @first, values downwards from @end; offsets count from @base. */
static void fill(struct list_node *list, bool in_block, u8 *first, u8 *base, u8 *end)
{
	u8 *at = first, *value = end;
	struct attribute *attribute;

	memset(first, 0, end - first);
	list_for_each_entry(attribute, list, link) {
		struct ext4_xattr_entry *entry = (struct ext4_xattr_entry *)at;

		if (attribute->in_block != in_block)
			continue;
		value -= value_size(attribute->size);
		memcpy(value, attribute->value, attribute->size);
		entry->name_length = attribute->name_length;
		entry->index = attribute->index;
		entry->value_offset = (u16)(attribute->size ? value - base : 0);
		entry->value_size = attribute->size;
		entry->hash = entry_hash(attribute, value);
		memcpy(entry->name, attribute->name, attribute->name_length);
		at += entry_size(attribute->name_length);
	}
}

/* Each to its place: -ENOSPC when neither has room. *@block: something goes into the block. */
static int place(struct ext4_inode *inode, struct list_node *list, u32 inode_room, bool *block)
{
	u32 room = ext4_of_inode(inode)->block_size - (u32)sizeof(struct ext4_xattr_header) - 4;
	struct attribute *attribute;

	*block = false;
	inode_room -= MIN(inode_room, 8u);
	list_for_each_entry(attribute, list, link) {
		u32 need = space_for(attribute);

		attribute->in_block = need > inode_room;
		if (!attribute->in_block) {
			inode_room -= need;
		} else {
			if (need > room)
				return -ENOSPC;
			room -= need;
			*block = true;
		}
	}
	return 0;
}

/* The inode lets go of its block, which others may use, too. */
static int block_drop(struct journal_handle *handle, struct ext4_inode *inode)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	u64 number = inode->xattr_block;
	struct ext4_xattr_header *header;
	struct buffer *buffer;
	int error = block_read_checked(inode, &buffer);

	if (error)
		return error;
	header = buffer->data;
	inode->xattr_block = 0;
	inode->vnode.blocks -= MIN(inode->vnode.blocks, (u64)ext4->block_size / 512);
	if (header->references > 1) {
		header->references--;
		error = ext4_block_changed(ext4, handle, buffer, EXT4_XATTR_BLOCK, 0);
		buffer_put(buffer);
		return error;
	}
	buffer_put(buffer);
	return ext4_blocks_free(ext4, handle, number, 1, EXT4_FREE_METADATA);
}

int ext4_xattr_free(struct journal_handle *handle, struct ext4_inode *inode)
{
	return inode->xattr_block ? block_drop(handle, inode) : 0;
}

/* Linux's hash of a block, over those of its entries. */
static u32 block_hash(const u8 *first, const u8 *end)
{
	u32 hash = 0;

	while (first + 4 <= end && *(const u32 *)first) {
		const struct ext4_xattr_entry *entry = (const struct ext4_xattr_entry *)first;

		if (!entry->hash)
			return 0;
		hash = hash << 16 ^ hash >> 16 ^ entry->hash;
		first += entry_size(entry->name_length);
	}
	return hash;
}

static int block_write_list(struct journal_handle *handle, struct ext4_inode *inode,
			    struct list_node *list)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	struct ext4_xattr_header *header;
	struct buffer *buffer;
	u32 count = 1;
	u64 start;
	u8 *data;
	int error = inode->xattr_block ? block_drop(handle, inode) : 0;

	if (!error)
		error = ext4_blocks_allocate(ext4, handle, ext4_map_goal(inode, 0), &count, false,
					     &start);
	if (!error)
		error = ext4_block_new(ext4, start, &buffer);
	if (error)
		return error;
	inode->xattr_block = start;
	inode->vnode.blocks += ext4->block_size / 512;
	data = buffer->data;
	header = buffer->data;
	*header = (struct ext4_xattr_header){ .magic = EXT4_XATTR_MAGIC,
					      .references = 1,
					      .blocks = 1 };
	fill(list, true, data + sizeof(*header), data, data + ext4->block_size);
	header->hash = block_hash(data + sizeof(*header), data + ext4->block_size);
	error = ext4_block_changed(ext4, handle, buffer, EXT4_XATTR_BLOCK, 0);
	buffer_put(buffer);
	return error;
}

static int store(struct journal_handle *handle, struct ext4_inode *inode, struct list_node *list)
{
	struct buffer *buffer;
	u32 size = 0;
	bool block;
	u8 *space;
	int error = ext4_raw_read(inode, &buffer);

	if (error)
		return error;
	space = inode_space(inode, buffer, &size);
	error = place(inode, list, space ? size : 0, &block);
	if (!error && block)
		error = block_write_list(handle, inode, list);
	else if (!error && inode->xattr_block)
		error = block_drop(handle, inode);
	if (!error)
		error = ext4_block_changed(ext4_of_inode(inode), handle, buffer, EXT4_PLAIN, 0);
	if (!error && space) {
		*(u32 *)space = EXT4_XATTR_MAGIC;
		fill(list, false, space + 4, space + 4, space + size);
	}
	buffer_put(buffer);
	return error ? error : ext4_inode_store(handle, inode);
}

static int change(struct ext4_inode *inode, struct list_node *list, u8 index, const char *name,
		  const void *value, size_t size, int flags)
{
	struct attribute *old = find(list, index, name);

	if (!old && (!value || flags & XATTR_REPLACE))
		return -ENODATA;
	if (old && value && flags & XATTR_CREATE)
		return -EEXIST;
	if (old) {
		list_remove(&old->link);
		kfree(old);
	}
	return value ? list_append(list, index, name, strlen(name), value, size) : 0;
}

int ext4_xattr_set(struct vnode *vnode, const char *name, const void *value, size_t size, int flags)
{
	const struct prefix *prefix = prefix_of(name);
	struct ext4_inode *inode = ext4_inode_of(vnode);
	struct ext4 *ext4 = ext4_of(vnode);
	struct journal_handle handle;
	struct list_node list;
	int error;

	/* Access lists would have to be obeyed. */
	if (!prefix || prefix->index == 2 || prefix->index == 3)
		return -EOPNOTSUPP;
	if (size > ext4->block_size)
		return -ENOSPC;
	error = load(inode, &list);
	if (error)
		return error;
	error = change(inode, &list, prefix->index, name + strlen(prefix->text), value, size,
		       flags);
	list_sort(&list);
	if (!error && !ext4_has_compat(ext4, EXT4_COMPAT_XATTR))
		error = -EOPNOTSUPP;
	if (!error)
		error = journal_begin(ext4, CREDITS_XATTR, &handle);
	if (!error) {
		vnode_touch(vnode, false, false, true);
		error = store(&handle, inode, &list);
		journal_end(&handle);
	}
	list_free(&list);
	return error;
}
