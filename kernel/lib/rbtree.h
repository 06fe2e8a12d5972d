#pragma once
/*
 * Red-black trees whose links lie inside the entries. The caller's lock guards a tree; every
 * operation takes time in the logarithm of the entries and no memory.
 */
#include <lib/types.h>

struct rb_node {
	uintptr_t parent_colour; /* the parent's address; bit 0: 1 is black */
	struct rb_node *left, *right;
};

struct rb_root {
	struct rb_node *top; /* NULL: empty; all zero is a valid empty tree */
};

#define rb_entry(node, type, member) container_of(node, type, member)
/* NULL stays NULL. */
#define rb_entry_or_null(node, type, member)                                                       \
	({                                                                                         \
		struct rb_node *rb_node_ = (node);                                                 \
		rb_node_ ? rb_entry(rb_node_, type, member) : NULL;                                \
	})

static inline bool rb_empty(const struct rb_root *root)
{
	return !root->top;
}

/*
 * Make @node the leaf at *@slot, which is NULL and is a link of @parent (or root->top, with NULL
 * for @parent), as a descent from the top found it; then rebalance.
 */
void rb_insert_at(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
		  struct rb_node **slot);
/* @node is in the tree; its links mean nothing afterwards. */
void rb_erase(struct rb_root *root, struct rb_node *node);
/* @replacement, which sorts the same, takes the place of @node. */
void rb_replace(struct rb_root *root, struct rb_node *node, struct rb_node *replacement);

/* In order; NULL at the end. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_previous(const struct rb_node *node);

/* How a key sorts against an entry: negative, 0 or positive, as strcmp(). */
typedef int (*rb_compare)(const void *key, const struct rb_node *node);

/* The entry that equals @key, or NULL. */
static __force_inline struct rb_node *rb_find(const struct rb_root *root, const void *key,
					      rb_compare compare)
{
	struct rb_node *node = root->top;

	while (node) {
		int order = compare(key, node);

		if (!order)
			return node;
		node = order < 0 ? node->left : node->right;
	}
	return NULL;
}

/* The first entry that does not sort before @key, or NULL. */
static __force_inline struct rb_node *rb_find_from(const struct rb_root *root, const void *key,
						   rb_compare compare)
{
	struct rb_node *node = root->top, *found = NULL;

	while (node) {
		if (compare(key, node) <= 0) {
			found = node;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return found;
}

/* The last entry that does not sort after @key, or NULL. */
static __force_inline struct rb_node *rb_find_until(const struct rb_root *root, const void *key,
						    rb_compare compare)
{
	struct rb_node *node = root->top, *found = NULL;

	while (node) {
		if (compare(key, node) >= 0) {
			found = node;
			node = node->right;
		} else {
			node = node->left;
		}
	}
	return found;
}

/* NULL: @node, whose key is @key, is in. Else the entry that equals it, and nothing was done. */
static __force_inline struct rb_node *rb_insert(struct rb_root *root, struct rb_node *node,
						const void *key, rb_compare compare)
{
	struct rb_node **slot = &root->top, *parent = NULL;

	while (*slot) {
		int order = compare(key, *slot);

		if (!order)
			return *slot;
		parent = *slot;
		slot = order < 0 ? &parent->left : &parent->right;
	}
	rb_insert_at(root, node, parent, slot);
	return NULL;
}

/* As rb_insert(), but @node goes behind its equals and is always in. */
static __force_inline void rb_insert_equal(struct rb_root *root, struct rb_node *node,
					   const void *key, rb_compare compare)
{
	struct rb_node **slot = &root->top, *parent = NULL;

	while (*slot) {
		parent = *slot;
		slot = compare(key, parent) < 0 ? &parent->left : &parent->right;
	}
	rb_insert_at(root, node, parent, slot);
}

/* @entry: a variable of the caller; NULL after the last. The body must not erase. */
#define rb_for_each_entry(entry, root, member)                                                     \
	for (entry = rb_entry_or_null(rb_first(root), typeof(*(entry)), member); entry;            \
	     entry = rb_entry_or_null(rb_next(&(entry)->member), typeof(*(entry)), member))
