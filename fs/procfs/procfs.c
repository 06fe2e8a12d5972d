/* The nodes of /proc: lookup, listing, reading. A vnode is made for each name that is looked up. */
#include <arch/time.h>
#include <fs/procfs/procfs.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/process.h>
#include <proc/tree.h>
#include <sched/timer.h>

struct proc_node {
	struct vnode vnode;
	const struct proc_entry *entry; /* [const] */
	s32 pid, tid, fd;		/* [const] 0 and −1: none */
};

static SLAB_CACHE(node_cache, struct proc_node);
static const struct vnode_operations node_operations;
static const struct file_operations text_operations;

enum { PROC_MAGIC = 0x9fa0, ROOT_INODE = 1 };

static struct proc_node *node_of(struct vnode *vnode)
{
	return container_of(vnode, struct proc_node, vnode);
}

/* What the node is about, with references; -ESRCH when the process or the thread is gone. */
static int subject_get(struct proc_node *node, struct proc_subject *subject)
{
	*subject = (struct proc_subject){ .tid = node->tid, .fd = node->fd };
	if (!node->pid)
		return 0;
	subject->process = process_find(node->pid);
	if (!subject->process)
		return -ESRCH;
	subject->thread = node->tid == node->pid ? process_leader(subject->process)
						 : thread_find(node->tid);
	if (node->tid != node->pid &&
	    (!subject->thread || subject->thread->process != subject->process)) {
		if (subject->thread)
			thread_put(subject->thread);
		process_put(subject->process);
		return -ESRCH;
	}
	return 0;
}

void proc_subject_put(struct proc_subject *subject)
{
	if (subject->thread)
		thread_put(subject->thread);
	if (subject->process)
		process_put(subject->process);
}

int proc_subject_of(struct vnode *vnode, struct proc_subject *subject)
{
	return subject_get(node_of(vnode), subject);
}

/* Numbers that stay the same for a name as long as the process lives. */
static u64 node_inode(const struct proc_entry *entry, s32 tid, s32 fd)
{
	return ((u64)(u32)tid << 32 ^ (u64)(u32)(fd + 1) << 20 ^ (uintptr_t)entry) & ~(1ull << 63);
}

static struct vnode *node_create(struct file_system *system, const struct proc_entry *entry,
				 s32 pid, s32 tid, s32 fd)
{
	struct proc_node *node = slab_alloc_zeroed(&node_cache);
	s64 now = (s64)time_now() + time_realtime_offset();

	if (!node)
		return NULL;
	vnode_init(&node->vnode, system, entry->mode);
	node->entry = entry;
	node->pid = pid;
	node->tid = tid;
	node->fd = fd;
	node->vnode.operations = &node_operations;
	if (S_ISREG(entry->mode))
		node->vnode.file_operations = entry->operations ? entry->operations
								: &text_operations;
	node->vnode.ino = node_inode(entry, tid, fd);
	node->vnode.links = S_ISDIR(entry->mode) ? 2 : 1;
	node->vnode.times = (struct vnode_times){ now, now, now };
	return &node->vnode;
}

static void node_release(struct vnode *vnode)
{
	slab_free(&node_cache, node_of(vnode));
}

/* A decimal number without leading zeros, or -1. */
static s32 parse_number(const char *name, size_t length)
{
	s32 number = 0;

	if (!length || length > 9 || (name[0] == '0' && length > 1))
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		number = number * 10 + (name[i] - '0');
	}
	return number;
}

static const struct proc_entry *find_child(const struct proc_entry *children, const char *name,
					   size_t length)
{
	for (const struct proc_entry *child = children; child && child->name; child++)
		if (*child->name == *name && strlen(child->name) == length &&
		    !memcmp(child->name, name, length))
			return child;
	return NULL;
}

/* A member of a directory of numbers: processes, threads or descriptors. */
static int lookup_number(struct proc_node *directory, s32 number, struct vnode **found)
{
	const struct proc_entry *entry = directory->entry, *member = entry->member;
	struct proc_subject subject;
	s32 pid = directory->pid, tid = directory->tid, fd = -1;
	bool there;
	int error = subject_get(directory, &subject);

	if (error)
		return -ENOENT;
	there = entry->next(&subject, number - 1) == number;
	proc_subject_put(&subject);
	if (!there)
		return -ENOENT;
	if (member == &proc_fd_member || member == &proc_fdinfo_member)
		fd = number;
	else
		tid = number;
	*found = node_create(directory->vnode.system, member, pid ? pid : number, tid, fd);
	return *found ? 0 : -ENOMEM;
}

