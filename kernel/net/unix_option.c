/* getsockopt(2), setsockopt(2): socket(7), unix(7). */
#include <arch/user.h>
#include <lib/err.h>
#include <lib/string.h>
#include <net/unix_internal.h>
#include <proc/credentials.h>
#include <proc/pidfd.h>
#include <proc/process.h>

enum { /* asm-generic/socket.h */
       SOL_SOCKET = 1,
       SO_DEBUG = 1,
       SO_REUSEADDR,
       SO_TYPE,
       SO_ERROR,
       SO_DONTROUTE,
       SO_BROADCAST,
       SO_SNDBUF,
       SO_RCVBUF,
       SO_KEEPALIVE,
       SO_OOBINLINE,
       SO_NO_CHECK,
       SO_PRIORITY,
       SO_LINGER,
       SO_PASSCRED = 16,
       SO_PEERCRED,
       SO_RCVLOWAT,
       SO_SNDLOWAT,
       SO_RCVTIMEO,
       SO_SNDTIMEO,
       SO_TIMESTAMP = 29,
       SO_ACCEPTCONN,
       SO_SNDBUFFORCE = 32,
       SO_RCVBUFFORCE,
       SO_PASSSEC,
       SO_TIMESTAMPNS,
       SO_MARK,
       SO_PROTOCOL = 38,
       SO_DOMAIN,
       SO_RXQ_OVFL,
       SO_WIFI_STATUS,
       SO_PEEK_OFF,
       SO_NOFCS,
       SO_SELECT_ERR_QUEUE = 45,
       SO_COOKIE = 57,
       SO_PASSPIDFD = 76,
       SO_PEERPIDFD,
};
enum { PRIORITY_FREE_MAX = 6 };

/* Switches that mean something to other families: they are remembered, and change nothing. */
#define BIT_OF(name) (1ull << (name))
#define FLAG_OPTIONS                                                                               \
	(BIT_OF(SO_DEBUG) | BIT_OF(SO_REUSEADDR) | BIT_OF(SO_DONTROUTE) | BIT_OF(SO_BROADCAST) |   \
	 BIT_OF(SO_KEEPALIVE) | BIT_OF(SO_OOBINLINE) | BIT_OF(SO_NO_CHECK) | BIT_OF(SO_PASSSEC) |  \
	 BIT_OF(SO_RXQ_OVFL) | BIT_OF(SO_WIFI_STATUS) | BIT_OF(SO_NOFCS) |                         \
	 BIT_OF(SO_SELECT_ERR_QUEUE))

enum {
	BUFFER_MAX = 212992,
	SEND_MIN = 4608,
	RECEIVE_MIN = 2304
}; /* net.core.wmem_max and others */

struct time_value { /* struct timeval */
	s64 seconds, microseconds;
};
struct linger {
	s32 on, seconds;
};

static bool is_flag(int name)
{
	return name > 0 && name < 64 && FLAG_OPTIONS & BIT_OF(name);
}

static void set_flag(struct unix_socket *socket, int name, bool value)
{
	if (value)
		__atomic_fetch_or(&socket->flags, BIT_OF(name), __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&socket->flags, ~BIT_OF(name), __ATOMIC_RELAXED);
}

static int set_buffer(u32 *limit, u32 value, u32 min, bool force)
{
	if (force && !credentials_capable(CAP_NET_ADMIN))
		return -EPERM;
	value = MIN(value, force ? (u32)INT32_MAX / 2 : (u32)BUFFER_MAX);
	WRITE_ONCE(*limit, MAX(value * 2, min));
	return 0;
}

static int set_timeout(u64 *timeout, vaddr_t from, u32 size)
{
	struct time_value value;

	if (size < sizeof(value))
		return -EINVAL;
	if (copy_in(&value, from, sizeof(value)))
		return -EFAULT;
	if (value.microseconds < 0 || value.microseconds >= 1000000)
		return -EDOM;
	if (value.seconds < 0)
		WRITE_ONCE(*timeout, 0);
	else if ((!value.seconds && !value.microseconds) || value.seconds > INT32_MAX)
		WRITE_ONCE(*timeout, WAIT_FOREVER);
	else
		WRITE_ONCE(*timeout,
			   (u64)value.seconds * 1000000000 + (u64)value.microseconds * 1000);
	return 0;
}

