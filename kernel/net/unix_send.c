/* Sending: from user memory into packets, and to the end of the receiver's queue. */
#include <arch/mmu.h>
#include <fs/pipe_internal.h>
#include <lib/err.h>
#include <mm/slab.h>
#include <net/unix_internal.h>
#include <proc/clock.h>

/* A stream is cut into packets of one frame each. */
enum {
	PACKET_HEADER = sizeof(struct unix_packet),
	STREAM_PACKET_MAX = PAGE_SIZE - PACKET_HEADER,
	/* Of a datagram: what the largest contiguous block holds, and a bound for a day's work. */
	DATAGRAM_MAX = (1 << 20) - PACKET_HEADER,
};

/* The first packets are charged as Linux's would be: a limit is one of memory, not of bytes. */
enum { PACKET_OVERHEAD = 64 };

bool unix_is_writable(struct unix_socket *socket)
{
	u32 limit = READ_ONCE(socket->send_limit), used = atomic32_read(&socket->outstanding);
	enum unix_state state = read_acquire(&socket->state);
	struct unix_socket *peer;
	bool full = false;

	if (state == UNIX_LISTENING)
		return false;
	if (socket->type != SOCK_DGRAM)
		return state == UNIX_IDLE || (u64)READ_ONCE(socket->peer->queued) * 4 <= limit;
	spin_lock(&socket->lock);
	peer = socket->peer;
	if (peer)
		full = READ_ONCE(peer->peer) != socket &&
		       READ_ONCE(peer->packets) > DATAGRAM_BACKLOG;
	spin_unlock(&socket->lock);
	return !full && (u64)used * 4 <= limit;
}

static struct unix_packet *packet_allocate(size_t size)
{
	struct unix_packet *packet = kmalloc(PACKET_HEADER + size);

	if (!packet)
		return NULL;
	packet->next = NULL;
	packet->start = 0;
	packet->end = size;
	packet->charge = PACKET_HEADER + PACKET_OVERHEAD + size;
	packet->looked_at = false;
	packet->has_identity = false;
	packet->identity.id = NULL;
	packet->stamp = 0;
	packet->rights = NULL;
	packet->sender = NULL;
	return packet;
}

void unix_packet_free(struct unix_packet *packet)
{
	struct unix_socket *sender = packet->sender;

	if (unlikely(packet->rights)) {
		unix_rights_land(packet->rights);
		unix_rights_drop(packet->rights);
	}
	if (sender) {
		u32 left = atomic32_sub_return(&sender->outstanding, packet->charge);

		if ((u64)left * 4 <= READ_ONCE(sender->send_limit) &&
		    wait_queue_active(&sender->write_wait))
			wait_wake_events(&sender->write_wait, ~0u,
					 POLLOUT | POLLWRNORM | POLLWRBAND);
		unix_put(sender);
	}
	unix_identity_put(&packet->identity);
	kfree(packet);
}

/* A packet with the next @size bytes. ERR_PTR(-ENOMEM, -EFAULT). */
static struct unix_packet *packet_fill(struct io_iterator *iterator, size_t size)
{
	struct unix_packet *packet = packet_allocate(size);

	if (!packet)
		return ERR_PTR(-ENOMEM);
	if (unlikely(io_copy(iterator, packet->data, size) < size)) {
		kfree(packet);
		return ERR_PTR(-EFAULT);
	}
	return packet;
}

/* Who sent it is worth knowing where one end asked for it, or is not accepted and may yet ask. */
static void stamp(struct unix_socket *socket, struct unix_socket *to, struct unix_packet *packet,
		  const struct unix_control *control)
{
	if (unlikely(control->has_identity)) {
		packet->identity = unix_identity_copy(&control->identity);
		packet->has_identity = true;
	} else if (unix_wants_identity(socket) || unix_wants_identity(to) || !READ_ONCE(to->file)) {
		packet->identity = unix_current_identity(false);
		packet->has_identity = true;
	}
	if (unlikely(READ_ONCE(to->stamps)))
		packet->stamp = clock_realtime();
}

/* [lock] */
static void append(struct unix_socket *to, struct unix_packet *packet)
{
	if (to->last)
		store_release(&to->last->next, packet);
	else
		store_release(&to->first, packet);
	to->last = packet;
	WRITE_ONCE(to->queued, to->queued + packet->charge);
	WRITE_ONCE(to->packets, to->packets + 1);
	WRITE_ONCE(to->arrivals, to->arrivals + 1);
}

static void announce(struct unix_socket *to)
{
	if (wait_queue_active(&to->read_wait))
		wait_wake_events(&to->read_wait, 1, POLLIN | POLLRDNORM);
}

