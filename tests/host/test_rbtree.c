// sources: kernel/lib/rbtree.c
/* Red-black trees against an array of what should be in, with the rules of the colours checked. */
#include <lib/rbtree.h>

#include "check.h"

enum { KEYS = 300 };

struct item {
	int key;
	bool present;
	struct rb_node node;
};

static struct item items[KEYS];

static int compare(const void *key, const struct rb_node *node)
{
	return *(const int *)key - rb_entry(node, struct item, node)->key;
}

/* The number of black nodes on each way down; -1 when a rule is broken. */
static int black_height(const struct rb_node *node, const struct rb_node *parent)
{
	int left, right;

	if (!node)
		return 1;
	if ((node->parent_colour & ~(uintptr_t)1) != (uintptr_t)parent)
		return -1;
	if (!(node->parent_colour & 1) && (!parent || !(parent->parent_colour & 1)))
		return -1;
	left = black_height(node->left, node);
	right = black_height(node->right, node);
	if (left < 0 || left != right)
		return -1;
	return left + (int)(node->parent_colour & 1);
}

static void check_tree(const struct rb_root *root)
{
	struct item *item;
	struct rb_node *node = rb_first(root);

	EXPECT_TRUE(black_height(root->top, NULL) > 0);
	for (int key = 0; key < KEYS; key++) {
		EXPECT_TRUE(rb_find(root, &key, compare) ==
			    (items[key].present ? &items[key].node : NULL));
		if (!items[key].present)
			continue;
		EXPECT_TRUE(node == &items[key].node);
		node = node ? rb_next(node) : NULL;
	}
	EXPECT_TRUE(!node);
	node = rb_last(root);
	for (int key = KEYS - 1; key >= 0; key--) {
		if (!items[key].present)
			continue;
		EXPECT_TRUE(node == &items[key].node);
		node = node ? rb_previous(node) : NULL;
	}
	EXPECT_TRUE(!node);
	int last = -1;

	rb_for_each_entry(item, root, node) {
		EXPECT_TRUE(item->key > last && item->present);
		last = item->key;
	}
}

static void check_bounds(const struct rb_root *root, int key)
{
	int from = key, until = key;

	while (from < KEYS && !items[from].present)
		from++;
	while (until >= 0 && !items[until].present)
		until--;
	EXPECT_TRUE(rb_find_from(root, &key, compare) == (from < KEYS ? &items[from].node : NULL));
	EXPECT_TRUE(rb_find_until(root, &key, compare) == (until >= 0 ? &items[until].node : NULL));
}

static void rbtree_random(void)
{
	struct rb_root root = { NULL };

	for (int key = 0; key < KEYS; key++)
		items[key].key = key;
	for (int step = 0; step < 20000; step++) {
		/* Phases that grow and phases that shrink. */
		bool grow = (step / 1000) % 2 == 0 ? check_random() % 4 : !(check_random() % 4);
		struct item *item = &items[check_random() % KEYS];

		if (grow) {
			struct rb_node *there = rb_insert(&root, &item->node, &item->key, compare);

			EXPECT_TRUE(there == (item->present ? &item->node : NULL));
			item->present = true;
		} else if (item->present) {
			rb_erase(&root, &item->node);
			item->present = false;
		}
		check_bounds(&root, (int)(check_random() % KEYS));
		if (step % 16 == 0)
			check_tree(&root);
	}
	for (int key = 0; key < KEYS; key++) {
		if (items[key].present)
			rb_erase(&root, &items[key].node);
		items[key].present = false;
	}
	EXPECT_TRUE(rb_empty(&root));
}

static void rbtree_replace(void)
{
	struct rb_root root = { NULL };
	struct item other[KEYS];

	for (int key = 0; key < KEYS; key++) {
		items[key] = (struct item){ .key = key };
		rb_insert(&root, &items[key].node, &key, compare);
	}
	for (int key = 0; key < KEYS; key++) {
		other[key] = (struct item){ .key = key };
		rb_replace(&root, &items[key].node, &other[key].node);
		EXPECT_TRUE(rb_find(&root, &key, compare) == &other[key].node);
		EXPECT_TRUE(black_height(root.top, NULL) > 0);
	}
}

static void rbtree_equal(void)
{
	struct rb_root root = { NULL };
	struct rb_node *node;
	int key = 5, count = 0;

	for (int i = 0; i < 50; i++) {
		items[i] = (struct item){ .key = 5 };
		rb_insert_equal(&root, &items[i].node, &key, compare);
	}
	for (node = rb_first(&root); node; node = rb_next(node))
		EXPECT_TRUE(node == &items[count++].node);
	EXPECT(count, 50);
	EXPECT_TRUE(rb_find_from(&root, &key, compare) == &items[0].node);
	EXPECT_TRUE(rb_find_until(&root, &key, compare) == &items[49].node);
}

int main(void)
{
	RUN(rbtree_random);
	RUN(rbtree_replace);
	RUN(rbtree_equal);
	return CHECK_RESULT;
}