static int set_linger(struct unix_socket *socket, vaddr_t from, u32 size)
{
	struct linger value;

	if (size < sizeof(value))
		return -EINVAL;
	if (copy_in(&value, from, sizeof(value)))
		return -EFAULT;
	set_flag(socket, SO_LINGER, value.on);
	if (value.on)
		WRITE_ONCE(socket->linger_seconds, value.seconds);
	return 0;
}

/* One kind of stamp, or none. */
static void set_stamps(struct unix_socket *socket, int name, bool value)
{
	u8 kind = name == SO_TIMESTAMP ? UNIX_STAMPS_MICROSECONDS : UNIX_STAMPS_NANOSECONDS;

	WRITE_ONCE(socket->stamps, value ? kind : (u8)UNIX_STAMPS_NONE);
}

static bool may_control_network(void)
{
	return credentials_capable(CAP_NET_ADMIN) || credentials_capable(CAP_NET_RAW);
}

static int set_priority(struct unix_socket *socket, s32 value)
{
	if ((value < 0 || value > PRIORITY_FREE_MAX) && !may_control_network())
		return -EPERM;
	WRITE_ONCE(socket->priority, (u32)value);
	return 0;
}

static int set_mark(struct unix_socket *socket, s32 value)
{
	if (!may_control_network())
		return -EPERM;
	WRITE_ONCE(socket->mark, (u32)value);
	return 0;
}

