/*
 * Pseudo-terminals: pty(7). The slave is a terminal like any other, whose wire ends in the master's
 * file: what is written there is run through the slave's line discipline by the writer itself, and
 * what the slave sends lies in a ring until the master reads it.
 *
 * Locks: a reader of the master holds read_lock, also while it copies to user memory; output comes with
 * the slave's lock held. Each owns one end of the ring. Order: slave's lock → read_lock.
 */
#include <arch/user.h>
#include <boot/initcall.h>
#include <dev/tty_internal.h>
#include <fs/device_node.h>
#include <fs/devpts/devpts.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/process.h>

enum { /* ioctl_tty(2) */
       TIOCOUTQ = 0x5411,
       TIOCINQ = 0x541b,
       TIOCPKT = 0x5420,
       TCFLSH = 0x540b,
       TIOCGPTPEER = 0x5441,
};
#define TIOCGPTN   0x80045430u
#define TIOCSPTLCK 0x40045431u
#define TIOCSIG	   0x40045436u
#define TIOCGPKT   0x80045438u
#define TIOCGPTLCK 0x80045439u

enum { /* the first byte of what a master in packet mode reads: TIOCPKT(2const) */
       TIOCPKT_DATA = 0,
       TIOCPKT_FLUSHREAD = 1,
       TIOCPKT_FLUSHWRITE = 2,
       TIOCPKT_STOP = 4,
       TIOCPKT_START = 8,
       TIOCPKT_NOSTOP = 16,
       TIOCPKT_DOSTOP = 32,
};

enum { PTY_RING = 16384, PTY_CHUNK = 512 };

struct pty {
	struct terminal *slave;	    /* [const] counted by the master's file */
	struct vnode *vnode;	    /* [const] counted by the master's file */
	struct mutex read_lock;	    /* RANK_TERMINAL */
	struct mutex write_lock;    /* RANK_TERMINAL: one writer of the master at a time */
	u32 head;		    /* [read_lock; atomic read] free-running */
	u32 tail;		    /* [slave's lock; atomic read] */
	u8 *ring;		    /* [const] PTY_RING bytes */
	struct wait_queue readable; /* the master's readers and pollers */
	struct wait_queue writable;
	bool locked;		/* [slave's lock] TIOCSPTLCK */
	bool slave_closed;	/* [slave's lock; atomic read] it was open, and is not */
	bool master_closed;	/* [slave's lock] */
	bool packet;		/* [slave's lock; atomic read] TIOCPKT */
	struct atomic32 status; /* TIOCPKT_* that the master has not read yet */
};

static struct mutex ptys_lock = MUTEX_INIT(ptys_lock); /* vnode->private of the slaves' nodes */

static void wake(struct wait_queue *queue)
{
	if (wait_queue_active(queue))
		wait_wake_all(queue);
}

static u32 ring_used(struct pty *pty)
{
	return READ_ONCE(pty->tail) - READ_ONCE(pty->head);
}

/* The slave's side: a terminal driver. */

static size_t slave_room(struct terminal *slave)
{
	return PTY_RING - ring_used(terminal_private(slave));
}

static size_t slave_write(struct terminal *slave, const u8 *data, size_t size)
{
	struct pty *pty = terminal_private(slave);
	u32 at = pty->tail % PTY_RING;
	size_t first;

	if (pty->master_closed)
		return size;
	size = MIN(size, (size_t)(PTY_RING - (pty->tail - read_acquire(&pty->head))));
	first = MIN(size, (size_t)(PTY_RING - at));
	memcpy(pty->ring + at, data, first);
	memcpy(pty->ring, data + first, size - first);
	store_release(&pty->tail, pty->tail + (u32)size);
	if (size)
		wake(&pty->readable);
	return size;
}

/* [slave's lock] For a master in packet mode: @event, instead of what it would @undo. */
static void tell_master(struct pty *pty, u32 event, u32 undo)
{
	if (!pty->packet)
		return;
	atomic32_and(&pty->status, ~undo);
	atomic32_or(&pty->status, event);
	wake(&pty->readable);
}

