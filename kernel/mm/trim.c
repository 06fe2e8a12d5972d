#include <mm/frame.h>
#include <mm/reclaim.h>
#include <mm/slab.h>
#include <mm/trim.h>
#include <sched/cpu.h>
#include <sched/runqueue.h>

void memory_trim(void)
{
	struct thread *self = thread_current();
	u64 affinity = READ_ONCE(self->affinity.bits), cpus = cpus_online.bits;

	reclaim_everything();
	for (; cpus; cpus &= cpus - 1) {
		(void)thread_set_affinity(self, cpus & -cpus);
		kfree(kmalloc(1)); /* so that it has its lists, now and later */
		stack_trim_all();
		frame_trim();
	}
	(void)thread_set_affinity(self, affinity);
}
