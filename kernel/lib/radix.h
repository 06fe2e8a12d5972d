#pragma once
/*
 * A map from 64-bit indices to pointers, dense ranges of which are cheap: a tree of nodes with 64
 * slots. Nodes come from and go to the caller. The caller's lock guards a tree, but lookups may run
 * beside each other.
 */
#include <lib/types.h>

struct radix_node {
	unsigned used; /* slots that are not NULL */
	u64 marked;    /* slots that are marked, or have a marked item below */
	void *slots[64];
};

enum { RADIX_NODE_SIZE = sizeof(struct radix_node) };

/* Where nodes come from: RADIX_NODE_SIZE bytes aligned to 8, any content; NULL: out of memory. */
struct radix_allocator {
	void *(*alloc)(void);
	void (*free)(void *node);
};

struct radix {
	struct radix_node *root;
	unsigned levels; /* of nodes; 0: empty */
	const struct radix_allocator *allocator;
};

static inline void radix_init(struct radix *tree, const struct radix_allocator *allocator)
{
	*tree = (struct radix){ .allocator = allocator };
}

static inline bool radix_empty(const struct radix *tree)
{
	return !tree->root;
}

/* NULL: nothing there. */
void *radix_lookup(const struct radix *tree, u64 index);
/* The items of [first, first + count) into @items, NULL where nothing is. */
void radix_lookup_run(const struct radix *tree, u64 first, u64 count, void **items);
/* @item is not NULL. 0, -EEXIST, or -ENOMEM with the tree as it was. */
int radix_insert(struct radix *tree, u64 index, void *item);
/* Put @item in the place of what is at @index, which is returned; NULL: nothing there or done. */
void *radix_replace(struct radix *tree, u64 index, void *item);
/* Take out and return what is at @index, or NULL. Nodes that are empty now are freed. */
void *radix_remove(struct radix *tree, u64 index);
/* The item of the lowest index >= *@index, which is set to its index; NULL: none. */
void *radix_next(const struct radix *tree, u64 *index);

/*
 * Items may be marked (dirty pages). A new item is not. mark: there is an item at @index. next_marked: the
 * marked item of the lowest index >= *@index, which is set to its index; NULL: none.
 */
void radix_mark(struct radix *tree, u64 index);
void radix_unmark(struct radix *tree, u64 index);
bool radix_is_marked(const struct radix *tree, u64 index);
void *radix_next_marked(const struct radix *tree, u64 *index);