static void slave_set_stopped(struct terminal *slave, bool stopped)
{
	tell_master(terminal_private(slave), stopped ? TIOCPKT_STOP : TIOCPKT_START,
		    TIOCPKT_STOP | TIOCPKT_START);
}

static void slave_flushed(struct terminal *slave, bool input, bool output)
{
	struct pty *pty = terminal_private(slave);

	if (output) {
		mutex_lock_nested(&pty->read_lock);
		store_release(&pty->head, pty->tail);
		mutex_unlock(&pty->read_lock);
		terminal_output_ready(slave);
		tell_master(pty, TIOCPKT_FLUSHWRITE, 0);
	}
	if (input)
		tell_master(pty, TIOCPKT_FLUSHREAD, 0);
	wake(&pty->writable);
}

static void slave_input_taken(struct terminal *slave)
{
	struct pty *pty = terminal_private(slave);

	wake(&pty->writable);
}

static void slave_configure(struct terminal *slave, const struct terminal_settings *old)
{
	bool before = terminal_flow_by_keys(old), now = terminal_flow_by_keys(&slave->settings);

	if (before != now)
		tell_master(terminal_private(slave), now ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP,
			    TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
}

static int slave_opened(struct terminal *slave)
{
	struct pty *pty = terminal_private(slave);

	if (pty->locked)
		return -EIO;
	WRITE_ONCE(pty->slave_closed, false);
	return 0;
}

static void slave_closed(struct terminal *slave)
{
	struct pty *pty = terminal_private(slave);

	WRITE_ONCE(pty->slave_closed, true);
	wait_wake_all(&pty->readable);
}

static void pty_release(struct terminal *slave)
{
	struct pty *pty = terminal_private(slave);

	kfree(pty->ring);
	kfree(pty);
}

static const struct terminal_driver slave_driver = {
	.pseudo = true,
	.write = slave_write,
	.room = slave_room,
	.configure = slave_configure,
	.open = slave_opened,
	.close = slave_closed,
	.release = pty_release,
	.set_stopped = slave_set_stopped,
	.flushed = slave_flushed,
	.input_taken = slave_input_taken,
};

/* A name that was looked up may outlive its pseudo-terminal. */
static int slave_open(struct vnode *vnode, struct file *file)
{
	struct terminal *slave = NULL;
	struct pty *pty;
	int error;

	mutex_lock(&ptys_lock);
	pty = vnode->private;
	if (pty) {
		slave = pty->slave;
		terminal_get(slave);
	}
	mutex_unlock(&ptys_lock);
	if (!slave)
		return -EIO;
	error = terminal_open_file(slave, file);
	if (!error)
		terminal_acquire(file);
	terminal_put(slave);
	return error;
}

static const struct file_operations slave_file_operations = { .open = slave_open };

/* The master's side: a file. */

/* [read_lock] Bytes, or -EFAULT. */
static ssize_t take_output(struct pty *pty, struct io_iterator *iterator)
{
	u32 at = pty->head % PTY_RING, used = read_acquire(&pty->tail) - pty->head;
	size_t wanted = MIN((size_t)used, iterator->left);
	size_t first = MIN(wanted, (size_t)(PTY_RING - at));
	size_t done = io_copy(iterator, pty->ring + at, first);

	if (done == first && wanted > first)
		done += io_copy(iterator, pty->ring, wanted - first);
	store_release(&pty->head, pty->head + (u32)done);
	return done || !wanted ? (ssize_t)done : -EFAULT;
}

/* [read_lock] A byte that says what follows, and data or nothing: TIOCPKT. */
static ssize_t take_packet(struct pty *pty, struct io_iterator *iterator)
{
	u8 status = atomic32_xchg(&pty->status, 0);
	ssize_t done;

	if (!status && !ring_used(pty))
		return 0;
	if (!io_copy(iterator, &status, 1))
		return -EFAULT;
	if (status)
		return 1;
	done = take_output(pty, iterator);
	return done < 0 ? done : done + 1;
}

static bool master_readable(struct pty *pty)
{
	return ring_used(pty) || (READ_ONCE(pty->packet) && atomic32_read(&pty->status));
}

static ssize_t master_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct pty *pty = file->private;
	ssize_t done;
	bool closed;

	if (!iterator->left)
		return 0;
	for (;;) {
		if (mutex_lock_interruptible(&pty->read_lock))
			return -ERESTARTSYS;
		/* What was sent before the slave was closed is still there to be read. */
		closed = READ_ONCE(pty->slave_closed);
		done = READ_ONCE(pty->packet) ? take_packet(pty, iterator)
					      : take_output(pty, iterator);
		mutex_unlock(&pty->read_lock);
		if (done)
			break;
		if (closed)
			return -EIO;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(&pty->readable,
					     master_readable(pty) || READ_ONCE(pty->slave_closed)))
			return -ERESTARTSYS;
	}
	if (done > 0)
		terminal_output_ready(pty->slave);
	return done;
}

