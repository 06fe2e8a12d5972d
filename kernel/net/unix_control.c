/* Ancillary data: cmsg(3); descriptors and credentials that go with a message. */
#include <arch/user.h>
#include <lib/err.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <net/unix_internal.h>
#include <proc/credentials.h>
#include <proc/pidfd.h>
#include <proc/tree.h>

enum {
	SOL_SOCKET = 1,
	SCM_RIGHTS = 1,
	SCM_CREDENTIALS = 2,
	SCM_PIDFD = 4,
	SCM_TIMESTAMP = 29,
	SCM_TIMESTAMPNS = 35,
};
enum { CONTROL_MAX = 131072, CONTROL_FEW = 256 };

struct control_header { /* struct cmsghdr */
	u64 size;	/* with this header */
	s32 level, type;
};

static bool own_id(u32 id, u32 real, u32 effective, u32 saved)
{
	return id == real || id == effective || id == saved;
}

/* A process may speak for itself; the super-user for whoever exists. */
static int check_credentials(const struct unix_credentials *claimed)
{
	const struct credentials *own = credentials_current();
	struct process *process;

	if ((claimed->pid != process_current()->id->number &&
	     !credentials_capable(CAP_SYS_ADMIN)) ||
	    (!own_id(claimed->uid, own->uid, own->euid, own->suid) &&
	     !credentials_capable(CAP_SETUID)) ||
	    (!own_id(claimed->gid, own->gid, own->egid, own->sgid) &&
	     !credentials_capable(CAP_SETGID)))
		return -EPERM;
	process = process_find(claimed->pid);
	if (!process)
		return -ESRCH;
	process_put(process);
	return 0;
}

/* Behind the descriptors of earlier headers. */
static int add_rights(struct unix_rights **rights, const s32 *fds, u64 count)
{
	struct unix_rights *before = *rights, *all;
	u32 done = before ? before->count : 0;

	if (!count)
		return 0;
	if (count > RIGHTS_MAX - done)
		return -EINVAL;
	all = unix_rights_allocate(done + count);
	if (!all)
		return -ENOMEM;
	if (before)
		memcpy(all->files, before->files, done * sizeof(all->files[0]));
	all->count = done;
	kfree(before);
	*rights = all;
	for (u64 i = 0; i < count; i++) {
		struct file *file = fd_get_path(fds[i]);

		if (!file)
			return -EBADF;
		all->files[all->count++] = file;
	}
	return 0;
}

static int decode_one(const struct control_header *header, struct unix_control *control)
{
	u64 size = header->size - sizeof(*header);
	int error;

	if (header->level != SOL_SOCKET)
		return 0;
	if (header->type == SCM_RIGHTS)
		return add_rights(&control->rights, (const s32 *)(header + 1), size / 4);
	if (header->type != SCM_CREDENTIALS || size != sizeof(control->identity.credentials))
		return -EINVAL;
	memcpy(&control->identity.credentials, header + 1, size);
	error = check_credentials(&control->identity.credentials);
	if (error)
		return error;
	unix_identity_put(&control->identity);
	control->identity.id = id_find(control->identity.credentials.pid);
	control->has_identity = true;
	return 0;
}

static int decode(const u8 *data, u64 size, struct unix_control *control)
{
	u64 at = 0;
	int error = 0;

	while (!error && at <= size && size - at >= sizeof(struct control_header)) {
		const struct control_header *header = (const void *)(data + at);

		if (header->size < sizeof(*header) || header->size > size - at)
			return -EINVAL;
		error = decode_one(header, control);
		at += ALIGN_UP(header->size, sizeof(u64));
	}
	return error;
}

int unix_control_in(const struct message *message, struct unix_control *control)
{
	u64 few[CONTROL_FEW / sizeof(u64)];
	size_t size = message->control_size;
	u8 *data = (u8 *)few;
	int error;

	if (size < sizeof(struct control_header))
		return 0;
	if (size > CONTROL_MAX)
		return -ENOBUFS;
	if (size > sizeof(few))
		data = kmalloc(size);
	if (!data)
		return -ENOMEM;
	error = copy_in(data, message->control, size);
	if (!error)
		error = decode(data, size, control);
	if (data != (u8 *)few)
		kfree(data);
	if (error && control->rights) {
		unix_rights_drop(control->rights);
		control->rights = NULL;
	}
	if (error)
		unix_control_end(control);
	return error;
}

void unix_control_end(struct unix_control *control)
{
	unix_identity_put(&control->identity);
}

