/*
 * Descriptors in flight: sent, and received by nobody yet. A socket whose only references are in
 * queues may itself hold descriptors in its queue; where such sockets hold each other, nobody can ever
 * receive them. unix_collect() finds these and closes them.
 *
 * It looks only at sockets in flight whose file is counted by nothing but flights. From each such
 * candidate's count it takes the flights in queues of candidates; where some are left, a queue
 * that can be received from holds it, and all that it leads to. The others are garbage. Files are counted
 * or given away under flight_lock, so no candidate escapes while one looks.
 */
#include <boot/initcall.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <net/unix_internal.h>
#include <proc/credentials.h>

enum { USERS = 64, CLOSINGS_SHARE = 16 };
enum flight_mark { FLIGHT_NONE, FLIGHT_CANDIDATE, FLIGHT_REACHED };

static struct mutex flight_lock;
static struct list_node flying = LIST_INIT(flying); /* [flight_lock] sockets in flight */
static u32 flights;				    /* [flight_lock; atomic read] of sockets */
static u32 flights_of[USERS]; /* [flight_lock] of any file, by uid modulo USERS */

static struct atomic32 closings; /* of sockets since the last look */
static u32 closings_wanted;	 /* [flight_lock; atomic read] before the next */

static struct spinlock dropped_lock = SPINLOCK_INIT(RANK_WAIT);
static struct unix_rights *dropped; /* [dropped_lock] to be closed */
static bool dropping;		    /* [dropped_lock] someone closes them */

static struct unix_socket *socket_in(struct file *file)
{
	return file_is_socket(file) ? unix_of(file) : NULL;
}

struct unix_rights *unix_rights_allocate(u32 count)
{
	struct unix_rights *rights = kmalloc(sizeof(*rights) + count * sizeof(rights->files[0]));

	if (rights)
		*rights = (struct unix_rights){ 0 };
	return rights;
}

/* [flight_lock] */
static void fly(struct unix_rights *rights)
{
	for (u32 i = 0; i < rights->count; i++) {
		struct unix_socket *socket = socket_in(rights->files[i]);

		if (!socket)
			continue;
		if (!socket->in_flight++)
			list_add_tail(&flying, &socket->flight_link);
		WRITE_ONCE(flights, flights + 1);
	}
	flights_of[rights->uid % USERS] += rights->count;
}

/* [flight_lock] */
static void land(struct unix_rights *rights)
{
	for (u32 i = 0; i < rights->count; i++) {
		struct unix_socket *socket = socket_in(rights->files[i]);

		if (!socket)
			continue;
		if (!--socket->in_flight)
			list_remove_init(&socket->flight_link);
		WRITE_ONCE(flights, flights - 1);
	}
	flights_of[rights->uid % USERS] -= rights->count;
}

int unix_rights_launch(struct unix_rights *rights)
{
	int error = 0;

	rights->uid = credentials_current()->uid;
	mutex_lock(&flight_lock);
	if (flights_of[rights->uid % USERS] > process_limit(RLIMIT_NOFILE) &&
	    !credentials_capable(CAP_SYS_RESOURCE) && !credentials_capable(CAP_SYS_ADMIN))
		error = -ETOOMANYREFS;
	else
		fly(rights);
	mutex_unlock(&flight_lock);
	return error;
}

void unix_rights_land(struct unix_rights *rights)
{
	mutex_lock(&flight_lock);
	land(rights);
	mutex_unlock(&flight_lock);
}

struct unix_rights *unix_rights_duplicate(const struct unix_rights *rights)
{
	struct unix_rights *copy = unix_rights_allocate(rights->count);

	if (!copy)
		return NULL;
	mutex_lock(&flight_lock);
	for (u32 i = 0; i < rights->count; i++) {
		file_get(rights->files[i]);
		copy->files[i] = rights->files[i];
	}
	mutex_unlock(&flight_lock);
	copy->count = rights->count;
	return copy;
}

static struct unix_rights *take_dropped(void)
{
	struct unix_rights *rights;

	spin_lock(&dropped_lock);
	rights = dropped;
	if (rights)
		dropped = rights->next;
	else
		dropping = false;
	spin_unlock(&dropped_lock);
	return rights;
}

/*
 * To close a socket drops what is in its queue: that comes back here, and is left on the list for
 * the outermost to close. So a chain of any length takes no more stack than one.
 */
void unix_rights_drop(struct unix_rights *rights)
{
	bool mine;

	spin_lock(&dropped_lock);
	rights->next = dropped;
	dropped = rights;
	mine = !dropping;
	dropping = true;
	spin_unlock(&dropped_lock);
	if (!mine)
		return;
	while ((rights = take_dropped())) {
		for (u32 i = 0; i < rights->count; i++)
			file_put(rights->files[i]);
		kfree(rights);
	}
}

