/*
 * Why a full barrier on each CPU that runs the space now is enough: one that switches to it later
 * takes its run queue's lock after us, and so comes after all that we did before.
 */
#include <arch/cpu.h>
#include <sched/cpu.h>

static bool runs(struct cpu *cpu, const struct mmu_space *mmu)
{
	unsigned long state = spin_lock_irqsave(&cpu->queue_lock);
	bool found = cpu->current && cpu->current != cpu->idle &&
		     (!mmu || cpu->current->mmu == mmu);

	spin_unlock_irqrestore(&cpu->queue_lock, state);
	return found;
}

void cpus_barrier(const struct mmu_space *mmu)
{
	u32 before[CPU_MAX];
	u64 asked = 0;
	unsigned index;

	memory_barrier();
	cpumask_for_each(index, &cpus_online) {
		struct cpu *cpu = &cpus[index];

		if (cpu == cpu_this() || !runs(cpu, mmu))
			continue;
		before[index] = read_acquire(&cpu->barriers);
		asked |= (u64)1 << index;
	}
	cpus_kick(asked);
	/* One whose interrupt was on its way when we looked may need another. */
	for (u64 left = asked; left; left &= left - 1) {
		struct cpu *cpu = &cpus[ctz64(left)];

		while (read_acquire(&cpu->barriers) == before[cpu->index]) {
			cpu_kick(cpu);
			cpu_relax();
		}
	}
	memory_barrier();
}
