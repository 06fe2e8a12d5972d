#pragma once
/*
 * What the parts of AF_UNIX share.
 *
 *   unix_socket.c   life of sockets, their files      unix_name.c      names: paths, abstract, none
 *   unix_connect.c  listen, connect, accept, shutdown unix_send.c      sending
 *   unix_receive.c  receiving                         unix_control.c   ancillary data
 *   unix_garbage.c  descriptors in flight             unix_option.c    getsockopt, setsockopt
 *
 * What is sent lies as packets in the RECEIVER's queue. It is copied from user memory into a packet, and out
 * of it, with no spinlock held: one copy each way. A packet comes to the end of the queue under the socket's
 * lock, and only the holder of receive_lock takes it off the front.
 *
 * Locks: receive_lock (mutex, RANK_INODE, held over the user copy) → flight_lock (mutex, RANK_PROCESS: who
 * is in flight) → names_lock (RANK_SIGNAL) → socket->lock (RANK_TABLE; two: by address) → wait queues.
 *
 * Life: a socket is counted by its file, by its peer, by those who wait on it, and (datagrams) by the packets
 * that it sent. A stream's or sequential peer stays the same from connect to the last put. Who finds a socket
 * by name may find it dead: the lock and `dead` tell.
 */
#include <fs/file.h>
#include <lib/list.h>
#include <net/unix.h>

struct unix_credentials { /* struct ucred */
	s32 pid;
	u32 uid, gid;
};

/* Somebody as a socket sees them. */
struct unix_identity {
	struct unix_credentials credentials;
	struct id *id; /* counted: the process's, for a pidfd; NULL: nobody */
};

/* Descriptors on their way: SCM_RIGHTS. */
enum { RIGHTS_MAX = 253 };
struct unix_rights {
	struct unix_rights *next; /* while they wait to be closed */
	u32 count, uid;
	struct file *files[];
};

struct unix_packet {
	struct unix_packet *next; /* [lock] in the receiver's queue */
	u32 start, end;		  /* [receive_lock once queued] of data that is not received yet */
	u32 charge;		  /* [const] bytes that it counts for */
	bool looked_at;		  /* [receive_lock] empty, and a look has told of it */
	bool has_identity;	  /* [const once queued] */
	struct unix_identity identity; /* [const once queued] of who sent it */
	u64 stamp;		    /* [const once queued] when, ns since 1970; 0: nobody asked */
	struct unix_rights *rights; /* [lock once queued] */
	struct unix_socket *sender; /* counted; datagrams only */
	u8 data[] __attribute__((aligned(8)));
};

struct unix_address {
	struct atomic32 references;
	u32 size; /* as struct socket_name */
	u32 hash; /* of an abstract name */
	char path[];
};

enum unix_state { UNIX_IDLE, UNIX_LISTENING, UNIX_CONNECTED };

struct unix_socket {
	struct atomic32 references;
	struct spinlock lock;	   /* RANK_TABLE */
	enum socket_type type;	   /* [const] */
	enum unix_state state;	   /* [lock; atomic read] streams and sequential packets */
	u8 shutdown;		   /* [lock; atomic read] SHUTDOWN_* */
	bool dead;		   /* [lock; atomic read] its file is gone */
	u32 error;		   /* [atomic] errno for the next call, or 0 */
	u64 ino;		   /* [const] */
	struct file *file;	   /* [const once visible] not counted; NULL: not accepted yet */
	struct list_node all_link; /* [all_lock] */

	struct unix_socket *peer;   /* [lock; see above] counted */
	struct list_node followers; /* [lock] datagrams: those whose peer this is */
	struct list_node follows;   /* [lock of peer] in its followers */

	struct mutex receive_lock;	  /* RANK_INODE */
	struct unix_packet *first, *last; /* [lock; atomic read] */
	u32 queued;			  /* [lock; atomic read] charges of the queue */
	u32 packets;			  /* [lock; atomic read] how many */
	u32 arrivals;			  /* [lock; atomic read] how many there ever were */
	struct atomic32 outstanding; /* datagrams: charges of what it sent and nobody received */
	struct wait_queue read_wait, write_wait;
	struct wait_queue room_wait; /* others wait for room in this queue or backlog */

	struct list_node pending;      /* [lock] listening: connections to accept */
	struct list_node pending_link; /* [listener's lock] */
	u32 pending_count, backlog;    /* [lock; atomic read] */

	struct unix_address *address;  /* [names_lock; const once set] */
	struct path path;	       /* [const once address is set] where it is bound, or NULL */
	struct unix_socket *hash_next; /* [names_lock] */
	bool hashed;		       /* [names_lock] */

	struct unix_identity peer_identity; /* [lock] SO_PEERCRED; of a listener: who listened */
	bool pass_credentials;		    /* [atomic] SO_PASSCRED */
	bool pass_pidfd;		    /* [atomic] SO_PASSPIDFD */
	u8 stamps;			    /* [atomic] enum unix_stamps */
	s32 peek_offset;    /* [atomic] SO_PEEK_OFF: where a look begins; negative: none */
	u32 priority, mark; /* [atomic] SO_PRIORITY, SO_MARK: only remembered */
	u64 flags;	    /* [atomic] other options that are only remembered: unix_option.c */
	u32 send_limit, receive_limit, low_water; /* [atomic] SO_SNDBUF, SO_RCVBUF, SO_RCVLOWAT */
	u64 send_timeout, receive_timeout;	  /* [atomic] ns; WAIT_FOREVER */
	u32 linger_seconds;

