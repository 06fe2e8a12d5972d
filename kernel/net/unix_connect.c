/* Connections: listen(2), connect(2), accept(2), shutdown(2); and the peers of datagram sockets. */
#include <lib/err.h>
#include <mm/slab.h>
#include <net/unix_internal.h>

enum { BACKLOG_MAX = 4096 }; /* net.core.somaxconn */

/* Guards the followers lists of all datagram sockets, outside of their locks. */
static struct spinlock followers_lock = SPINLOCK_INIT(RANK_SIGNAL);

void unix_wake_followers(struct unix_socket *socket)
{
	struct unix_socket *follower;

	if (list_empty(&socket->followers))
		return;
	spin_lock(&followers_lock);
	list_for_each_entry(follower, &socket->followers, follows)
		wait_wake_events(&follower->write_wait, ~0u, POLLOUT | POLLWRNORM | POLLWRBAND);
	spin_unlock(&followers_lock);
}

void unix_set_peer(struct unix_socket *socket, struct unix_socket *peer)
{
	struct unix_socket *old;

	spin_lock(&followers_lock);
	spin_lock(&socket->lock);
	old = socket->peer;
	if (old)
		list_remove_init(&socket->follows);
	socket->peer = peer;
	if (peer)
		list_add_tail(&peer->followers, &socket->follows);
	spin_unlock(&socket->lock);
	spin_unlock(&followers_lock);
	if (old)
		unix_put(old);
}

