/* getsockopt(2), setsockopt(2): socket(7), unix(7). */
#include <arch/user.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <net/unix_internal.h>
#include <proc/credentials.h>

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
       SO_ACCEPTCONN = 30,
       SO_SNDBUFFORCE = 32,
       SO_RCVBUFFORCE,
       SO_PROTOCOL = 38,
       SO_DOMAIN,
};

/* Switches that mean something to other families: they are remembered, and change nothing. */
#define FLAG_OPTIONS                                                                               \
	(1u << SO_DEBUG | 1u << SO_REUSEADDR | 1u << SO_DONTROUTE | 1u << SO_BROADCAST |           \
	 1u << SO_KEEPALIVE | 1u << SO_OOBINLINE | 1u << SO_NO_CHECK)

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
	return name > 0 && name < 32 && FLAG_OPTIONS & 1u << name;
}

static void set_flag(struct unix_socket *socket, int name, bool value)
{
	if (value)
		__atomic_fetch_or(&socket->flags, 1u << name, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&socket->flags, ~(1u << name), __ATOMIC_RELAXED);
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

int unix_get_option(struct file *file, int level, int name, vaddr_t to, s32 *size)
{
	struct unix_socket *socket = unix_of(file);
	union {
		s32 number;
		struct time_value time;
		struct linger linger;
		struct unix_credentials credentials;
	} value;
	s32 full = sizeof(value.number);
	int error = 0;

	if (level != SOL_SOCKET)
		return -EOPNOTSUPP;
	if (*size < 0)
		return -EINVAL;
	switch (name) {
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
		full = sizeof(value.time);
		value.time = time_value_of(READ_ONCE(
			*(name == SO_RCVTIMEO ? &socket->receive_timeout : &socket->send_timeout)));
		break;
	case SO_LINGER:
		full = sizeof(value.linger);
		value.linger = (struct linger){ READ_ONCE(socket->flags) >> SO_LINGER & 1,
						READ_ONCE(socket->linger_seconds) };
		break;
	case SO_PEERCRED:
		full = sizeof(value.credentials);
		spin_lock(&socket->lock);
		value.credentials = socket->peer_credentials;
		spin_unlock(&socket->lock);
		break;
	default:
		error = get_number(socket, name, &value.number);
	}
	if (error)
		return error;
	*size = MIN(*size, full);
	return copy_out(to, &value, *size);
}
