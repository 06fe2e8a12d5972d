/* Sockets: socket(2) and its kin. There is one family, AF_UNIX; the others get -EAFNOSUPPORT. */
#include <abi/fs.h>
#include <abi/handler.h>
#include <abi/socket.h>
#include <arch/user.h>
#include <lib/err.h>
#include <net/unix.h>
#include <proc/process.h>

enum { SOCK_TYPE_MASK = 15, FAMILY_MAX = 46, TYPE_MAX = 11 };
enum { SHUT_RD, SHUT_WR, SHUT_RDWR };

struct file_hold socket_hold(unsigned long fd, long *error)
{
	struct file_hold hold = file_hold((int)fd);

	*error = 0;
	if (!hold.file) {
		*error = -EBADF;
	} else if (!file_is_socket(hold.file)) {
		file_release(hold);
		*error = -ENOTSOCK;
	}
	return hold;
}

long socket_name_in(struct socket_name *name, vaddr_t from, s32 size)
{
	name->size = 0;
	name->family = AF_UNSPEC;
	if (size < 0 || size > SOCKET_NAME_MAX)
		return -EINVAL;
	if (!size)
		return 0;
	name->size = size;
	return copy_in(&name->family, from, size);
}

long socket_name_out(const struct socket_name *name, vaddr_t to, vaddr_t size_address)
{
	u32 full = name->size;
	s32 room;

	if (copy_in(&room, size_address, sizeof(room)))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (copy_out(to, &name->family, MIN((u32)room, full)))
		return -EFAULT;
	return copy_out(size_address, &full, sizeof(full));
}

