#pragma once
/*
 * AF_UNIX sockets: unix(7). The file of a socket is an ordinary struct file; these are the calls that
 * only sockets have. All may sleep; none is called with a lock held. Errors are those of the manual pages.
 */
#include <fs/file.h>

enum { AF_UNSPEC = 0, AF_UNIX = 1 };
enum socket_type { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_SEQPACKET = 5 };
enum { SHUTDOWN_RECEIVE = 1, SHUTDOWN_SEND = 2 }; /* SHUT_RD + 1 and so on */

enum { /* send(2), recv(2) */
       MSG_OOB = 1,
       MSG_PEEK = 2,
       MSG_CTRUNC = 8,
       MSG_TRUNC = 0x20,
       MSG_DONTWAIT = 0x40,
       MSG_EOR = 0x80,
       MSG_WAITALL = 0x100,
       MSG_ERRQUEUE = 0x2000,
       MSG_NOSIGNAL = 0x4000,
       MSG_WAITFORONE = 0x10000,
       MSG_CMSG_CLOEXEC = 0x40000000,
};

enum { UNIX_PATH_MAX = 108, SOCKET_NAME_MAX = 128 };
struct socket_name { /* struct sockaddr_storage */
	u32 size;    /* bytes of the address, the family included */
	u16 family;
	char path[SOCKET_NAME_MAX - 2];
};

/* What one sendmsg(2) or recvmsg(2) is about. */
struct message {
	struct io_iterator *data;
	unsigned flags;	       /* MSG_* that were asked for */
	unsigned result_flags; /* received: msg_flags */
	struct socket_name
		*name;	     /* send: to whom, or NULL; receive: from whom is put here, or NULL */
	vaddr_t control;     /* user memory of ancillary data, 0: none */
	size_t control_size; /* received: how much of it was used */
};

/* A socket of any family is a file with these. */
extern const struct file_operations unix_file_operations;
static inline bool file_is_socket(const struct file *file)
{
	return file->operations == &unix_file_operations;
}

/* socket(2), socketpair(2) for AF_UNIX; O_NONBLOCK in @flags. ERR_PTR; 0 or -errno. */
struct file *unix_create(int type, int protocol, u32 flags);
int unix_create_pair(int type, int protocol, u32 flags, struct file *made[2]);
int unix_bind(struct file *file, const struct socket_name *name);
int unix_listen(struct file *file, int backlog);
int unix_connect(struct file *file, const struct socket_name *name);
/* The new connection's file, with @flags; ERR_PTR. */
struct file *unix_accept(struct file *file, u32 flags);
/* @how: SHUTDOWN_* */
int unix_shutdown(struct file *file, unsigned how);
/* getsockname(2), with @peer getpeername(2). */
int unix_get_name(struct file *file, bool peer, struct socket_name *name);
ssize_t unix_send(struct file *file, struct message *message);
ssize_t unix_receive(struct file *file, struct message *message);
/* User memory; getsockopt: *@size is the room, and becomes what was put there. */
int unix_set_option(struct file *file, int level, int name, vaddr_t value, u32 size);
int unix_get_option(struct file *file, int level, int name, vaddr_t value, s32 *size);

/* For /proc/net/unix: one socket; no lock held. False: stop. */
struct unix_description {
	u32 references, type, state, flags;
	u64 ino;
	struct socket_name name;
};
void unix_for_each(bool (*visit)(const struct unix_description *socket, void *context),
		   void *context);