static int node_lookup(struct vnode *vnode, const char *name, size_t length, struct vnode **found)
{
	struct proc_node *directory = node_of(vnode);
	const struct proc_entry *child = find_child(directory->entry->children, name, length);
	s32 number = parse_number(name, length);

	if (child) {
		*found = node_create(vnode->system, child, directory->pid, directory->tid, -1);
		return *found ? 0 : -ENOMEM;
	}
	if (number < 0 || !directory->entry->next)
		return -ENOENT;
	return lookup_number(directory, number, found);
}

/* Positions: 0 ".", 1 "..", then the fixed names, then NUMBERS + number. */
enum { NUMBERS = 256 };

static int list_numbers(struct proc_node *directory, s64 position, struct directory_sink *sink)
{
	const struct proc_entry *member = directory->entry->member;
	struct proc_subject subject;
	s32 number = position < NUMBERS ? -1 : (s32)(position - NUMBERS) - 1;
	int error = subject_get(directory, &subject);

	if (error)
		return -ENOENT;
	while ((number = directory->entry->next(&subject, number)) >= 0) {
		char name[12];
		int length = snprintf(name, sizeof(name), "%d", number);

		if (!sink->emit(sink, name, length, node_inode(member, number, -1),
				member->mode >> 12, NUMBERS + (s64)number + 1))
			break;
	}
	proc_subject_put(&subject);
	return 0;
}

static int node_readdir(struct vnode *vnode, s64 position, struct directory_sink *sink)
{
	struct proc_node *directory = node_of(vnode);
	const struct proc_entry *children = directory->entry->children;

	for (; position < 2; position++)
		if (!sink->emit(sink, "..", position + 1, vnode->ino, S_IFDIR >> 12, position + 1))
			return 0;
	for (; position < NUMBERS && children && children[position - 2].name; position++) {
		const struct proc_entry *child = &children[position - 2];

		if (!sink->emit(sink, child->name, strlen(child->name),
				node_inode(child, directory->tid, -1), child->mode >> 12,
				position + 1))
			return 0;
	}
	if (directory->entry->next)
		return list_numbers(directory, MAX(position, (s64)NUMBERS), sink);
	return 0;
}

/* proc(5): what tells where a process has its memory and its files. */
static bool may_look(const struct proc_node *node, const struct proc_subject *subject)
{
	const struct credentials *credentials;
	u32 uid;

	if (!node->entry->private || !subject->process || fs_is_privileged() ||
	    subject->process == process_current())
		return true;
	credentials = &subject->process->credentials;
	uid = credentials_current()->fsuid;
	return credentials->uid == uid && credentials->euid == uid && credentials->suid == uid;
}

static ssize_t node_readlink(struct vnode *vnode, char *buffer, size_t size)
{
	struct proc_node *node = node_of(vnode);
	struct proc_subject subject;
	struct path target;
	ssize_t result = subject_get(node, &subject);
	char *text, *whole;

	if (result)
		return -ENOENT;
	if (!may_look(node, &subject)) {
		result = -EACCES;
		goto out;
	}
	if (node->entry->readlink) {
		result = node->entry->readlink(&subject, buffer, size);
		goto out;
	}
	result = node->entry->follow(&subject, &target);
	if (result)
		goto out;
	whole = kmalloc(PATH_MAX);
	text = whole ? path_text(&target, whole, PATH_MAX) : NULL;
	path_put(&target);
	if (text && (uintptr_t)text < -4096ul) {
		result = MIN(strlen(text), size);
		memcpy(buffer, text, result);
	} else {
		result = whole ? -ENAMETOOLONG : -ENOMEM;
	}
	kfree(whole);
out:
	proc_subject_put(&subject);
	return result;
}

static int node_follow(struct vnode *vnode, struct path *target)
{
	struct proc_node *node = node_of(vnode);
	struct proc_subject subject;
	int error;

	if (!node->entry->follow)
		return -EINVAL; /* the text is the way: see vnode_operations.follow */
	error = subject_get(node, &subject);
	if (error)
		return -ENOENT;
	error = may_look(node, &subject) ? node->entry->follow(&subject, target) : -EACCES;
	proc_subject_put(&subject);
	return error;
}

/* A node of a process belongs to its user, who may become another; and is gone with it. */
static void set_owner(struct vnode *vnode, const struct process *process)
{
	WRITE_ONCE(vnode->uid, process->credentials.euid);
	WRITE_ONCE(vnode->gid, process->credentials.egid);
}

static void node_refresh(struct vnode *vnode)
{
	struct proc_node *node = node_of(vnode);
	struct proc_subject subject;

	if (!node->pid || subject_get(node, &subject))
		return;
	set_owner(vnode, subject.process);
	proc_subject_put(&subject);
}

