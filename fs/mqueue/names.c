/* The names of queues, and what users may have of them. */
#include <debug/panic.h>
#include <fs/dentry.h>
#include <fs/mount.h>
#include <fs/mqueue/mqueue.h>
#include <fs/names.h>
#include <lib/err.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/credentials.h>
#include <proc/process.h>

enum { MQUEUE_MAGIC = 0x19800202, ROOT_INODE = 1, FIRST_POSITION = 2 };
/* What Linux charges for each message, and for each priority in use. */
enum { MESSAGE_CHARGE = 48, PRIORITY_CHARGE = 48, FILE_SIZE = 80 };

static struct vnode root;
static struct list_node names = LIST_INIT(names); /* [root] by inode number */
static struct spinlock all_lock = SPINLOCK_INIT(RANK_TABLE);
static struct list_node all = LIST_INIT(all); /* [all_lock] every queue that lives */
static u64 last_ino = ROOT_INODE;	      /* [root] */
static const struct mqueue_attributes
	*made_like; /* [root] what root_create() shall make; NULL: the default */
static SLAB_CACHE(mqueue_cache, struct mqueue);

static struct mqueue *mqueue_of(struct vnode *vnode)
{
	return container_of(vnode, struct mqueue, vnode);
}

static void queue_release(struct vnode *vnode)
{
	struct mqueue *queue = mqueue_of(vnode);

	spin_lock(&all_lock);
	list_remove(&queue->all_link);
	spin_unlock(&all_lock);
	mqueue_free_messages(queue);
	kfree(queue->name);
	slab_free(&mqueue_cache, queue);
}

static const struct vnode_operations queue_operations = { .release = queue_release };

static int check_attributes(const struct mqueue_attributes *wanted)
{
	bool free = credentials_capable(CAP_SYS_RESOURCE);

	if (wanted->messages_max <= 0 || wanted->message_size <= 0)
		return -EINVAL;
	if (wanted->messages_max > (free ? MQUEUE_MESSAGES_HARD : MQUEUE_MESSAGES_MAX) ||
	    wanted->message_size > (free ? MQUEUE_SIZE_HARD : MQUEUE_SIZE_MAX))
		return -EINVAL;
	return 0;
}

static u64 charge_of(const struct mqueue_attributes *wanted)
{
	u64 count = (u64)wanted->messages_max;

	return count * MESSAGE_CHARGE + MIN(count, (u64)MQUEUE_PRIORITIES) * PRIORITY_CHARGE +
	       count * (u64)wanted->message_size;
}

/* [all_lock] -ENOSPC: too many queues; -EMFILE: RLIMIT_MSGQUEUE of the user. */
static int check_charge(u32 uid, u64 charge)
{
	struct mqueue *queue;
	u64 sum = charge;
	u32 count = 0;

	list_for_each_entry(queue, &all, all_link) {
		count++;
		if (queue->charged_uid == uid)
			sum += queue->charge;
	}
	if (count >= MQUEUE_QUEUES_MAX && !credentials_capable(CAP_SYS_RESOURCE))
		return -ENOSPC;
	return sum > process_limit(RLIMIT_MSGQUEUE) ? -EMFILE : 0;
}

static int charge(struct mqueue *queue)
{
	int error;

	queue->charged_uid = credentials_current()->uid;
	spin_lock(&all_lock);
	error = check_charge(queue->charged_uid, queue->charge);
	if (!error)
		list_add_tail(&all, &queue->all_link);
	spin_unlock(&all_lock);
	return error;
}

static struct file_system mqueue_system;

/* [root] */
static struct mqueue *queue_make(const char *name, size_t length, u32 mode,
				 const struct mqueue_attributes *wanted)
{
	struct mqueue *queue = slab_alloc_zeroed(&mqueue_cache);
	int error = -ENOMEM;

	if (!queue)
		return ERR_PTR(error);
	mqueue_prepare(queue);
	queue->name = kmalloc(length + 1);
	if (!queue->name)
		goto fail;
	memcpy(queue->name, name, length);
	queue->name[length] = '\0';
	queue->messages_max = (u32)wanted->messages_max;
	queue->message_size = (u32)wanted->message_size;
	queue->charge = charge_of(wanted);
	error = charge(queue);
	if (error)
		goto fail;
	vnode_init(&queue->vnode, &mqueue_system, mode);
	vnode_set_owner(&queue->vnode, NULL);
	queue->vnode.operations = &queue_operations;
	queue->vnode.file_operations = &mqueue_file_operations;
	queue->vnode.ino = ++last_ino;
	queue->vnode.size = FILE_SIZE;
	return queue;
fail:
	kfree(queue->name);
	slab_free(&mqueue_cache, queue);
	return ERR_PTR(error);
}

/* The directory. */

static struct mqueue *find(const char *name, size_t length)
{
	struct mqueue *queue;

	list_for_each_entry(queue, &names, name_link) {
		if (!strncmp(queue->name, name, length) && !queue->name[length])
			return queue;
	}
	return NULL;
}

static int root_lookup(struct vnode *directory, const char *name, size_t length,
		       struct vnode **found)
{
	struct mqueue *queue = find(name, length);

	if (!queue)
		return -ENOENT;
	vnode_get(&queue->vnode);
	*found = &queue->vnode;
	return 0;
}

