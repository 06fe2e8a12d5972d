#include <arch/time.h>
#include <boot/initcall.h>
#include <fs/buffer.h>
#include <fs/file.h>
#include <fs/mount.h>
#include <fs/writeback.h>
#include <lib/errno.h>
#include <mm/reclaim.h>
#include <sched/thread.h>

enum { START_SHARE = 10, STOP_SHARE = 5 }; /* of memory that may be dirty */
#define PERIOD_NS   (5ul * 1000 * 1000 * 1000)
#define THROTTLE_NS (10ul * 1000 * 1000)

static struct spinlock dirty_lock = SPINLOCK_INIT(RANK_WAIT);
static struct list_node dirty_vnodes = LIST_INIT(dirty_vnodes); /* [dirty] oldest first; counted */
static struct list_node in_hand = LIST_INIT(in_hand); /* [dirty] off the list and being written */
static struct wait_queue work_wait = WAIT_QUEUE_INIT(work_wait);
static struct wait_queue progress_wait = WAIT_QUEUE_INIT(progress_wait);
static u32 urgent; /* [atomic] do not wait for the period to end */
static u64 pages_total;

static bool too_much(unsigned share)
{
	return object_dirty_pages() > pages_total / share;
}

static void kick(void)
{
	if (!atomic_exchange_value(&urgent, 1))
		wait_wake_all(&work_wait);
}

static void wake(void)
{
	wait_wake_all(&work_wait);
}

void writeback_object_dirty(struct memory_object *object)
{
	struct vnode *vnode = object->owner;
	bool first;

	spin_lock(&dirty_lock);
	if (list_empty(&vnode->dirty_link)) {
		vnode_get(vnode);
		vnode->dirty_since = time_now();
		list_add_tail(&dirty_vnodes, &vnode->dirty_link);
	}
	first = dirty_vnodes.next == &vnode->dirty_link;
	spin_unlock(&dirty_lock);
	if (first)
		wake();
}

void writeback_forget(struct vnode *vnode)
{
	bool drop = false;

	spin_lock(&dirty_lock);
	/* The caller's reference and the list's: nobody can find the vnode any more. */
	if (!list_empty(&vnode->dirty_link) && !vnode->dirty_in_hand &&
	    atomic32_read(&vnode->references) == 2) {
		list_remove_init(&vnode->dirty_link);
		drop = true;
	}
	spin_unlock(&dirty_lock);
	if (drop)
		vnode_put(vnode);
}

/*
 * The first vnode of @system (NULL: any) that became dirty before @before, in hand, with the list's
 * reference; or NULL.
 */
static struct vnode *take(struct file_system *system, u64 before)
{
	struct vnode *vnode, *found = NULL;

	spin_lock(&dirty_lock);
	list_for_each_entry(vnode, &dirty_vnodes, dirty_link) {
		if ((system && vnode->system != system) || vnode->dirty_since > before)
			continue;
		list_remove(&vnode->dirty_link);
		list_add_tail(&in_hand, &vnode->dirty_link);
		vnode->dirty_in_hand = true;
		found = vnode;
		break;
	}
	spin_unlock(&dirty_lock);
	return found;
}

/* Files without a name that nobody has open are as good as gone. */
static bool wanted(const struct vnode *vnode)
{
	return vnode->links || atomic32_read(&vnode->references) > 1;
}

/* What is dirty still, or again, comes back to the list with a reference of its own. */
static void give_back(struct vnode *vnode)
{
	mutex_lock(&vnode->object->lock);
	spin_lock(&dirty_lock);
	list_remove_init(&vnode->dirty_link);
	vnode->dirty_in_hand = false;
	spin_unlock(&dirty_lock);
	if (vnode->object->dirty_count && wanted(vnode))
		writeback_object_dirty(vnode->object);
	mutex_unlock(&vnode->object->lock);
	vnode_put(vnode);
}

static void give_up(struct vnode *vnode)
{
	spin_lock(&dirty_lock);
	list_remove_init(&vnode->dirty_link);
	vnode->dirty_in_hand = false;
	spin_unlock(&dirty_lock);
	vnode_put(vnode);
}

static int write_before(struct file_system *system, u64 before, enum object_write how)
{
	struct vnode *vnode;
	int error = 0;

	while ((vnode = take(system, before))) {
		int failed = 0;

		if (wanted(vnode))
			failed = object_write_back(vnode->object, 0, ~(u64)0, how);
		if (failed && failed != -ENOMEM)
			atomic32_inc(&vnode->system->write_errors);
		error = error ? error : failed;
		give_back(vnode);
		wait_wake_all(&progress_wait);
		/* Memory that is wanted for writing has to come from elsewhere first. */
		if (failed == -ENOMEM)
			break;
	}
	return error;
}

static bool has_in_hand(struct file_system *system)
{
	struct vnode *vnode;
	bool found = false;

	spin_lock(&dirty_lock);
	list_for_each_entry(vnode, &in_hand, dirty_link)
		found |= !system || vnode->system == system;
	spin_unlock(&dirty_lock);
	return found;
}

