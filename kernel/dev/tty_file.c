/*
 * Terminals as files: opening, reading, writing, polling. A hang-up (vhangup(2), or the other end is
 * gone) ends all files that are open then; those opened later are new ones.
 */
#include <arch/time.h>
#include <dev/tty_internal.h>
#include <fs/device_node.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <proc/credentials.h>

static SLAB_CACHE(terminal_file_cache, struct terminal_file);

struct terminal *terminal_of(struct file *file)
{
	return ((struct terminal_file *)file->private)->terminal;
}

bool terminal_file_is_hung_up(struct file *file)
{
	struct terminal_file *opened = file->private;

	if (opened->terminal->hung_up)
		return true;
	return opened->hangups != READ_ONCE(opened->terminal->hangups) && !opened->console;
}

/* [lock] */
static int may_open(struct terminal *terminal)
{
	if (terminal->hung_up)
		return -EIO;
	if (terminal->exclusive && terminal->opens && !credentials_capable(CAP_SYS_ADMIN))
		return -EBUSY;
	return terminal->driver->open ? terminal->driver->open(terminal) : 0;
}

int terminal_open_file(struct terminal *terminal, struct file *file)
{
	struct terminal_file *opened = slab_alloc(&terminal_file_cache);
	int error;

	if (!opened)
		return -ENOMEM;
	mutex_lock(&terminal->lock);
	error = may_open(terminal);
	if (!error) {
		terminal->opens++;
		opened->hangups = terminal->hangups;
	}
	mutex_unlock(&terminal->lock);
	if (error) {
		slab_free(&terminal_file_cache, opened);
		return error;
	}
	terminal_get(terminal);
	opened->terminal = terminal;
	opened->console = false;
	file->private = opened;
	file->operations = &terminal_file_operations;
	return 0;
}

static void terminal_file_release(struct file *file)
{
	struct terminal_file *opened = file->private;
	struct terminal *terminal = opened->terminal;

	mutex_lock(&terminal->lock);
	if (--terminal->opens == 0) {
		terminal->exclusive = false;
		if (terminal->driver->close)
			terminal->driver->close(terminal);
	}
	mutex_unlock(&terminal->lock);
	slab_free(&terminal_file_cache, opened);
	terminal_put(terminal);
}

static int terminal_open(struct vnode *vnode, struct file *file)
{
	int error = terminal_open_file(file->private, file);

	if (!error)
		terminal_acquire(file);
	return error;
}

/* Copy what is readable, at most one line when canonical. The terminal is locked. */
static size_t take_input(struct terminal *terminal, u8 *data, size_t size)
{
	bool canonical = terminal_flag_local(terminal, ICANON);
	u32 limit = canonical ? terminal->line_start : terminal->input_tail;
	size_t count = 0;

	while (count < size && terminal->input_head != limit) {
		u32 at = terminal->input_head++ % TERMINAL_INPUT;

		if (terminal->marks[at] == INPUT_END_OF_FILE) {
			if (canonical)
				return count;
			continue;
		}
		data[count++] = terminal->input[at];
		if (terminal->marks[at] == INPUT_LINE_END && canonical)
			return count;
	}
	/* An end of file right behind what filled the buffer ends this read, not the next one too. */
	if (canonical && count && terminal->input_head != limit &&
	    terminal->marks[terminal->input_head % TERMINAL_INPUT] == INPUT_END_OF_FILE)
		terminal->input_head++;
	return count;
}

/* Wait for as many bytes as VMIN and VTIME ask (termios(3)). The terminal is locked on return. */
static int wait_for_input(struct terminal *terminal, struct file *file, size_t wanted)
{
	struct waiter waiter;
	u64 deadline = WAIT_FOREVER;
	int error = 0;

	wait_begin(&terminal->input_wait, &waiter);
	mutex_lock(&terminal->lock);
	for (u32 before = ~0u;;) {
		bool canonical = terminal_flag_local(terminal, ICANON);
		u32 minimum = canonical ? 1 : terminal->settings.characters[VMIN];
		u32 tenths = canonical ? 0 : terminal->settings.characters[VTIME];
		u32 ready = terminal_readable(terminal);

		if (ready >= MIN((size_t)MAX(minimum, 1u), wanted) ||
		    terminal_file_is_hung_up(file))
			break;
		if (!canonical && minimum == 0 && tenths == 0)
			break;
		if (file->flags & O_NONBLOCK) {
			error = ready && !canonical ? 0 : -EAGAIN;
			break;
		}
		/* Spurious wake-ups leave the time-out as it is; each new byte starts it again. */
		if (tenths && (minimum == 0 || ready) && ready != before)
			deadline = time_now() + tenths * 100000000ull;
		before = ready;
		mutex_unlock(&terminal->lock);
		error = wait_sleep(&waiter, deadline, WAIT_INTERRUPTIBLE);
		if (!error)
			error = terminal_job_check(terminal, SIGTTIN);
		mutex_lock(&terminal->lock);
		if (error == -ETIMEDOUT) {
			error = 0;
			break;
		}
		if (error == -EINTR)
			error = -ERESTARTSYS;
		if (error)
			break;
	}
	wait_end(&waiter);
	return error;
}

