// sources: kernel/lib/radix.c
/* Radix trees against a sorted array, with memory that runs out; no node may be left over. */
#include <lib/errno.h>
#include <lib/radix.h>

#include "check.h"

enum { ENTRIES = 400 };

static struct {
	u64 index;
	void *item;
} model[ENTRIES];
static int model_count, nodes, nodes_allowed = 1 << 30;
static char things[ENTRIES];

static void *node_alloc(void)
{
	void *node = nodes < nodes_allowed ? malloc(RADIX_NODE_SIZE) : NULL;

	if (node) {
		nodes++;
		for (int i = 0; i < RADIX_NODE_SIZE; i++)
			((char *)node)[i] = 0x5a;
	}
	return node;
}

static void node_free(void *node)
{
	nodes--;
	free(node);
}

static const struct radix_allocator allocator = { node_alloc, node_free };

/* The first model entry >= @index. */
static int model_find(u64 index)
{
	int at = 0;

	while (at < model_count && model[at].index < index)
		at++;
	return at;
}

static void model_insert(int at, u64 index, void *item)
{
	for (int i = model_count++; i > at; i--)
		model[i] = model[i - 1];
	model[at].index = index;
	model[at].item = item;
}

static void model_remove(int at)
{
	model_count--;
	for (int i = at; i < model_count; i++)
		model[i] = model[i + 1];
}

/* Clustered, and of every magnitude. */
static u64 some_index(void)
{
	u64 index = check_random() % 80;

	switch (check_random() % 5) {
	case 0:
		return ~(u64)0 - index;
	case 1:
		return index << check_random() % 58;
	case 2:
		return ((u64)1 << check_random() % 64) - index % 2;
	default:
		return index;
	}
}

static void check_all(struct radix *tree)
{
	u64 at = 0;

	for (int i = 0; i < model_count; i++) {
		EXPECT_TRUE(radix_next(tree, &at) == model[i].item);
		EXPECT_TRUE(at == model[i].index);
		at++;
	}
	if (!model_count || model[model_count - 1].index != ~(u64)0)
		EXPECT_TRUE(!radix_next(tree, &at));
	EXPECT(radix_empty(tree), model_count == 0);
}

static void step(struct radix *tree, bool grow)
{
	u64 index = some_index();
	int at = model_find(index), nodes_before = nodes, result;
	bool there = at < model_count && model[at].index == index;
	void *item = &things[check_random() % ENTRIES];
	u64 next = index;

	EXPECT_TRUE(radix_lookup(tree, index) == (there ? model[at].item : NULL));
	EXPECT_TRUE(radix_next(tree, &next) == (at < model_count ? model[at].item : NULL));
	EXPECT_TRUE(at == model_count || next == model[at].index);
	if (grow && model_count < ENTRIES) {
		nodes_allowed = check_random() % 4 ? 1 << 30 : nodes + (int)(check_random() % 6);
		result = radix_insert(tree, index, item);
		if (there) {
			EXPECT(result, -EEXIST);
		} else if (result) {
			EXPECT(result, -ENOMEM);
			EXPECT_TRUE(nodes_allowed < 1 << 30);
			EXPECT(nodes, nodes_before);
		} else {
			model_insert(at, index, item);
		}
	} else if (grow) {
		EXPECT_TRUE(radix_replace(tree, index, item) == (there ? model[at].item : NULL));
		if (there)
			model[at].item = item;
	} else {
		EXPECT_TRUE(radix_remove(tree, index) == (there ? model[at].item : NULL));
		if (there)
			model_remove(at);
	}
}

static void radix_random(void)
{
	struct radix tree;

	radix_init(&tree, &allocator);
	for (int i = 0; i < 60000; i++) {
		step(&tree, i / 5000 % 2 == 0 ? check_random() % 4 : !(check_random() % 4));
		if (i % 64 == 0)
			check_all(&tree);
	}
	while (model_count) {
		EXPECT_TRUE(radix_remove(&tree, model[0].index) == model[0].item);
		model_remove(0);
	}
	EXPECT_TRUE(radix_empty(&tree));
	EXPECT(nodes, 0);
}

static void radix_nothing_there(void)
{
	static const u64 indices[] = { 0, 1, 63, 64, ~(u64)0 };
	struct radix tree;

	radix_init(&tree, &allocator);
	for (size_t i = 0; i < sizeof(indices) / sizeof(*indices); i++) {
		u64 next = 0;

		EXPECT_TRUE(!radix_remove(&tree, indices[i]));
		EXPECT_TRUE(!radix_replace(&tree, indices[i], &tree));
		EXPECT_TRUE(!radix_lookup(&tree, indices[i]));
		radix_mark(&tree, indices[i]);
		radix_unmark(&tree, indices[i]);
		EXPECT_TRUE(!radix_is_marked(&tree, indices[i]));
		EXPECT_TRUE(!radix_next(&tree, &next));
		EXPECT_TRUE(!radix_next_marked(&tree, &next));
	}
	EXPECT_TRUE(radix_empty(&tree));
}

int main(void)
{
	RUN(radix_nothing_there);
	RUN(radix_random);
	return CHECK_RESULT;
}
