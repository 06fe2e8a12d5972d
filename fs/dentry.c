#include <debug/panic.h>
#include <fs/dentry.h>
#include <fs/notify.h>
#include <lib/err.h>
#include <lib/hash.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>

struct bucket {
	struct spinlock lock;	/* RANK_TABLE */
	struct list_node chain; /* [lock] */
};

struct spinlock dentry_tree_lock = SPINLOCK_INIT(RANK_SIGNAL);

static SLAB_CACHE(dentry_cache, struct dentry);
static struct bucket *buckets; /* [const] */
static u32 bucket_mask;	       /* [const] */

static struct spinlock lru_lock = SPINLOCK_INIT(RANK_WAIT);
static struct list_node lru = LIST_INIT(lru); /* [lru_lock] oldest first */
static u64 lru_count;			      /* [lru_lock; atomic read] */
static u64 lru_limit;			      /* [const] */

/* About one bucket for 16 frames, and one idle name for 12, within reason. */
void dentry_cache_init(void)
{
	struct frame_statistics statistics;
	u64 count = 256;

	frame_statistics(&statistics);
	while (count < statistics.total / 16 && count < 32768)
		count *= 2;
	buckets = kmalloc(count * sizeof(*buckets));
	if (!buckets)
		boot_failure("no memory for the cache of names");
	for (u64 i = 0; i < count; i++) {
		spin_init(&buckets[i].lock, RANK_TABLE);
		list_init(&buckets[i].chain);
	}
	bucket_mask = count - 1;
	lru_limit = CLAMP(statistics.total / 12, 256, 65536);
}

static u32 name_hash(const struct dentry *parent, const char *name, size_t length)
{
	return hash_bytes(name, length) + hash_pointer(parent);
}

static struct bucket *bucket_of(u32 hash)
{
	return &buckets[hash & bucket_mask];
}

/* A rename may change the hash until its bucket is locked. */
static struct bucket *bucket_lock(struct dentry *dentry)
{
	for (;;) {
		u32 hash = READ_ONCE(dentry->hash);
		struct bucket *bucket = bucket_of(hash);

		spin_lock(&bucket->lock);
		if (dentry->hash == hash)
			return bucket;
		spin_unlock(&bucket->lock);
	}
}

static bool name_set(struct dentry *dentry, const char *name, size_t length)
{
	char *to = dentry->inline_name;

	if (length >= sizeof(dentry->inline_name)) {
		to = kmalloc(length + 1);
		if (!to)
			return false;
	}
	memcpy(to, name, length);
	to[length] = '\0';
	dentry->name = to;
	dentry->name_length = length;
	return true;
}

struct dentry *dentry_create(struct dentry *parent, const char *name, size_t length,
			     struct vnode *vnode)
{
	struct dentry *dentry = slab_alloc(&dentry_cache);

	if (!dentry)
		return NULL;
	if (!name_set(dentry, name, length)) {
		slab_free(&dentry_cache, dentry);
		return NULL;
	}
	atomic32_set(&dentry->references, 1);
	dentry->parent = parent ? parent : dentry;
	if (parent)
		dentry_get(parent);
	dentry->vnode = vnode;
	list_init(&dentry->hash_link);
	list_init(&dentry->lru_link);
	dentry->hash = name_hash(dentry->parent, name, length);
	dentry->used = false;
	dentry->unhashed = parent != NULL;
	dentry->mounted = false;
	return dentry;
}

static void lru_add(struct dentry *dentry)
{
	if (!list_empty(&dentry->lru_link))
		return;
	spin_lock(&lru_lock);
	list_add_tail(&lru, &dentry->lru_link);
	WRITE_ONCE(lru_count, lru_count + 1);
	spin_unlock(&lru_lock);
}

static void lru_remove(struct dentry *dentry)
{
	if (list_empty(&dentry->lru_link))
		return;
	spin_lock(&lru_lock);
	list_remove_init(&dentry->lru_link);
	WRITE_ONCE(lru_count, lru_count - 1);
	spin_unlock(&lru_lock);
}

/* Nothing refers to it. Returns the parent, whose reference the caller is to drop, or NULL. */
static struct dentry *dentry_free(struct dentry *dentry)
{
	struct dentry *parent = dentry->parent;

	if (dentry->vnode) {
		if (!dentry->vnode->links)
			notify_gone(dentry->vnode);
		vnode_put(dentry->vnode);
	}
	if (dentry->name != dentry->inline_name)
		kfree(dentry->name);
	if (parent == dentry)
		parent = NULL;
	slab_free(&dentry_cache, dentry);
	return parent;
}

/* Names that must be looked up again each time are not worth keeping. */
static bool worth_keeping(const struct dentry *dentry)
{
	return !dentry->unhashed && dentry->parent != dentry &&
	       !(dentry->vnode && dentry->vnode->operations->revalidate);
}

