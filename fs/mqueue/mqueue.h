#pragma once
/*
 * POSIX message queues: mq_overview(7). A queue is a vnode of a file system with one directory, of which there is one
 * instance; programs may mount it (/dev/mqueue) to list, stat and remove queues, and reading one tells its state.
 *
 *   names.c   the directory, mq_open, mq_unlink, limits     queue.c   messages, waiting, notification; the files
 *
 * Locks: the directory's vnode (names; who is charged what) → queue->lock (RANK_TABLE) → wait queues. User memory is
 * touched, and signals are sent, with no lock held.
 */
#include <fs/file.h>
#include <lib/rbtree.h>
#include <sched/wait.h>

enum {
	MQUEUE_PRIORITIES = 32768,
	/* proc_sys_fs_mqueue(5): of those without CAP_SYS_RESOURCE, and of everybody. */
	MQUEUE_QUEUES_MAX = 256,
	MQUEUE_MESSAGES_MAX = 10,
	MQUEUE_SIZE_MAX = 8192,
	MQUEUE_MESSAGES_DEFAULT = 10,
	MQUEUE_SIZE_DEFAULT = 8192,
	MQUEUE_MESSAGES_HARD = 65536,
	MQUEUE_SIZE_HARD = 16 << 20,
};

struct mqueue_attributes { /* struct mq_attr */
	s64 flags, messages_max, message_size, messages, reserved[4];
};

/* Whom to tell of a message that came into an empty queue, once. */
enum mqueue_notice_kind {
	MQUEUE_NOTICE_SIGNAL = 0,
	MQUEUE_NOTICE_NONE = 1,
	MQUEUE_NOTICE_THREAD = 2
};
struct mqueue_notice {
	enum mqueue_notice_kind kind;
	s32 signo;
	u64 value;
};

struct mqueue_message {
	struct rb_node link; /* [lock] by priority from the highest, then by age */
	u64 number;	     /* [const] age */
	u32 priority, size;  /* [const] */
	u8 data[] __attribute__((aligned(8)));
};

struct mqueue {
	struct vnode vnode;
	struct list_node name_link;	/* [directory] */
	char *name;			/* [const] */
	struct list_node all_link;	/* [all_lock] also without a name */
	u64 charge;			/* [const] bytes of RLIMIT_MSGQUEUE, of the vnode's maker */
	u32 charged_uid;		/* [const] */
	u32 messages_max, message_size; /* [const] */
	struct spinlock lock;		/* RANK_TABLE */
	struct rb_root messages;	/* [lock] */
	u32 count;			/* [lock; atomic read] */
	u64 bytes;			/* [lock] in messages */
	u64 last_number;		/* [lock] */
	u32 receivers;			/* [lock] who wait: a message for them is not told of */
	struct wait_queue read_wait, write_wait;
	struct id *notice_owner;     /* [lock] counted process; NULL: nobody */
	struct mqueue_notice notice; /* [lock] */
};

/* names.c */
void mqueue_init(void);
/*
 * mq_open(2): @name without the slash in front. @wanted: of a new queue, or NULL. ERR_PTR as the manual page says; -ENOENT
 * for a bad name is mq_open(3)'s.
 */
struct file *mqueue_open(const char *name, u32 flags, u32 mode,
			 const struct mqueue_attributes *wanted);
int mqueue_unlink(const char *name);

/* queue.c. Set up what names.c does not. */
void mqueue_prepare(struct mqueue *queue);
/* The vnode's last reference is gone. */
void mqueue_free_messages(struct mqueue *queue);
extern const struct file_operations mqueue_file_operations;
static inline bool mqueue_is(const struct file *file)
{
	return file->operations == &mqueue_file_operations;
}
/* mq_timedsend(2) of all of @data; @deadline: ns of time_now(). -EMSGSIZE, -EAGAIN, -ETIMEDOUT, -ERESTARTSYS… */
int mqueue_send(struct file *file, struct io_iterator *data, u32 priority, u64 deadline);
/* mq_timedreceive(2): bytes, and *@priority. */
ssize_t mqueue_receive(struct file *file, struct io_iterator *data, u32 *priority, u64 deadline);
/* mq_notify(2): @notice NULL: no longer. -EBUSY. */
int mqueue_notify(struct file *file, const struct mqueue_notice *notice);
void mqueue_get_attributes(struct file *file, struct mqueue_attributes *attributes);