int unix_listen(struct file *file, int backlog)
{
	struct unix_socket *socket = unix_of(file);
	struct unix_identity identity, old = { 0 };
	int error = 0;

	if (socket->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	if (!read_acquire(&socket->address))
		return -EINVAL;
	identity = unix_current_identity(true);
	spin_lock(&socket->lock);
	if (socket->state == UNIX_CONNECTED) {
		error = -EINVAL;
		old = identity;
	} else {
		WRITE_ONCE(socket->state, UNIX_LISTENING);
		WRITE_ONCE(socket->backlog, (u32)backlog > BACKLOG_MAX ? BACKLOG_MAX : backlog);
		old = socket->peer_identity;
		socket->peer_identity = identity;
	}
	spin_unlock(&socket->lock);
	unix_identity_put(&old);
	if (!error)
		wait_wake_all(&socket->room_wait);
	return error;
}

static bool may_send(struct unix_socket *socket, struct unix_socket *to)
{
	struct unix_socket *peer = READ_ONCE(to->peer);

	return !peer || peer == socket;
}

static void drop_peer(struct unix_socket *socket, struct unix_socket *new_peer)
{
	struct unix_socket *old;

	spin_lock(&socket->lock);
	old = socket->peer;
	if (old)
		unix_get(old);
	spin_unlock(&socket->lock);
	unix_set_peer(socket, new_peer);
	if (!old)
		return;
	/* What the former peer sent is lost, and if it thinks it is connected here, it shall know. */
	if (old != new_peer) {
		unix_purge(socket);
		if (READ_ONCE(old->peer) == socket && !READ_ONCE(old->dead)) {
			WRITE_ONCE(old->error, ECONNRESET);
			unix_wake_all(old);
		}
	}
	unix_put(old);
}

static int datagram_connect(struct unix_socket *socket, const struct socket_name *name)
{
	struct unix_socket *peer;
	int error;

	if (name->family == AF_UNSPEC) {
		drop_peer(socket, NULL);
		WRITE_ONCE(socket->state, UNIX_IDLE);
		return 0;
	}
	error = unix_check_name(name);
	if (!error)
		error = unix_autobind(socket);
	if (error)
		return error;
	peer = unix_find(name, SOCK_DGRAM);
	if (IS_ERR(peer))
		return PTR_ERR(peer);
	if (!may_send(socket, peer)) {
		unix_put(peer);
		return -EPERM;
	}
	drop_peer(socket, peer);
	WRITE_ONCE(socket->state, UNIX_CONNECTED);
	return 0;
}

/* Both are locked. 1: the listener is gone, look for its successor; 2: it has no room now. */
enum { CONNECT_AGAIN = 1, CONNECT_WAIT = 2 };
static int check_connect(struct unix_socket *socket, struct unix_socket *listener)
{
	if (listener->dead)
		return CONNECT_AGAIN;
	if (listener->state != UNIX_LISTENING || listener->shutdown & SHUTDOWN_RECEIVE)
		return -ECONNREFUSED;
	if (listener->pending_count > listener->backlog)
		return CONNECT_WAIT;
	if (socket->state == UNIX_CONNECTED)
		return -EISCONN;
	return socket->state == UNIX_IDLE ? 0 : -EINVAL;
}

/* Both are locked. The other end is there before it is accepted, and takes data at once. */
static void join_listener(struct unix_socket *socket, struct unix_socket *listener,
			  struct unix_socket *embryo)
{
	unix_get(socket);
	embryo->peer = socket;
	embryo->state = UNIX_CONNECTED;
	embryo->peer_identity = unix_current_identity(true);
	unix_address_get(listener->address);
	embryo->address = listener->address;
	embryo->path = listener->path;
	if (embryo->path.dentry)
		path_get(&embryo->path);
	unix_get(embryo);
	socket->peer = embryo;
	socket->peer_identity = unix_identity_copy(&listener->peer_identity);
	store_release(&socket->state, UNIX_CONNECTED);
	list_add_tail(&listener->pending, &embryo->pending_link);
	WRITE_ONCE(listener->pending_count, listener->pending_count + 1);
}

static bool has_room(struct unix_socket *listener)
{
	return READ_ONCE(listener->pending_count) <= READ_ONCE(listener->backlog) ||
	       READ_ONCE(listener->dead) || READ_ONCE(listener->shutdown) & SHUTDOWN_RECEIVE;
}

/* 0, CONNECT_AGAIN, or -errno. */
static int try_connect(struct unix_socket *socket, const struct socket_name *name,
		       struct unix_socket *embryo, u64 deadline)
{
	struct unix_socket *listener = unix_find(name, socket->type);
	int result;

	if (IS_ERR(listener))
		return PTR_ERR(listener);
	unix_lock_two(listener, socket);
	result = check_connect(socket, listener);
	if (!result)
		join_listener(socket, listener, embryo);
	unix_unlock_two(listener, socket);
	if (!result) {
		wait_wake_events(&listener->read_wait, 1, POLLIN | POLLRDNORM);
	} else if (result == CONNECT_WAIT) {
		result = -EAGAIN;
		if (deadline)
			result = unix_wait_error(wait_event_mode(&listener->room_wait,
								 has_room(listener), deadline,
								 WAIT_INTERRUPTIBLE),
						 deadline);
		if (!result)
			result = CONNECT_AGAIN;
	}
	unix_put(listener);
	return result;
}

int unix_connect(struct file *file, const struct socket_name *name)
{
	struct unix_socket *socket = unix_of(file), *embryo;
	u64 deadline = unix_deadline(file, 0, READ_ONCE(socket->send_timeout));
	int error;

	if (name->size < sizeof(name->family))
		return -EINVAL;
	if (socket->type == SOCK_DGRAM)
		return datagram_connect(socket, name);
	error = unix_check_name(name);
	if (!error)
		error = unix_autobind(socket);
	if (error)
		return error;
	embryo = unix_allocate(socket->type);
	if (!embryo)
		return -ENOMEM;
	do {
		error = try_connect(socket, name, embryo, deadline);
	} while (error == CONNECT_AGAIN);
	/* Nobody has seen it. */
	if (error)
		unix_put(embryo);
	return error;
}

/* The first connection that waits, with its reference, or NULL. */
static struct unix_socket *take_connection(struct unix_socket *socket)
{
	struct unix_socket *embryo;

	spin_lock(&socket->lock);
	embryo = list_first_entry_or_null(&socket->pending, struct unix_socket, pending_link);
	if (embryo) {
		list_remove_init(&embryo->pending_link);
		WRITE_ONCE(socket->pending_count, socket->pending_count - 1);
	}
	spin_unlock(&socket->lock);
	if (embryo && wait_queue_active(&socket->room_wait))
		wait_wake_all(&socket->room_wait);
	return embryo;
}

static int wait_for_connection(struct unix_socket *socket, u64 deadline)
{
	struct waiter waiter;
	int error = 0;

	wait_begin_exclusive(&socket->read_wait, &waiter);
	/* The condition is the caller's: what ends only one of the two is an endless loop. */
	while (!READ_ONCE(socket->pending_count) &&
	       !(READ_ONCE(socket->shutdown) & SHUTDOWN_RECEIVE) && !error)
		error = wait_sleep(&waiter, deadline, WAIT_INTERRUPTIBLE);
	wait_end(&waiter);
	return error;
}

struct file *unix_accept(struct file *file, u32 flags)
{
	struct unix_socket *socket = unix_of(file), *made;
	u64 deadline = unix_deadline(file, 0, READ_ONCE(socket->receive_timeout));
	int error;

	if (socket->type == SOCK_DGRAM)
		return ERR_PTR(-EOPNOTSUPP);
	if (READ_ONCE(socket->state) != UNIX_LISTENING)
		return ERR_PTR(-EINVAL);
	while (!(made = take_connection(socket))) {
		if (READ_ONCE(socket->shutdown) & SHUTDOWN_RECEIVE)
			return ERR_PTR(-EINVAL);
		if (!deadline)
			return ERR_PTR(-EAGAIN);
		error = unix_wait_error(wait_for_connection(socket, deadline), deadline);
		if (error)
			return ERR_PTR(error);
	}
	WRITE_ONCE(made->pass_credentials, READ_ONCE(socket->pass_credentials));
	WRITE_ONCE(made->pass_pidfd, READ_ONCE(socket->pass_pidfd));
	return unix_open(made, flags);
}

int unix_shutdown(struct file *file, unsigned how)
{
	struct unix_socket *socket = unix_of(file), *peer;
	unsigned for_peer = (how & SHUTDOWN_RECEIVE ? SHUTDOWN_SEND : 0) |
			    (how & SHUTDOWN_SEND ? SHUTDOWN_RECEIVE : 0);

	spin_lock(&socket->lock);
	WRITE_ONCE(socket->shutdown, socket->shutdown | how);
	peer = socket->type == SOCK_DGRAM ? NULL : socket->peer;
	spin_unlock(&socket->lock);
	if (peer) {
		spin_lock(&peer->lock);
		WRITE_ONCE(peer->shutdown, peer->shutdown | for_peer);
		spin_unlock(&peer->lock);
		unix_wake_all(peer);
	}
	unix_wake_all(socket);
	return 0;
}
