/* System V shared memory and semaphores: decoding only (sysvipc(7)). */
#include <abi/handler.h>
#include <arch/time.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <proc/semaphore.h>
#include <proc/shared_memory.h>
#include <sched/wait.h>

enum { /* shmctl(2), semctl(2) */
       SHM_LOCK = 11,
       SHM_UNLOCK,
       SHM_STAT,
       SHM_INFO,
       SHM_STAT_ANY,
       GETPID = 11,
       GETVAL,
       GETALL,
       GETNCNT,
       GETZCNT,
       SETVAL,
       SETALL,
       SEM_STAT,
       SEM_INFO,
       SEM_STAT_ANY,
       SEM_SETS_MAX = 32000,
       SEM_TOTAL_MAX = 1024000000,
       UNDO_SIZE = 20,
       OPERATIONS_FEW = 8,
};

SYSCALL_3(sys_shmget, key, size, flags)
{
	return shm_get((s32)key, size, (u32)flags);
}

SYSCALL_3(sys_shmat, id, address, flags)
{
	return shm_attach((s32)id, address, (u32)flags);
}

SYSCALL_1(sys_shmdt, address)
{
	return shm_detach(address);
}

/* struct shminfo64 */
static long shm_limits_out(vaddr_t to)
{
	const u64 limits[9] = { SHM_SIZE_MAX, 1, SHM_SEGMENTS_MAX, SHM_SEGMENTS_MAX, SHM_SIZE_MAX };

	if (copy_out(to, limits, sizeof(limits)))
		return -EFAULT;
	return shm_totals().last_index;
}

static long shm_info_out(vaddr_t to)
{
	struct shm_totals totals = shm_totals();
	const struct {
		s32 used_ids, padding;
		u64 total, resident, swapped, swap_attempts, swap_successes;
	} info = { .used_ids = totals.segments,
		   .total = totals.pages,
		   .resident = totals.resident };

	return copy_out(to, &info, sizeof(info)) ? -EFAULT : (long)totals.last_index;
}

static long shm_status_out(s32 number, int command, vaddr_t to)
{
	struct shm_status status;
	s64 result = shm_status(number, command != IPC_STAT, command == SHM_STAT_ANY, &status);

	if (result >= 0 && copy_out(to, &status, sizeof(status)))
		return -EFAULT;
	return result;
}

SYSCALL_3(sys_shmctl, id_, command, buffer)
{
	s32 id = (s32)id_;
	struct shm_status wanted;

	if ((int)command < 0 || id < 0)
		return -EINVAL;
	switch ((int)command) {
	case IPC_INFO:
		return shm_limits_out(buffer);
	case SHM_INFO:
		return shm_info_out(buffer);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		return shm_status_out(id, (int)command, buffer);
	case IPC_SET:
		if (copy_in(&wanted, buffer, sizeof(wanted)))
			return -EFAULT;
		return shm_set(id, &wanted.permission);
	case IPC_RMID:
		return shm_remove(id);
	case SHM_LOCK:
	case SHM_UNLOCK:
		return shm_lock(id, (int)command == SHM_LOCK);
	default:
		return -EINVAL;
	}
}

SYSCALL_3(sys_semget, key, count, flags)
{
	return sem_get((s32)key, (s32)count, (u32)flags);
}

static long operate(s32 id, vaddr_t from, u64 count, u64 deadline)
{
	struct sem_operation few[OPERATIONS_FEW], *operations = few;
	long result = -EFAULT;

	if (!count || id < 0)
		return -EINVAL;
	if (count > SEM_OPS_MAX)
		return -E2BIG;
	if (count > OPERATIONS_FEW)
		operations = kmalloc(count * sizeof(*operations));
	if (!operations)
		return -ENOMEM;
	if (!copy_in(operations, from, count * sizeof(*operations)))
		result = sem_operate(id, operations, (unsigned)count, deadline);
	if (operations != few)
		kfree(operations);
	return result;
}

SYSCALL_3(sys_semop, id, operations, count)
{
	return operate((s32)id, operations, (u32)count, WAIT_FOREVER);
}

SYSCALL_4(sys_semtimedop, id, operations, count, timeout)
{
	u64 deadline = WAIT_FOREVER, ns;
	int error;

	if (timeout) {
		error = time_spec_in(timeout, &ns);
		if (error)
			return error;
		if (__builtin_add_overflow(time_now(), ns, &deadline))
			deadline = WAIT_FOREVER;
	}
	return operate((s32)id, operations, (u32)count, deadline);
}

/* struct seminfo; SEM_INFO has what is in use in two of its fields. */
static long sem_info_out(bool usage, vaddr_t to)
{
	struct sem_totals totals = sem_totals();
	s32 info[10] = { SEM_TOTAL_MAX, SEM_SETS_MAX, SEM_TOTAL_MAX, SEM_TOTAL_MAX, SEM_SET_MAX,
			 SEM_OPS_MAX,	SEM_OPS_MAX,  UNDO_SIZE,     SEM_VALUE_MAX, SEM_VALUE_MAX };

	if (usage) {
		info[7] = (s32)totals.sets;
		info[9] = (s32)totals.semaphores;
	}
	return copy_out(to, info, sizeof(info)) ? -EFAULT : (long)totals.last_index;
}

static long sem_status_out(s32 number, int command, vaddr_t to)
{
	struct sem_status status;
	s64 result = sem_status(number, command != IPC_STAT, command == SEM_STAT_ANY, &status);

	if (result >= 0 && copy_out(to, &status, sizeof(status)))
		return -EFAULT;
	return result;
}

static long transfer_all(s32 id, bool set, vaddr_t user)
{
	s64 count = sem_count(id);
	size_t size = count * sizeof(u16);
	long result = -ENOMEM;
	u16 *values;

	if (count < 0)
		return count;
	values = kmalloc(size);
	if (!values)
		return -ENOMEM;
	if (set)
		result = copy_in(values, user, size) ? -EFAULT
						     : sem_set_all(id, values, (unsigned)count);
	else
		result = sem_get_all(id, values, (unsigned)count);
	if (!set && !result && copy_out(user, values, size))
		result = -EFAULT;
	kfree(values);
	return result;
}

static long sem_set_status(s32 id, vaddr_t from)
{
	struct sem_status wanted;

	return copy_in(&wanted, from, sizeof(wanted)) ? -EFAULT : sem_set(id, &wanted.permission);
}

SYSCALL_4(sys_semctl, id_, number, command, argument)
{
	s32 id = (s32)id_;

	if (id < 0)
		return -EINVAL;
	switch ((int)command) {
	case IPC_INFO:
	case SEM_INFO:
		return sem_info_out((int)command == SEM_INFO, argument);
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		return sem_status_out(id, (int)command, argument);
	case IPC_SET:
		return sem_set_status(id, argument);
	case IPC_RMID:
		return sem_remove(id);
	case GETVAL:
		return sem_ask(id, (s32)number, SEM_VALUE);
	case GETPID:
		return sem_ask(id, (s32)number, SEM_PID);
	case GETNCNT:
		return sem_ask(id, (s32)number, SEM_WAIT_MORE);
	case GETZCNT:
		return sem_ask(id, (s32)number, SEM_WAIT_ZERO);
	case SETVAL:
		return sem_set_value(id, (s32)number, (s32)argument);
	case GETALL:
	case SETALL:
		return transfer_all(id, (int)command == SETALL, argument);
	default:
		return -EINVAL;
	}
}