/* Run @data through the slave's line discipline, waiting for room: bytes, or -errno. */
static ssize_t type(struct pty *pty, struct file *file, const u8 *data, size_t size)
{
	struct terminal *slave = pty->slave;
	size_t done = 0;

	for (;;) {
		size_t room;

		mutex_lock_nested(&slave->lock);
		room = MIN(terminal_input_room(slave), size - done);
		terminal_discipline(slave, data + done, room);
		mutex_unlock(&slave->lock);
		done += room;
		if (done == size)
			return done;
		if (file->flags & O_NONBLOCK)
			return done ? (ssize_t)done : -EAGAIN;
		if (wait_event_interruptible(&pty->writable, terminal_input_room(slave)))
			return done ? (ssize_t)done : -ERESTARTSYS;
	}
}

static ssize_t master_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct pty *pty = file->private;
	ssize_t total = 0, done = 0;
	u8 data[PTY_CHUNK];

	if (mutex_lock_interruptible(&pty->write_lock))
		return -ERESTARTSYS;
	while (iterator->left) {
		size_t count = io_copy(iterator, data, MIN(iterator->left, sizeof(data)));

		done = count ? type(pty, file, data, count) : -EFAULT;
		if (done > 0)
			total += done;
		if (done < (ssize_t)count || !count)
			break;
	}
	mutex_unlock(&pty->write_lock);
	return total ? total : done;
}

static u32 master_poll(struct file *file, struct poll_table *table)
{
	struct pty *pty = file->private;
	u32 events = 0;

	poll_wait(file, &pty->readable, table);
	poll_wait(file, &pty->writable, table);
	if (READ_ONCE(pty->slave_closed))
		events |= POLLHUP;
	if (ring_used(pty))
		events |= POLLIN | POLLRDNORM;
	if (READ_ONCE(pty->packet) && atomic32_read(&pty->status))
		events |= POLLPRI | POLLIN | POLLRDNORM;
	if (terminal_input_room(pty->slave))
		events |= POLLOUT | POLLWRNORM;
	return events;
}

static long put_word(vaddr_t to, u32 value)
{
	return copy_out(to, &value, sizeof(value));
}

static unsigned pty_number(struct pty *pty)
{
	return devpts_number(pty->vnode);
}

