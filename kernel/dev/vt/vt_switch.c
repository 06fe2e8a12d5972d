/* Which console is seen, and asking the program that holds it (VT_SETMODE of ioctl_console(2)). */
#include <dev/vt/vt.h>
#include <lib/atomic.h>
#include <lib/errno.h>
#include <proc/process.h>
#include <sched/wait.h>

struct vt_console vt_consoles[VT_COUNT];
struct spinlock vt_lock = SPINLOCK_INIT(RANK_WAIT);

static unsigned active = 1, wanted = 1; /* [vt_lock] numbers */
static bool asked;			/* [vt_lock] the holder was sent its signal */
static bool allowed;			/* [vt_lock] and let go */
static bool locked;			/* [vt_lock] VT_LOCKSWITCH */
static struct wait_queue active_wait = WAIT_QUEUE_INIT(active_wait);

struct vt_console *vt_active(void)
{
	return &vt_consoles[READ_ONCE(active) - 1];
}

void vt_request(unsigned number)
{
	unsigned long irq;

	if (number < 1 || number > VT_COUNT)
		return;
	irq = spin_lock_irqsave(&vt_lock);
	if (!locked) {
		wanted = number;
		if (wanted == active)
			asked = false;
	}
	spin_unlock_irqrestore(&vt_lock, irq);
	vt_kick();
}

static bool send(s32 pid, int signo)
{
	struct process *process = pid ? process_find(pid) : NULL;
	struct signal_info info = { .signo = signo, .code = SI_KERNEL };

	if (!process)
		return false;
	if (signal_number_valid(signo))
		(void)signal_send_process(process, &info);
	process_put(process);
	return true;
}

/* True: the holder need not be asked, or has let go. */
static bool may_leave(struct vt_console *console)
{
	unsigned long irq = spin_lock_irqsave(&vt_lock);
	bool ask = console->mode.mode == VT_PROCESS && !allowed, was_asked = asked;
	s32 owner = console->owner;
	int signo = console->mode.release_signal;

	asked = ask;
	spin_unlock_irqrestore(&vt_lock, irq);
	if (!ask)
		return true;
	if (was_asked ? !send(owner, 0) : !send(owner, signo)) {
		/* Nobody is there any more to answer. */
		vt_reset_modes(console);
		return true;
	}
	return false;
}

void vt_switch_pending(void)
{
	struct vt_console *from = vt_active(), *to;
	unsigned long irq;
	int signo = 0;
	s32 owner;

	if (READ_ONCE(wanted) == from->number || !may_leave(from))
		return;
	irq = spin_lock_irqsave(&vt_lock);
	to = &vt_consoles[wanted - 1];
	WRITE_ONCE(active, wanted);
	asked = allowed = false;
	owner = to->owner;
	if (to->mode.mode == VT_PROCESS)
		signo = to->mode.acquire_signal;
	spin_unlock_irqrestore(&vt_lock, irq);
	if (signo && !send(owner, signo))
		vt_reset_modes(to);
	screen_invalidate();
	wait_wake_all(&active_wait);
}

int vt_release_answer(struct vt_console *console, unsigned long answer)
{
	unsigned long irq = spin_lock_irqsave(&vt_lock);
	int error = 0;

	/* 2 acknowledges that the console was acquired, which nobody waits for. */
	if (console->mode.mode != VT_PROCESS || answer > 2)
		error = -EINVAL;
	else if (console->number == active && asked && answer == 1)
		allowed = true;
	else if (console->number == active && asked && answer == 0)
		wanted = active, asked = false;
	else if (answer != 2)
		error = -EINVAL;
	spin_unlock_irqrestore(&vt_lock, irq);
	if (!error)
		vt_kick();
	return error;
}

int vt_wait_active(unsigned number)
{
	if (number < 1 || number > VT_COUNT)
		return -ENXIO;
	return wait_event_interruptible(&active_wait, READ_ONCE(active) == number);
}

int vt_lock_switching(bool lock)
{
	unsigned long irq = spin_lock_irqsave(&vt_lock);

	locked = lock;
	spin_unlock_irqrestore(&vt_lock, irq);
	return 0;
}

void vt_set_shows(struct vt_console *console, u32 shows)
{
	unsigned long irq = spin_lock_irqsave(&vt_lock);
	bool back = console->shows != shows && shows == KD_TEXT;

	WRITE_ONCE(console->shows, shows);
	spin_unlock_irqrestore(&vt_lock, irq);
	if (back && console == vt_active())
		screen_invalidate();
	vt_kick();
}

void vt_reset_modes(struct vt_console *console)
{
	unsigned long irq = spin_lock_irqsave(&vt_lock);

	console->mode = (struct vt_mode){ .mode = VT_AUTO };
	console->owner = 0;
	WRITE_ONCE(console->keyboard_mode, K_UNICODE);
	spin_unlock_irqrestore(&vt_lock, irq);
	vt_set_shows(console, KD_TEXT);
}
