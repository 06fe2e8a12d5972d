#pragma once
/* System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2). */
#include <lib/types.h>
#include <proc/ipc.h>

enum {
	SHM_RDONLY = 010000,
	SHM_RND = 020000,
	SHM_REMAP = 040000,
	SHM_EXEC = 0100000,
	SHM_DEST = 01000,   /* in mode: goes with its last mapping */
	SHM_LOCKED = 02000, /* in mode */
	SHM_SEGMENTS_MAX = 4096,
};
#define SHM_SIZE_MAX (~0ull - (1ull << 24))

/* struct shmid64_ds, as programs see it. */
struct shm_status {
	struct ipc_permission permission;
	u64 size;
	s64 attach_time, detach_time, change_time; /* s */
	s32 creator_pid, last_pid;
	u64 attached, unused[2];
};
static_assert(sizeof(struct shm_status) == 112, "asm-generic/shmbuf.h");

struct shm_totals {
	u32 segments, last_index;
	u64 pages, resident; /* of all segments */
};

/* The id, or -errno. May sleep, as all of these. */
s64 shm_get(s32 key, u64 size, u32 flags);
/* The address, or -errno. */
s64 shm_attach(s32 id, vaddr_t address, u32 flags);
int shm_detach(vaddr_t address);
/* IPC_STAT of an id, or (@by_index: SHM_STAT) of an index; @any: whoever asks. Its id, or -errno. */
s64 shm_status(s32 number, bool by_index, bool any, struct shm_status *status);
/* IPC_SET; IPC_RMID; SHM_LOCK and SHM_UNLOCK. */
int shm_set(s32 id, const struct ipc_permission *wanted);
int shm_remove(s32 id);
int shm_lock(s32 id, bool lock);
struct shm_totals shm_totals(void);
/* For /proc/sysvipc/shm: the segment at @index or above; false: none. *@id is its id. */
bool shm_next(u32 index, s32 *id, struct shm_status *status, u64 *resident_pages);