typedef void visit_socket(struct unix_socket *socket, void *context);

/* [flight_lock] Visit each candidate in the queue of @socket. Its lock is held meanwhile. */
static void visit_queue(struct unix_socket *socket, visit_socket *visit, void *context)
{
	struct unix_packet *packet;

	for (packet = socket->first; packet; packet = packet->next) {
		for (u32 i = 0; packet->rights && i < packet->rights->count; i++) {
			struct unix_socket *inner = socket_in(packet->rights->files[i]);

			if (inner && inner->flight_mark == FLIGHT_CANDIDATE)
				visit(inner, context);
		}
	}
}

/* The same for @socket and the connections that wait to be accepted from it. */
static void visit_below(struct unix_socket *socket, visit_socket *visit, void *context)
{
	struct unix_socket *embryo;

	spin_lock(&socket->lock);
	visit_queue(socket, visit, context);
	list_for_each_entry(embryo, &socket->pending, pending_link) {
		spin_lock_nested(&embryo->lock);
		visit_queue(embryo, visit, context);
		spin_unlock(&embryo->lock);
	}
	spin_unlock(&socket->lock);
}

static void count_down(struct unix_socket *socket, void *unused)
{
	socket->flight_left--;
}

static void reach(struct unix_socket *socket, void *reached)
{
	socket->flight_mark = FLIGHT_REACHED;
	list_remove(&socket->flight_link);
	list_add_tail(reached, &socket->flight_link);
}

/* [flight_lock] Leaves on `flying` those that are garbage; the others go to @reached. */
static void sort_flights(struct list_node *reached)
{
	struct unix_socket *socket, *following;

	list_for_each_entry(socket, &flying, flight_link) {
		bool alone = atomic32_read(&socket->file->references) == socket->in_flight;

		socket->flight_mark = alone ? FLIGHT_CANDIDATE : FLIGHT_NONE;
		socket->flight_left = socket->in_flight;
	}
	list_for_each_entry(socket, &flying, flight_link)
		if (socket->flight_mark == FLIGHT_CANDIDATE)
			visit_below(socket, count_down, NULL);
	list_for_each_entry_safe(socket, following, &flying, flight_link)
		if (socket->flight_mark == FLIGHT_NONE || socket->flight_left)
			reach(socket, reached);
	/* The list grows while it is walked: what they lead to comes to its end. */
	list_for_each_entry(socket, reached, flight_link)
		visit_below(socket, reach, reached);
}

/* [flight_lock] All descriptors in the queue of @socket, landed, onto the list @garbage. */
static void take_rights(struct unix_socket *socket, struct unix_rights **garbage)
{
	struct unix_packet *packet;

	for (packet = socket->first; packet; packet = packet->next) {
		struct unix_rights *rights = packet->rights;

		if (!rights)
			continue;
		packet->rights = NULL;
		rights->next = *garbage;
		*garbage = rights;
	}
}

static void take_below(struct unix_socket *socket, struct unix_rights **garbage)
{
	struct unix_socket *embryo;

	spin_lock(&socket->lock);
	take_rights(socket, garbage);
	list_for_each_entry(embryo, &socket->pending, pending_link) {
		spin_lock_nested(&embryo->lock);
		take_rights(embryo, garbage);
		spin_unlock(&embryo->lock);
	}
	spin_unlock(&socket->lock);
}

void unix_collect(void)
{
	struct list_node reached = LIST_INIT(reached);
	struct unix_rights *garbage = NULL, *rights;
	struct unix_socket *socket;

	/* Each look is paid for by as many closings as there was to look at, so that all stay cheap. */
	if (!READ_ONCE(flights) || atomic32_inc_return(&closings) < READ_ONCE(closings_wanted))
		return;
	mutex_lock(&flight_lock);
	atomic32_set(&closings, 0);
	WRITE_ONCE(closings_wanted, flights / CLOSINGS_SHARE);
	sort_flights(&reached);
	list_for_each_entry(socket, &flying, flight_link)
		take_below(socket, &garbage);
	list_splice_tail(&flying, &reached);
	for (rights = garbage; rights; rights = rights->next)
		land(rights);
	mutex_unlock(&flight_lock);
	while ((rights = garbage)) {
		garbage = rights->next;
		unix_rights_drop(rights);
	}
}

static int flights_start(void)
{
	mutex_init(&flight_lock, RANK_PROCESS);
	return 0;
}
INITCALL_CORE(flights_start);
