#include <arch/time.h>
#include <fs/file.h>
#include <fs/writeback.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <proc/process.h>
#include <sched/timer.h>

static struct file_system_type *types; /* [atomic] only ever grows */

void vnode_init(struct vnode *vnode, struct file_system *system, u32 mode)
{
	s64 now = vnode_time_now();

	memset(vnode, 0, sizeof(*vnode));
	atomic32_set(&vnode->references, 1);
	rwlock_init(&vnode->lock, RANK_INODE);
	vnode->system = system;
	vnode->mode = mode;
	vnode->links = 1;
	vnode->times = (struct vnode_times){ now, now, now };
	list_init(&vnode->dirty_link);
}

void vnode_put(struct vnode *vnode)
{
	if (unlikely(!vnode->links) && !list_empty(&vnode->dirty_link))
		writeback_forget(vnode);
	if (!atomic32_dec_and_test(&vnode->references))
		return;
	if (vnode->locks)
		lock_free(vnode);
	vnode->operations->release(vnode);
}

s64 vnode_time_now(void)
{
	return (s64)time_now() + time_realtime_offset();
}

/* Who acts: NULL is the kernel itself. */
static const struct credentials *actor(void)
{
	struct process *process = thread_current()->process;

	return process ? &process->credentials : NULL;
}

static bool in_group(const struct credentials *credentials, u32 gid, u32 wanted)
{
	if (gid == wanted)
		return true;
	for (u32 i = 0; i < credentials->group_count; i++)
		if (credentials->groups[i] == wanted)
			return true;
	return false;
}

bool fs_is_privileged(void)
{
	const struct credentials *credentials = actor();

	return !credentials || credentials->fsuid == 0;
}

bool fs_in_group(u32 gid)
{
	const struct credentials *credentials = actor();

	return !credentials || in_group(credentials, credentials->fsgid, gid);
}

bool vnode_is_owner(const struct vnode *vnode)
{
	const struct credentials *credentials = actor();

	return !credentials || credentials->fsuid == 0 || credentials->fsuid == vnode->uid;
}

int vnode_permission_as(struct vnode *vnode, unsigned access, u32 uid, u32 gid)
{
	const struct credentials *credentials = actor();
	u32 mode = READ_ONCE(vnode->mode);

	if (!credentials)
		return 0;
	if (uid == 0) {
		/* Even root executes only what somebody may. */
		bool refused = access & 1 && !S_ISDIR(mode) && !(mode & 0111);

		return refused ? -EACCES : 0;
	}
	if (vnode->uid == uid)
		mode >>= 6;
	else if (in_group(credentials, gid, vnode->gid))
		mode >>= 3;
	return access & ~mode & 7 ? -EACCES : 0;
}

int vnode_permission(struct vnode *vnode, unsigned access)
{
	const struct credentials *credentials = actor();

	if (!credentials)
		return 0;
	if (access & 2 && READ_ONCE(vnode->flags) & VNODE_IMMUTABLE)
		return -EPERM;
	return vnode_permission_as(vnode, access, credentials->fsuid, credentials->fsgid);
}

void vnode_touch(struct vnode *vnode, bool access, bool modify, bool change)
{
	s64 now = vnode_time_now();

	if (access)
		vnode->times.access = now;
	if (modify)
		vnode->times.modify = now;
	if (change)
		vnode->times.change = now;
}

void vnode_set_owner(struct vnode *vnode, const struct vnode *directory)
{
	const struct credentials *credentials = actor();

	vnode->uid = credentials ? credentials->fsuid : 0;
	vnode->gid = credentials ? credentials->fsgid : 0;
	if (!directory || !(directory->mode & S_ISGID))
		return;
	vnode->gid = directory->gid;
	if (S_ISDIR(vnode->mode))
		vnode->mode |= S_ISGID;
	else if ((vnode->mode & (S_ISGID | 010)) == (S_ISGID | 010) && !fs_is_privileged() &&
		 !fs_in_group(vnode->gid))
		vnode->mode &= ~S_ISGID;
}

void vnode_change_fields(struct vnode *vnode, const struct vnode_change *change)
{
	if (change->which & ATTR_UID)
		vnode->uid = change->uid;
	if (change->which & ATTR_GID)
		vnode->gid = change->gid;
	if (change->which & ATTR_MODE)
		WRITE_ONCE(vnode->mode, (vnode->mode & S_IFMT) | (change->mode & ~S_IFMT));
	vnode_touch(vnode, false, change->which & ATTR_SIZE, true);
	if (change->which & ATTR_ATIME)
		vnode->times.access = change->access;
	if (change->which & ATTR_MTIME)
		vnode->times.modify = change->modify;
}

void vnode_drop_privileges(struct vnode *vnode)
{
	u32 drop = vnode->mode & S_ISUID;

	if (vnode->mode & 010)
		drop |= vnode->mode & S_ISGID;
	if (drop && !fs_is_privileged())
		WRITE_ONCE(vnode->mode, vnode->mode & ~drop);
}

/*
 * Move the counter of writers (positive) and executions (negative) by @step in @step's direction.
 */
static int writer_count(struct vnode *vnode, s32 step)
{
	u32 count = READ_ONCE(vnode->write_count);

	do {
		if ((s32)count * step < 0)
			return -ETXTBSY;
	} while (!atomic_replace_value(&vnode->write_count, &count, count + step));
	return 0;
}

int vnode_writer_get(struct vnode *vnode)
{
	return writer_count(vnode, 1);
}

int vnode_execution_get(struct vnode *vnode)
{
	return writer_count(vnode, -1);
}

void vnode_writer_put(struct vnode *vnode)
{
	__atomic_fetch_sub(&vnode->write_count, 1, __ATOMIC_RELEASE);
}

void vnode_execution_put(struct vnode *vnode)
{
	__atomic_fetch_add(&vnode->write_count, 1, __ATOMIC_RELEASE);
}

void file_system_register(struct file_system_type *type)
{
	struct file_system_type *first = READ_ONCE(types);

	do
		type->next = first;
	while (!atomic_replace_value(&types, &first, type));
}

struct file_system_type *file_system_first(void)
{
	return read_acquire(&types);
}

struct file_system_type *file_system_find(const char *name)
{
	struct file_system_type *type = file_system_first();

	while (type && strcmp(type->name, name))
		type = type->next;
	return type;
}

u64 file_system_device(void)
{
	static struct atomic32 last;

	return DEVICE_NUMBER(0, atomic32_inc_return(&last));
}
