/* Sockets as objects, and as files: read(2), write(2), poll(2), close(2). */
#include <arch/time.h>
#include <arch/user.h>
#include <fs/mount.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <net/unix_internal.h>
#include <proc/tree.h>

#define SIOCINQ	 0x541bu
#define SIOCOUTQ 0x5411u
enum { SS_UNCONNECTED = 1, SS_CONNECTING, SS_CONNECTED, SS_DISCONNECTING, LISTENS = 1 << 16 };

static struct spinlock all_lock = SPINLOCK_INIT(RANK_PROCESS);
static struct list_node all = LIST_INIT(all); /* [all_lock] */
static struct atomic64 last_ino;
static SLAB_CACHE(socket_cache, struct unix_socket);
static SLAB_CACHE(socket_vnode_cache, struct vnode);

struct unix_socket *unix_allocate(enum socket_type type)
{
	struct unix_socket *socket = slab_alloc_zeroed(&socket_cache);

	if (!socket)
		return NULL;
	atomic32_set(&socket->references, 1);
	spin_init(&socket->lock, RANK_TABLE);
	mutex_init(&socket->receive_lock, RANK_INODE);
	socket->type = type;
	socket->ino = atomic64_inc_return(&last_ino);
	list_init(&socket->followers);
	list_init(&socket->follows);
	list_init(&socket->pending);
	list_init(&socket->pending_link);
	list_init(&socket->flight_link);
	wait_queue_init(&socket->read_wait);
	wait_queue_init(&socket->write_wait);
	wait_queue_init(&socket->room_wait);
	socket->peer_identity.credentials = (struct unix_credentials){ 0, ~0u, ~0u };
	socket->peek_offset = -1;
	socket->send_limit = socket->receive_limit = BUFFER_DEFAULT;
	socket->low_water = 1;
	socket->send_timeout = socket->receive_timeout = WAIT_FOREVER;
	spin_lock(&all_lock);
	list_add_tail(&all, &socket->all_link);
	spin_unlock(&all_lock);
	return socket;
}

void unix_put(struct unix_socket *socket)
{
	if (!atomic32_dec_and_test(&socket->references))
		return;
	spin_lock(&all_lock);
	list_remove(&socket->all_link);
	spin_unlock(&all_lock);
	if (socket->address)
		unix_address_put(socket->address);
	if (socket->path.dentry)
		path_put(&socket->path);
	unix_identity_put(&socket->peer_identity);
	slab_free(&socket_cache, socket);
}

void unix_lock_two(struct unix_socket *one, struct unix_socket *other)
{
	struct unix_socket *first = one < other ? one : other;

	spin_lock(&first->lock);
	if (one != other)
		spin_lock_nested(first == one ? &other->lock : &one->lock);
}

void unix_unlock_two(struct unix_socket *one, struct unix_socket *other)
{
	if (one != other)
		spin_unlock(&other->lock);
	spin_unlock(&one->lock);
}

static void wake(struct wait_queue *queue)
{
	if (wait_queue_active(queue))
		wait_wake_all(queue);
}

void unix_wake_all(struct unix_socket *socket)
{
	wake(&socket->read_wait);
	wake(&socket->write_wait);
	wake(&socket->room_wait);
}

int unix_take_error(struct unix_socket *socket)
{
	return READ_ONCE(socket->error) ? -(int)atomic_exchange_value(&socket->error, 0) : 0;
}

struct unix_identity unix_current_identity(bool effective)
{
	struct process *process = process_current();
	const struct credentials *credentials;
	struct unix_identity identity = { 0 };

	/* A kernel thread is the super-user. */
	if (!process)
		return identity;
	credentials = &process->credentials;
	identity.id = process->id;
	id_get(identity.id);
	identity.credentials =
		(struct unix_credentials){ process->id->number,
					   effective ? credentials->euid : credentials->uid,
					   effective ? credentials->egid : credentials->gid };
	return identity;
}

struct unix_identity unix_identity_copy(const struct unix_identity *identity)
{
	if (identity->id)
		id_get(identity->id);
	return *identity;
}

void unix_identity_put(struct unix_identity *identity)
{
	if (identity->id)
		id_put(identity->id);
	identity->id = NULL;
}

