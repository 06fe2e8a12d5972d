/* Messages: sendto(2), sendmsg(2), recvfrom(2), recvmsg(2), and many at once. */
#include <abi/fs.h>
#include <abi/handler.h>
#include <abi/socket.h>
#include <arch/time.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <net/unix.h>

enum { MESSAGES_MAX = 1024 };

struct message_header { /* struct msghdr */
	u64 name;
	s32 name_size;
	u32 padding;
	u64 segments, segment_count;
	u64 control, control_size;
	u32 flags;
	u32 padding2;
};
struct message_entry { /* struct mmsghdr */
	struct message_header header;
	u32 size;
	u32 padding;
};
static_assert(sizeof(struct message_entry) == 64, "struct mmsghdr");

SYSCALL_6(sys_sendto, fd, buffer, size, flags, address, address_size)
{
	struct io_iterator data;
	struct socket_name name;
	struct message message = { .data = &data, .flags = (u32)flags };
	struct file_hold hold;
	long result;

	hold = socket_hold(fd, &result);
	if (result)
		return result;
	if (!user_range_valid(buffer, size))
		result = -EFAULT;
	else if (address)
		result = socket_name_in(&name, address, (s32)address_size);
	if (!result) {
		io_user(&data, buffer, MIN(size, (u64)TRANSFER_MAX), false);
		message.name = address ? &name : NULL;
		result = unix_send(hold.file, &message);
	}
	file_release(hold);
	return result;
}

SYSCALL_6(sys_recvfrom, fd, buffer, size, flags, address, address_size)
{
	struct io_iterator data;
	struct socket_name name;
	struct message message = { .data = &data, .flags = (u32)flags };
	struct file_hold hold;
	long result, error;

	hold = socket_hold(fd, &result);
	if (result)
		return result;
	if (!user_range_valid(buffer, size)) {
		result = -EFAULT;
	} else {
		io_user(&data, buffer, MIN(size, (u64)TRANSFER_MAX), true);
		message.name = address ? &name : NULL;
		name.size = 0;
		result = unix_receive(hold.file, &message);
	}
	file_release(hold);
	if (result < 0 || !address)
		return result;
	error = socket_name_out(&name, address, address_size);
	return error ? error : result;
}

/* What both directions check of the header, and its segments. */
static long header_in(struct message_header *header, vaddr_t from, struct io_iterator *data,
		      struct io_segment *few, bool receive)
{
	if (copy_in(header, from, sizeof(*header)))
		return -EFAULT;
	if (!header->name)
		header->name_size = 0;
	if (header->name_size < 0)
		return -EINVAL;
	header->name_size = MIN(header->name_size, SOCKET_NAME_MAX);
	if (header->control_size > INT32_MAX)
		return -ENOBUFS;
	if (header->segment_count > SEGMENTS_MAX)
		return -EMSGSIZE;
	return segments_in(data, few, header->segments, header->segment_count, receive);
}

static long send_one(struct file *file, vaddr_t from, u32 flags)
{
	struct io_segment few[SEGMENTS_FEW], *first;
	struct message_header header;
	struct socket_name name;
	struct io_iterator data;
	struct message message = { .data = &data, .flags = flags };
	long result = header_in(&header, from, &data, few, false);

	if (result)
		return result;
	first = data.segments;
	if (header.name_size)
		result = socket_name_in(&name, header.name, header.name_size);
	if (!result) {
		message.name = header.name_size ? &name : NULL;
		message.control = header.control_size ? header.control : 0;
		message.control_size = header.control_size;
		result = unix_send(file, &message);
	}
	segments_free(first, few);
	return result;
}

SYSCALL_3(sys_sendmsg, fd, header, flags)
{
	struct file_hold hold;
	long result;

	hold = socket_hold(fd, &result);
	if (result)
		return result;
	result = send_one(hold.file, header, (u32)flags);
	file_release(hold);
	return result;
}