static ssize_t terminal_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct terminal *terminal = terminal_of(file);
	ssize_t total = 0;
	u8 data[256];
	int error;

	if (terminal_file_is_hung_up(file))
		return 0;
	error = terminal_job_check(terminal, SIGTTIN);
	if (error)
		return error;
	if (!iterator->left)
		return 0;
	error = wait_for_input(terminal, file, iterator->left);
	while (!error && iterator->left && !terminal_file_is_hung_up(file)) {
		size_t count = take_input(terminal, data, MIN(iterator->left, sizeof(data)));
		bool line = count && data[count - 1] == '\n';
		bool canonical = terminal_flag_local(terminal, ICANON);

		if (!count)
			break;
		mutex_unlock(&terminal->lock);
		if (io_copy(iterator, data, count) < count)
			error = -EFAULT;
		total += count;
		mutex_lock(&terminal->lock);
		if (canonical && (line || count < sizeof(data)))
			break;
	}
	mutex_unlock(&terminal->lock);
	if (terminal->driver->input_taken)
		terminal->driver->input_taken(terminal);
	return total && error != -EFAULT ? total : error;
}

/* Output waits for the driver without the terminal's lock, so that input and ^C go on. */
static ssize_t write_chunk(struct terminal *terminal, struct file *file, const u8 *data,
			   size_t size)
{
	struct waiter waiter;
	size_t done = 0;
	int error = 0;

	wait_begin(&terminal->output_wait, &waiter);
	for (;;) {
		mutex_lock_nested(&terminal->lock);
		if (terminal_file_is_hung_up(file))
			error = -EIO;
		else if (!terminal->stopped)
			done += terminal_output(terminal, data + done, size - done);
		mutex_unlock(&terminal->lock);
		if (error || done == size)
			break;
		error = file->flags & O_NONBLOCK
				? -EAGAIN
				: wait_sleep(&waiter, WAIT_FOREVER, WAIT_INTERRUPTIBLE);
		if (error)
			break;
	}
	wait_end(&waiter);
	if (error == -EINTR)
		error = -ERESTARTSYS;
	return done ? (ssize_t)done : error;
}

static ssize_t terminal_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct terminal *terminal = terminal_of(file);
	ssize_t total = 0, done;
	u8 data[512];
	int error = 0;

	if (terminal_file_is_hung_up(file))
		return -EIO;
	if (terminal_flag_local(terminal, TOSTOP))
		error = terminal_job_check(terminal, SIGTTOU);
	if (!error)
		error = mutex_lock_interruptible(&terminal->output_lock) ? -ERESTARTSYS : 0;
	if (error)
		return error;
	while (iterator->left) {
		size_t count = io_copy(iterator, data, MIN(iterator->left, sizeof(data)));

		if (!count) {
			error = -EFAULT;
			break;
		}
		done = write_chunk(terminal, file, data, count);
		if (done < 0) {
			error = done;
			break;
		}
		total += done;
		if ((size_t)done < count)
			break;
	}
	mutex_unlock(&terminal->output_lock);
	return total ? total : error;
}

static u32 terminal_poll(struct file *file, struct poll_table *table)
{
	struct terminal *terminal = terminal_of(file);
	u32 events = 0, minimum = 1;

	poll_wait(file, &terminal->input_wait, table);
	poll_wait(file, &terminal->output_wait, table);
	if (terminal_file_is_hung_up(file))
		return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
	mutex_lock(&terminal->lock);
	if (!terminal_flag_local(terminal, ICANON) && !terminal->settings.characters[VTIME])
		minimum = MAX(terminal->settings.characters[VMIN], (u8)1);
	if (terminal_readable(terminal) >= minimum)
		events |= POLLIN | POLLRDNORM;
	if (!terminal->stopped && (!terminal->driver->room || terminal->driver->room(terminal)))
		events |= POLLOUT | POLLWRNORM;
	mutex_unlock(&terminal->lock);
	return events;
}

const struct file_operations terminal_file_operations = {
	.open = terminal_open,
	.release = terminal_file_release,
	.read = terminal_read,
	.write = terminal_write,
	.poll = terminal_poll,
	.ioctl = terminal_ioctl,
	.read_flags = true,
	.write_flags = true,
};

/* /dev/tty is the controlling terminal, /dev/console the kernel's; both are looked up at open. */
static int current_terminal_open(struct vnode *vnode, struct file *file)
{
	struct terminal *terminal = terminal_current();
	int error;

	if (!terminal)
		return -ENXIO;
	error = terminal_open_file(terminal, file);
	terminal_put(terminal);
	return error;
}

static int console_open(struct vnode *vnode, struct file *file)
{
	struct terminal *terminal = terminal_console();
	int error = terminal ? terminal_open_file(terminal, file) : -ENODEV;

	if (!error)
		((struct terminal_file *)file->private)->console = true;
	return error;
}

static const struct file_operations current_terminal_operations = { .open = current_terminal_open };
static const struct file_operations console_operations = { .open = console_open };

int terminal_files_register(void)
{
	int error = device_node_register("tty", S_IFCHR | 0666, DEVICE_NUMBER(MAJOR_CONSOLE, 0),
					 &current_terminal_operations, NULL);

	if (error)
		return error;
	return device_node_register("console", S_IFCHR | 0600, DEVICE_NUMBER(MAJOR_CONSOLE, 1),
				    &console_operations, NULL);
}
