/*
 * /proc/PID/ns: there is one namespace of each kind, and everybody is in it. Each has a file, made at boot and there for
 * good, whose number tells that two processes share it.
 */
#include <arch/user.h>
#include <debug/panic.h>
#include <fs/procfs/procfs.h>
#include <lib/err.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <proc/process.h>

enum { NUMBER_BASE = 0xf0000000u - 8 }; /* Linux's first ones are about there */

enum namespace_kind {
	NAMESPACE_NET,
	NAMESPACE_TIME,
	NAMESPACE_CGROUP,
	NAMESPACE_PID,
	NAMESPACE_USER,
	NAMESPACE_UTS,
	NAMESPACE_IPC,
	NAMESPACE_MOUNT,
	NAMESPACE_KINDS
};

enum { /* ioctl_ns(2) */
       NS_GET_USERNS = 0xb701,
       NS_GET_PARENT = 0xb702,
       NS_GET_NSTYPE = 0xb703,
       NS_GET_OWNER_UID = 0xb704,
};

enum { /* clone(2) */
       CLONE_NEWTIME = 0x80,
       CLONE_NEWNS = 0x20000,
       CLONE_NEWCGROUP = 0x2000000,
       CLONE_NEWUTS = 0x4000000,
       CLONE_NEWIPC = 0x8000000,
       CLONE_NEWUSER = 0x10000000,
       CLONE_NEWPID = 0x20000000,
       CLONE_NEWNET = 0x40000000,
};

static const char *const kinds[] = { "net", "time", "cgroup", "pid", "user", "uts", "ipc", "mnt" };
static struct file *files[NAMESPACE_KINDS]; /* [const after boot] each counted for good */

/* Their device is not that of other files without names: lsns(8) tells them by it. */
static const struct file_system_type nsfs_type = { .name = "nsfs" };
static struct file_system nsfs = { .type = &nsfs_type, .references = ATOMIC_INIT(1) };

/* The user namespace, to which all others belong. */
static long open_user_namespace(void)
{
	return fd_give(file_open_path(&files[NAMESPACE_USER]->path, O_RDONLY, true), true);
}

static long namespace_ioctl(struct file *file, unsigned command, unsigned long argument)
{
	static const u32 types[] = { CLONE_NEWNET,  CLONE_NEWTIME, CLONE_NEWCGROUP, CLONE_NEWPID,
				     CLONE_NEWUSER, CLONE_NEWUTS,  CLONE_NEWIPC,    CLONE_NEWNS };
	enum namespace_kind kind = (enum namespace_kind)(file->vnode->ino - NUMBER_BASE);
	static const u32 owner = 0;

	switch (command) {
	case NS_GET_NSTYPE:
		return types[kind];
	case NS_GET_USERNS:
		return kind == NAMESPACE_USER ? -EPERM : open_user_namespace();
	case NS_GET_PARENT:
		/* It would be one that the caller may not see. */
		return kind == NAMESPACE_USER || kind == NAMESPACE_PID ? -EPERM : -EINVAL;
	case NS_GET_OWNER_UID:
		return kind == NAMESPACE_USER ? copy_out(argument, &owner, sizeof(owner)) : -EINVAL;
	default:
		return -ENOTTY;
	}
}

static const struct file_operations namespace_operations = { .ioctl = namespace_ioctl };

static struct file *namespace_make(enum namespace_kind kind)
{
	u32 number = NUMBER_BASE + kind;
	struct file *file;
	char name[32];

	snprintf(name, sizeof(name), "%s:[%u]", kinds[kind], number);
	file = file_create_unnamed(name, &namespace_operations, O_RDONLY, NULL);
	if (IS_ERR(file))
		boot_failure("no memory for the namespaces");
	file->vnode->system = &nsfs;
	file->vnode->ino = number;
	file->vnode->mode = S_IFREG | 0444;
	file->vnode->file_operations = &namespace_operations;
	return file;
}

void proc_namespace_init(void)
{
	nsfs.device = file_system_device();
	for (unsigned i = 0; i < NAMESPACE_KINDS; i++)
		files[i] = namespace_make((enum namespace_kind)i);
}

static int namespace_follow(enum namespace_kind kind, struct path *target)
{
	*target = files[kind]->path;
	path_get(target);
	return 0;
}

#define FOLLOW(name, kind)                                                                         \
	static int follow_##name(const struct proc_subject *subject, struct path *target)          \
	{                                                                                          \
		return namespace_follow(kind, target);                                             \
	}
#define ENTRY(name_, follow_)                                                                      \
	{                                                                                          \
		.name = name_, .mode = S_IFLNK | 0777, .private = true, .follow = follow_          \
	}

FOLLOW(net, NAMESPACE_NET)
FOLLOW(time, NAMESPACE_TIME)
FOLLOW(cgroup, NAMESPACE_CGROUP)
FOLLOW(pid, NAMESPACE_PID)
FOLLOW(user, NAMESPACE_USER)
FOLLOW(uts, NAMESPACE_UTS)
FOLLOW(ipc, NAMESPACE_IPC)
FOLLOW(mount, NAMESPACE_MOUNT)

const struct proc_entry proc_namespace_entries[] = {
	ENTRY("cgroup", follow_cgroup),
	ENTRY("ipc", follow_ipc),
	ENTRY("mnt", follow_mount),
	ENTRY("net", follow_net),
	ENTRY("pid", follow_pid),
	ENTRY("pid_for_children", follow_pid),
	ENTRY("time", follow_time),
	ENTRY("time_for_children", follow_time),
	ENTRY("user", follow_user),
	ENTRY("uts", follow_uts),
	{ 0 },
};