static struct dentry *put_one(struct dentry *dentry)
{
	u32 references = atomic32_read(&dentry->references);
	struct bucket *bucket;

	while (references > 1)
		if (atomic_replace_value(&dentry->references.v, &references, references - 1))
			return NULL;
	bucket = bucket_lock(dentry);
	if (!atomic32_dec_and_test(&dentry->references)) {
		spin_unlock(&bucket->lock);
		return NULL;
	}
	if (worth_keeping(dentry)) {
		lru_add(dentry);
		spin_unlock(&bucket->lock);
		return NULL;
	}
	list_remove_init(&dentry->hash_link);
	lru_remove(dentry);
	spin_unlock(&bucket->lock);
	return dentry_free(dentry);
}

void dentry_put(struct dentry *dentry)
{
	while (dentry)
		dentry = put_one(dentry);
	if (unlikely(READ_ONCE(lru_count) > lru_limit))
		dentry_cache_shrink(64);
}

/*
 * [lru_lock] Take the oldest dentry off the list: with its bucket locked and out of the cache when
 * nobody uses it, to be freed. The bucket's lock comes first elsewhere, so it can only be tried
 * here.
 */
static struct dentry *lru_take(bool all)
{
	struct dentry *dentry = list_first_entry(&lru, struct dentry, lru_link);
	struct bucket *bucket = bucket_of(READ_ONCE(dentry->hash));
	struct dentry *taken = NULL;

	if (!spin_trylock(&bucket->lock))
		return NULL;
	if (bucket_of(dentry->hash) != bucket)
		goto out;
	list_remove_init(&dentry->lru_link);
	if (dentry->used && !all) {
		dentry->used = false;
		list_add_tail(&lru, &dentry->lru_link);
		goto out;
	}
	WRITE_ONCE(lru_count, lru_count - 1);
	/* One in use comes back to the list with its last reference. */
	if (!atomic32_read(&dentry->references)) {
		list_remove_init(&dentry->hash_link);
		dentry->unhashed = true;
		taken = dentry;
	}
out:
	spin_unlock(&bucket->lock);
	return taken;
}

static u64 shrink_once(u64 count, bool all)
{
	struct list_node dead;
	u64 freed = 0, looked = 0, most;

	list_init(&dead);
	spin_lock(&lru_lock);
	most = all ? lru_count : MIN(lru_count, 4 * count);
	while (!list_empty(&lru) && freed < count && looked++ < most) {
		struct dentry *dentry = lru_take(all);

		if (dentry) {
			list_add_tail(&dead, &dentry->lru_link);
			freed++;
		}
	}
	spin_unlock(&lru_lock);
	while (!list_empty(&dead)) {
		struct dentry *dentry = list_first_entry(&dead, struct dentry, lru_link);

		list_remove(&dentry->lru_link);
		for (dentry = dentry_free(dentry); dentry;)
			dentry = put_one(dentry);
	}
	return freed;
}

u64 dentry_cache_shrink(u64 count)
{
	bool all = count >= READ_ONCE(lru_count);
	u64 total = 0, freed;

	do {
		freed = shrink_once(count - total, all);
		total += freed;
	} while (all && freed && total < count);
	return total;
}

struct dentry *dentry_find(struct dentry *parent, const char *name, size_t length)
{
	u32 hash = name_hash(parent, name, length);
	struct bucket *bucket = bucket_of(hash);
	struct dentry *dentry;

	spin_lock(&bucket->lock);
	list_for_each_entry(dentry, &bucket->chain, hash_link) {
		if (dentry->hash == hash && dentry->parent == parent &&
		    dentry->name_length == length && !memcmp(dentry->name, name, length)) {
			dentry_get(dentry);
			if (!dentry->used)
				dentry->used = true;
			spin_unlock(&bucket->lock);
			return dentry;
		}
	}
	spin_unlock(&bucket->lock);
	return NULL;
}

static void dentry_hash(struct dentry *dentry)
{
	struct bucket *bucket = bucket_lock(dentry);

	list_add_head(&bucket->chain, &dentry->hash_link);
	dentry->unhashed = false;
	spin_unlock(&bucket->lock);
}

void dentry_unhash(struct dentry *dentry)
{
	struct bucket *bucket = bucket_lock(dentry);

	list_remove_init(&dentry->hash_link);
	dentry->unhashed = true;
	spin_unlock(&bucket->lock);
}

bool dentry_is_current(struct dentry *dentry)
{
	struct vnode *vnode = dentry->vnode;

	if (!vnode || !vnode->operations->revalidate || vnode->operations->revalidate(vnode))
		return true;
	dentry_unhash(dentry);
	return false;
}