/* Where the next header goes, and what room is left. */
struct control_output {
	vaddr_t at;
	size_t left;
};

static void put_header(struct control_output *output, s32 type, size_t size)
{
	struct control_header header = { sizeof(header) + size, SOL_SOCKET, type };
	size_t used = MIN((size_t)ALIGN_UP(header.size, sizeof(u64)), output->left);

	/* A program that gave a bad address has only itself to blame. */
	(void)copy_out(output->at, &header, sizeof(header));
	output->at += used;
	output->left -= used;
}

/* As much of @size bytes as there is room for. */
static void put_data(struct control_output *output, struct message *message, s32 type,
		     const void *data, size_t size)
{
	size_t room = output->left - sizeof(struct control_header);

	if (output->left < sizeof(struct control_header)) {
		message->result_flags |= MSG_CTRUNC;
		return;
	}
	if (size > room) {
		message->result_flags |= MSG_CTRUNC;
		size = room;
	}
	(void)copy_out(output->at + sizeof(struct control_header), data, size);
	put_header(output, type, size);
}

/* As struct timeval or struct timespec. */
static void put_stamp(struct control_output *output, struct message *message, u8 kind, u64 stamp)
{
	bool fine = kind == UNIX_STAMPS_NANOSECONDS;
	u64 time[2] = { stamp / 1000000000, stamp % 1000000000 / (fine ? 1 : 1000) };

	put_data(output, message, fine ? SCM_TIMESTAMPNS : SCM_TIMESTAMP, time, sizeof(time));
}

/* A descriptor of who sent it; when that cannot be, the error is told in its place, as on Linux. */
static void put_pidfd(struct control_output *output, struct message *message, struct id *id)
{
	struct file *file;
	s32 fd;

	if (output->left < sizeof(struct control_header) + sizeof(fd)) {
		message->result_flags |= MSG_CTRUNC;
		return;
	}
	file = pidfd_open_id(id, 0);
	fd = IS_ERR(file) ? (s32)PTR_ERR(file) : (s32)fd_give(file, true);
	if (fd == -ESRCH)
		fd = -EINVAL; /* Linux's word for a process that was reaped */
	put_data(output, message, SCM_PIDFD, &fd, sizeof(fd));
}

static int install(struct file *file, vaddr_t to, bool close_on_exec)
{
	struct file_table *table = process_current()->files;
	int fd = fd_reserve(table, 0, close_on_exec), error;

	if (fd < 0)
		return fd;
	error = copy_out(to, &fd, sizeof(fd));
	if (error) {
		fd_cancel(table, fd);
		return error;
	}
	file_get(file);
	fd_install(table, fd, file);
	return 0;
}

static void put_rights(struct control_output *output, struct message *message,
		       const struct unix_rights *rights)
{
	size_t header = sizeof(struct control_header), max = 0, done = 0;

	if (output->left > header)
		max = (output->left - header) / sizeof(s32);
	while (done < MIN(max, (size_t)rights->count) &&
	       !install(rights->files[done], output->at + header + done * sizeof(s32),
			message->flags & MSG_CMSG_CLOEXEC))
		done++;
	if (done)
		put_header(output, SCM_RIGHTS, done * sizeof(s32));
	if (done < rights->count)
		message->result_flags |= MSG_CTRUNC;
}

static void put_all(struct unix_socket *socket, struct message *message,
		    struct unix_control *control)
{
	struct control_output output = { message->control, message->control_size };
	struct unix_identity *identity = &control->identity;

	if (control->stamp)
		put_stamp(&output, message, READ_ONCE(socket->stamps), control->stamp);
	if (control->has_identity && READ_ONCE(socket->pass_credentials))
		put_data(&output, message, SCM_CREDENTIALS, &identity->credentials,
			 sizeof(identity->credentials));
	if (control->rights)
		put_rights(&output, message, control->rights);
	if (identity->id && READ_ONCE(socket->pass_pidfd))
		put_pidfd(&output, message, identity->id);
	message->control_size -= output.left;
}

void unix_control_out(struct unix_socket *socket, struct message *message,
		      struct unix_control *control)
{
	if (likely(!control->has_identity && !control->rights && !control->stamp)) {
		message->control_size = 0;
		return;
	}
	if (message->control)
		put_all(socket, message, control);
	else
		message->result_flags |= MSG_CTRUNC;
	if (control->rights)
		unix_rights_drop(control->rights);
	unix_control_end(control);
}
