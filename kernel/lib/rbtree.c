#include <lib/rbtree.h>

enum { RED = 0, BLACK = 1 };

static struct rb_node *parent_of(const struct rb_node *node)
{
	return (struct rb_node *)(node->parent_colour & ~(uintptr_t)1);
}

static bool is_red(const struct rb_node *node)
{
	return node && !(node->parent_colour & BLACK);
}

static bool is_black(const struct rb_node *node)
{
	return !is_red(node);
}

static void set_parent(struct rb_node *node, struct rb_node *parent)
{
	node->parent_colour = (uintptr_t)parent | (node->parent_colour & BLACK);
}

static void set_colour(struct rb_node *node, uintptr_t colour)
{
	node->parent_colour = (node->parent_colour & ~(uintptr_t)BLACK) | colour;
}

/* Whatever pointed at @old, a child of @parent, points at @new. */
static void change_child(struct rb_root *root, struct rb_node *parent, struct rb_node *old,
			 struct rb_node *new)
{
	if (!parent)
		root->top = new;
	else if (parent->left == old)
		parent->left = new;
	else
		parent->right = new;
}

/* @node's right child goes up and @node becomes its left one. */
static void rotate_left(struct rb_root *root, struct rb_node *node)
{
	struct rb_node *up = node->right, *parent = parent_of(node);

	node->right = up->left;
	if (up->left)
		set_parent(up->left, node);
	up->left = node;
	set_parent(up, parent);
	change_child(root, parent, node, up);
	set_parent(node, up);
}

static void rotate_right(struct rb_root *root, struct rb_node *node)
{
	struct rb_node *up = node->left, *parent = parent_of(node);

	node->left = up->right;
	if (up->right)
		set_parent(up->right, node);
	up->right = node;
	set_parent(up, parent);
	change_child(root, parent, node, up);
	set_parent(node, up);
}

/* @node is red, and so may be @parent, its parent: the only fault of the tree. */
static void repair_insert(struct rb_root *root, struct rb_node *node, struct rb_node *parent)
{
	while (is_red(parent)) {
		struct rb_node *grandparent = parent_of(parent);
		bool left = grandparent->left == parent;
		struct rb_node *uncle = left ? grandparent->right : grandparent->left;

		if (is_red(uncle)) {
			set_colour(uncle, BLACK);
			set_colour(parent, BLACK);
			set_colour(grandparent, RED);
			node = grandparent;
			parent = parent_of(node);
			continue;
		}
		if (left && parent->right == node) {
			rotate_left(root, parent);
			parent = node;
		} else if (!left && parent->left == node) {
			rotate_right(root, parent);
			parent = node;
		}
		set_colour(parent, BLACK);
		set_colour(grandparent, RED);
		if (left)
			rotate_right(root, grandparent);
		else
			rotate_left(root, grandparent);
		break;
	}
	set_colour(root->top, BLACK);
}

void rb_insert_at(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
		  struct rb_node **slot)
{
	node->left = NULL;
	node->right = NULL;
	node->parent_colour = (uintptr_t)parent | RED;
	*slot = node;
	repair_insert(root, node, parent);
}

/*
 * All paths through @node, a child of @parent and NULL perhaps, are one black short on its left
 * (or, mirrored, right) side. True when the shortage has moved up and is now @parent's.
 */
static bool repair_left(struct rb_root *root, struct rb_node *parent)
{
	struct rb_node *sibling = parent->right;

	if (is_red(sibling)) {
		set_colour(sibling, BLACK);
		set_colour(parent, RED);
		rotate_left(root, parent);
		sibling = parent->right;
	}
	if (is_black(sibling->left) && is_black(sibling->right)) {
		set_colour(sibling, RED);
		return true;
	}
	if (is_black(sibling->right)) {
		set_colour(sibling->left, BLACK);
		set_colour(sibling, RED);
		rotate_right(root, sibling);
		sibling = parent->right;
	}
	set_colour(sibling, parent->parent_colour & BLACK);
	set_colour(parent, BLACK);
	set_colour(sibling->right, BLACK);
	rotate_left(root, parent);
	return false;
}

static bool repair_right(struct rb_root *root, struct rb_node *parent)
{
	struct rb_node *sibling = parent->left;

	if (is_red(sibling)) {
		set_colour(sibling, BLACK);
		set_colour(parent, RED);
		rotate_right(root, parent);
		sibling = parent->left;
	}
	if (is_black(sibling->left) && is_black(sibling->right)) {
		set_colour(sibling, RED);
		return true;
	}
	if (is_black(sibling->left)) {
		set_colour(sibling->right, BLACK);
		set_colour(sibling, RED);
		rotate_left(root, sibling);
		sibling = parent->left;
	}
	set_colour(sibling, parent->parent_colour & BLACK);
	set_colour(parent, BLACK);
	set_colour(sibling->left, BLACK);
	rotate_right(root, parent);
	return false;
}

static void repair_erase(struct rb_root *root, struct rb_node *node, struct rb_node *parent)
{
	while (parent && is_black(node)) {
		bool up = parent->left == node ? repair_left(root, parent)
					       : repair_right(root, parent);

		if (!up)
			return;
		node = parent;
		parent = parent_of(node);
	}
	if (node)
		set_colour(node, BLACK);
}

void rb_erase(struct rb_root *root, struct rb_node *node)
{
	struct rb_node *parent, *child;
	bool short_of_black;

	if (node->left && node->right) {
		struct rb_node *heir = node->right;

		while (heir->left)
			heir = heir->left;
		short_of_black = is_black(heir);
		child = heir->right;
		parent = parent_of(heir);
		if (parent == node) {
			parent = heir;
		} else {
			parent->left = child;
			if (child)
				set_parent(child, parent);
			heir->right = node->right;
			set_parent(heir->right, heir);
		}
		heir->left = node->left;
		set_parent(heir->left, heir);
		heir->parent_colour = node->parent_colour;
		change_child(root, parent_of(node), node, heir);
	} else {
		short_of_black = is_black(node);
		child = node->left ? node->left : node->right;
		parent = parent_of(node);
		change_child(root, parent, node, child);
		if (child)
			set_parent(child, parent);
	}
	if (short_of_black)
		repair_erase(root, child, parent);
}

void rb_replace(struct rb_root *root, struct rb_node *node, struct rb_node *replacement)
{
	*replacement = *node;
	change_child(root, parent_of(node), node, replacement);
	if (node->left)
		set_parent(node->left, replacement);
	if (node->right)
		set_parent(node->right, replacement);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *node = root->top;

	while (node && node->left)
		node = node->left;
	return node;
}

struct rb_node *rb_last(const struct rb_root *root)
{
	struct rb_node *node = root->top;

	while (node && node->right)
		node = node->right;
	return node;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	struct rb_node *parent;

	if (node->right) {
		for (node = node->right; node->left; node = node->left)
			;
		return (struct rb_node *)node;
	}
	while ((parent = parent_of(node)) && parent->right == node)
		node = parent;
	return parent;
}

struct rb_node *rb_previous(const struct rb_node *node)
{
	struct rb_node *parent;

	if (node->left) {
		for (node = node->left; node->right; node = node->right)
			;
		return (struct rb_node *)node;
	}
	while ((parent = parent_of(node)) && parent->left == node)
		node = parent;
	return parent;
}
