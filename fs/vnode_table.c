#include <fs/vnode_table.h>
#include <lib/errno.h>
#include <mm/slab.h>

static struct slab_cache node_cache = {
	.name = "vnode_table",
	.size = RADIX_NODE_SIZE,
	.align = 8,
};

static void *node_alloc(void)
{
	return slab_alloc(&node_cache);
}

static void node_free(void *node)
{
	slab_free(&node_cache, node);
}

const struct radix_allocator vnode_table_nodes = { node_alloc, node_free };

void vnode_table_init(struct vnode_table *table)
{
	mutex_init(&table->lock, RANK_INODES);
	radix_init(&table->vnodes, &vnode_table_nodes);
	wait_queue_init(&table->gone);
}

static bool is_gone(struct vnode_table *table, u64 key, const struct vnode *vnode)
{
	bool gone;

	mutex_lock(&table->lock);
	gone = radix_lookup(&table->vnodes, key) != vnode;
	mutex_unlock(&table->lock);
	return gone;
}

int vnode_table_get(struct vnode_table *table, u64 key,
		    int (*load)(void *context, struct vnode **made), void *context,
		    struct vnode **found)
{
	struct vnode *vnode;
	int error;

	for (;;) {
		mutex_lock(&table->lock);
		vnode = radix_lookup(&table->vnodes, key);
		error = 0;
		if (!vnode)
			error = load(context, &vnode);
		else if (!atomic32_inc_not_zero(&vnode->references))
			error = -EAGAIN;
		mutex_unlock(&table->lock);
		if (error != -EAGAIN)
			break;
		/* Its last reference has just gone: what it writes on its way out is to be read. */
		wait_event(&table->gone, is_gone(table, key, vnode));
	}
	*found = vnode;
	return error;
}

void vnode_table_remove(struct vnode_table *table, u64 key, const struct vnode *vnode)
{
	mutex_lock(&table->lock);
	if (radix_lookup(&table->vnodes, key) == vnode)
		radix_remove(&table->vnodes, key);
	mutex_unlock(&table->lock);
	wait_wake_all(&table->gone);
}

struct vnode *vnode_table_next(struct vnode_table *table, struct radix *tree, u64 *key,
			       bool (*wanted)(const struct vnode *vnode))
{
	struct vnode *vnode;

	mutex_lock(&table->lock);
	while ((vnode = radix_next(tree, key)) &&
	       !(wanted(vnode) && atomic32_inc_not_zero(&vnode->references)))
		++*key;
	mutex_unlock(&table->lock);
	return vnode;
}
