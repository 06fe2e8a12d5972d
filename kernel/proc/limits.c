#include <lib/errno.h>
#include <mm/frame.h>
#include <proc/credentials.h>
#include <proc/limits.h>
#include <proc/tree.h>

enum {
	STACK_DEFAULT = 8 << 20,
	FILES_SOFT = 1024,
	FILES_HARD = 4096,
	FILES_MAX = 1 << 20,
	LOCKED_DEFAULT = 8 << 20,
	QUEUE_DEFAULT = 819200,
	PAGES_PER_THREAD = 16,
};

void limits_init(struct process *process)
{
	struct resource_limit *limits = process->limits;
	struct frame_statistics memory;
	u64 threads;

	frame_statistics(&memory);
	threads = CLAMP(memory.total / PAGES_PER_THREAD, (u64)32, (u64)PID_MAX / 2);
	for (unsigned i = 0; i < RLIMIT_COUNT; i++)
		limits[i] = (struct resource_limit){ RLIMIT_INFINITY, RLIMIT_INFINITY };
	limits[RLIMIT_STACK].soft = STACK_DEFAULT;
	limits[RLIMIT_CORE].soft = 0;
	limits[RLIMIT_NPROC] = (struct resource_limit){ threads, threads };
	limits[RLIMIT_SIGPENDING] = limits[RLIMIT_NPROC];
	limits[RLIMIT_NOFILE] = (struct resource_limit){ FILES_SOFT, FILES_HARD };
	limits[RLIMIT_MEMLOCK] = (struct resource_limit){ LOCKED_DEFAULT, LOCKED_DEFAULT };
	limits[RLIMIT_MSGQUEUE] = (struct resource_limit){ QUEUE_DEFAULT, QUEUE_DEFAULT };
	limits[RLIMIT_NICE] = (struct resource_limit){ 0, 0 };
	limits[RLIMIT_RTPRIO] = (struct resource_limit){ 0, 0 };
}

int limits_change(struct process *process, unsigned resource, const struct resource_limit *new,
		  struct resource_limit *old)
{
	struct resource_limit *limit;
	unsigned long state;
	bool may_raise = credentials_capable(CAP_SYS_RESOURCE);
	int error = 0;

	if (resource >= RLIMIT_COUNT || (new &&new->soft > new->hard))
		return -EINVAL;
	if (new &&resource == RLIMIT_NOFILE &&new->hard > FILES_MAX)
		return -EPERM;
	limit = &process->limits[resource];
	state = tree_lock();
	if (old)
		*old = *limit;
	if (new &&new->hard > limit->hard && !may_raise)
		error = -EPERM;
	else if (new)
		*limit = *new;
	tree_unlock(state);
	return error;
}
