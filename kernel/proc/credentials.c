#include <arch/user.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/credentials.h>
#include <proc/tree.h>

bool credentials_capable(enum capability capability)
{
	return credentials_current()->capabilities_effective >> capability & 1;
}

void credentials_init_root(struct credentials *credentials)
{
	*credentials = (struct credentials){
		.capabilities_effective = CAP_ALL,
		.capabilities_permitted = CAP_ALL,
	};
}

static bool is_own_uid(u32 uid)
{
	const struct credentials *own = credentials_current();

	return uid == own->uid || uid == own->euid || uid == own->suid;
}

static bool is_own_gid(u32 gid)
{
	const struct credentials *own = credentials_current();

	return gid == own->gid || gid == own->egid || gid == own->sgid;
}

static bool is_root_among(const struct credentials *credentials)
{
	return !credentials->uid || !credentials->euid || !credentials->suid;
}

/* capabilities(7), "Effect of user ID changes on capabilities". */
static void adjust_capabilities(const struct credentials *old, struct credentials *new)
{
	if (is_root_among(old) && !is_root_among(new) && !process_current()->keep_capabilities) {
		new->capabilities_permitted = 0;
		new->capabilities_effective = 0;
	}
	if (!old->euid && new->euid)
		new->capabilities_effective = 0;
	if (old->euid && !new->euid)
		new->capabilities_effective = new->capabilities_permitted;
}

static void commit(struct credentials *new)
{
	struct process *process = process_current();
	struct credentials *own = &process->credentials;
	unsigned long state = tree_lock();

	adjust_capabilities(own, new);
	if (new->euid != own->euid || new->egid != own->egid) {
		process->dumpable = false;
		process->death_signal = 0;
	}
	*own = *new;
	tree_unlock(state);
}

int credentials_set_uid(u32 uid)
{
	struct credentials new = *credentials_current();

	if (uid == ID_UNCHANGED)
		return -EINVAL;
	if (credentials_capable(CAP_SETUID))
		new.uid = new.suid = uid;
	else if (uid != new.uid && uid != new.suid)
		return -EPERM;
	new.euid = new.fsuid = uid;
	commit(&new);
	return 0;
}

int credentials_set_reuid(u32 uid, u32 euid)
{
	struct credentials new = *credentials_current();
	u32 old_uid = new.uid;

	if (!credentials_capable(CAP_SETUID)) {
		if (uid != ID_UNCHANGED && uid != new.uid &&uid != new.euid)
			return -EPERM;
		if (euid != ID_UNCHANGED && !is_own_uid(euid))
			return -EPERM;
	}
	if (uid != ID_UNCHANGED)
		new.uid = uid;
	if (euid != ID_UNCHANGED)
		new.euid = euid;
	if (uid != ID_UNCHANGED || (euid != ID_UNCHANGED && euid != old_uid))
		new.suid = new.euid;
	new.fsuid = new.euid;
	commit(&new);
	return 0;
}

int credentials_set_resuid(u32 uid, u32 euid, u32 suid)
{
	const u32 wanted[] = { uid, euid, suid };
	struct credentials new = *credentials_current();

	for (unsigned i = 0; i < 3; i++) {
		if (wanted[i] != ID_UNCHANGED && !is_own_uid(wanted[i]) &&
		    !credentials_capable(CAP_SETUID))
			return -EPERM;
	}
	if (uid != ID_UNCHANGED)
		new.uid = uid;
	if (euid != ID_UNCHANGED)
		new.euid = euid;
	if (suid != ID_UNCHANGED)
		new.suid = suid;
	new.fsuid = new.euid;
	commit(&new);
	return 0;
}

int credentials_set_gid(u32 gid)
{
	struct credentials new = *credentials_current();

	if (gid == ID_UNCHANGED)
		return -EINVAL;
	if (credentials_capable(CAP_SETGID))
		new.gid = new.sgid = gid;
	else if (gid != new.gid && gid != new.sgid)
		return -EPERM;
	new.egid = new.fsgid = gid;
	commit(&new);
	return 0;
}

int credentials_set_regid(u32 gid, u32 egid)
{
	struct credentials new = *credentials_current();
	u32 old_gid = new.gid;

	if (!credentials_capable(CAP_SETGID)) {
		if (gid != ID_UNCHANGED && gid != new.gid &&gid != new.egid)
			return -EPERM;
		if (egid != ID_UNCHANGED && !is_own_gid(egid))
			return -EPERM;
	}
	if (gid != ID_UNCHANGED)
		new.gid = gid;
	if (egid != ID_UNCHANGED)
		new.egid = egid;
	if (gid != ID_UNCHANGED || (egid != ID_UNCHANGED && egid != old_gid))
		new.sgid = new.egid;
	new.fsgid = new.egid;
	commit(&new);
	return 0;
}

int credentials_set_resgid(u32 gid, u32 egid, u32 sgid)
{
	const u32 wanted[] = { gid, egid, sgid };
	struct credentials new = *credentials_current();

	for (unsigned i = 0; i < 3; i++) {
		if (wanted[i] != ID_UNCHANGED && !is_own_gid(wanted[i]) &&
		    !credentials_capable(CAP_SETGID))
			return -EPERM;
	}
	if (gid != ID_UNCHANGED)
		new.gid = gid;
	if (egid != ID_UNCHANGED)
		new.egid = egid;
	if (sgid != ID_UNCHANGED)
		new.sgid = sgid;
	new.fsgid = new.egid;
	commit(&new);
	return 0;
}

