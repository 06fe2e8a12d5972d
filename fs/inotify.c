#include <arch/user.h>
#include <fs/file.h>
#include <fs/inotify.h>
#include <lib/err.h>
#include <lib/rbtree.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/process.h>

#define FIONREAD     0x541bu
#define WATCH_EVENTS (IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT)

struct event_record { /* struct inotify_event */
	s32 watch;
	u32 mask, cookie, length;
};

struct event {
	struct list_node link; /* [lock] */
	struct event_record record;
	size_t name_length; /* without padding */
	char *name;	    /* behind it */
};

struct inotify {
	struct list_node link;	 /* [lock] all instances */
	u32 uid;		 /* [const] */
	struct rb_root watches;	 /* [lock] by number */
	struct list_node events; /* [lock] */
	unsigned watch_count;	 /* [lock] */
	unsigned event_count;	 /* [lock; atomic read] */
	struct event overflow;	 /* [lock] */
	bool overflown;		 /* [lock] it is queued */
	s32 last_number;	 /* [lock] */
	struct wait_queue wait;
};

struct watch {
	struct rb_node node;	 /* [lock] in inotify->watches */
	struct watch *next;	 /* [lock] of the same vnode; then of the dead ones */
	struct inotify *inotify; /* [const] */
	struct vnode *vnode;	 /* [const] counted */
	s32 number;		 /* [const] */
	u32 mask;		 /* [lock] */
};

static struct spinlock lock = SPINLOCK_INIT(RANK_TABLE);
static struct list_node instances = LIST_INIT(instances); /* [lock] */
static SLAB_CACHE(watch_cache, struct watch);
static const struct file_operations inotify_operations;

bool inotify_is(const struct file *file)
{
	return file->operations == &inotify_operations;
}

static int compare(const void *key, const struct rb_node *node)
{
	s32 wanted = *(const s32 *)key, number = rb_entry(node, const struct watch, node)->number;

	return wanted < number ? -1 : wanted > number;
}

/* ---- events ---- */

/* [lock] The newest says the same: one is enough. */
static bool repeats_last(struct inotify *inotify, s32 number, u32 mask, const char *name,
			 size_t length)
{
	struct event *last;

	if (list_empty(&inotify->events))
		return false;
	last = list_last_entry(&inotify->events, struct event, link);
	return last->record.watch == number && last->record.mask == mask && !(mask & IN_IGNORED) &&
	       last->name_length == length && (!length || !memcmp(last->name, name, length));
}

/* [lock] */
static void enqueue(struct inotify *inotify, struct event *event)
{
	list_add_tail(&inotify->events, &event->link);
	WRITE_ONCE(inotify->event_count, inotify->event_count + 1);
	wait_wake_events(&inotify->wait, ~0u, POLLIN);
}

/* [lock] */
static void tell(struct inotify *inotify, s32 number, u32 mask, const struct watched *what)
{
	size_t length = what->name ? what->length : 0;
	struct event *event = NULL;

	if (repeats_last(inotify, number, mask, what->name, length))
		return;
	if (inotify->event_count < INOTIFY_EVENTS_MAX)
		event = kmalloc(sizeof(*event) + length);
	if (!event) {
		if (!inotify->overflown)
			enqueue(inotify, &inotify->overflow);
		inotify->overflown = true;
		return;
	}
	event->record = (struct event_record){
		.watch = number,
		.mask = mask,
		.cookie = what->cookie,
		.length = length ? ALIGN_UP(length + 1, sizeof(event->record)) : 0,
	};
	event->name = (char *)(event + 1);
	event->name_length = length;
	if (length)
		memcpy(event->name, what->name, length);
	enqueue(inotify, event);
}

/* [lock] It is on its vnode's list no more; the caller frees it by dead_free(). */
static void end_watch(struct watch *watch, struct watch **dead)
{
	const struct watched nothing = { 0 };

	tell(watch->inotify, watch->number, IN_IGNORED, &nothing);
	rb_erase(&watch->inotify->watches, &watch->node);
	watch->inotify->watch_count--;
	WRITE_ONCE(notify_watch_count, notify_watch_count - 1);
	watch->next = *dead;
	*dead = watch;
}

static void dead_free(struct watch *dead)
{
	while (dead) {
		struct watch *next = dead->next;

		vnode_put(dead->vnode);
		slab_free(&watch_cache, dead);
		dead = next;
	}
}

/* [lock] */
static void leave_vnode(struct watch *watch)
{
	struct watch **at = &watch->vnode->watches;

	while (*at != watch)
		at = &(*at)->next;
	WRITE_ONCE(*at, watch->next);
}

