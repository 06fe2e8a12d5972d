#include <arch/trap.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <proc/rseq.h>
#include <proc/tree.h>
#include <sched/cpu.h>

struct area { /* struct rseq */
	u32 cpu_start, cpu;
	u64 section;
	u32 flags, node, concurrency, padding;
};
enum { AREA_SIZE = sizeof(struct area), CPU_UNKNOWN = -1 };

struct section { /* struct rseq_cs */
	u32 version, flags;
	u64 start, length, abort;
};

static bool put_cpu(vaddr_t area, u32 cpu, u32 cpu_start, u32 concurrency)
{
	const u32 first[2] = { cpu_start, cpu }, second[2] = { 0, concurrency };

	return !copy_out(area, first, sizeof(first)) &&
	       !copy_out(area + offsetof(struct area, node), second, sizeof(second));
}

static long unregister(vaddr_t area, u32 size, u32 flags, u32 signature)
{
	struct user_thread *user = thread_current()->user;

	if (flags != RSEQ_UNREGISTER || !user->rseq || user->rseq != area ||
	    user->rseq_size != size)
		return -EINVAL;
	if (user->rseq_signature != signature)
		return -EPERM;
	if (!put_cpu(area, (u32)CPU_UNKNOWN, 0, 0))
		return -EFAULT;
	rseq_clear(user);
	return 0;
}

long rseq_register(vaddr_t area, u32 size, u32 flags, u32 signature)
{
	struct thread *thread = thread_current();
	struct user_thread *user = thread->user;

	if (flags & RSEQ_UNREGISTER)
		return unregister(area, size, flags, signature);
	if (flags)
		return -EINVAL;
	if (user->rseq) {
		if (user->rseq != area || user->rseq_size != size)
			return -EINVAL;
		return user->rseq_signature == signature ? -EBUSY : -EPERM;
	}
	if (size < AREA_SIZE || area % AREA_SIZE)
		return -EINVAL;
	if (!area || area >= USER_END || size > USER_END - area)
		return -EFAULT;
	user->rseq = area;
	user->rseq_size = size;
	user->rseq_signature = signature;
	/* Written on the way out. */
	thread->sequence_cpu = SEQUENCE_CPU_UNKNOWN;
	thread_add_work(thread, WORK_SEQUENCE);
	return 0;
}

void rseq_clear(struct user_thread *user)
{
	user->rseq = 0;
	user->thread->sequence_cpu = 0;
	atomic32_and(&user->thread->work, ~(u32)WORK_SEQUENCE);
}

void rseq_inherit(struct user_thread *child)
{
	struct thread *thread = thread_current();

	child->rseq = thread->user->rseq;
	child->rseq_size = thread->user->rseq_size;
	child->rseq_signature = thread->user->rseq_signature;
	child->thread->sequence_cpu = thread->sequence_cpu;
}

/* @pointer names the section. False: it is none. */
static bool leave(struct trap_frame *frame, const struct user_thread *user, u64 pointer)
{
	const vaddr_t at = user->rseq + offsetof(struct area, section);
	const u64 none = 0;
	struct section section;
	u32 signature;

	if (copy_in(&section, pointer, sizeof(section)) || section.version ||
	    section.start >= USER_END || section.length > USER_END - section.start ||
	    section.abort >= USER_END || section.abort - section.start < section.length)
		return false;
	if (trap_pc(frame) - section.start < section.length) {
		if (copy_in(&signature, section.abort - sizeof(signature), sizeof(signature)) ||
		    signature != user->rseq_signature)
			return false;
		trap_set_pc(frame, section.abort);
	}
	return !copy_out(at, &none, sizeof(none));
}

void rseq_leave_section(struct trap_frame *frame)
{
	struct user_thread *user = thread_current()->user;
	u32 low, high;

	if (!user->rseq)
		return;
	/* Nearly always there is none. */
	if (!user_load32(&low, user->rseq + offsetof(struct area, section)) &&
	    !user_load32(&high, user->rseq + offsetof(struct area, section) + sizeof(low)) &&
	    (!(low | high) || leave(frame, user, (u64)high << 32 | low)))
		return;
	rseq_clear(user);
	signal_force_fault(SIGSEGV, SI_KERNEL, 0);
}

void rseq_update(struct trap_frame *frame)
{
	struct thread *thread = thread_current();
	u32 cpu = cpu_this()->index;

	atomic32_and(&thread->work, ~(u32)WORK_SEQUENCE);
	if (!thread->user->rseq)
		return;
	/* Who moves while it is written comes back here. */
	thread->sequence_cpu = cpu + 1;
	if (put_cpu(thread->user->rseq, cpu, cpu, cpu)) {
		rseq_leave_section(frame);
		return;
	}
	rseq_clear(thread->user);
	signal_force_fault(SIGSEGV, SI_KERNEL, 0);
}