static int check_family(u64 family, u64 type)
{
	if (type & ~(u64)SOCK_TYPE_MASK & ~(u64)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if ((s32)family < 0 || family >= FAMILY_MAX)
		return -EAFNOSUPPORT;
	if ((type & SOCK_TYPE_MASK) >= TYPE_MAX)
		return -EINVAL;
	return family == AF_UNIX ? 0 : -EAFNOSUPPORT;
}

SYSCALL_3(sys_socket, family, type, protocol)
{
	struct file_table *table = process_current()->files;
	struct file *file;
	int error = check_family((u32)family, (u32)type), fd;

	if (error)
		return error;
	file = unix_create(type & SOCK_TYPE_MASK, (int)protocol, type & O_NONBLOCK);
	if (IS_ERR(file))
		return PTR_ERR(file);
	fd = fd_reserve(table, 0, type & O_CLOEXEC);
	if (fd < 0)
		file_put(file);
	else
		fd_install(table, fd, file);
	return fd;
}

/* Both descriptors of @pair are reserved. */
static long make_pair(struct file_table *table, const s32 pair[2], u32 type, int protocol,
		      vaddr_t to)
{
	struct file *made[2];
	int error;

	if (copy_out(to, pair, 2 * sizeof(pair[0])))
		return -EFAULT;
	error = unix_create_pair(type & SOCK_TYPE_MASK, protocol, type & O_NONBLOCK, made);
	if (error)
		return error;
	fd_install(table, pair[0], made[0]);
	fd_install(table, pair[1], made[1]);
	return 0;
}

SYSCALL_4(sys_socketpair, family, type, protocol, to)
{
	struct file_table *table = process_current()->files;
	long error = check_family((u32)family, (u32)type);
	s32 pair[2];

	if (error)
		return error;
	pair[0] = fd_reserve(table, 0, type & O_CLOEXEC);
	if (pair[0] < 0)
		return pair[0];
	pair[1] = fd_reserve(table, 0, type & O_CLOEXEC);
	error = pair[1] < 0 ? pair[1] : make_pair(table, pair, (u32)type, (int)protocol, to);
	if (!error)
		return 0;
	if (pair[1] >= 0)
		fd_cancel(table, pair[1]);
	fd_cancel(table, pair[0]);
	return error;
}

SYSCALL_3(sys_bind, fd, address, size)
{
	struct socket_name name;
	struct file_hold hold;
	long error;

	hold = socket_hold(fd, &error);
	if (error)
		return error;
	error = socket_name_in(&name, address, (s32)size);
	if (!error)
		error = unix_bind(hold.file, &name);
	file_release(hold);
	return error;
}

SYSCALL_3(sys_connect, fd, address, size)
{
	struct socket_name name;
	struct file_hold hold;
	long error;

	hold = socket_hold(fd, &error);
	if (error)
		return error;
	error = socket_name_in(&name, address, (s32)size);
	if (!error)
		error = unix_connect(hold.file, &name);
	file_release(hold);
	return error;
}

SYSCALL_2(sys_listen, fd, backlog)
{
	struct file_hold hold;
	long error;

	hold = socket_hold(fd, &error);
	if (error)
		return error;
	error = unix_listen(hold.file, (int)backlog);
	file_release(hold);
	return error;
}

/* The connection is lost when its name cannot be told, as on Linux. */
static long accept(struct file *listener, vaddr_t address, vaddr_t size_address, u32 flags)
{
	struct file_table *table = process_current()->files;
	int fd = fd_reserve(table, 0, flags & O_CLOEXEC);
	struct socket_name name;
	struct file *file;
	long error = 0;

	if (fd < 0)
		return fd;
	file = unix_accept(listener, flags & O_NONBLOCK);
	if (IS_ERR(file)) {
		fd_cancel(table, fd);
		return PTR_ERR(file);
	}
	if (address) {
		error = unix_get_name(file, true, &name);
		if (!error)
			error = socket_name_out(&name, address, size_address);
	}
	if (error) {
		fd_cancel(table, fd);
		file_put(file);
		return error == -ENOTCONN ? -ECONNABORTED : error;
	}
	fd_install(table, fd, file);
	return fd;
}

SYSCALL_4(sys_accept4, fd, address, size, flags)
{
	struct file_hold hold;
	long result;

	if ((u32)flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	hold = socket_hold(fd, &result);
	if (result)
		return result;
	result = accept(hold.file, address, size, (u32)flags);
	file_release(hold);
	return result;
}

SYSCALL_3(sys_accept, fd, address, size)
{
	return sys_accept4(fd, address, size, 0, 0, 0);
}

static long get_name(unsigned long fd, vaddr_t address, vaddr_t size, bool peer)
{
	struct socket_name name;
	struct file_hold hold;
	long error;

	hold = socket_hold(fd, &error);
	if (error)
		return error;
	error = unix_get_name(hold.file, peer, &name);
	file_release(hold);
	return error ? error : socket_name_out(&name, address, size);
}

SYSCALL_3(sys_getsockname, fd, address, size)
{
	return get_name(fd, address, size, false);
}

SYSCALL_3(sys_getpeername, fd, address, size)
{
	return get_name(fd, address, size, true);
}

SYSCALL_2(sys_shutdown, fd, how)
{
	struct file_hold hold;
	long error;

	hold = socket_hold(fd, &error);
	if (error)
		return error;
	/* SHUT_RD, SHUT_WR and SHUT_RDWR are one less than the bits that they mean. */
	error = (u32)how > SHUT_RDWR ? -EINVAL : unix_shutdown(hold.file, (u32)how + 1);
	file_release(hold);
	return error;
}

SYSCALL_5(sys_setsockopt, fd, level, name, value, size)
{
	struct file_hold hold;
	long error;

	hold = socket_hold(fd, &error);
	if (error)
		return error;
	error = (s32)size < 0 ? -EINVAL
			      : unix_set_option(hold.file, (int)level, (int)name, value, (u32)size);
	file_release(hold);
	return error;
}

SYSCALL_5(sys_getsockopt, fd, level, name, value, size_address)
{
	struct file_hold hold;
	long error;
	s32 size;

	hold = socket_hold(fd, &error);
	if (error)
		return error;
	error = copy_in(&size, size_address, sizeof(size));
	if (!error)
		error = unix_get_option(hold.file, (int)level, (int)name, value, &size);
	file_release(hold);
	return error ? error : copy_out(size_address, &size, sizeof(size));
}
