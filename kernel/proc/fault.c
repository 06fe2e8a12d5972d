/* What the port reports of programs: page faults and exceptions become progress or signals. */
#include <arch/tlb.h>
#include <arch/trap.h>
#include <lib/errno.h>
#include <mm/reclaim.h>
#include <mm/space.h>
#include <proc/oom.h>
#include <proc/process.h>

/*
 * mm-hazards 9: a fault that repeats although the entry permits the access is a stale translation
 * of this CPU; dropping it is always allowed. (Other threads may rightly cause any number of
 * repetitions.)
 */
static void note_fault(struct user_thread *user, vaddr_t address)
{
	if (user->fault_address != address) {
		user->fault_address = address;
		user->fault_count = 0;
		return;
	}
	if (++user->fault_count >= 2)
		tlb_flush_local_all();
}

static void send_signal(int error, vaddr_t address)
{
	switch (error) {
	case -EACCES:
		signal_force_fault(SIGSEGV, SEGV_ACCERR, address);
		break;
	case -ENXIO:
		signal_force_fault(SIGBUS, BUS_ADRERR, address);
		break;
	case -EIO:
	case -ENOSPC:
	case -EDQUOT:
	case -EROFS:
	case -ENODEV:
		signal_force_fault(SIGBUS, BUS_OBJERR, address);
		break;
	default:
		signal_force_fault(SIGSEGV, SEGV_MAPERR, address);
		break;
	}
}

/* Memory was won: 0. Where nobody else can end, whoever wants it does, and be it init. */
static int make_room(void)
{
	int error = oom_kill();

	if (error == -ENOMEM)
		signal_force_fault(process_current() == process_init ? SIGBUS : SIGKILL, SI_KERNEL,
				   0);
	return error;
}

int page_fault(vaddr_t address, enum fault_access access, bool from_user)
{
	struct thread *thread = thread_current();
	struct space *space = space_current();
	u64 sleeps = thread->switches_voluntary;
	int error = -EFAULT;

	if (!space || thread->faults_disabled)
		return -EFAULT;
	note_fault(thread->user, address);
	if (unlikely(frame_is_short()))
		reclaim_clean(RECLAIM_BATCH);
	while (address < USER_END) {
		error = space_fault(space, address, access);
		if (error != -ENOMEM)
			break;
		/* Or this process is the one to end, on its way to user mode. */
		if (make_room())
			return from_user ? 0 : -ENOMEM;
	}
	if (!error)
		thread->user->faults++;
	/* Others ran on this CPU in between. */
	if (thread->sequence_cpu && thread->switches_voluntary != sleeps)
		thread_add_work(thread, WORK_SEQUENCE);
	if (error && from_user)
		send_signal(error, address);
	return error;
}

void user_exception(int signo, int code, vaddr_t address)
{
	signal_force_fault(signo, code, address);
}
