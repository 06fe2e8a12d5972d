/* Receiving: from the front of the queue to user memory. */
#include <lib/err.h>
#include <mm/slab.h>
#include <net/unix_internal.h>
#include <proc/clock.h>

/* [receive_lock] The first packet is received: off the queue. Wakes those who wait for room. */
static void take_off(struct unix_socket *socket, struct unix_packet *packet)
{
	struct unix_socket *peer;
	u32 queued, packets;

	spin_lock(&socket->lock);
	WRITE_ONCE(socket->first, packet->next);
	if (!packet->next)
		socket->last = NULL;
	queued = socket->queued - packet->charge;
	packets = socket->packets - 1;
	WRITE_ONCE(socket->queued, queued);
	WRITE_ONCE(socket->packets, packets);
	peer = socket->peer;
	spin_unlock(&socket->lock);
	if (socket->type == SOCK_DGRAM) {
		if (wait_queue_active(&socket->room_wait))
			wait_wake_all(&socket->room_wait);
		if (packets == DATAGRAM_BACKLOG)
			unix_wake_followers(socket);
	} else if (peer && (u64)queued * 4 <= READ_ONCE(peer->send_limit) &&
		   wait_queue_active(&peer->write_wait)) {
		wait_wake_events(&peer->write_wait, ~0u, POLLOUT | POLLWRNORM | POLLWRBAND);
	}
}

/* The files in packets are closed with no lock held. */
void unix_purge(struct unix_socket *socket)
{
	struct unix_packet *packet, *next;

	mutex_lock(&socket->receive_lock);
	spin_lock(&socket->lock);
	packet = socket->first;
	WRITE_ONCE(socket->first, NULL);
	socket->last = NULL;
	WRITE_ONCE(socket->queued, 0);
	WRITE_ONCE(socket->packets, 0);
	spin_unlock(&socket->lock);
	mutex_unlock(&socket->receive_lock);
	unix_wake_followers(socket);
	if (wait_queue_active(&socket->room_wait))
		wait_wake_all(&socket->room_wait);
	for (; packet; packet = next) {
		next = packet->next;
		unix_packet_free(packet);
	}
}

long unix_bytes_queued(struct unix_socket *socket)
{
	struct unix_packet *packet;
	long bytes = 0;

	if (READ_ONCE(socket->state) == UNIX_LISTENING)
		return -EINVAL;
	spin_lock(&socket->lock);
	for (packet = socket->first; packet; packet = packet->next) {
		bytes += READ_ONCE(packet->end) - READ_ONCE(packet->start);
		if (socket->type == SOCK_DGRAM)
			break;
	}
	spin_unlock(&socket->lock);
	return bytes;
}

static bool has_news(struct unix_socket *socket, const u32 *seen)
{
	return seen ? read_acquire(&socket->arrivals) != *seen
		    : read_acquire(&socket->first) != NULL;
}

/*
 * Until more than @seen packets have come: 0; 1: none will; -EAGAIN, or as interrupted. No lock is held. Packets
 * are counted where some of the queue are to be passed over (a look past SO_PEEK_OFF): others may have freed them.
 */
static int wait_for_more(struct unix_socket *socket, u64 deadline, const u32 *seen)
{
	struct waiter waiter;
	bool closed, failed;
	int error;

	/* In this order: what was sent before the end is still there. */
	closed = read_acquire(&socket->shutdown) & SHUTDOWN_RECEIVE;
	failed = read_acquire(&socket->error);
	if (has_news(socket, seen))
		return 0;
	error = failed ? unix_take_error(socket) : 0;
	if (error)
		return error;
	if (closed)
		return 1;
	if (!deadline)
		return -EAGAIN;
	/* A stream's reader may leave some for others, who would not be woken again for it. */
	if (socket->type == SOCK_STREAM)
		wait_begin(&socket->read_wait, &waiter);
	else
		wait_begin_exclusive(&socket->read_wait, &waiter);
	while (!has_news(socket, seen) && !error &&
	       !(READ_ONCE(socket->shutdown) & SHUTDOWN_RECEIVE) && !READ_ONCE(socket->error))
		error = wait_sleep(&waiter, deadline, WAIT_INTERRUPTIBLE);
	wait_end(&waiter);
	return error ? unix_wait_error(error, deadline) : 0;
}

static int lock_queue(struct unix_socket *socket, u64 deadline)
{
	if (likely(mutex_trylock(&socket->receive_lock)))
		return 0;
	return mutex_lock_interruptible(&socket->receive_lock) ? unix_wait_error(-EINTR, deadline)
							       : 0;
}

static const struct unix_identity *packet_identity(const struct unix_packet *packet)
{
	static const struct unix_identity nobody = { { 0, 65534, 65534 }, NULL };

	return packet->has_identity ? &packet->identity : &nobody;
}

static void take_identity(const struct unix_packet *packet, struct unix_control *control)
{
	control->identity = unix_identity_copy(packet_identity(packet));
	control->has_identity = true;
}