u64 unix_deadline(struct file *file, unsigned flags, u64 timeout)
{
	if (file->flags & O_NONBLOCK || flags & MSG_DONTWAIT)
		return 0;
	return timeout == WAIT_FOREVER ? timeout : time_now() + timeout;
}

int unix_wait_error(int error, u64 deadline)
{
	if (error == -ETIMEDOUT)
		return -EAGAIN;
	if (error == -EINTR && deadline == WAIT_FOREVER)
		return -ERESTARTSYS;
	return error;
}

/* The peer of a connection is gone; @reset: with data that it had not read, or before it was accepted. */
static void tell_peer(struct unix_socket *peer, bool reset)
{
	spin_lock(&peer->lock);
	WRITE_ONCE(peer->shutdown, SHUTDOWN_RECEIVE | SHUTDOWN_SEND);
	if (reset)
		WRITE_ONCE(peer->error, ECONNRESET);
	spin_unlock(&peer->lock);
	unix_wake_all(peer);
}

/* Datagrams: those who send here shall find out. */
static void leave_peer(struct unix_socket *socket)
{
	struct unix_socket *peer;
	bool unread;

	spin_lock(&socket->lock);
	WRITE_ONCE(socket->dead, true);
	WRITE_ONCE(socket->shutdown, SHUTDOWN_RECEIVE | SHUTDOWN_SEND);
	unread = socket->first != NULL;
	peer = socket->peer;
	if (socket->type != SOCK_DGRAM)
		socket->peer = NULL;
	spin_unlock(&socket->lock);
	unix_wake_all(socket);
	if (socket->type == SOCK_DGRAM) {
		unix_wake_followers(socket);
		unix_set_peer(socket, NULL);
	} else if (peer) {
		tell_peer(peer, unread || !socket->file);
		unix_put(peer);
	}
}

static struct unix_socket *take_pending(struct unix_socket *socket)
{
	struct unix_socket *embryo;

	spin_lock(&socket->lock);
	embryo = list_first_entry_or_null(&socket->pending, struct unix_socket, pending_link);
	if (embryo)
		list_remove_init(&embryo->pending_link);
	spin_unlock(&socket->lock);
	return embryo;
}

void unix_close(struct unix_socket *socket)
{
	struct unix_socket *embryo;

	unix_unbind(socket);
	leave_peer(socket);
	while ((embryo = take_pending(socket)))
		unix_close(embryo);
	unix_purge(socket);
	unix_put(socket);
}

static void socket_release(struct file *file)
{
	unix_close(unix_of(file));
	unix_collect();
}

static void vnode_free(struct vnode *vnode)
{
	slab_free(&socket_vnode_cache, vnode);
}

static struct vnode *vnode_create(u64 ino)
{
	static const struct vnode_operations operations = { .release = vnode_free };
	struct vnode *vnode = slab_alloc(&socket_vnode_cache);

	if (!vnode)
		return NULL;
	vnode_init(vnode, &anonymous_system, S_IFSOCK | 0777);
	vnode_set_owner(vnode, NULL);
	vnode->operations = &operations;
	vnode->ino = ino;
	return vnode;
}

struct file *unix_open(struct unix_socket *socket, u32 flags)
{
	struct vnode *vnode = vnode_create(socket->ino);
	struct file *file;
	char name[32];

	snprintf(name, sizeof(name), "socket:[%lu]", (unsigned long)socket->ino);
	file = vnode ? file_create_anonymous(vnode, name, &unix_file_operations,
					     O_RDWR | (flags & O_NONBLOCK), socket)
		     : ERR_PTR(-ENOMEM);
	if (IS_ERR(file))
		unix_close(socket);
	else
		socket->file = file;
	return file;
}

static int check_type(int type, int protocol)
{
	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (type == SOCK_RAW)
		return SOCK_DGRAM;
	return type == SOCK_STREAM || type == SOCK_DGRAM || type == SOCK_SEQPACKET
		       ? type
		       : -ESOCKTNOSUPPORT;
}

struct file *unix_create(int type, int protocol, u32 flags)
{
	struct unix_socket *socket;

	type = check_type(type, protocol);
	if (type < 0)
		return ERR_PTR(type);
	socket = unix_allocate(type);
	return socket ? unix_open(socket, flags) : ERR_PTR(-ENOMEM);
}

