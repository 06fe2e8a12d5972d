#include <arch/trap.h>
#include <sched/thread.h>

/* A frame record lies just below where fp points: {fp of the caller, return address}. */
struct frame_record {
	vaddr_t fp, pc;
};

extern char overflow_stack[], overflow_stack_top[];

/* Is there a whole record below @fp on the current thread's stack? */
static bool record_valid(vaddr_t fp)
{
	vaddr_t bottom = thread_current()->arch.stack_bottom;
	vaddr_t stack = thread_current()->stack;

	if (fp & 7)
		return false;
	if (bottom == (vaddr_t)overflow_stack && fp <= (vaddr_t)overflow_stack_top &&
	    fp >= bottom + sizeof(struct frame_record))
		return true;
	return fp >= stack + sizeof(struct frame_record) && fp <= stack + KERNEL_STACK_SIZE;
}

static const struct frame_record *record_at(vaddr_t fp)
{
	return (const struct frame_record *)fp - 1;
}

unsigned backtrace_collect(const struct trap_frame *frame, vaddr_t *pcs, unsigned max)
{
	unsigned count = 0;
	vaddr_t fp = (vaddr_t)__builtin_frame_address(0), next;

	if (frame) {
		if (count < max)
			pcs[count++] = trap_pc(frame);
		if (trap_from_user(frame))
			return count;
		fp = frame->registers[REGISTER_S0];
		/*
		 * A leaf function keeps only its caller's fp, where others keep the return address.
		 */
		if (record_valid(fp) && record_valid(record_at(fp)->pc)) {
			if (count < max)
				pcs[count++] = frame->registers[REGISTER_RA];
			fp = record_at(fp)->pc;
		}
	}
	while (count < max && record_valid(fp) && record_at(fp)->pc) {
		pcs[count++] = record_at(fp)->pc;
		next = record_at(fp)->fp;
		/* Upwards only, but for the step from the overflow stack to the thread's own. */
		if (next <= fp && fp != (vaddr_t)overflow_stack_top)
			break;
		fp = next;
	}
	return count;
}