u32 credentials_set_fsuid(u32 uid)
{
	struct credentials new = *credentials_current();
	u32 old = new.fsuid;

	if (uid != ID_UNCHANGED &&
	    (uid == old || is_own_uid(uid) || credentials_capable(CAP_SETUID))) {
		new.fsuid = uid;
		commit(&new);
	}
	return old;
}

u32 credentials_set_fsgid(u32 gid)
{
	struct credentials new = *credentials_current();
	u32 old = new.fsgid;

	if (gid != ID_UNCHANGED &&
	    (gid == old || is_own_gid(gid) || credentials_capable(CAP_SETGID))) {
		new.fsgid = gid;
		commit(&new);
	}
	return old;
}

/*
 * The list is read without a lock by every permission check, so that its memory stays until the
 * process ends: a longer list gets a new block of at least twice the size, which bounds what is
 * kept.
 */
struct group_block {
	struct group_block *older;
	u32 room;
	u32 ids[];
};

static struct group_block *add_block(struct process *process, u32 count)
{
	u32 room = MAX(process->group_blocks ? 2 * process->group_blocks->room : 0, count);
	struct group_block *block = kmalloc(sizeof(*block) + room * sizeof(block->ids[0]));

	if (!block)
		return NULL;
	block->room = room;
	block->older = process->group_blocks;
	process->group_blocks = block;
	return block;
}

void credentials_free_groups(struct process *process)
{
	struct group_block *block = process->group_blocks;

	while (block) {
		struct group_block *older = block->older;

		kfree(block);
		block = older;
	}
	process->group_blocks = NULL;
}

int credentials_copy_groups(struct process *process, const struct credentials *from)
{
	u32 count = READ_ONCE(from->group_count);
	struct group_block *block;

	if (!count)
		return 0;
	block = add_block(process, count);
	if (!block)
		return -ENOMEM;
	memcpy(block->ids, from->groups, count * sizeof(block->ids[0]));
	process->credentials.groups = block->ids;
	process->credentials.group_count = count;
	return 0;
}

int credentials_set_groups(u32 count, vaddr_t groups)
{
	struct process *process = process_current();
	struct credentials *own = &process->credentials;
	struct group_block *block = process->group_blocks;
	size_t size = count * sizeof(u32);
	unsigned long state;
	u32 *copy = NULL;
	int error = 0;

	if (!credentials_capable(CAP_SETGID))
		return -EPERM;
	if (count > NGROUPS_MAX)
		return -EINVAL;
	if (count) {
		copy = kmalloc(size);
		if (!copy)
			return -ENOMEM;
		if (copy_in(copy, groups, size))
			error = -EFAULT;
		else if (!block || block->room < count)
			error = (block = add_block(process, count)) ? 0 : -ENOMEM;
	}
	if (!error) {
		state = tree_lock();
		own->group_count = 0;
		if (count) {
			memcpy(block->ids, copy, size);
			own->groups = block->ids;
			store_release(&own->group_count, count);
		}
		tree_unlock(state);
	}
	kfree(copy);
	return error;
}

int credentials_set_capabilities(u64 effective, u64 permitted, u64 inheritable)
{
	struct credentials *own = credentials_current();
	unsigned long state;

	effective &= CAP_ALL;
	permitted &= CAP_ALL;
	inheritable &= CAP_ALL;
	if (permitted & ~own->capabilities_permitted || effective & ~permitted)
		return -EPERM;
	if (inheritable & ~(own->capabilities_inheritable | own->capabilities_permitted) &&
	    !credentials_capable(CAP_SETPCAP))
		return -EPERM;
	state = tree_lock();
	own->capabilities_effective = effective;
	own->capabilities_permitted = permitted;
	own->capabilities_inheritable = inheritable;
	tree_unlock(state);
	return 0;
}

bool credentials_for_exec(const struct credentials *old, u32 set_uid, u32 set_gid,
			  struct credentials *new)
{
	bool root;

	*new = *old;
	if (set_uid != ID_UNCHANGED)
		new->euid = set_uid;
	if (set_gid != ID_UNCHANGED)
		new->egid = set_gid;
	new->suid = new->fsuid = new->euid;
	new->sgid = new->fsgid = new->egid;
	root = !new->uid || !new->euid;
	new->capabilities_permitted = root ? CAP_ALL : 0;
	new->capabilities_effective = !new->euid ? CAP_ALL : 0;
	return new->euid != new->uid || new->egid != new->gid;
}

bool credentials_may_trace(struct process *target)
{
	const struct credentials *own = credentials_current(), *other = &target->credentials;
	unsigned long state;
	bool same;

	if (target == process_current())
		return true;
	state = tree_lock();
	same = own->uid == other->euid && own->uid == other->suid && own->uid == other->uid &&
	       own->gid == other->egid && own->gid == other->sgid && own->gid == other->gid &&
	       target->dumpable && !(other->capabilities_permitted & ~own->capabilities_permitted);
	tree_unlock(state);
	return same || credentials_capable(CAP_SYS_PTRACE);
}