static bool node_revalidate(struct vnode *vnode)
{
	struct proc_node *node = node_of(vnode);
	struct proc_subject subject;
	bool there = true;

	if (subject_get(node, &subject))
		return false;
	if (subject.process)
		set_owner(vnode, subject.process);
	if (node->fd >= 0)
		there = proc_fd_next(&subject, node->fd - 1) == node->fd;
	proc_subject_put(&subject);
	return there;
}

static const struct vnode_operations node_operations = {
	.lookup = node_lookup,
	.readdir = node_readdir,
	.readlink = node_readlink,
	.follow = node_follow,
	.refresh = node_refresh,
	.revalidate = node_revalidate,
	.release = node_release,
};

/* Files with text. */

static int text_open(struct vnode *vnode, struct file *file)
{
	struct proc_node *node = node_of(vnode);
	struct proc_subject subject;
	bool allowed;

	if ((file->flags & O_ACCMODE) != O_RDONLY && !node->entry->store)
		return -EACCES;
	if (subject_get(node, &subject))
		return -ESRCH;
	allowed = may_look(node, &subject);
	proc_subject_put(&subject);
	if (!allowed)
		return -EACCES;
	return text_file_open(file);
}

static int make_text(struct file *file, struct text *text)
{
	struct proc_node *node = node_of(file->vnode);
	struct proc_subject subject;
	int error = subject_get(node, &subject);

	if (error)
		return error;
	if (node->entry->show)
		node->entry->show(text, &subject);
	proc_subject_put(&subject);
	return 0;
}

static ssize_t node_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	return text_file_read(file, iterator, position, make_text);
}

static ssize_t node_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct proc_node *node = node_of(file->vnode);
	struct proc_subject subject;
	char value[128];
	size_t size = iterator->left;
	int error;

	if (size >= sizeof(value))
		return -EINVAL;
	if (io_copy(iterator, value, size) < size)
		return -EFAULT;
	value[size] = '\0';
	error = subject_get(node, &subject);
	if (error)
		return error;
	error = node->entry->store(&subject, value);
	proc_subject_put(&subject);
	return error ? error : (ssize_t)size;
}

static const struct file_operations text_operations = {
	.open = text_open,
	.release = text_file_release,
	.read = node_read,
	.write = node_write,
	.seekable = true,
};

/* The root is a directory of fixed names and of processes. */
static s32 next_process(const struct proc_subject *subject, s32 after)
{
	struct process *process = process_next(MAX(after, 0));
	s32 pid = -1;

	if (process) {
		pid = process->id->number;
		process_put(process);
	}
	return pid;
}

static const struct proc_entry process_member = {
	.mode = S_IFDIR | 0555,
	.children = proc_process_entries,
};
struct process *proc_directory_process(const struct file *file)
{
	struct proc_subject subject;
	int error = -EBADF;

	if (file->vnode && file->vnode->operations == &node_operations &&
	    node_of(file->vnode)->entry == &process_member)
		error = subject_get(node_of(file->vnode), &subject);
	if (error)
		return ERR_PTR(error);
	process_get(subject.process);
	proc_subject_put(&subject);
	return subject.process;
}

static const struct proc_entry root_entry = {
	.mode = S_IFDIR | 0555,
	.children = proc_root_entries,
	.next = next_process,
	.member = &process_member,
};

static void proc_statfs(struct file_system *system, struct statfs_result *result)
{
	*result = (struct statfs_result){ .type = PROC_MAGIC,
					  .block_size = PAGE_SIZE,
					  .name_length = NAME_MAX };
}

static void proc_unmount(struct file_system *system)
{
	kfree(system);
}

static int proc_mount(const char *source, const char *data, struct file_system **made);
static struct file_system_type proc_type = { .name = "proc", .mount = proc_mount };

static int proc_mount(const char *source, const char *data, struct file_system **made)
{
	static struct atomic32 instances;
	struct file_system *system = kzalloc(sizeof(*system));

	if (!system)
		return -ENOMEM;
	system->type = &proc_type;
	system->device = DEVICE_NUMBER(0, 64 + atomic32_inc_return(&instances));
	system->statfs = proc_statfs;
	system->unmount = proc_unmount;
	atomic32_set(&system->references, 1);
	system->root = node_create(system, &root_entry, 0, 0, -1);
	if (!system->root) {
		kfree(system);
		return -ENOMEM;
	}
	system->root->ino = ROOT_INODE;
	*made = system;
	return 0;
}

void procfs_init(void)
{
	file_system_register(&proc_type);
	proc_namespace_init();
}
