#pragma once
/* System V semaphores: semget(2), semop(2), semctl(2). */
#include <lib/types.h>
#include <proc/ipc.h>

enum {
	SEM_UNDO = 0x1000,
	SEM_VALUE_MAX = 32767,
	SEM_SET_MAX = 32000, /* semaphores in a set */
	SEM_OPS_MAX = 500,
};

struct sem_operation { /* struct sembuf */
	u16 number;
	s16 change;
	u16 flags;
};

/* struct semid64_ds, as programs see it. */
struct sem_status {
	struct ipc_permission permission;
	s64 operation_time, change_time; /* s */
	u64 count, unused[2];
};
static_assert(sizeof(struct sem_status) == 88, "asm-generic/sembuf.h");

struct sem_totals {
	u32 sets, last_index, semaphores;
};

enum sem_question { SEM_VALUE, SEM_PID, SEM_WAIT_MORE, SEM_WAIT_ZERO };

struct process;

/* The id, or -errno. May sleep, as all of these. */
s64 sem_get(s32 key, s32 count, u32 flags);
/*
 * All of @operations at once, waiting until @deadline (ns; WAIT_FOREVER) where they cannot be. 0;
 * -EAGAIN (IPC_NOWAIT, time-out), -EIDRM, -EINTR and those of semop(2).
 */
int sem_operate(s32 id, const struct sem_operation *operations, unsigned count, u64 deadline);
/* As shm_status(), shm_set(), shm_remove(). */
s64 sem_status(s32 number, bool by_index, bool any, struct sem_status *status);
int sem_set(s32 id, const struct ipc_permission *wanted);
int sem_remove(s32 id);
/* GETVAL, GETPID, GETNCNT, GETZCNT of one; SETVAL. */
s64 sem_ask(s32 id, s32 number, enum sem_question question);
int sem_set_value(s32 id, s32 number, s32 value);
/* How many the set has; GETALL: @values has room for @count, -EINVAL when that is not it; SETALL. */
s64 sem_count(s32 id);
int sem_get_all(s32 id, u16 *values, unsigned count);
int sem_set_all(s32 id, const u16 *values, unsigned count);
struct sem_totals sem_totals(void);
/* For /proc/sysvipc/sem, as shm_next(). */
bool sem_next(u32 index, s32 *id, struct sem_status *status);
/* The process ends: what it did with SEM_UNDO is undone. */
void sem_exit(struct process *process);