void inotify_tell(const struct watched *what)
{
	struct watch *watch, *next, *dead = NULL;
	u32 event = what->event;

	/* Linux never told so of a file's own moves and end. */
	if (event & (IN_DELETE_SELF | IN_MOVE_SELF))
		event &= ~(u32)IN_ISDIR;
	spin_lock(&lock);
	for (watch = what->vnode->watches; watch; watch = next) {
		next = watch->next;
		if (!(watch->mask & event & IN_ALL_EVENTS) ||
		    (what->unlinked && watch->mask & IN_EXCL_UNLINK))
			continue;
		tell(watch->inotify, watch->number, event, what);
		if (watch->mask & IN_ONESHOT) {
			leave_vnode(watch);
			end_watch(watch, &dead);
		}
	}
	spin_unlock(&lock);
	dead_free(dead);
}

void inotify_end(struct vnode *vnode)
{
	struct watch *watch, *dead = NULL;

	spin_lock(&lock);
	while ((watch = vnode->watches)) {
		vnode->watches = watch->next;
		end_watch(watch, &dead);
	}
	spin_unlock(&lock);
	dead_free(dead);
}

/* [lock] One of its watches, or NULL. */
static struct watch *find_in_system(struct file_system *system)
{
	struct inotify *inotify;
	struct rb_node *node;

	list_for_each_entry(inotify, &instances, link) {
		for (node = rb_first(&inotify->watches); node; node = rb_next(node)) {
			struct watch *watch = rb_entry(node, struct watch, node);

			if (watch->vnode->system == system)
				return watch;
		}
	}
	return NULL;
}

void inotify_end_system(struct file_system *system)
{
	const struct watched nothing = { 0 };
	struct watch *watch, *dead = NULL;

	spin_lock(&lock);
	while ((watch = find_in_system(system))) {
		tell(watch->inotify, watch->number, IN_UNMOUNT, &nothing);
		leave_vnode(watch);
		end_watch(watch, &dead);
	}
	spin_unlock(&lock);
	dead_free(dead);
}

/* ---- watches ---- */

/* [lock] -EEXIST: IN_MASK_CREATE; 0: there is none yet. */
static long change_existing(struct inotify *inotify, struct vnode *vnode, u32 mask)
{
	struct watch *watch = vnode->watches;
	u32 wanted = mask & WATCH_EVENTS;

	while (watch && watch->inotify != inotify)
		watch = watch->next;
	if (!watch)
		return 0;
	if (mask & IN_MASK_CREATE)
		return -EEXIST;
	watch->mask = mask & IN_MASK_ADD ? watch->mask | wanted : wanted;
	return watch->number;
}

/* [lock] */
static unsigned watches_of_user(u32 uid)
{
	struct inotify *inotify;
	unsigned count = 0;

	list_for_each_entry(inotify, &instances, link) {
		if (inotify->uid == uid)
			count += inotify->watch_count;
	}
	return count;
}

/* [lock] */
static long add_new(struct inotify *inotify, struct watch *watch)
{
	if (watches_of_user(inotify->uid) >= INOTIFY_WATCHES_MAX)
		return -ENOSPC;
	inotify->last_number = inotify->last_number == INT32_MAX ? 1 : inotify->last_number + 1;
	watch->number = inotify->last_number;
	if (rb_find(&inotify->watches, &watch->number, compare))
		return -ENOSPC;
	vnode_get(watch->vnode);
	rb_insert(&inotify->watches, &watch->node, &watch->number, compare);
	watch->next = watch->vnode->watches;
	WRITE_ONCE(watch->vnode->watches, watch);
	inotify->watch_count++;
	WRITE_ONCE(notify_watch_count, notify_watch_count + 1);
	return watch->number;
}

long inotify_add(struct file *file, struct vnode *vnode, u32 mask)
{
	struct inotify *inotify = file->private;
	struct watch *watch = slab_alloc_zeroed(&watch_cache);
	long result;

	if (!watch)
		return -ENOMEM;
	watch->inotify = inotify;
	watch->vnode = vnode;
	watch->mask = mask & WATCH_EVENTS;
	spin_lock(&lock);
	result = change_existing(inotify, vnode, mask);
	if (!result) {
		result = add_new(inotify, watch);
		if (result > 0)
			watch = NULL;
	}
	spin_unlock(&lock);
	if (watch)
		slab_free(&watch_cache, watch);
	return result;
}

int inotify_remove(struct file *file, s32 number)
{
	struct inotify *inotify = file->private;
	struct watch *watch, *dead = NULL;
	struct rb_node *node;

	spin_lock(&lock);
	node = rb_find(&inotify->watches, &number, compare);
	watch = rb_entry_or_null(node, struct watch, node);
	if (watch) {
		leave_vnode(watch);
		end_watch(watch, &dead);
	}
	spin_unlock(&lock);
	dead_free(dead);
	return watch ? 0 : -EINVAL;
}

