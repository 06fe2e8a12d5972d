#pragma once
/* System V message queues: msgget(2), msgop(2), msgctl(2). */
#include <lib/types.h>
#include <proc/ipc.h>

enum {
	MSG_SIZE_MAX = 8192,	/* of a message: /proc/sys/kernel/msgmax */
	MSG_BYTES_MAX = 16384,	/* of a new queue: msgmnb */
	MSG_QUEUES_MAX = 32000, /* msgmni */
	MSG_NOERROR = 010000,	/* cut what is too long */
	MSG_EXCEPT = 020000,	/* any type but this */
	MSG_COPY = 040000,	/* leave it there: the type is its place in the queue */
};

/* struct msqid64_ds, as programs see it. */
struct msg_status {
	struct ipc_permission permission;
	s64 send_time, receive_time, change_time; /* s */
	u64 bytes, count, bytes_max;
	s32 send_pid, receive_pid;
	u64 unused[2];
};
static_assert(sizeof(struct msg_status) == 120, "asm-generic/msgbuf.h");

struct msg_totals {
	u32 queues, last_index;
	u64 messages, bytes;
};

struct msg_message {
	struct list_node link; /* [ipc] in its queue, by age */
	s64 type;
	size_t size;
	u8 data[] __attribute__((aligned(8)));
};

/* The id, or -errno. May sleep, as all of these. */
s64 msg_get(s32 key, u32 flags);
/*
 * Put @message, which is kmalloc'ed and taken over when the result is 0, into queue @id, waiting for room. -EAGAIN
 * (IPC_NOWAIT), -EIDRM, -EINVAL, -EACCES, -ERESTARTNOHAND.
 */
int msg_send(s32 id, struct msg_message *message, u32 flags);
/*
 * The message that @type and @flags mean, for a buffer of @size bytes: to be freed by kfree(). ERR_PTR(-ENOMSG, -E2BIG, -EIDRM,
 * -EINVAL, -EACCES, -ENOMEM, -ERESTARTNOHAND).
 */
struct msg_message *msg_receive(s32 id, size_t size, s64 type, u32 flags);
/* As shm_status(), shm_set(), shm_remove(); set: the queue's size as well, -EPERM. */
s64 msg_status(s32 number, bool by_index, bool any, struct msg_status *status);
int msg_set(s32 id, const struct msg_status *wanted);
int msg_remove(s32 id);
struct msg_totals msg_totals(void);
/* For /proc/sysvipc/msg, as shm_next(). */
bool msg_next(u32 index, s32 *id, struct msg_status *status);
