#pragma once
/*
 * System V objects: sysvipc(7). Each kind has a table of entries with ids, found by id or key; one
 * mutex, ipc_lock (before space and object), guards the tables, all permissions and all semaphores. User memory
 * is not touched under it.
 */
#include <lib/list.h>
#include <sched/lock.h>

enum {
	IPC_CREAT = 01000,
	IPC_EXCL = 02000,
	IPC_NOWAIT = 04000,
	IPC_RMID = 0,
	IPC_SET = 1,
	IPC_STAT = 2,
	IPC_INFO = 3,
	IPC_PRIVATE = 0,
	IPC_READ = 4, /* what ipc_permitted() is asked for, as in mode bits */
	IPC_WRITE = 2,
	IPC_ENTRIES_MAX = 32000,
};

/* struct ipc64_perm, as programs see it. */
struct ipc_permission {
	s32 key;
	u32 uid, gid, creator_uid, creator_gid, mode;
	u16 sequence, padding;
	u32 padding2;
	u64 unused[2];
};
static_assert(sizeof(struct ipc_permission) == 48, "asm-generic/ipcbuf.h");

struct ipc_entry {
	struct list_node link; /* [ipc] in its table, by index */
	u32 index;	       /* [const] */
	struct ipc_permission permission;
};

struct ipc_table {
	struct list_node entries; /* [ipc] */
	u32 count, max;
	u16 sequence;
};

extern struct mutex ipc_lock;

static inline s32 ipc_id(const struct ipc_entry *entry)
{
	return (s32)entry->permission.sequence << 15 | (s32)entry->index;
}
/* All of these with ipc_lock held. The entry with this id; ERR_PTR(-EINVAL). */
struct ipc_entry *ipc_find(struct ipc_table *table, s32 id);
/* The STAT commands: by id or by index, and readable by the caller unless @any may ask. ERR_PTR(-EINVAL, -EACCES). */
struct ipc_entry *ipc_find_stat(struct ipc_table *table, s32 number, bool by_index, bool any);
/* IPC_SET and IPC_RMID: only for whom ipc_is_owner(). ERR_PTR(-EINVAL, -EPERM). */
struct ipc_entry *ipc_find_owned(struct ipc_table *table, s32 id);
/* The entry with this index or the next above it; NULL. */
struct ipc_entry *ipc_from(struct ipc_table *table, u32 index);
/* The largest index in use, 0 without any: what the INFO commands return. */
u32 ipc_last_index(const struct ipc_table *table);
/*
 * What xxxget(2) finds for @key: an entry; NULL: make a new one; ERR_PTR(-ENOENT, -EEXIST, -EACCES,
 * -ENOSPC).
 */
struct ipc_entry *ipc_lookup(struct ipc_table *table, s32 key, u32 flags);
/* Give a new entry its id and owner, and put it into the table, which has room. */
void ipc_add(struct ipc_table *table, struct ipc_entry *entry, s32 key, u32 flags);
void ipc_remove(struct ipc_table *table, struct ipc_entry *entry);
/* May the caller do what needs @access (IPC_READ | IPC_WRITE)? */
bool ipc_permitted(const struct ipc_permission *permission, u32 access);
/* Its owner or creator, or privileged. */
bool ipc_is_owner(const struct ipc_permission *permission);
/* IPC_SET: owner and mode from @wanted. */
void ipc_set(struct ipc_permission *permission, const struct ipc_permission *wanted);
/* Seconds since the epoch. */
s64 ipc_time(void);
