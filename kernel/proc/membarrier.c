#include <arch/cache.h>
#include <lib/errno.h>
#include <proc/membarrier.h>
#include <proc/tree.h>
#include <sched/cpu.h>

enum {
	REGISTERING = MEMBARRIER_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_REGISTER_PRIVATE_EXPEDITED |
		      MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
	KNOWN = REGISTERING | MEMBARRIER_GLOBAL | MEMBARRIER_GLOBAL_EXPEDITED |
		MEMBARRIER_PRIVATE_EXPEDITED | MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE |
		MEMBARRIER_GET_REGISTRATIONS,
};

/* One at a time: waiting for the others would only keep CPUs busy that are waited for. */
static struct mutex barrier_mutex = MUTEX_INIT(barrier_mutex);

static void barrier(const struct mmu_space *mmu)
{
	mutex_lock(&barrier_mutex);
	cpus_barrier(mmu);
	mutex_unlock(&barrier_mutex);
}

static bool is_registered(int command)
{
	return process_current()->membarriers & command;
}

static long private_barrier(int registration)
{
	if (!is_registered(registration))
		return -EPERM;
	barrier(thread_current()->mmu);
	if (registration == MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE)
		icache_sync_all();
	return 0;
}

static long do_register(int command)
{
	struct process *process = process_current();
	unsigned long state = tree_lock();

	process->membarriers |= command;
	tree_unlock(state);
	return 0;
}

long membarrier(int command)
{
	switch (command) {
	case MEMBARRIER_QUERY:
		return KNOWN;
	case MEMBARRIER_GLOBAL:
	case MEMBARRIER_GLOBAL_EXPEDITED:
		barrier(NULL);
		return 0;
	case MEMBARRIER_PRIVATE_EXPEDITED:
		return private_barrier(MEMBARRIER_REGISTER_PRIVATE_EXPEDITED);
	case MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE:
		return private_barrier(MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE);
	case MEMBARRIER_GET_REGISTRATIONS:
		return process_current()->membarriers;
	default:
		return command > 0 && (command & REGISTERING) == command ? do_register(command)
									 : -EINVAL;
	}
}