static int root_create(struct vnode *directory, const char *name, size_t length, u32 mode,
		       u64 device, struct vnode **created)
{
	static const struct mqueue_attributes usual = { .messages_max = MQUEUE_MESSAGES_DEFAULT,
							.message_size = MQUEUE_SIZE_DEFAULT };
	const struct mqueue_attributes *wanted = made_like ? made_like : &usual;
	struct mqueue *queue;
	int error = S_ISREG(mode) ? check_attributes(wanted) : -EPERM;

	if (error)
		return error;
	queue = queue_make(name, length, mode, wanted);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	list_add_tail(&names, &queue->name_link);
	vnode_get(&queue->vnode); /* the name's */
	vnode_touch(directory, false, true, true);
	*created = &queue->vnode;
	return 0;
}

static int root_unlink(struct vnode *directory, const char *name, size_t length,
		       struct vnode *victim)
{
	list_remove(&mqueue_of(victim)->name_link);
	victim->links = 0;
	vnode_touch(directory, false, true, true);
	/* The dentry has another reference. */
	vnode_put(victim);
	return 0;
}

/* Positions: 0 ".", 1 "..", then one more than the inode number of the name before. */
static int root_readdir(struct vnode *directory, s64 position, struct directory_sink *sink)
{
	struct mqueue *queue;

	for (; position < FIRST_POSITION; position++) {
		if (!sink->emit(sink, position ? ".." : ".", position ? 2 : 1, ROOT_INODE,
				S_IFDIR >> 12, position + 1))
			return 0;
	}
	list_for_each_entry(queue, &names, name_link) {
		if ((s64)queue->vnode.ino < position)
			continue;
		if (!sink->emit(sink, queue->name, strlen(queue->name), queue->vnode.ino,
				S_IFREG >> 12, (s64)queue->vnode.ino + 1))
			return 0;
	}
	return 0;
}

static void root_release(struct vnode *vnode)
{
}

static const struct vnode_operations root_operations = {
	.lookup = root_lookup,
	.create = root_create,
	.unlink = root_unlink,
	.readdir = root_readdir,
	.release = root_release,
};

static void mqueue_statfs(struct file_system *system, struct statfs_result *result)
{
	*result = (struct statfs_result){ .type = MQUEUE_MAGIC,
					  .block_size = PAGE_SIZE,
					  .name_length = NAME_MAX };
}

static int mqueue_mount(const char *source, const char *data, struct file_system **made)
{
	atomic32_inc(&mqueue_system.references);
	*made = &mqueue_system;
	return 0;
}

static struct file_system_type mqueue_type = { .name = "mqueue", .mount = mqueue_mount };
static struct file_system mqueue_system = {
	.type = &mqueue_type,
	.root = &root,
	.references = ATOMIC_INIT(1),
	.statfs = mqueue_statfs,
};

/* Calls. */

static int check_name(const char *name, size_t length)
{
	if (length > NAME_MAX)
		return -ENAMETOOLONG;
	if (memchr(name, '/', length) || string_equal(name, ".") || string_equal(name, ".."))
		return -EACCES;
	return 0;
}

/* [root] @dentry is the queue, or becomes it. */
static int find_or_make(struct dentry *dentry, u32 flags, u32 mode,
			const struct mqueue_attributes *wanted, bool *created)
{
	int error;

	if (dentry->vnode)
		return (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) ? -EEXIST : 0;
	if (!(flags & O_CREAT))
		return -ENOENT;
	error = names_may_create(&root);
	if (error)
		return error;
	made_like = wanted;
	error = names_create_locked(mqueue_system.root_dentry, dentry,
				    S_IFREG | names_umask(mode & 0777), 0);
	made_like = NULL;
	*created = !error;
	return error;
}

struct file *mqueue_open(const char *name, u32 flags, u32 mode,
			 const struct mqueue_attributes *wanted)
{
	size_t length = strlen(name);
	struct path place = { &anonymous_mount, NULL };
	struct file *file;
	bool created = false;
	int error = check_name(name, length);

	if (error)
		return ERR_PTR(error);
	write_lock(&root.lock);
	place.dentry = dentry_lookup_locked(mqueue_system.root_dentry, name, length);
	error = PTR_ERR_OR_ZERO(place.dentry);
	if (!error)
		error = find_or_make(place.dentry, flags, mode, wanted, &created);
	write_unlock(&root.lock);
	if (IS_ERR(place.dentry))
		return ERR_PTR(error);
	if (!error && (flags & O_ACCMODE) == O_ACCMODE)
		error = -EINVAL;
	file = error ? ERR_PTR(error)
		     : file_open_path(&place, flags & (O_ACCMODE | O_NONBLOCK), created);
	dentry_put(place.dentry);
	return file;
}

int mqueue_unlink(const char *name)
{
	size_t length = strlen(name);
	struct dentry *dentry;
	int error = check_name(name, length);

	if (error)
		return error;
	write_lock(&root.lock);
	dentry = dentry_lookup_locked(mqueue_system.root_dentry, name, length);
	error = PTR_ERR_OR_ZERO(dentry);
	if (!error && !dentry->vnode)
		error = -ENOENT;
	if (!error)
		error = names_may_remove(&root, dentry, false);
	if (!error)
		error = names_remove_locked(mqueue_system.root_dentry, dentry);
	write_unlock(&root.lock);
	if (!IS_ERR(dentry))
		dentry_put(dentry);
	return error;
}

void mqueue_init(void)
{
	vnode_init(&root, &mqueue_system, S_IFDIR | S_ISVTX | 0777);
	root.links = 2;
	root.ino = ROOT_INODE;
	root.operations = &root_operations;
	root.file_operations = &directory_file_operations;
	mqueue_system.device = file_system_device();
	mqueue_system.root_dentry = dentry_create(NULL, "/", 1, &root);
	assert(mqueue_system.root_dentry);
	file_system_register(&mqueue_type);
}