SYSCALL_4(sys_sendmmsg, fd, entries, count, flags)
{
	struct file_hold hold;
	long done = 0, result;

	hold = socket_hold(fd, &result);
	if (result)
		return result;
	count = MIN((u32)count, (u32)MESSAGES_MAX);
	for (; done < (long)count; done++, entries += sizeof(struct message_entry)) {
		u32 size;

		result = send_one(hold.file, entries, (u32)flags);
		if (result < 0)
			break;
		size = result;
		result = copy_out(entries + offsetof(struct message_entry, size), &size,
				  sizeof(size));
		if (result)
			break;
	}
	file_release(hold);
	return done ? done : result;
}

/* The fields of the header that tell what was received. */
static long header_out(const struct message_header *header, vaddr_t to,
		       const struct message *message)
{
	u64 size = message->control_size;
	u32 flags = message->result_flags;

	if (header->name && socket_name_out(message->name, header->name,
					    to + offsetof(struct message_header, name_size)))
		return -EFAULT;
	if (copy_out(to + offsetof(struct message_header, flags), &flags, sizeof(flags)) ||
	    copy_out(to + offsetof(struct message_header, control_size), &size, sizeof(size)))
		return -EFAULT;
	return 0;
}

static long receive_one(struct file *file, vaddr_t at, u32 flags)
{
	struct io_segment few[SEGMENTS_FEW], *first;
	struct message_header header;
	struct socket_name name = { .size = 0 };
	struct io_iterator data;
	struct message message = { .data = &data,
				   .flags = flags,
				   .result_flags = flags & MSG_CMSG_CLOEXEC };
	long result = header_in(&header, at, &data, few, true), error;

	if (result)
		return result;
	first = data.segments;
	message.name = header.name ? &name : NULL;
	message.control = header.control;
	message.control_size = header.control ? header.control_size : 0;
	result = unix_receive(file, &message);
	segments_free(first, few);
	if (result < 0)
		return result;
	error = header_out(&header, at, &message);
	return error ? error : result;
}

SYSCALL_3(sys_recvmsg, fd, header, flags)
{
	struct file_hold hold;
	long result;

	hold = socket_hold(fd, &result);
	if (result)
		return result;
	result = receive_one(hold.file, header, (u32)flags);
	file_release(hold);
	return result;
}

static long receive_many(struct file *file, vaddr_t entries, u32 count, u32 flags, u64 deadline)
{
	long done = 0, result = 0;

	while (done < (long)count) {
		u32 size;

		result = receive_one(file, entries, flags & ~(u32)MSG_WAITFORONE);
		if (result < 0)
			break;
		size = result;
		result = copy_out(entries + offsetof(struct message_entry, size), &size,
				  sizeof(size));
		if (result)
			break;
		done++;
		entries += sizeof(struct message_entry);
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		/* As on Linux the time is looked at only behind a message: recvmmsg(2), "BUGS". */
		if (deadline != WAIT_FOREVER && time_now() >= deadline)
			break;
	}
	return done ? done : result;
}

SYSCALL_5(sys_recvmmsg, fd, entries, count, flags, timeout)
{
	u64 deadline = WAIT_FOREVER, now = 0, limit, left;
	struct file_hold hold;
	long result;

	if (timeout) {
		result = time_spec_in(timeout, &limit);
		if (result)
			return result;
		now = time_now();
		deadline = limit > WAIT_FOREVER - 1 - now ? WAIT_FOREVER - 1 : now + limit;
	}
	hold = socket_hold(fd, &result);
	if (result)
		return result;
	result = receive_many(hold.file, entries, MIN((u32)count, (u32)MESSAGES_MAX), (u32)flags,
			      deadline);
	file_release(hold);
	if (result > 0 && timeout) {
		now = time_now();
		left = deadline > now ? deadline - now : 0;
		if (time_spec_out(timeout, left))
			return -EFAULT;
	}
	return result;
}
