#include <lib/errno.h>
#include <lib/radix.h>

enum { BITS = 6, SLOTS = 1 << BITS, LEVELS_MAX = (64 + BITS - 1) / BITS };

static_assert(ARRAY_SIZE(((struct radix_node *)0)->slots) == SLOTS, "slots");

/* @level counts from 1 at the leaves. */
static unsigned slot_of(u64 index, unsigned level)
{
	return index >> (level - 1) * BITS & (SLOTS - 1);
}

/* The highest index that @levels of nodes reach. */
static u64 reach(unsigned levels)
{
	return levels >= LEVELS_MAX ? ~(u64)0 : ((u64)1 << levels * BITS) - 1;
}

static struct radix_node *node_alloc(const struct radix *tree)
{
	struct radix_node *node = tree->allocator->alloc();

	if (node) {
		node->used = 0;
		node->marked = 0;
		for (unsigned slot = 0; slot < SLOTS; slot++)
			node->slots[slot] = NULL;
	}
	return node;
}

/*
 * The nodes from the root to the leaf of @index into path[1..levels], by level. The lowest level
 * that was reached: 1 when the leaf is there; levels + 1, and at least 2, when not even the root covers @index.
 */
static unsigned descend(const struct radix *tree, u64 index, struct radix_node **path)
{
	struct radix_node *node = tree->root;
	unsigned level = tree->levels;

	if (!node || index > reach(level))
		return MAX(level + 1, 2u);
	for (;; level--) {
		path[level] = node;
		if (level == 1)
			return level;
		node = node->slots[slot_of(index, level)];
		if (!node)
			return level;
	}
}

/* The leaf of @index; NULL: there is none. */
static const struct radix_node *leaf_of(const struct radix *tree, u64 index)
{
	const struct radix_node *node = tree->root;

	if (index > reach(tree->levels))
		return NULL;
	for (unsigned level = tree->levels; node && level > 1; level--)
		node = node->slots[slot_of(index, level)];
	return node;
}

void *radix_lookup(const struct radix *tree, u64 index)
{
	const struct radix_node *leaf = leaf_of(tree, index);

	return leaf ? leaf->slots[slot_of(index, 1)] : NULL;
}

void radix_lookup_run(const struct radix *tree, u64 first, u64 count, void **items)
{
	while (count) {
		const struct radix_node *leaf = leaf_of(tree, first);
		unsigned slot = slot_of(first, 1);
		u64 part = MIN(count, SLOTS - slot);

		for (u64 i = 0; i < part; i++)
			items[i] = leaf ? leaf->slots[slot + i] : NULL;
		first += part;
		items += part;
		count -= part;
	}
}

/* Free the empty nodes of @path from @level up, and roots that hold only index 0's way down. */
static void prune(struct radix *tree, u64 index, struct radix_node **path, unsigned level)
{
	while (level <= tree->levels && !path[level]->used) {
		tree->allocator->free(path[level]);
		if (level == tree->levels) {
			tree->root = NULL;
			tree->levels = 0;
			return;
		}
		level++;
		path[level]->slots[slot_of(index, level)] = NULL;
		path[level]->used--;
	}
	while (tree->levels > 1 && tree->root->used == 1 && tree->root->slots[0]) {
		struct radix_node *old = tree->root;

		tree->root = old->slots[0];
		tree->levels--;
		tree->allocator->free(old);
	}
}

/* Add roots until @index is covered. A root added for nothing is undone by prune(). */
static int grow(struct radix *tree, u64 index)
{
	while (!tree->levels || index > reach(tree->levels)) {
		struct radix_node *node = node_alloc(tree);

		if (!node)
			return -ENOMEM;
		if (tree->root) {
			node->slots[0] = tree->root;
			node->used = 1;
			node->marked = tree->root->marked != 0;
			tree->levels++;
		} else {
			tree->levels = 1;
			while (index > reach(tree->levels))
				tree->levels++;
		}
		tree->root = node;
	}
	return 0;
}