/* ---- the file ---- */

static size_t size_of(const struct event *event)
{
	return sizeof(event->record) + event->record.length;
}

/* The oldest event, off the queue: NULL: none; ERR_PTR(-EINVAL): it is longer than @room. */
static struct event *take(struct inotify *inotify, size_t room)
{
	struct event *event;

	spin_lock(&lock);
	event = list_first_entry_or_null(&inotify->events, struct event, link);
	if (event && size_of(event) > room) {
		event = ERR_PTR(-EINVAL);
	} else if (event) {
		list_remove(&event->link);
		WRITE_ONCE(inotify->event_count, inotify->event_count - 1);
		if (event == &inotify->overflow)
			inotify->overflown = false;
	}
	spin_unlock(&lock);
	return event;
}

static void event_free(struct inotify *inotify, struct event *event)
{
	if (event != &inotify->overflow)
		kfree(event);
}

static bool event_out(struct io_iterator *iterator, struct event *event)
{
	size_t padding = event->record.length - event->name_length;

	return io_copy(iterator, &event->record, sizeof(event->record)) == sizeof(event->record) &&
	       io_copy(iterator, event->name, event->name_length) == event->name_length &&
	       io_zero(iterator, padding) == padding;
}

static ssize_t inotify_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct inotify *inotify = file->private;
	ssize_t done = 0;

	for (;;) {
		struct event *event = take(inotify, iterator->left);

		if (IS_ERR(event))
			return done ? done : PTR_ERR(event);
		if (event) {
			size_t size = size_of(event);
			bool copied = event_out(iterator, event);

			event_free(inotify, event);
			if (!copied)
				return -EFAULT;
			done += size;
			continue;
		}
		if (done)
			return done;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(&inotify->wait, READ_ONCE(inotify->event_count)))
			return -ERESTARTSYS;
	}
}

static u32 inotify_poll(struct file *file, struct poll_table *table)
{
	struct inotify *inotify = file->private;

	poll_wait(file, &inotify->wait, table);
	return READ_ONCE(inotify->event_count) ? POLLIN | POLLRDNORM : 0;
}

static long inotify_ioctl(struct file *file, unsigned command, unsigned long argument)
{
	struct inotify *inotify = file->private;
	struct event *event;
	s32 bytes = 0;

	if (command != FIONREAD)
		return -ENOTTY;
	spin_lock(&lock);
	list_for_each_entry(event, &inotify->events, link)
		bytes += (s32)size_of(event);
	spin_unlock(&lock);
	return copy_out(argument, &bytes, sizeof(bytes));
}

static s64 inotify_seek(struct file *file, s64 offset, int whence)
{
	return 0;
}

static void inotify_release(struct file *file)
{
	struct inotify *inotify = file->private;
	struct watch *dead = NULL;
	struct event *event;
	struct rb_node *node;

	spin_lock(&lock);
	while ((node = rb_first(&inotify->watches))) {
		struct watch *watch = rb_entry(node, struct watch, node);

		leave_vnode(watch);
		end_watch(watch, &dead);
	}
	list_remove(&inotify->link);
	spin_unlock(&lock);
	dead_free(dead);
	while ((event = take(inotify, SIZE_MAX)))
		event_free(inotify, event);
	kfree(inotify);
}

static const struct file_operations inotify_operations = {
	.read = inotify_read,
	.seek = inotify_seek,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
};

/* [lock] */
static unsigned instances_of_user(u32 uid)
{
	struct inotify *inotify;
	unsigned count = 0;

	list_for_each_entry(inotify, &instances, link)
		count += inotify->uid == uid;
	return count;
}

struct file *inotify_create(u32 flags)
{
	struct inotify *inotify = kzalloc(sizeof(*inotify));
	struct file *file;
	bool allowed;

	if (!inotify)
		return ERR_PTR(-ENOMEM);
	list_init(&inotify->events);
	wait_queue_init(&inotify->wait);
	inotify->overflow.record = (struct event_record){ .watch = -1, .mask = IN_Q_OVERFLOW };
	inotify->uid = credentials_current()->uid;
	spin_lock(&lock);
	allowed = instances_of_user(inotify->uid) < INOTIFY_INSTANCES_MAX;
	if (allowed)
		list_add_tail(&instances, &inotify->link);
	spin_unlock(&lock);
	file = allowed ? file_create_unnamed("anon_inode:inotify", &inotify_operations,
					     O_RDONLY | flags, inotify)
		       : ERR_PTR(-EMFILE);
	if (!IS_ERR(file))
		return file;
	if (allowed) {
		spin_lock(&lock);
		list_remove(&inotify->link);
		spin_unlock(&lock);
	}
	kfree(inotify);
	return file;
}