/* The packet is the queue's, or still ours with -EPIPE. */
static int deliver(struct unix_socket *to, struct unix_packet *packet)
{
	bool closed;

	spin_lock(&to->lock);
	closed = to->shutdown & SHUTDOWN_RECEIVE;
	if (likely(!closed))
		append(to, packet);
	spin_unlock(&to->lock);
	if (unlikely(closed))
		return -EPIPE;
	announce(to);
	return 0;
}

static int launch(struct unix_control *control, struct unix_packet *packet)
{
	int error = control->rights ? unix_rights_launch(control->rights) : 0;

	if (!error) {
		packet->rights = control->rights;
		control->rights = NULL;
	}
	return error;
}

/* Until the peer of a connection has room: 0, -EAGAIN, or as interrupted. */
static int wait_to_send(struct unix_socket *socket, struct unix_socket *peer, u64 deadline)
{
	if (!deadline)
		return -EAGAIN;
	return unix_wait_error(
		wait_event_mode(&socket->write_wait,
				READ_ONCE(peer->queued) < READ_ONCE(socket->send_limit) ||
					READ_ONCE(socket->shutdown) & SHUTDOWN_SEND,
				deadline, WAIT_INTERRUPTIBLE),
		deadline);
}

/* Bytes of one packet that were sent, or -errno. */
static ssize_t send_piece(struct unix_socket *socket, struct unix_socket *peer,
			  struct io_iterator *data, size_t size, struct unix_control *control,
			  u64 deadline)
{
	struct unix_packet *packet;
	int error = 0;

	if (unlikely(READ_ONCE(socket->shutdown) & SHUTDOWN_SEND))
		return -EPIPE;
	if (unlikely(READ_ONCE(peer->queued) >= READ_ONCE(socket->send_limit)))
		error = wait_to_send(socket, peer, deadline);
	if (!error)
		error = unix_take_error(socket);
	if (unlikely(error))
		return error;
	if (unlikely(READ_ONCE(socket->shutdown) & SHUTDOWN_SEND))
		return -EPIPE;
	packet = packet_fill(data, size);
	if (IS_ERR(packet))
		return PTR_ERR(packet);
	stamp(socket, peer, packet, control);
	if (unlikely(control->rights))
		error = launch(control, packet);
	if (!error)
		error = deliver(peer, packet);
	if (unlikely(error)) {
		unix_packet_free(packet);
		return error;
	}
	return size;
}

static ssize_t stream_send(struct file *file, struct message *message, struct unix_control *control)
{
	struct unix_socket *socket = unix_of(file), *peer;
	bool connected = read_acquire(&socket->state) == UNIX_CONNECTED;
	u64 deadline = unix_deadline(file, message->flags, READ_ONCE(socket->send_timeout));
	struct io_iterator *data = message->data;
	ssize_t total = 0, done = 0;

	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (message->name && message->name->size)
		return connected ? -EISCONN : -EOPNOTSUPP;
	if (!connected)
		return -ENOTCONN;
	peer = socket->peer;
	if (unlikely(READ_ONCE(socket->shutdown) & SHUTDOWN_SEND))
		done = -EPIPE;
	while (data->left && done >= 0) {
		done = send_piece(socket, peer, data, MIN(data->left, (size_t)STREAM_PACKET_MAX),
				  control, deadline);
		if (done > 0)
			total += done;
	}
	if (unlikely(done == -EPIPE) && !total && !(message->flags & MSG_NOSIGNAL))
		return pipe_broken();
	return total ? total : done;
}

/* Whole messages. */

/* The receiver of a datagram, counted. ERR_PTR. */
static struct unix_socket *datagram_target(struct unix_socket *socket,
					   const struct socket_name *name)
{
	struct unix_socket *to;

	if (name && name->size) {
		int error = unix_check_name(name);

		return error ? ERR_PTR(error) : unix_find(name, socket->type);
	}
	spin_lock(&socket->lock);
	to = socket->peer;
	if (to)
		unix_get(to);
	spin_unlock(&socket->lock);
	return to ? to : ERR_PTR(-ENOTCONN);
}

static bool is_full(struct unix_socket *socket, struct unix_socket *to)
{
	if (to == socket || READ_ONCE(to->peer) == socket)
		return false;
	return READ_ONCE(to->packets) > DATAGRAM_BACKLOG;
}

static bool must_wait(struct unix_socket *socket, struct unix_socket *to)
{
	return is_full(socket, to) && !(READ_ONCE(to->shutdown) & SHUTDOWN_RECEIVE);
}

/* Room in one's own account, and then in the receiver's queue. */
static int wait_for_room(struct unix_socket *socket, struct unix_socket *to, u64 deadline)
{
	while (must_wait(socket, to)) {
		int error = deadline ? wait_event_mode(&to->room_wait, !must_wait(socket, to),
						       deadline, WAIT_INTERRUPTIBLE)
				     : -EAGAIN;

		if (error)
			return unix_wait_error(error, deadline);
	}
	return 0;
}