int radix_insert(struct radix *tree, u64 index, void *item)
{
	struct radix_node *path[LEVELS_MAX + 1];
	int error = grow(tree, index);
	unsigned level = descend(tree, index, path);

	while (!error && level > 1) {
		struct radix_node *node = node_alloc(tree);

		if (!node) {
			error = -ENOMEM;
			break;
		}
		path[level]->slots[slot_of(index, level)] = node;
		path[level]->used++;
		path[--level] = node;
	}
	if (!error) {
		void **slot = &path[1]->slots[slot_of(index, 1)];

		if (*slot)
			return -EEXIST;
		*slot = item;
		path[1]->used++;
		return 0;
	}
	if (tree->root)
		prune(tree, index, path, level);
	return error;
}

void *radix_replace(struct radix *tree, u64 index, void *item)
{
	struct radix_node *path[LEVELS_MAX + 1];
	void **slot, *old;

	if (descend(tree, index, path) != 1)
		return NULL;
	slot = &path[1]->slots[slot_of(index, 1)];
	old = *slot;
	if (old)
		*slot = item;
	return old;
}

/* @path leads to the leaf of @index. */
static void unmark(struct radix *tree, u64 index, struct radix_node **path)
{
	for (unsigned level = 1; level <= tree->levels; level++) {
		path[level]->marked &= ~((u64)1 << slot_of(index, level));
		if (path[level]->marked)
			return;
	}
}

void radix_unmark(struct radix *tree, u64 index)
{
	struct radix_node *path[LEVELS_MAX + 1];

	if (descend(tree, index, path) == 1)
		unmark(tree, index, path);
}

void radix_mark(struct radix *tree, u64 index)
{
	struct radix_node *path[LEVELS_MAX + 1];

	if (descend(tree, index, path) != 1 || !path[1]->slots[slot_of(index, 1)])
		return;
	for (unsigned level = 1; level <= tree->levels; level++)
		path[level]->marked |= (u64)1 << slot_of(index, level);
}

bool radix_is_marked(const struct radix *tree, u64 index)
{
	const struct radix_node *leaf = leaf_of(tree, index);

	return leaf && leaf->marked >> slot_of(index, 1) & 1;
}

void *radix_remove(struct radix *tree, u64 index)
{
	struct radix_node *path[LEVELS_MAX + 1];
	void **slot, *item;

	if (descend(tree, index, path) != 1)
		return NULL;
	slot = &path[1]->slots[slot_of(index, 1)];
	item = *slot;
	if (!item)
		return NULL;
	unmark(tree, index, path);
	*slot = NULL;
	path[1]->used--;
	prune(tree, index, path, 1);
	return item;
}

/* The first slot from @slot on that holds something, or something marked; or SLOTS. */
static unsigned next_slot(const struct radix_node *node, unsigned slot, bool marked)
{
	if (marked) {
		u64 left = node->marked >> slot;

		return left ? slot + (unsigned)__builtin_ctzll(left) : SLOTS;
	}
	while (slot < SLOTS && !node->slots[slot])
		slot++;
	return slot;
}

static void *next_item(const struct radix *tree, u64 *index, bool marked)
{
	const struct radix_node *node = tree->root;
	unsigned level = tree->levels;
	u64 at = *index;

	while (node && at <= reach(tree->levels)) {
		unsigned slot = slot_of(at, level), next = next_slot(node, slot, marked);

		if (next == SLOTS) {
			/* Past this node, from the root again. */
			at = (at | reach(level)) + 1;
			if (!at || level == tree->levels)
				return NULL;
			node = tree->root;
			level = tree->levels;
			continue;
		}
		if (next > slot)
			at = (at & ~reach(level)) | (u64)next << (level - 1) * BITS;
		if (level == 1) {
			*index = at;
			return node->slots[next];
		}
		node = node->slots[next];
		level--;
	}
	return NULL;
}

void *radix_next(const struct radix *tree, u64 *index)
{
	return next_item(tree, index, false);
}

void *radix_next_marked(const struct radix *tree, u64 *index)
{
	return next_item(tree, index, true);
}
