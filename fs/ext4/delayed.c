/* Pages that were written to and have no blocks yet: space is promised to them, so that it cannot run out later. */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <mm/object.h>
#include <mm/slab.h>

struct ext4_delayed {
	struct rb_node node; /* [map] */
	u64 first, last;     /* [map] pages */
};

static SLAB_CACHE(delayed_cache, struct ext4_delayed);

/* Before, within or after a stretch. */
static int compare(const void *key, const struct rb_node *node)
{
	const struct ext4_delayed *delayed = rb_entry(node, struct ext4_delayed, node);
	u64 index = *(const u64 *)key;

	return index < delayed->first ? -1 : index > delayed->last;
}

static struct ext4_delayed *find(struct ext4_inode *inode, u64 index)
{
	struct rb_node *node = rb_find(&inode->delayed, &index, compare);

	return rb_entry_or_null(node, struct ext4_delayed, node);
}

static int add(struct ext4_inode *inode, u64 index)
{
	struct ext4_delayed *left = index ? find(inode, index - 1) : NULL;
	struct ext4_delayed *right = find(inode, index + 1);

	if (left && right) {
		left->last = right->last;
		rb_erase(&inode->delayed, &right->node);
		slab_free(&delayed_cache, right);
	} else if (left) {
		left->last++;
	} else if (right) {
		right->first--;
	} else {
		left = slab_alloc(&delayed_cache);
		if (!left)
			return -ENOMEM;
		left->first = left->last = index;
		rb_insert(&inode->delayed, &left->node, &index, compare);
	}
	return 0;
}

/* [map] How many blocks of the page are holes. */
static int page_holes(struct ext4_inode *inode, u64 index, u32 *holes)
{
	u32 count = PAGE_SIZE >> ext4_of_inode(inode)->block_shift;
	u64 block = index * count, end = block + count;

	*holes = 0;
	if (end > ext4_map_limit(inode))
		return -EFBIG;
	while (block < end) {
		struct ext4_run run;
		int error = ext4_map_lookup(inode, (u32)block, &run);

		if (error)
			return error;
		run.count = (u32)MIN((u64)run.count, end - block);
		*holes += run.start ? 0 : run.count;
		block += run.count;
	}
	return 0;
}

static int delay(struct ext4_inode *inode, u64 index)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	u32 holes, blocks = PAGE_SIZE >> ext4->block_shift;
	int error;

	if (find(inode, index))
		return 0;
	error = page_holes(inode, index, &holes);
	if (error || !holes)
		return error;
	error = ext4_promise(ext4, blocks);
	if (error)
		return error;
	error = add(inode, index);
	if (error)
		ext4_promise_drop(ext4, blocks);
	return error;
}

int ext4_make_dirty(struct memory_object *object, u64 index)
{
	struct ext4_inode *inode = container_of(object, struct ext4_inode, object);
	int error = ext4_writable(ext4_of_inode(inode));

	if (error)
		return error;
	if (inode->vnode.flags & VNODE_IMMUTABLE)
		return -EPERM;
	write_lock(&inode->map);
	error = delay(inode, index);
	write_unlock(&inode->map);
	return error;
}

/* [map] Take [first, last] out of @delayed, which it touches: how many pages that were. */
static u64 cut(struct ext4_inode *inode, struct ext4_delayed *delayed, u64 first, u64 last)
{
	u64 from = MAX(first, delayed->first), to = MIN(last, delayed->last);
	struct ext4_delayed *rest;

	if (from == delayed->first && to == delayed->last) {
		rb_erase(&inode->delayed, &delayed->node);
		slab_free(&delayed_cache, delayed);
	} else if (from == delayed->first) {
		delayed->first = to + 1;
	} else if (to == delayed->last) {
		delayed->last = from - 1;
	} else {
		rest = slab_alloc(&delayed_cache);
		/* Without memory the promise is kept for some pages that do not need it. */
		if (!rest)
			return 0;
		rest->first = to + 1;
		rest->last = delayed->last;
		delayed->last = from - 1;
		rb_insert(&inode->delayed, &rest->node, &rest->first, compare);
	}
	return to - from + 1;
}

void ext4_delayed_drop(struct ext4_inode *inode, u64 first, u64 last)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	u64 pages = 0, at = first;

	write_lock(&inode->map);
	for (;;) {
		struct rb_node *node = rb_find_from(&inode->delayed, &at, compare);
		struct ext4_delayed *delayed = rb_entry_or_null(node, struct ext4_delayed, node);
		u64 next;

		if (!delayed || delayed->first > last)
			break;
		next = delayed->last + 1;
		pages += cut(inode, delayed, first, last);
		if (next > last)
			break;
		at = next;
	}
	write_unlock(&inode->map);
	if (pages)
		ext4_promise_drop(ext4, pages * (PAGE_SIZE >> ext4->block_shift));
}

void ext4_drop_dirty(struct memory_object *object, u64 index)
{
	ext4_delayed_drop(container_of(object, struct ext4_inode, object), index, index);
}

u64 ext4_delayed_next(struct ext4_inode *inode, u64 index)
{
	struct rb_node *node = rb_find_from(&inode->delayed, &index, compare);
	struct ext4_delayed *delayed = rb_entry_or_null(node, struct ext4_delayed, node);

	return delayed ? MAX(delayed->first, index) : ~0ull;
}
