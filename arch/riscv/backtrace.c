/* Return addresses, without frame pointers: each function's prologue tells where its own is. */
#include "prologue.h"
#include <arch/trap.h>
#include <debug/panic.h>
#include <sched/thread.h>

extern const char _text[], _etext[];
extern const char trap_entry[], trap_from_kernel[], trap_kernel_return[];
extern char overflow_stack[], overflow_stack_top[];

/* Where a function is, or was when it called the one before. */
struct place {
	vaddr_t pc, sp;
	vaddr_t ra;	  /* the register, where it counts: */
	bool interrupted; /* no call, a trap came here */
};

/* Is there a word at @address of the current thread's stack, or of the last one? */
static bool on_stack(vaddr_t address)
{
	vaddr_t stack = thread_current()->stack;

	if (address & 7)
		return false;
	return (address >= stack && address < stack + KERNEL_STACK_SIZE) ||
	       (address >= (vaddr_t)overflow_stack && address < (vaddr_t)overflow_stack_top);
}

static bool is_return_address(vaddr_t pc)
{
	return pc > (vaddr_t)_text && pc < (vaddr_t)_etext && !(pc & 1) &&
	       prologue_follows_call((const u16 *)_text, (const u16 *)pc);
}

static void leave_function(struct place *place, vaddr_t pc, u32 size)
{
	place->pc = pc;
	place->sp += size;
	place->interrupted = false;
}

/* To the caller; false: there is none. */
static bool step(struct place *place)
{
	size_t offset;
	struct prologue prologue;
	vaddr_t slot;

	/* A call that does not return may be the last of its function: look before its end. */
	if (!symbol_lookup(place->pc - !place->interrupted, &offset))
		return false;
	offset += !place->interrupted;
	prologue = prologue_read((const u16 *)(place->pc - offset), (const u16 *)place->pc);
	slot = place->sp + prologue.size - prologue.return_below;
	if (prologue.return_saved && on_stack(slot) && is_return_address(*(const u64 *)slot)) {
		leave_function(place, *(const u64 *)slot, prologue.size);
		return true;
	}
	if (!place->interrupted || !is_return_address(place->ra))
		return false;
	leave_function(place, place->ra, prologue.return_saved ? 0 : prologue.size);
	return true;
}

static void begin_at(struct place *place, const struct trap_frame *frame)
{
	place->pc = trap_pc(frame);
	place->sp = trap_stack(frame);
	place->ra = frame->registers[REGISTER_RA];
	place->interrupted = true;
}

/* Before what a trap interrupted in the kernel come the trap's own functions. */
static bool step_over_trap(struct place *place)
{
	if (place->pc != (vaddr_t)trap_kernel_return || !on_stack(place->sp))
		return false;
	begin_at(place, (const struct trap_frame *)place->sp);
	return true;
}

static bool entered_from_user(const struct place *place)
{
	return place->pc >= (vaddr_t)trap_entry && place->pc < (vaddr_t)trap_from_kernel;
}

__noinline unsigned backtrace_collect(const struct trap_frame *frame, vaddr_t *pcs, unsigned max)
{
	struct place place = { 0 };
	unsigned count = 0;

	if (frame) {
		begin_at(&place, frame);
		if (trap_from_user(frame))
			max = max ? 1 : 0;
	} else {
		asm volatile("auipc %0, 0\n\tmv %1, sp" : "=r"(place.pc), "=r"(place.sp));
		if (!step(&place))
			return 0;
	}
	while (count < max) {
		pcs[count++] = place.pc;
		if (entered_from_user(&place) || (!step_over_trap(&place) && !step(&place)))
			break;
	}
	return count;
}