static bool same_identity(const struct unix_packet *packet, const struct unix_control *control)
{
	const struct unix_identity *here = packet_identity(packet);

	return here->id == control->identity.id &&
	       here->credentials.uid == control->identity.credentials.uid &&
	       here->credentials.gid == control->identity.credentials.gid;
}

/* SO_PEEK_OFF moves with what is looked at, and back with what is taken. */
static void move_peek(struct unix_socket *socket, s64 by)
{
	s32 offset = READ_ONCE(socket->peek_offset);

	if (unlikely(offset >= 0))
		WRITE_ONCE(socket->peek_offset, (s32)CLAMP(offset + by, 0, INT32_MAX));
}

/* The packet's descriptors go with this message; a look leaves them there as well. */
static void take_rights(struct unix_packet *packet, struct unix_control *control, bool peek)
{
	if (peek) {
		control->rights = unix_rights_duplicate(packet->rights);
	} else {
		control->rights = packet->rights;
		packet->rights = NULL;
		unix_rights_land(control->rights);
	}
}

/* What a stream's reader has got so far. */
struct stream_read {
	struct unix_socket *socket;
	struct message *message;
	struct unix_control control;
	bool peek;
	struct unix_packet *looked_at; /* peek: the last packet that was */
	u32 skip;		       /* peek: bytes still to be passed over */
	u32 seen;		       /* arrivals, before the queue was looked through */
	ssize_t total;
};

/* [receive_lock] From the front of the queue. */
static void stream_begin(struct stream_read *reading)
{
	s32 offset = reading->peek ? READ_ONCE(reading->socket->peek_offset) : 0;

	reading->seen = read_acquire(&reading->socket->arrivals);
	reading->skip = MAX(offset, 0);
	reading->looked_at = NULL;
}

/* Pass over packets that lie in front of SO_PEEK_OFF: false: this one is not to be read. */
static bool stream_skip(struct stream_read *reading, struct unix_packet *packet, u32 size)
{
	if (likely(reading->skip < size))
		return true;
	reading->skip -= size;
	reading->looked_at = packet;
	return false;
}

/* The packet to read next, or NULL. */
static struct unix_packet *stream_next(struct stream_read *reading)
{
	return reading->looked_at ? read_acquire(&reading->looked_at->next)
				  : read_acquire(&reading->socket->first);
}

/* [receive_lock] From one packet. False: the message ends here. */
static bool stream_take(struct stream_read *reading, struct unix_packet *packet)
{
	struct unix_socket *socket = reading->socket;
	struct io_iterator *data = reading->message->data;
	size_t here = packet->end - packet->start - reading->skip;
	size_t wanted = MIN(here, data->left), done;

	if (unix_wants_identity(socket)) {
		if (!reading->control.has_identity)
			take_identity(packet, &reading->control);
		else if (!same_identity(packet, &reading->control))
			return false;
	}
	done = io_copy(data, packet->data + packet->start + reading->skip, wanted);
	reading->total += done;
	reading->skip = 0;
	move_peek(socket, reading->peek ? (s64)done : -(s64)done);
	if (unlikely(done < wanted)) {
		if (!reading->total)
			reading->total = -EFAULT;
		if (!reading->peek)
			WRITE_ONCE(packet->start, packet->start + (u32)done);
		return false;
	}
	if (unlikely(packet->rights))
		take_rights(packet, &reading->control, reading->peek);
	reading->looked_at = reading->peek ? packet : NULL;
	if (!reading->peek) {
		if (done < here) {
			WRITE_ONCE(packet->start, packet->start + (u32)done);
			return false;
		}
		take_off(socket, packet);
		unix_packet_free(packet);
	}
	return !reading->control.rights;
}

static ssize_t stream_read(struct stream_read *reading, size_t wanted, u64 deadline)
{
	struct unix_socket *socket = reading->socket;
	struct unix_packet *packet;
	int error = lock_queue(socket, deadline);

	if (error)
		return error;
	for (;;) {
		stream_begin(reading);
		while ((packet = stream_next(reading)) &&
		       (!stream_skip(reading, packet, packet->end - packet->start) ||
			(stream_take(reading, packet) && reading->message->data->left)))
			;
		if (packet || reading->total < 0 || reading->total >= (ssize_t)wanted)
			break;
		mutex_unlock(&socket->receive_lock);
		/* A look waits only for its first bytes. */
		error = reading->peek && reading->total ? 1 : 0;
		if (!error)
			error = wait_for_more(socket, deadline,
					      reading->looked_at ? &reading->seen : NULL);
		if (error)
			return reading->total || error > 0 ? reading->total : error;
		error = lock_queue(socket, deadline);
		if (error)
			return reading->total ? reading->total : error;
	}
	mutex_unlock(&socket->receive_lock);
	return reading->total;
}