static void join(struct unix_socket *socket, struct unix_socket *peer)
{
	socket->peer_identity = unix_current_identity(true);
	socket->state = UNIX_CONNECTED;
	unix_get(peer);
	if (socket->type == SOCK_DGRAM)
		unix_set_peer(socket, peer);
	else
		socket->peer = peer;
}

int unix_create_pair(int type, int protocol, u32 flags, struct file *made[2])
{
	made[0] = unix_create(type, protocol, flags);
	if (IS_ERR(made[0]))
		return PTR_ERR(made[0]);
	made[1] = unix_create(type, protocol, flags);
	if (IS_ERR(made[1])) {
		file_put(made[0]);
		return PTR_ERR(made[1]);
	}
	join(unix_of(made[0]), unix_of(made[1]));
	join(unix_of(made[1]), unix_of(made[0]));
	return 0;
}

/* Files. */

static unsigned message_flags(const struct io_iterator *iterator)
{
	return iterator->call & IO_NO_WAIT ? MSG_DONTWAIT : 0;
}

static ssize_t socket_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct message message = { .data = iterator, .flags = message_flags(iterator) };

	if (!iterator->left)
		return 0;
	return unix_receive(file, &message);
}

static ssize_t socket_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct message message = { .data = iterator, .flags = message_flags(iterator) };

	return unix_send(file, &message);
}

static u32 socket_poll(struct file *file, struct poll_table *table)
{
	struct unix_socket *socket = unix_of(file);
	u32 events = 0;
	u8 shutdown;

	if (table) {
		poll_wait(file, &socket->read_wait, table);
		poll_wait(file, &socket->write_wait, table);
	}
	shutdown = READ_ONCE(socket->shutdown);
	if (READ_ONCE(socket->error))
		events |= POLLERR;
	if (shutdown == (SHUTDOWN_RECEIVE | SHUTDOWN_SEND))
		events |= POLLHUP;
	if (shutdown & SHUTDOWN_RECEIVE)
		events |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (READ_ONCE(socket->first) || READ_ONCE(socket->pending_count))
		events |= POLLIN | POLLRDNORM;
	if (socket->type != SOCK_DGRAM && READ_ONCE(socket->state) == UNIX_IDLE)
		events |= POLLHUP;
	if (unix_is_writable(socket))
		events |= POLLOUT | POLLWRNORM | POLLWRBAND;
	return events;
}

static u32 bytes_unreceived(struct unix_socket *socket)
{
	u32 bytes = atomic32_read(&socket->outstanding);

	spin_lock(&socket->lock);
	if (socket->type != SOCK_DGRAM && socket->peer)
		bytes = READ_ONCE(socket->peer->queued);
	spin_unlock(&socket->lock);
	return bytes;
}

static long socket_ioctl(struct file *file, unsigned command, unsigned long argument)
{
	struct unix_socket *socket = unix_of(file);
	long bytes;
	s32 value;

	if (command == SIOCINQ)
		bytes = unix_bytes_queued(socket);
	else if (command == SIOCOUTQ)
		bytes = bytes_unreceived(socket);
	else
		return -ENOTTY;
	value = bytes;
	return bytes < 0 ? bytes : copy_out(argument, &value, sizeof(value));
}

const struct file_operations unix_file_operations = {
	.release = socket_release,
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.read_flags = true,
	.write_flags = true,
	.no_wait = true,
};

/* [all_lock] */
static struct unix_description describe(struct unix_socket *socket)
{
	bool connected = READ_ONCE(socket->state) == UNIX_CONNECTED;
	struct unix_description description = {
		.references = atomic32_read(&socket->references),
		.type = socket->type,
		.ino = socket->file ? socket->ino : 0,
		.flags = READ_ONCE(socket->state) == UNIX_LISTENING ? LISTENS : 0,
	};

	if (socket->file)
		description.state = connected ? SS_CONNECTED : SS_UNCONNECTED;
	else
		description.state = connected ? SS_CONNECTING : SS_DISCONNECTING;
	unix_copy_name(socket, &description.name);
	return description;
}

void unix_for_each(bool (*visit)(const struct unix_description *socket, void *context),
		   void *context)
{
	struct unix_socket *socket;

	spin_lock(&all_lock);
	list_for_each_entry(socket, &all, all_link) {
		struct unix_description description = describe(socket);

		if (!visit(&description, context))
			break;
	}
	spin_unlock(&all_lock);
}