static int set_number(struct unix_socket *socket, int name, s32 value)
{
	if (is_flag(name)) {
		if (name == SO_DEBUG && value && !credentials_capable(CAP_NET_ADMIN))
			return -EACCES;
		set_flag(socket, name, value);
		return 0;
	}
	switch (name) {
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		if (set_buffer(&socket->send_limit, value, SEND_MIN, name == SO_SNDBUFFORCE))
			return -EPERM;
		wait_wake_all(&socket->write_wait);
		return 0;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		return set_buffer(&socket->receive_limit, value, RECEIVE_MIN,
				  name == SO_RCVBUFFORCE);
	case SO_PASSCRED:
		WRITE_ONCE(socket->pass_credentials, value != 0);
		return 0;
	case SO_PASSPIDFD:
		WRITE_ONCE(socket->pass_pidfd, value != 0);
		return 0;
	case SO_TIMESTAMP:
	case SO_TIMESTAMPNS:
		set_stamps(socket, name, value);
		return 0;
	case SO_PEEK_OFF:
		WRITE_ONCE(socket->peek_offset, value);
		return 0;
	case SO_PRIORITY:
		return set_priority(socket, value);
	case SO_MARK:
		return set_mark(socket, value);
	case SO_RCVLOWAT:
		WRITE_ONCE(socket->low_water, value < 0 ? INT32_MAX : value ? value : 1);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int unix_set_option(struct file *file, int level, int name, vaddr_t value, u32 size)
{
	struct unix_socket *socket = unix_of(file);
	s32 number;

	if (level != SOL_SOCKET)
		return -EOPNOTSUPP;
	if (size < sizeof(number))
		return -EINVAL;
	if (copy_in(&number, value, sizeof(number)))
		return -EFAULT;
	switch (name) {
	case SO_RCVTIMEO:
		return set_timeout(&socket->receive_timeout, value, size);
	case SO_SNDTIMEO:
		return set_timeout(&socket->send_timeout, value, size);
	case SO_LINGER:
		return set_linger(socket, value, size);
	default:
		return set_number(socket, name, number);
	}
}

static int get_number(struct unix_socket *socket, int name, s32 *value)
{
	*value = 0;
	if (is_flag(name)) {
		*value = READ_ONCE(socket->flags) >> name & 1;
		return 0;
	}
	switch (name) {
	case SO_TYPE:
		*value = socket->type;
		return 0;
	case SO_ERROR:
		*value = -unix_take_error(socket);
		return 0;
	case SO_SNDBUF:
		*value = READ_ONCE(socket->send_limit);
		return 0;
	case SO_RCVBUF:
		*value = READ_ONCE(socket->receive_limit);
		return 0;
	case SO_PASSCRED:
		*value = READ_ONCE(socket->pass_credentials);
		return 0;
	case SO_PASSPIDFD:
		*value = READ_ONCE(socket->pass_pidfd);
		return 0;
	case SO_TIMESTAMP:
		*value = READ_ONCE(socket->stamps) == UNIX_STAMPS_MICROSECONDS;
		return 0;
	case SO_TIMESTAMPNS:
		*value = READ_ONCE(socket->stamps) == UNIX_STAMPS_NANOSECONDS;
		return 0;
	case SO_PEEK_OFF:
		*value = READ_ONCE(socket->peek_offset);
		return 0;
	case SO_MARK:
		*value = (s32)READ_ONCE(socket->mark);
		return 0;
	case SO_RCVLOWAT:
		*value = READ_ONCE(socket->low_water);
		return 0;
	case SO_SNDLOWAT:
		*value = 1;
		return 0;
	case SO_ACCEPTCONN:
		*value = READ_ONCE(socket->state) == UNIX_LISTENING;
		return 0;
	case SO_DOMAIN:
		*value = AF_UNIX;
		return 0;
	case SO_PRIORITY:
		*value = (s32)READ_ONCE(socket->priority);
		return 0;
	case SO_PROTOCOL:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static struct time_value time_value_of(u64 timeout)
{
	struct time_value value = { 0 };

	if (timeout != WAIT_FOREVER)
		value = (struct time_value){ timeout / 1000000000, timeout % 1000000000 / 1000 };
	return value;
}

union option_value {
	s32 number;
	u64 cookie;
	struct time_value time;
	struct linger linger;
	struct unix_credentials credentials;
};

/* SO_PEERPIDFD: a new descriptor, whose number goes to user memory before anybody can use it. */
static int get_peer_pidfd(struct unix_socket *socket, vaddr_t to, s32 *size)
{
	struct file_table *table = process_current()->files;
	struct unix_identity identity;
	struct file *file;
	int fd, error;

	spin_lock(&socket->lock);
	identity = unix_identity_copy(&socket->peer_identity);
	spin_unlock(&socket->lock);
	if (!identity.id)
		return -ENODATA;
	file = pidfd_open_id(identity.id, 0);
	unix_identity_put(&identity);
	/* Linux's word for a process that was reaped. */
	if (IS_ERR(file))
		return PTR_ERR(file) == -ESRCH ? -EINVAL : (int)PTR_ERR(file);
	fd = fd_reserve(table, 0, true);
	*size = MIN(*size, (s32)sizeof(fd));
	error = fd < 0 ? fd : copy_out(to, &fd, (size_t)*size);
	if (!error) {
		fd_install(table, fd, file);
		return 0;
	}
	if (fd >= 0)
		fd_cancel(table, fd);
	file_put(file);
	return error;
}

/* The size of the option's value, or -ENOPROTOOPT. */
static int get_value(struct unix_socket *socket, int name, union option_value *value)
{
	int error;

	switch (name) {
	case SO_RCVTIMEO:
		value->time = time_value_of(READ_ONCE(socket->receive_timeout));
		return sizeof(value->time);
	case SO_SNDTIMEO:
		value->time = time_value_of(READ_ONCE(socket->send_timeout));
		return sizeof(value->time);
	case SO_LINGER:
		value->linger = (struct linger){ READ_ONCE(socket->flags) >> SO_LINGER & 1,
						 READ_ONCE(socket->linger_seconds) };
		return sizeof(value->linger);
	case SO_PEERCRED:
		spin_lock(&socket->lock);
		value->credentials = socket->peer_identity.credentials;
		spin_unlock(&socket->lock);
		return sizeof(value->credentials);
	case SO_COOKIE:
		value->cookie = socket->ino;
		return sizeof(value->cookie);
	default:
		error = get_number(socket, name, &value->number);
		return error ? error : (int)sizeof(value->number);
	}
}

int unix_get_option(struct file *file, int level, int name, vaddr_t to, s32 *size)
{
	struct unix_socket *socket = unix_of(file);
	union option_value value;
	int full;

	if (level != SOL_SOCKET)
		return -EOPNOTSUPP;
	if (*size < 0)
		return -EINVAL;
	if (name == SO_PEERPIDFD)
		return get_peer_pidfd(socket, to, size);
	full = get_value(socket, name, &value);
	if (full < 0)
		return full;
	if (name == SO_COOKIE && *size < full)
		return -EINVAL;
	*size = MIN(*size, full);
	return copy_out(to, &value, (size_t)*size);
}