static int wait_for_account(struct unix_socket *socket, u64 deadline)
{
	int error;

	if (atomic32_read(&socket->outstanding) < READ_ONCE(socket->send_limit))
		return 0;
	if (!deadline)
		return -EAGAIN;
	error = wait_event_mode(&socket->write_wait,
				atomic32_read(&socket->outstanding) < READ_ONCE(socket->send_limit),
				deadline, WAIT_INTERRUPTIBLE);
	return unix_wait_error(error, deadline);
}

/* -ECONNREFUSED: the peer has been closed; it is one's peer no longer. */
static int datagram_refused(struct unix_socket *socket, struct unix_socket *to)
{
	bool was_peer;

	spin_lock(&socket->lock);
	was_peer = socket->peer == to;
	spin_unlock(&socket->lock);
	if (was_peer)
		unix_set_peer(socket, NULL);
	return -ECONNREFUSED;
}

/* Into @to's queue: 0, or -errno and the packet is freed. */
static int datagram_deliver(struct unix_socket *socket, struct unix_socket *to,
			    struct unix_packet *packet, struct unix_control *control)
{
	int error = 0;

	stamp(socket, to, packet, control);
	if (control->rights)
		error = launch(control, packet);
	unix_get(socket);
	atomic32_add(&socket->outstanding, packet->charge);
	packet->sender = socket;
	if (!error && READ_ONCE(to->dead))
		error = datagram_refused(socket, to);
	if (!error)
		error = deliver(to, packet);
	if (error)
		unix_packet_free(packet);
	return error;
}

static ssize_t datagram_send_to(struct unix_socket *socket, struct unix_socket *to,
				struct message *message, struct unix_control *control, u64 deadline)
{
	size_t size = message->data->left;
	struct unix_socket *peer = READ_ONCE(to->peer);
	struct unix_packet *packet;
	int error;

	error = wait_for_account(socket, deadline);
	if (error)
		return error;
	packet = packet_fill(message->data, size);
	if (IS_ERR(packet))
		return PTR_ERR(packet);
	if (peer && peer != socket)
		error = -EPERM;
	else if (!READ_ONCE(to->dead))
		error = wait_for_room(socket, to, deadline);
	if (error) {
		kfree(packet);
		return error;
	}
	error = datagram_deliver(socket, to, packet, control);
	return error ? error : (ssize_t)size;
}

static ssize_t datagram_send(struct file *file, struct message *message,
			     struct unix_control *control)
{
	struct unix_socket *socket = unix_of(file), *to;
	u64 deadline = unix_deadline(file, message->flags, READ_ONCE(socket->send_timeout));
	u32 limit = READ_ONCE(socket->send_limit);
	ssize_t result;

	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	result = unix_autobind(socket);
	if (result)
		return result;
	if (message->data->left > limit - 32 || message->data->left > DATAGRAM_MAX)
		return -EMSGSIZE;
	result = unix_take_error(socket);
	if (result)
		return result;
	if (READ_ONCE(socket->shutdown) & SHUTDOWN_SEND)
		return -EPIPE;
	to = datagram_target(socket, message->name);
	if (IS_ERR(to))
		return PTR_ERR(to);
	result = datagram_send_to(socket, to, message, control, deadline);
	unix_put(to);
	return result;
}

static ssize_t sequential_send(struct file *file, struct message *message,
			       struct unix_control *control)
{
	struct unix_socket *socket = unix_of(file);
	u64 deadline = unix_deadline(file, message->flags, READ_ONCE(socket->send_timeout));
	size_t size = message->data->left;

	if (read_acquire(&socket->state) != UNIX_CONNECTED)
		return -ENOTCONN;
	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (size > READ_ONCE(socket->send_limit) - 32 || size > DATAGRAM_MAX)
		return -EMSGSIZE;
	return send_piece(socket, socket->peer, message->data, size, control, deadline);
}

ssize_t unix_send(struct file *file, struct message *message)
{
	struct unix_socket *socket = unix_of(file);
	struct unix_control control = { 0 };
	ssize_t result = 0;

	if (unlikely(message->control))
		result = unix_control_in(message, &control);
	if (!result)
		result = socket->type == SOCK_STREAM  ? stream_send(file, message, &control)
			 : socket->type == SOCK_DGRAM ? datagram_send(file, message, &control)
						      : sequential_send(file, message, &control);
	/* What no packet has taken along. */
	if (unlikely(control.rights))
		unix_rights_drop(control.rights);
	unix_control_end(&control);
	return result;
}