/* TIOCGPTPEER: the slave as a new descriptor, whatever its name leads to here. */
static long open_peer(struct pty *pty, u32 flags)
{
	struct file_table *table = process_current()->files;
	u32 mode = 0;
	struct file *file;
	int error = open_flags_check(&flags, &mode), fd;

	if (error)
		return error;
	fd = fd_reserve(table, 0, flags & O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = devpts_open(pty->vnode, flags);
	if (IS_ERR(file)) {
		fd_cancel(table, fd);
		return PTR_ERR(file);
	}
	fd_install(table, fd, file);
	return fd;
}

static long set_flag(struct pty *pty, bool *flag, vaddr_t from)
{
	u32 value;
	int error = copy_in(&value, from, sizeof(value));

	if (error)
		return error;
	mutex_lock(&pty->slave->lock);
	if (flag == &pty->packet && value && !pty->packet)
		atomic32_set(&pty->status, 0);
	WRITE_ONCE(*flag, value != 0);
	mutex_unlock(&pty->slave->lock);
	return 0;
}

static long send_signal(struct pty *pty, unsigned long signo)
{
	if (!signal_number_valid(signo) || signo > INT32_MAX)
		return -EINVAL;
	mutex_lock(&pty->slave->lock);
	terminal_signal_foreground(pty->slave, signo);
	mutex_unlock(&pty->slave->lock);
	return 0;
}

static long master_flush(struct pty *pty, unsigned long which)
{
	if (which > 2)
		return -EINVAL;
	/* What the master wrote has gone through the discipline already: there is no such queue. */
	if (which == 1)
		return 0;
	mutex_lock(&pty->read_lock);
	store_release(&pty->head, read_acquire(&pty->tail));
	mutex_unlock(&pty->read_lock);
	terminal_output_ready(pty->slave);
	return 0;
}

static long master_ioctl(struct file *file, unsigned command, unsigned long argument)
{
	struct pty *pty = file->private;

	switch (command) {
	case TIOCGPTN:
		return put_word(argument, pty_number(pty));
	case TIOCSPTLCK:
		return set_flag(pty, &pty->locked, argument);
	case TIOCGPTLCK:
		return put_word(argument, pty->locked);
	case TIOCPKT:
		return set_flag(pty, &pty->packet, argument);
	case TIOCGPKT:
		return put_word(argument, pty->packet);
	case TIOCSIG:
		return send_signal(pty, argument);
	case TIOCGPTPEER:
		return open_peer(pty, argument);
	case TIOCINQ:
		return put_word(argument, ring_used(pty));
	case TIOCOUTQ:
		return put_word(argument, 0);
	case TCFLSH:
		return master_flush(pty, argument);
	}
	return terminal_line_ioctl(pty->slave, file, command, argument);
}

/* The line is cut for the slave's files; the last of them frees all. */
static void master_release(struct file *file)
{
	struct pty *pty = file->private;
	struct terminal *slave = pty->slave;

	mutex_lock(&ptys_lock);
	pty->vnode->private = NULL;
	mutex_unlock(&ptys_lock);
	devpts_remove(pty->vnode);
	mutex_lock(&slave->lock);
	pty->master_closed = true;
	mutex_unlock(&slave->lock);
	terminal_hangup(slave, true);
	terminal_put(slave);
}

static const struct file_operations master_file_operations = {
	.release = master_release,
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.read_flags = true,
	.write_flags = true,
};

static struct pty *pty_alloc(void)
{
	struct pty *pty = kzalloc(sizeof(*pty));

	if (!pty)
		return NULL;
	pty->ring = kmalloc(PTY_RING);
	if (!pty->ring) {
		kfree(pty);
		return NULL;
	}
	mutex_init(&pty->read_lock, RANK_TERMINAL);
	mutex_init(&pty->write_lock, RANK_TERMINAL);
	wait_queue_init(&pty->readable);
	wait_queue_init(&pty->writable);
	pty->locked = true;
	return pty;
}

static int master_open(struct vnode *vnode, struct file *file)
{
	struct pty *pty = pty_alloc();
	char name[16];

	if (!pty)
		return -ENOMEM;
	pty->vnode = devpts_add(&slave_file_operations, pty);
	if (IS_ERR(pty->vnode)) {
		int error = PTR_ERR(pty->vnode);

		kfree(pty->ring);
		kfree(pty);
		return error;
	}
	snprintf(name, sizeof(name), "pts/%u", devpts_number(pty->vnode));
	pty->slave = terminal_allocate(name, pty->vnode->device, &slave_driver, pty);
	if (!pty->slave) {
		devpts_remove(pty->vnode);
		kfree(pty->ring);
		kfree(pty);
		return -ENOMEM;
	}
	devpts_show(pty->vnode);
	file->private = pty;
	file->operations = &master_file_operations;
	return 0;
}

static int pty_start(void)
{
	static const struct file_operations operations = { .open = master_open };

	return device_node_register("ptmx", S_IFCHR | 0666, DEVICE_NUMBER(MAJOR_CONSOLE, 2),
				    &operations, NULL);
}
INITCALL_CORE(pty_start);