static ssize_t stream_receive(struct file *file, struct message *message)
{
	struct unix_socket *socket = unix_of(file);
	u64 deadline = unix_deadline(file, message->flags, READ_ONCE(socket->receive_timeout));
	size_t wanted = message->data->left;
	struct stream_read reading = {
		.socket = socket,
		.message = message,
		.peek = message->flags & MSG_PEEK,
	};
	ssize_t result;

	if (message->flags & MSG_OOB)
		return -EINVAL;
	if (read_acquire(&socket->state) != UNIX_CONNECTED)
		return -EINVAL;
	if (!(message->flags & MSG_WAITALL))
		wanted = MIN(wanted, (size_t)READ_ONCE(socket->low_water));
	if (message->name)
		message->name->size = 0;
	result = stream_read(&reading, MAX(wanted, (size_t)1), deadline);
	if (message->name && result > 0) {
		unix_copy_name(socket->peer, message->name);
		if (message->name->size == sizeof(message->name->family))
			message->name->size = 0;
	}
	unix_control_out(socket, message, &reading.control);
	return result;
}

/* Whole messages. */

/* [receive_lock] The message to receive, or NULL; with SO_PEEK_OFF a look passes over *@skip bytes of it. */
static struct unix_packet *datagram_next(struct unix_socket *socket, bool peek, u32 *skip)
{
	s32 offset = peek ? READ_ONCE(socket->peek_offset) : -1;
	struct unix_packet *packet = read_acquire(&socket->first);

	*skip = 0;
	if (likely(offset < 0))
		return packet;
	while (packet && (u32)offset >= packet->end && (offset || packet->looked_at)) {
		offset -= packet->end;
		packet = read_acquire(&packet->next);
	}
	*skip = offset;
	return packet;
}

/* [receive_lock] What goes with the message, but for its data. */
static void datagram_describe(struct unix_socket *socket, struct unix_packet *packet,
			      struct message *message, struct unix_control *control)
{
	if (message->name) {
		message->name->size = 0;
		if (packet->sender && read_acquire(&packet->sender->address))
			unix_copy_name(packet->sender, message->name);
	}
	if (unix_wants_identity(socket))
		take_identity(packet, control);
	if (unlikely(READ_ONCE(socket->stamps)))
		control->stamp = packet->stamp ? packet->stamp : clock_realtime();
}

/* [receive_lock] Bytes, or -EFAULT with the message lost, as on Linux. */
static ssize_t datagram_take(struct unix_socket *socket, struct unix_packet *packet,
			     struct message *message, struct unix_control *control, u32 skip)
{
	size_t size = packet->end - skip, wanted = MIN(size, message->data->left);
	bool peek = message->flags & MSG_PEEK;
	ssize_t result = io_copy(message->data, packet->data + skip, wanted);

	if (result < (ssize_t)wanted)
		result = -EFAULT;
	else if (message->flags & MSG_TRUNC)
		result = size;
	if (wanted < size)
		message->result_flags |= MSG_TRUNC;
	datagram_describe(socket, packet, message, control);
	if (packet->rights && result >= 0)
		take_rights(packet, control, peek);
	if (peek && !packet->end)
		packet->looked_at = true;
	if (!peek || result >= 0)
		move_peek(socket, peek ? (s64)wanted : -(s64)packet->end);
	if (!peek)
		take_off(socket, packet);
	return result;
}

/*
 * The message to receive, with the receive lock held; NULL: none will come, and *@error is 0 or says why. Neither
 * is locked then.
 */
static struct unix_packet *datagram_wait(struct unix_socket *socket, bool peek, u64 deadline,
					 u32 *skip, ssize_t *error)
{
	for (;;) {
		struct unix_packet *packet;
		u32 seen;
		bool empty;

		*error = lock_queue(socket, deadline);
		if (*error)
			return NULL;
		seen = read_acquire(&socket->arrivals);
		packet = datagram_next(socket, peek, skip);
		if (packet)
			return packet;
		empty = !READ_ONCE(socket->first);
		mutex_unlock(&socket->receive_lock);
		*error = wait_for_more(socket, deadline, empty ? NULL : &seen);
		if (*error > 0)
			*error = !deadline && socket->type == SOCK_DGRAM ? -EAGAIN : 0;
		else if (!*error)
			continue;
		return NULL;
	}
}

static ssize_t datagram_receive(struct file *file, struct message *message)
{
	struct unix_socket *socket = unix_of(file);
	u64 deadline = unix_deadline(file, message->flags, READ_ONCE(socket->receive_timeout));
	bool peek = message->flags & MSG_PEEK;
	struct unix_control control = { 0 };
	struct unix_packet *packet;
	ssize_t result;
	u32 skip;

	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (socket->type == SOCK_SEQPACKET && read_acquire(&socket->state) != UNIX_CONNECTED)
		return -ENOTCONN;
	packet = datagram_wait(socket, peek, deadline, &skip, &result);
	if (!packet) {
		if (!result)
			message->control_size = 0;
		return result;
	}
	result = datagram_take(socket, packet, message, &control, skip);
	mutex_unlock(&socket->receive_lock);
	if (!peek)
		unix_packet_free(packet);
	unix_control_out(socket, message, &control);
	return result;
}

ssize_t unix_receive(struct file *file, struct message *message)
{
	return unix_of(file)->type == SOCK_STREAM ? stream_receive(file, message)
						  : datagram_receive(file, message);
}
