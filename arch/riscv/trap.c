#include "fixup.h"
#include "hart.h"
#include <arch/mmu.h>
#include <arch/tlb.h>
#include <arch/trap.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <proc/signal.h>
#include <sched/cpu.h>

extern const struct exception_entry __start_exception_table[], __stop_exception_table[];

void trap_user(struct trap_frame *frame);
void trap_kernel(struct trap_frame *frame);
__noreturn void trap_stack_overflow(struct trap_frame *frame);

static const char *const cause_names[] = {
	[CAUSE_FETCH_MISALIGNED] = "misaligned instruction",
	[CAUSE_FETCH_ACCESS] = "instruction access fault",
	[CAUSE_ILLEGAL] = "illegal instruction",
	[CAUSE_BREAKPOINT] = "breakpoint",
	[CAUSE_LOAD_MISALIGNED] = "misaligned load",
	[CAUSE_LOAD_ACCESS] = "load access fault",
	[CAUSE_STORE_MISALIGNED] = "misaligned store",
	[CAUSE_STORE_ACCESS] = "store access fault",
	[CAUSE_FETCH_PAGE] = "instruction page fault",
	[CAUSE_LOAD_PAGE] = "load page fault",
	[CAUSE_STORE_PAGE] = "store page fault",
};

static const char *cause_name(unsigned long cause)
{
	if (cause < ARRAY_SIZE(cause_names) && cause_names[cause])
		return cause_names[cause];
	return "unknown trap";
}

static enum fault_access fault_access_of(unsigned long cause)
{
	if (cause == CAUSE_STORE_PAGE)
		return FAULT_WRITE;
	return cause == CAUSE_FETCH_PAGE ? FAULT_EXEC : FAULT_READ;
}

vaddr_t exception_fixup(vaddr_t pc)
{
	const struct exception_entry *entry;

	for (entry = __start_exception_table; entry < __stop_exception_table; entry++) {
		if (entry->pc == pc)
			return entry->fixup;
	}
	return 0;
}

static void handle_interrupt(const struct trap_frame *frame)
{
	unsigned long number = frame->cause & ~CAUSE_INTERRUPT;

	switch (number) {
	case INTERRUPT_SOFTWARE:
		csr_clear(sip, BIT(INTERRUPT_SOFTWARE));
		memory_barrier();
		hart_check_stop();
		ipi_interrupt();
		break;
	case INTERRUPT_TIMER:
		csr_clear(sie, BIT(INTERRUPT_TIMER));
		timer_interrupt();
		break;
	case INTERRUPT_EXTERNAL:
		plic_interrupt();
		break;
	default:
		panic_at(frame, "interrupt %lu, which nothing enabled", number);
	}
}

/* Signals as Linux's riscv port sends them. */
static void user_signal(struct trap_frame *frame)
{
	switch (frame->cause) {
	case CAUSE_BREAKPOINT:
		user_exception(SIGTRAP, TRAP_BRKPT, frame->registers[REGISTER_PC]);
		break;
	case CAUSE_FETCH_MISALIGNED:
	case CAUSE_LOAD_MISALIGNED:
	case CAUSE_STORE_MISALIGNED:
		user_exception(SIGBUS, BUS_ADRALN, frame->value);
		break;
	case CAUSE_FETCH_ACCESS:
	case CAUSE_LOAD_ACCESS:
	case CAUSE_STORE_ACCESS:
		user_exception(SIGSEGV, SEGV_ACCERR, frame->value);
		break;
	default:
		user_exception(SIGILL, ILL_ILLOPC, frame->registers[REGISTER_PC]);
	}
}

/* entry.S: anything but a system call, interrupts off. */
void trap_user(struct trap_frame *frame)
{
	if (frame->cause & CAUSE_INTERRUPT) {
		handle_interrupt(frame);
		return;
	}
	if (frame->cause == CAUSE_ILLEGAL && fpu_first_use(frame))
		return;
	irq_enable();
	switch (frame->cause) {
	case CAUSE_FETCH_PAGE:
	case CAUSE_LOAD_PAGE:
	case CAUSE_STORE_PAGE:
		page_fault(frame->value, fault_access_of(frame->cause), true);
		break;
	default:
		user_signal(frame);
	}
}

