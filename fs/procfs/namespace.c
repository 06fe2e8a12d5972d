/*
 * /proc/PID/ns: there is one namespace of each kind, and everybody is in it. Each has a file, made when somebody first
 * asks, whose number tells that two processes share it.
 */
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

static const char *const kinds[] = { "net", "time", "cgroup", "pid", "user", "uts", "ipc", "mnt" };
static struct mutex make_lock = MUTEX_INIT(make_lock);
static struct file *files[NAMESPACE_KINDS]; /* [make_lock; atomic read] each counted for good */

static const struct file_operations namespace_operations = { 0 };

/* [make_lock] */
static struct file *namespace_make(enum namespace_kind kind)
{
	u32 number = NUMBER_BASE + kind;
	struct file *file;
	char name[32];

	snprintf(name, sizeof(name), "%s:[%u]", kinds[kind], number);
	file = file_create_unnamed(name, &namespace_operations, O_RDONLY, NULL);
	if (IS_ERR(file))
		return file;
	file->vnode->ino = number;
	file->vnode->mode = S_IFREG | 0444;
	file->vnode->file_operations = &namespace_operations;
	store_release(&files[kind], file);
	return file;
}

static int namespace_follow(enum namespace_kind kind, struct path *target)
{
	struct file *file = read_acquire(&files[kind]);

	if (!file) {
		mutex_lock(&make_lock);
		file = files[kind] ? files[kind] : namespace_make(kind);
		mutex_unlock(&make_lock);
	}
	if (IS_ERR(file))
		return PTR_ERR(file);
	*target = file->path;
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
