#include <fs/vnode.h>
#include <lib/err.h>
#include <proc/credentials.h>
#include <proc/ipc.h>

enum { MODE_BITS = 0777, NS_PER_SECOND = 1000000000, SEQUENCE_MAX = 0xffff };

struct mutex ipc_lock = MUTEX_INIT(ipc_lock);

struct ipc_entry *ipc_from(struct ipc_table *table, u32 index)
{
	struct ipc_entry *entry;

	list_for_each_entry(entry, &table->entries, link) {
		if (entry->index >= index)
			return entry;
	}
	return NULL;
}

/* ERR_PTR(-EINVAL) */
static struct ipc_entry *ipc_at(struct ipc_table *table, s32 index)
{
	struct ipc_entry *entry = index < 0 ? NULL : ipc_from(table, (u32)index);

	return entry && entry->index == (u32)index ? entry : ERR_PTR(-EINVAL);
}

struct ipc_entry *ipc_find(struct ipc_table *table, s32 id)
{
	struct ipc_entry *entry = id < 0 ? ERR_PTR(-EINVAL) : ipc_at(table, id & 0x7fff);

	return !IS_ERR(entry) && ipc_id(entry) != id ? ERR_PTR(-EINVAL) : entry;
}

u32 ipc_last_index(const struct ipc_table *table)
{
	return list_empty(&table->entries)
		       ? 0
		       : list_last_entry(&table->entries, struct ipc_entry, link)->index;
}

bool ipc_permitted(const struct ipc_permission *permission, u32 access)
{
	const struct credentials *own = credentials_current();
	u32 granted = permission->mode;

	if (own->euid == permission->creator_uid || own->euid == permission->uid)
		granted >>= 6;
	else if (fs_in_group(permission->creator_gid) || fs_in_group(permission->gid))
		granted >>= 3;
	return !(access & ~granted) || credentials_capable(CAP_IPC_OWNER);
}

bool ipc_is_owner(const struct ipc_permission *permission)
{
	const struct credentials *own = credentials_current();

	return own->euid == permission->creator_uid || own->euid == permission->uid ||
	       credentials_capable(CAP_SYS_ADMIN);
}

struct ipc_entry *ipc_find_stat(struct ipc_table *table, s32 number, bool by_index, bool any)
{
	struct ipc_entry *entry = by_index ? ipc_at(table, number) : ipc_find(table, number);

	if (!IS_ERR(entry) && !any && !ipc_permitted(&entry->permission, IPC_READ))
		return ERR_PTR(-EACCES);
	return entry;
}

struct ipc_entry *ipc_find_owned(struct ipc_table *table, s32 id)
{
	struct ipc_entry *entry = ipc_find(table, id);

	return IS_ERR(entry) || ipc_is_owner(&entry->permission) ? entry : ERR_PTR(-EPERM);
}

static struct ipc_entry *find_key(struct ipc_table *table, s32 key)
{
	struct ipc_entry *entry;

	list_for_each_entry(entry, &table->entries, link) {
		if (entry->permission.key == key)
			return entry;
	}
	return NULL;
}

struct ipc_entry *ipc_lookup(struct ipc_table *table, s32 key, u32 flags)
{
	struct ipc_entry *entry = key == IPC_PRIVATE ? NULL : find_key(table, key);

	if (entry) {
		u32 access = (flags >> 6 | flags >> 3 | flags) & 7;

		if (flags & IPC_CREAT && flags & IPC_EXCL)
			return ERR_PTR(-EEXIST);
		return ipc_permitted(&entry->permission, access) ? entry : ERR_PTR(-EACCES);
	}
	if (key != IPC_PRIVATE && !(flags & IPC_CREAT))
		return ERR_PTR(-ENOENT);
	return table->count >= table->max ? ERR_PTR(-ENOSPC) : NULL;
}

/* Before the first gap: indices are small numbers again, the sequence tells ids apart. */
static struct list_node *place_for(struct ipc_table *table, u32 *index)
{
	struct ipc_entry *entry;

	*index = 0;
	list_for_each_entry(entry, &table->entries, link) {
		if (entry->index != *index)
			return &entry->link;
		++*index;
	}
	return &table->entries;
}

void ipc_add(struct ipc_table *table, struct ipc_entry *entry, s32 key, u32 flags)
{
	const struct credentials *own = credentials_current();
	struct list_node *next = place_for(table, &entry->index);

	entry->permission = (struct ipc_permission){ .key = key,
						     .uid = own->euid,
						     .gid = own->egid,
						     .creator_uid = own->euid,
						     .creator_gid = own->egid,
						     .mode = flags & MODE_BITS,
						     .sequence = table->sequence };
	list_add_tail(next, &entry->link);
	table->count++;
}

void ipc_remove(struct ipc_table *table, struct ipc_entry *entry)
{
	list_remove(&entry->link);
	table->count--;
	/* So that an id is not given out again soon. */
	table->sequence = table->sequence < SEQUENCE_MAX ? table->sequence + 1 : 0;
}

void ipc_set(struct ipc_permission *permission, const struct ipc_permission *wanted)
{
	permission->uid = wanted->uid;
	permission->gid = wanted->gid;
	permission->mode = (permission->mode & ~(u32)MODE_BITS) | (wanted->mode & MODE_BITS);
}

s64 ipc_time(void)
{
	return vnode_time_now() / NS_PER_SECOND;
}
