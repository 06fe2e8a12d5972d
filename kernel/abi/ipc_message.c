/* System V message queues: decoding only (sysvipc(7)). */
#include <abi/handler.h>
#include <arch/user.h>
#include <lib/err.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <proc/message_queue.h>

enum { /* msgctl(2) */
       MSG_STAT = 11,
       MSG_INFO,
       MSG_STAT_ANY,
       SEGMENT_SIZE = 16, /* what Linux says its segments are */
       SEGMENTS = 0xffff,
       POOL_KIB = MSG_QUEUES_MAX / 1024 * MSG_BYTES_MAX,
};

SYSCALL_2(sys_msgget, key, flags)
{
	return msg_get((s32)key, (u32)flags);
}

/* The type, then the data. */
static struct msg_message *message_in(vaddr_t from, u64 size)
{
	struct msg_message *message;
	s64 type;

	if (copy_in(&type, from, sizeof(type)))
		return ERR_PTR(-EFAULT);
	if (size > MSG_SIZE_MAX || type < 1)
		return ERR_PTR(-EINVAL);
	message = kmalloc(sizeof(*message) + size);
	if (!message)
		return ERR_PTR(-ENOMEM);
	message->type = type;
	message->size = size;
	if (!copy_in(message->data, from + sizeof(type), size))
		return message;
	kfree(message);
	return ERR_PTR(-EFAULT);
}

SYSCALL_4(sys_msgsnd, id, from, size, flags)
{
	struct msg_message *message = message_in(from, size);
	int error;

	if (IS_ERR(message))
		return PTR_ERR(message);
	error = (s32)id < 0 ? -EINVAL : msg_send((s32)id, message, (u32)flags);
	if (error)
		kfree(message);
	return error;
}

SYSCALL_5(sys_msgrcv, id, to, size, type, flags)
{
	struct msg_message *message;
	long result;

	if ((s32)id < 0 || (s64)size < 0)
		return -EINVAL;
	if (flags & MSG_COPY && (flags & MSG_EXCEPT || !(flags & IPC_NOWAIT)))
		return -EINVAL;
	message = msg_receive((s32)id, size, (s64)type, (u32)flags);
	if (IS_ERR(message))
		return PTR_ERR(message);
	result = (long)MIN((u64)message->size, size);
	/* It is lost with a bad address, as on Linux. */
	if (copy_out(to, &message->type, sizeof(message->type)) ||
	    copy_out(to + sizeof(message->type), message->data, (size_t)result))
		result = -EFAULT;
	kfree(message);
	return result;
}

/* struct msginfo; MSG_INFO has what is in use in three of its fields. */
static long info_out(bool usage, vaddr_t to)
{
	struct msg_totals totals = msg_totals();
	struct {
		s32 pool, map, size_max, bytes_max, queues_max, segment_size, messages_max;
		u16 segments;
	} info = { POOL_KIB,	   MSG_BYTES_MAX, MSG_SIZE_MAX,	 MSG_BYTES_MAX,
		   MSG_QUEUES_MAX, SEGMENT_SIZE,  MSG_BYTES_MAX, SEGMENTS };

	if (usage) {
		info.pool = (s32)totals.queues;
		info.map = (s32)totals.messages;
		info.messages_max = (s32)totals.bytes;
	}
	return copy_out(to, &info, sizeof(info)) ? -EFAULT : (long)totals.last_index;
}

static long status_out(s32 number, int command, vaddr_t to)
{
	struct msg_status status;
	s64 result = msg_status(number, command != IPC_STAT, command == MSG_STAT_ANY, &status);

	if (result >= 0 && copy_out(to, &status, sizeof(status)))
		return -EFAULT;
	return result;
}

SYSCALL_3(sys_msgctl, id_, command, buffer)
{
	s32 id = (s32)id_;
	struct msg_status wanted;

	if (id < 0 || (int)command < 0)
		return -EINVAL;
	switch ((int)command) {
	case IPC_INFO:
	case MSG_INFO:
		return info_out((int)command == MSG_INFO, buffer);
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		return status_out(id, (int)command, buffer);
	case IPC_SET:
		if (copy_in(&wanted, buffer, sizeof(wanted)))
			return -EFAULT;
		return msg_set(id, &wanted);
	case IPC_RMID:
		return msg_remove(id);
	default:
		return -EINVAL;
	}
}