int writeback_system(struct file_system *system)
{
	u64 now = time_now();
	/* All are on their way before the first is waited for. */
	int error = write_before(system, now, OBJECT_START);
	int second = write_before(system, now, OBJECT_WAIT);

	/* What others have in hand was dirty before, too. */
	wait_event(&progress_wait, !has_in_hand(system));
	return error ? error : second;
}

int file_system_sync(struct file_system *system)
{
	int error = system->block ? writeback_system(system) : 0, failed = 0;

	if (system->sync)
		failed = system->sync(system);
	else if (system->block)
		failed = buffer_sync(system->block);
	error = error ? error : failed;
	if (system->block && !system->sync) {
		failed = block_flush(system->block);
		error = error ? error : failed;
	}
	return error;
}

int writeback_vnode(struct vnode *vnode, u64 first, u64 last, u32 *seen)
{
	struct memory_object *object = vnode->object;
	u32 errors;

	object_write_back(object, first, last, OBJECT_WAIT);
	errors = READ_ONCE(object->write_errors);
	if (errors == READ_ONCE(*seen))
		return 0;
	WRITE_ONCE(*seen, errors);
	return READ_ONCE(object->write_error);
}

static u32 metadata_errors(const struct file *file)
{
	const struct block_device *block = file->vnode ? file->vnode->system->block : NULL;

	return block ? atomic32_read(&block->metadata_errors) : 0;
}

void writeback_errors_begin(struct file *file)
{
	const struct vnode *vnode = file->vnode;

	if (!vnode->system->block)
		return;
	if (vnode->object)
		file->errors_seen = READ_ONCE(vnode->object->write_errors);
	file->metadata_errors_seen = metadata_errors(file);
	file->system_errors_seen =
		metadata_errors(file) + atomic32_read(&vnode->system->write_errors);
}

static int note_errors(u32 *seen, u32 count)
{
	if (READ_ONCE(*seen) == count)
		return 0;
	WRITE_ONCE(*seen, count);
	return -EIO;
}

int writeback_metadata_error(struct file *file)
{
	return note_errors(&file->metadata_errors_seen, metadata_errors(file));
}

int writeback_system_error(struct file *file)
{
	return note_errors(&file->system_errors_seen,
			   metadata_errors(file) +
				   atomic32_read(&file->vnode->system->write_errors));
}

void writeback_drop_system(struct file_system *system)
{
	struct vnode *vnode;

	while ((vnode = take(system, ~(u64)0)))
		give_up(vnode);
	wait_event(&progress_wait, !has_in_hand(system));
}

void writeback_throttle(void)
{
	if (likely(!too_much(START_SHARE)))
		return;
	kick();
	/* Not for ever: a disk that fails slowly must not stop everybody who writes. */
	for (unsigned i = 0; i < 100 && too_much(STOP_SHARE); i++) {
		kick();
		if (wait_event_mode(&progress_wait, !too_much(STOP_SHARE), time_now() + THROTTLE_NS,
				    WAIT_KILLABLE) == -EINTR)
			break;
	}
}

/* The blocks of metadata that may be written; a journal sees to its own with ->sync. */
static void write_metadata(void)
{
	struct block_device *device = NULL;

	if (!buffer_dirty_bytes())
		return;
	while ((device = block_next(device)))
		buffer_sync(device);
}

static void writeback_thread(void *argument)
{
	for (;;) {
		u64 start = time_now(), wake = start + PERIOD_NS;

		(void)wait_event_mode(&work_wait, READ_ONCE(urgent), wake, WAIT_UNINTERRUPTIBLE);
		if (atomic_exchange_value(&urgent, 0)) {
			write_before(NULL, time_now(), OBJECT_START);
			wait_wake_all(&progress_wait);
		} else if (!list_empty(&dirty_vnodes)) {
			write_before(NULL, start, OBJECT_START);
		}
		write_metadata();
		/* Nothing is dirty: no need to wake every few seconds for it. */
		if (!object_dirty_pages() && !buffer_dirty_bytes())
			wait_event(&work_wait, READ_ONCE(urgent) || !list_empty(&dirty_vnodes) ||
						       buffer_dirty_bytes());
	}
}

static u64 shrink_buffers(u64 pages)
{
	return buffer_shrink(pages) / PAGE_SIZE;
}

/* Names hold vnodes, and they their pages. */
static u64 shrink_names(u64 pages)
{
	u64 before = frame_free_estimate();

	dentry_cache_shrink(pages);
	return frame_free_estimate() > before ? frame_free_estimate() - before : 0;
}

static int writeback_start(void)
{
	static struct reclaim_cache buffers = { .shrink = shrink_buffers };
	static struct reclaim_cache names = { .shrink = shrink_names };
	struct thread *thread = thread_create("writeback", writeback_thread, NULL);
	struct frame_statistics memory;

	if (!thread)
		return -ENOMEM;
	frame_statistics(&memory);
	pages_total = memory.total;
	reclaim_start_writing = kick;
	buffers_became_dirty = wake;
	reclaim_register(&buffers);
	reclaim_register(&names);
	thread_start(thread);
	return 0;
}
INITCALL_CORE(writeback_start);