	struct list_node flight_link; /* [flight_lock] while in flight */
	u32 in_flight;		      /* [flight_lock] how many times */
	u32 flight_left;	      /* [flight_lock] while collecting */
	u8 flight_mark;		      /* [flight_lock] while collecting */
};

enum { DATAGRAM_BACKLOG = 10, BUFFER_DEFAULT = 212992 };
enum unix_stamps { UNIX_STAMPS_NONE, UNIX_STAMPS_MICROSECONDS, UNIX_STAMPS_NANOSECONDS };

/* Does it want to know who sent what it receives? */
static inline bool unix_wants_identity(const struct unix_socket *socket)
{
	return READ_ONCE(socket->pass_credentials) || READ_ONCE(socket->pass_pidfd);
}

static inline struct unix_socket *unix_of(struct file *file)
{
	return file->private;
}
static inline void unix_get(struct unix_socket *socket)
{
	atomic32_inc(&socket->references);
}
void unix_put(struct unix_socket *socket); /* may sleep */

/* unix_socket.c */
struct unix_socket *unix_allocate(enum socket_type type);
/* Give @socket, whose reference it takes over, a file. ERR_PTR: the socket is put. */
struct file *unix_open(struct unix_socket *socket, u32 flags);
/* Two locks at once. */
void unix_lock_two(struct unix_socket *one, struct unix_socket *other);
void unix_unlock_two(struct unix_socket *one, struct unix_socket *other);
/* The end of a socket: of its file, or of a connection that nobody accepted. Takes over the reference. */
void unix_close(struct unix_socket *socket);
/* Take the pending error: 0 or -errno. */
int unix_take_error(struct unix_socket *socket);
void unix_wake_all(struct unix_socket *socket);
/* Of the current process, its id counted. */
struct unix_identity unix_current_identity(bool effective);
struct unix_identity unix_identity_copy(const struct unix_identity *identity);
void unix_identity_put(struct unix_identity *identity);
/* When a wait that starts now ends. */
u64 unix_deadline(struct file *file, unsigned flags, u64 timeout);
/* What a wait's error means to the program. */
int unix_wait_error(int error, u64 deadline);

/* unix_name.c */
/* The socket that @name means, counted, for a socket of type @type. ERR_PTR. */
struct unix_socket *unix_find(const struct socket_name *name, enum socket_type type);
/* 0, -EINVAL: can this be an AF_UNIX name? */
int unix_check_name(const struct socket_name *name);
/* A name for a socket that has none, when SO_PASSCRED or SO_PASSPIDFD wants one. */
int unix_autobind(struct unix_socket *socket);
void unix_unbind(struct unix_socket *socket);
void unix_copy_name(struct unix_socket *socket, struct socket_name *name);
void unix_address_get(struct unix_address *address);
void unix_address_put(struct unix_address *address);

/* unix_connect.c: for datagrams: @peer's reference is taken over; NULL: none. */
void unix_set_peer(struct unix_socket *socket, struct unix_socket *peer);
/* There is room in its queue again, or it is gone: for pollers of those whose peer it is. */
void unix_wake_followers(struct unix_socket *socket);

/* unix_send.c */
void unix_packet_free(struct unix_packet *packet); /* may sleep */
/* May @socket send more? For poll, with room to spare, and to wait. */
bool unix_is_writable(struct unix_socket *socket);

/* unix_receive.c */
/* Throw away all that is queued. */
void unix_purge(struct unix_socket *socket);
/* FIONREAD: bytes, or -EINVAL. */
long unix_bytes_queued(struct unix_socket *socket);

/* unix_control.c: what goes with the data of a message. */
struct unix_control {
	struct unix_rights *rights;
	struct unix_identity identity;
	bool has_identity;
	u64 stamp; /* received: when it was sent, ns since 1970; 0: nobody asks */
};
/* Give up what it holds, but for the rights. */
void unix_control_end(struct unix_control *control);
/* Decode msg_control. 0, -EINVAL, -EPERM, -EBADF, -ETOOMANYREFS, -EFAULT, -ENOBUFS. */
int unix_control_in(const struct message *message, struct unix_control *control);
/* Put it there, making descriptors; what does not fit is dropped (MSG_CTRUNC). Takes over what it holds. */
void unix_control_out(struct unix_socket *socket, struct message *message,
		      struct unix_control *control);

/* unix_garbage.c */
struct unix_rights *unix_rights_allocate(u32 count);
/* They are in a packet from now on, or no longer. 0 or -ETOOMANYREFS. */
int unix_rights_launch(struct unix_rights *rights);
void unix_rights_land(struct unix_rights *rights);
/* The same files once more, not in flight: for MSG_PEEK. NULL: no memory. */
struct unix_rights *unix_rights_duplicate(const struct unix_rights *rights);
/* Close the files; not in flight. Never deep: sockets in sockets are closed one after another. */
void unix_rights_drop(struct unix_rights *rights);
/* A socket was closed: find those in flight that nobody can ever receive. */
void unix_collect(void);