/* What is computed (procfs): is it still so, and whose is it? Permissions are checked next. */
static bool is_there(struct vnode *vnode)
{
	const struct vnode_operations *operations = vnode->operations;

	if (!operations->revalidate)
		return true;
	if (operations->refresh)
		operations->refresh(vnode);
	return operations->revalidate(vnode);
}

struct dentry *dentry_lookup_locked(struct dentry *parent, const char *name, size_t length)
{
	struct vnode *directory = parent->vnode, *found = NULL;
	struct dentry *dentry = dentry_find(parent, name, length);
	int error;

	if (dentry) {
		if (dentry_is_current(dentry))
			return dentry;
		dentry_put(dentry);
	}
	if (!directory->operations->lookup)
		return ERR_PTR(-ENOTDIR);
	error = directory->operations->lookup(directory, name, length, &found);
	/*
	 * Where names come and go by themselves (procfs), none is made, and no absence remembered.
	 */
	if (error && (error != -ENOENT || directory->operations->revalidate))
		return ERR_PTR(error);
	if (found && !is_there(found)) {
		vnode_put(found);
		return ERR_PTR(-ENOENT);
	}
	dentry = dentry_create(parent, name, length, found);
	if (!dentry) {
		if (found)
			vnode_put(found);
		return ERR_PTR(-ENOMEM);
	}
	dentry_hash(dentry);
	return dentry;
}

void dentry_set_vnode(struct dentry *dentry, struct vnode *vnode)
{
	store_release(&dentry->vnode, vnode);
}

static void take_out(struct dentry *dentry, u32 new_hash)
{
	struct bucket *bucket = bucket_lock(dentry);

	list_remove_init(&dentry->hash_link);
	WRITE_ONCE(dentry->hash, new_hash);
	spin_unlock(&bucket->lock);
}

static void put_in(struct dentry *dentry)
{
	struct bucket *bucket = bucket_of(dentry->hash);

	spin_lock(&bucket->lock);
	list_add_head(&bucket->chain, &dentry->hash_link);
	dentry->unhashed = false;
	spin_unlock(&bucket->lock);
}

static void names_swap(struct dentry *a, struct dentry *b)
{
	char inline_name[sizeof(a->inline_name)];
	char *name = a->name;
	u16 length = a->name_length;
	bool a_inline = name == a->inline_name, b_inline = b->name == b->inline_name;

	memcpy(inline_name, a->inline_name, sizeof(inline_name));
	memcpy(a->inline_name, b->inline_name, sizeof(inline_name));
	memcpy(b->inline_name, inline_name, sizeof(inline_name));
	a->name = b_inline ? a->inline_name : b->name;
	a->name_length = b->name_length;
	b->name = a_inline ? b->inline_name : name;
	b->name_length = length;
}

static void exchange_places(struct dentry *a, struct dentry *b)
{
	u32 a_hash = a->hash;
	struct dentry *parent = a->parent;

	spin_lock(&dentry_tree_lock);
	take_out(a, b->hash);
	take_out(b, a_hash);
	names_swap(a, b);
	a->parent = b->parent;
	b->parent = parent;
	put_in(a);
	put_in(b);
	spin_unlock(&dentry_tree_lock);
}

int dentry_move(struct dentry *moved, struct dentry *target, bool exchange)
{
	struct dentry *old_parent = moved->parent;
	char *spare = NULL, *old_name = moved->name;

	if (exchange) {
		exchange_places(moved, target);
		return 0;
	}
	if (target->name != target->inline_name) {
		spare = kmalloc(target->name_length + 1);
		if (!spare)
			return -ENOMEM;
	}
	dentry_get(target->parent);
	spin_lock(&dentry_tree_lock);
	dentry_unhash(target);
	take_out(moved, target->hash);
	moved->name = spare ? spare : moved->inline_name;
	memcpy(moved->name, target->name, target->name_length + 1);
	moved->name_length = target->name_length;
	moved->parent = target->parent;
	put_in(moved);
	spin_unlock(&dentry_tree_lock);
	if (old_name != moved->inline_name)
		kfree(old_name);
	dentry_put(old_parent);
	return 0;
}

struct dentry *dentry_parent(struct dentry *dentry)
{
	struct dentry *parent;

	spin_lock(&dentry_tree_lock);
	parent = dentry->parent;
	dentry_get(parent);
	spin_unlock(&dentry_tree_lock);
	return parent;
}

bool dentry_is_below(struct dentry *dentry, struct dentry *ancestor)
{
	bool below;

	spin_lock(&dentry_tree_lock);
	while (dentry != ancestor && dentry->parent != dentry)
		dentry = dentry->parent;
	below = dentry == ancestor;
	spin_unlock(&dentry_tree_lock);
	return below;
}
