/* Terminals as files: creation, reading, writing, polling, and the thread that feeds them. */
#include <arch/time.h>
#include <arch/user.h>
#include <boot/command_line.h>
#include <boot/initcall.h>
#include <debug/log.h>
#include <dev/tty_internal.h>
#include <fs/device_node.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/process.h>

/* Not ranked: only terminals' own locks are taken under it. */
static struct mutex terminals_lock = MUTEX_INIT(terminals_lock);
static struct list_node terminals = LIST_INIT(terminals); /* [terminals_lock] */
static struct terminal *console;			  /* [terminals_lock] to write */
static unsigned console_rank;	/* [terminals_lock] how good a choice it is */
static char console_wanted[32]; /* [const after boot] console=, without options */
static struct wait_queue raw_wait = WAIT_QUEUE_INIT(raw_wait);

static const struct terminal_settings default_settings = {
	.input = ICRNL | IXON | IUTF8,
	.output = OPOST | ONLCR,
	.control = B115200 | CS8 | CREAD | HUPCL | CLOCAL,
	.local = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.characters = {
		[VINTR] = 3, [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21, [VEOF] = 4, [VMIN] = 1,
		[VSTART] = 17, [VSTOP] = 19, [VSUSP] = 26, [VREPRINT] = 18, [VDISCARD] = 15,
		[VWERASE] = 23, [VLNEXT] = 22,
	},
	.input_speed = 115200,
	.output_speed = 115200,
};

struct terminal *terminal_of(struct file *file)
{
	return file->private;
}

void *terminal_private(struct terminal *terminal)
{
	return terminal->private;
}

u64 terminal_number(struct terminal *terminal)
{
	return terminal->number;
}

struct terminal *terminal_console(void)
{
	return read_acquire(&console);
}

const char *terminal_console_name(void)
{
	struct terminal *terminal = terminal_console();

	return terminal ? terminal->name : NULL;
}

struct terminal *terminal_create(const char *name, u64 number, const struct terminal_driver *driver,
				 void *private)
{
	struct terminal *terminal = kzalloc(sizeof(*terminal));

	if (!terminal)
		return NULL;
	strlcpy(terminal->name, name, sizeof(terminal->name));
	terminal->number = number;
	terminal->driver = driver;
	terminal->private = private;
	terminal->settings = default_settings;
	spin_init(&terminal->raw_lock, RANK_WAIT);
	mutex_init(&terminal->lock, RANK_TERMINAL);
	mutex_init(&terminal->output_lock, RANK_TERMINAL);
	wait_queue_init(&terminal->input_wait);
	wait_queue_init(&terminal->output_wait);
	if (device_node_register(name, S_IFCHR | 0620, number, &terminal_file_operations,
				 terminal)) {
		kfree(terminal);
		return NULL;
	}
	mutex_lock(&terminals_lock);
	list_add_tail(&terminals, &terminal->link);
	mutex_unlock(&terminals_lock);
	return terminal;
}

bool terminal_set_console(struct terminal *terminal, bool preferred)
{
	unsigned rank = strcmp(terminal->name, console_wanted) == 0 ? 3 : preferred ? 2 : 1;
	bool better;

	mutex_lock(&terminals_lock);
	better = rank > console_rank;
	if (better) {
		store_release(&console, terminal);
		console_rank = rank;
	}
	mutex_unlock(&terminals_lock);
	return better;
}

static int set_console(const char *value)
{
	const char *comma;

	if (!value || !*value)
		return -EINVAL;
	comma = strchr(value, ',');
	strlcpy(console_wanted, value,
		comma ? MIN((size_t)(comma - value) + 1, sizeof(console_wanted))
		      : sizeof(console_wanted));
	return 0;
}
COMMAND_LINE("console", set_console);

/* Input from the wire. */

void terminal_input(struct terminal *terminal, const u8 *data, size_t size)
{
	unsigned long state = spin_lock_irqsave(&terminal->raw_lock);

	/* A full ring loses the newest bytes, as a slow reader's UART would. */
	for (size_t i = 0; i < size && terminal->raw_tail - terminal->raw_head < TERMINAL_RAW; i++)
		terminal->raw[terminal->raw_tail++ % TERMINAL_RAW] = data[i];
	spin_unlock_irqrestore(&terminal->raw_lock, state);
	wait_wake_all(&raw_wait);
}

void terminal_output_ready(struct terminal *terminal)
{
	wait_wake_all(&terminal->output_wait);
}

void terminal_input_changed(struct terminal *terminal)
{
	wait_wake_all(&terminal->input_wait);
}

static size_t take_raw(struct terminal *terminal, u8 *data, size_t size)
{
	unsigned long state = spin_lock_irqsave(&terminal->raw_lock);
	size_t count = 0;

	while (count < size && terminal->raw_head != terminal->raw_tail)
		data[count++] = terminal->raw[terminal->raw_head++ % TERMINAL_RAW];
	spin_unlock_irqrestore(&terminal->raw_lock, state);
	return count;
}

static bool feed_terminals(void)
{
	struct terminal *terminal;
	bool any = false;
	u8 data[256];

	mutex_lock(&terminals_lock);
	list_for_each_entry(terminal, &terminals, link) {
		size_t count = take_raw(terminal, data, sizeof(data));

		if (!count)
			continue;
		any = true;
		mutex_lock(&terminal->lock);
		terminal_discipline(terminal, data, count);
		mutex_unlock(&terminal->lock);
	}
	mutex_unlock(&terminals_lock);
	return any;
}

static bool raw_pending(void)
{
	struct terminal *terminal;
	bool pending = false;

	mutex_lock(&terminals_lock);
	list_for_each_entry(terminal, &terminals, link)
		pending |= READ_ONCE(terminal->raw_head) != READ_ONCE(terminal->raw_tail);
	mutex_unlock(&terminals_lock);
	return pending;
}

static void terminal_thread(void *unused)
{
	for (;;) {
		wait_event(&raw_wait, raw_pending());
		while (feed_terminals())
			;
	}
}

/* Files. */

static int terminal_open(struct vnode *vnode, struct file *file)
{
	struct terminal *terminal = terminal_of(file);

	if (terminal->hung_up)
		return -EIO;
	if (!(file->flags & O_NOCTTY) && (file->flags & O_ACCMODE) != O_WRONLY)
		terminal_acquire(terminal);
	return 0;
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

		if (ready >= MIN((size_t)MAX(minimum, 1u), wanted) || terminal->hung_up)
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
	int error = terminal_job_check(terminal, SIGTTIN);

	if (error)
		return error;
	if (!iterator->left)
		return 0;
	error = wait_for_input(terminal, file, iterator->left);
	while (!error && iterator->left) {
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
		if (terminal->hung_up)
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
	mutex_lock(&terminal->lock);
	if (!terminal_flag_local(terminal, ICANON) && !terminal->settings.characters[VTIME])
		minimum = MAX(terminal->settings.characters[VMIN], (u8)1);
	if (terminal_readable(terminal) >= minimum)
		events |= POLLIN | POLLRDNORM;
	if (terminal->hung_up)
		events |= POLLHUP | POLLIN | POLLRDNORM;
	if (!terminal->stopped)
		events |= POLLOUT | POLLWRNORM;
	mutex_unlock(&terminal->lock);
	return events;
}

const struct file_operations terminal_file_operations = {
	.open = terminal_open,
	.read = terminal_read,
	.write = terminal_write,
	.poll = terminal_poll,
	.ioctl = terminal_ioctl,
};

/* /dev/tty is the controlling terminal, /dev/console the kernel's; both are looked up at open. */
static int current_terminal_open(struct vnode *vnode, struct file *file)
{
	struct terminal *terminal = process_current()->terminal;

	if (!terminal)
		return -ENXIO;
	file->private = terminal;
	file->operations = &terminal_file_operations;
	return terminal->hung_up ? -EIO : 0;
}

static int console_open(struct vnode *vnode, struct file *file)
{
	struct terminal *terminal = terminal_console();

	if (!terminal)
		return -ENODEV;
	file->private = terminal;
	file->operations = &terminal_file_operations;
	return 0;
}

static const struct file_operations current_terminal_operations = { .open = current_terminal_open };
static const struct file_operations console_operations = { .open = console_open };

static int terminal_start(void)
{
	struct thread *thread;
	int error;

	error = device_node_register("tty", S_IFCHR | 0666, DEVICE_NUMBER(MAJOR_CONSOLE, 0),
				     &current_terminal_operations, NULL);
	if (!error)
		error = device_node_register("console", S_IFCHR | 0600,
					     DEVICE_NUMBER(MAJOR_CONSOLE, 1), &console_operations,
					     NULL);
	thread = thread_create("terminal", terminal_thread, NULL);
	if (!thread)
		return -ENOMEM;
	thread_start(thread);
	return error;
}
INITCALL_CORE(terminal_start);
