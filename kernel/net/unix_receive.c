/* Receiving: from the front of the queue to user memory. */
#include <lib/err.h>
#include <mm/slab.h>
#include <net/unix_internal.h>

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

/* Until there is a packet: 0; 1: none will come; -EAGAIN, or as interrupted. No lock is held. */
static int wait_for_packet(struct unix_socket *socket, u64 deadline)
{
	struct waiter waiter;
	bool closed, failed;
	int error;

	/* In this order: what was sent before the end is still there. */
	closed = read_acquire(&socket->shutdown) & SHUTDOWN_RECEIVE;
	failed = read_acquire(&socket->error);
	if (read_acquire(&socket->first))
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
	while (!READ_ONCE(socket->first) && !error &&
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

static void take_credentials(const struct unix_packet *packet, struct unix_control *control)
{
	static const struct unix_credentials nobody = { 0, 65534, 65534 };

	control->credentials = packet->has_credentials ? packet->credentials : nobody;
	control->has_credentials = true;
}

static bool same_credentials(const struct unix_packet *packet, const struct unix_control *control)
{
	struct unix_control here;

	take_credentials(packet, &here);
	return here.credentials.pid == control->credentials.pid &&
	       here.credentials.uid == control->credentials.uid &&
	       here.credentials.gid == control->credentials.gid;
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
	ssize_t total;
};

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
	size_t here = packet->end - packet->start, wanted = MIN(here, data->left), done;

	if (READ_ONCE(socket->pass_credentials)) {
		if (!reading->control.has_credentials)
			take_credentials(packet, &reading->control);
		else if (!same_credentials(packet, &reading->control))
			return false;
	}
	done = io_copy(data, packet->data + packet->start, wanted);
	reading->total += done;
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
		while ((packet = stream_next(reading)) && stream_take(reading, packet) &&
		       reading->message->data->left)
			;
		if (packet || reading->total < 0 || reading->total >= (ssize_t)wanted)
			break;
		mutex_unlock(&socket->receive_lock);
		error = wait_for_packet(socket, deadline);
		/* A packet that was looked at already is no news. */
		if (!error && reading->peek && reading->total)
			error = 1;
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

/* [receive_lock] Bytes, or -EFAULT with the message lost, as on Linux. */
static ssize_t datagram_take(struct unix_socket *socket, struct unix_packet *packet,
			     struct message *message, struct unix_control *control)
{
	size_t size = packet->end, wanted = MIN(size, message->data->left);
	bool peek = message->flags & MSG_PEEK;
	ssize_t result = io_copy(message->data, packet->data, wanted);

	if (result < (ssize_t)wanted)
		result = -EFAULT;
	else if (message->flags & MSG_TRUNC)
		result = size;
	if (wanted < size)
		message->result_flags |= MSG_TRUNC;
	if (message->name) {
		message->name->size = 0;
		if (packet->sender && read_acquire(&packet->sender->address))
			unix_copy_name(packet->sender, message->name);
	}
	if (READ_ONCE(socket->pass_credentials))
		take_credentials(packet, control);
	if (packet->rights && result >= 0)
		take_rights(packet, control, peek);
	if (!peek)
		take_off(socket, packet);
	return result;
}

static ssize_t datagram_receive(struct file *file, struct message *message)
{
	struct unix_socket *socket = unix_of(file);
	u64 deadline = unix_deadline(file, message->flags, READ_ONCE(socket->receive_timeout));
	struct unix_control control = { 0 };
	struct unix_packet *packet;
	ssize_t result;

	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (socket->type == SOCK_SEQPACKET && read_acquire(&socket->state) != UNIX_CONNECTED)
		return -ENOTCONN;
	for (;;) {
		result = lock_queue(socket, deadline);
		if (result)
			return result;
		packet = read_acquire(&socket->first);
		if (packet)
			break;
		mutex_unlock(&socket->receive_lock);
		result = wait_for_packet(socket, deadline);
		if (result > 0 && !deadline && socket->type == SOCK_DGRAM)
			return -EAGAIN;
		if (result < 0)
			return result;
		if (result > 0) {
			message->control_size = 0;
			return 0;
		}
	}
	result = datagram_take(socket, packet, message, &control);
	mutex_unlock(&socket->receive_lock);
	if (!(message->flags & MSG_PEEK))
		unix_packet_free(packet);
	unix_control_out(socket, message, &control);
	return result;
}

ssize_t unix_receive(struct file *file, struct message *message)
{
	return unix_of(file)->type == SOCK_STREAM ? stream_receive(file, message)
						  : datagram_receive(file, message);
}