static __noreturn void kernel_bug(struct trap_frame *frame)
{
	vaddr_t address = frame->value, pc = trap_pc(frame);
	struct thread *thread = thread_current();

	if (frame->cause != CAUSE_LOAD_PAGE && frame->cause != CAUSE_STORE_PAGE)
		panic_at(frame, "%s in the kernel at %#lx, value %#lx", cause_name(frame->cause),
			 pc, address);
	if (address - (thread->stack - KERNEL_STACK_SIZE) < KERNEL_STACK_SIZE)
		panic_at(frame, "kernel stack of thread %d overflows: %s of %#lx at %#lx",
			 thread->tid, cause_name(frame->cause), address, pc);
	panic_at(frame, "%s of %#lx in the kernel at %#lx%s", cause_name(frame->cause), address, pc,
		 address < PAGE_SIZE ? " (null pointer)" : "");
}

/*
 * Some CPUs keep an entry as invalid after it became valid. Once this CPU has flushed everything
 * since the last change of the kernel's tables, a fault is real.
 */
static bool spurious_fault(const struct trap_frame *frame)
{
	struct hart *hart = &harts[cpu_this()->index];
	unsigned generation = READ_ONCE(kernel_map_generation);
	pte_t pte = mmu_kernel_entry(frame->value);
	unsigned needed = frame->cause == CAUSE_STORE_PAGE ? PTE_W : PTE_R;

	if (frame->cause == CAUSE_FETCH_PAGE || !(pte.value & PTE_V) || !(pte.value & needed) ||
	    hart->kernel_map_seen == generation)
		return false;
	hart->kernel_map_seen = generation;
	tlb_flush_local_all();
	return true;
}

static void kernel_page_fault(struct trap_frame *frame)
{
	enum fault_access access = fault_access_of(frame->cause);
	vaddr_t fixup = exception_fixup(trap_pc(frame));
	int error = -1;

	if (frame->value >= USER_END) {
		if (!spurious_fault(frame))
			kernel_bug(frame);
		return;
	}
	if (!fixup)
		kernel_bug(frame);
	if (frame->status & SSTATUS_SPIE && !thread_current()->faults_disabled) {
		irq_enable();
		error = page_fault(frame->value, access, false);
		irq_disable();
	}
	if (error)
		frame->registers[REGISTER_PC] = fixup;
}

/* entry.S: from kernel mode, interrupts off. */
void trap_kernel(struct trap_frame *frame)
{
	vaddr_t fixup;

	if (frame->cause & CAUSE_INTERRUPT) {
		handle_interrupt(frame);
		return;
	}
	switch (frame->cause) {
	case CAUSE_FETCH_PAGE:
	case CAUSE_LOAD_PAGE:
	case CAUSE_STORE_PAGE:
		kernel_page_fault(frame);
		return;
	case CAUSE_ILLEGAL:
	case CAUSE_LOAD_ACCESS:
	case CAUSE_STORE_ACCESS:
		fixup = exception_fixup(trap_pc(frame));
		if (fixup) {
			frame->registers[REGISTER_PC] = fixup;
			return;
		}
	}
	kernel_bug(frame);
}

void trap_stack_overflow(struct trap_frame *frame)
{
	panic_at(frame,
		 "kernel stack of thread %d overflows: sp %#lx, its stack begins at %#lx; "
		 "%s, value %#lx",
		 thread_current()->tid, trap_stack(frame), thread_current()->stack,
		 cause_name(frame->cause), frame->value);
}

void trap_print(const struct trap_frame *frame)
{
	static const char names[32][4] = {
		"pc", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
		"a1", "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
		"s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
	};
	const unsigned long *value = frame->registers;

	for (unsigned i = 0; i < 32; i += 4)
		log_error("%4s %016lx %4s %016lx %4s %016lx %4s %016lx", names[i], value[i],
			  names[i + 1], value[i + 1], names[i + 2], value[i + 2], names[i + 3],
			  value[i + 3]);
	log_error("status %lx cause %lx (%s) value %lx", frame->status, frame->cause,
		  cause_name(frame->cause), frame->value);
}
