/* Terminals as objects: their life, the console, and the thread that feeds them from the wire. */
#include <boot/command_line.h>
#include <boot/initcall.h>
#include <debug/panic.h>
#include <dev/tty_internal.h>
#include <fs/device_node.h>
#include <lib/errno.h>
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

struct terminal *terminal_allocate(const char *name, u64 number,
				   const struct terminal_driver *driver, void *private)
{
	struct terminal *terminal = kzalloc(sizeof(*terminal));

	if (!terminal)
		return NULL;
	atomic32_set(&terminal->references, 1);
	strlcpy(terminal->name, name, sizeof(terminal->name));
	terminal->number = number;
	terminal->driver = driver;
	terminal->private = private;
	terminal->settings = default_settings;
	list_init(&terminal->link);
	mutex_init(&terminal->lock, RANK_TERMINAL);
	mutex_init(&terminal->output_lock, RANK_TERMINAL);
	wait_queue_init(&terminal->input_wait);
	wait_queue_init(&terminal->output_wait);
	return terminal;
}

int terminal_listen(struct terminal *terminal)
{
	struct terminal_wire *wire = kmalloc(sizeof(*wire));

	if (!wire)
		return -ENOMEM;
	spin_init(&wire->lock, RANK_WAIT);
	wire->head = wire->tail = 0;
	terminal->wire = wire;
	mutex_lock(&terminals_lock);
	list_add_tail(&terminals, &terminal->link);
	mutex_unlock(&terminals_lock);
	return 0;
}

struct terminal *terminal_create(const char *name, u64 number, const struct terminal_driver *driver,
				 void *private)
{
	struct terminal *terminal = terminal_allocate(name, number, driver, private);

	if (!terminal)
		return NULL;
	/* The node's reference is the first one: such a terminal stays for good. */
	if (terminal_listen(terminal) ||
	    device_node_register(name, S_IFCHR | 0620, number, &terminal_file_operations,
				 terminal)) {
		terminal_put(terminal);
		return NULL;
	}
	return terminal;
}

void terminal_get(struct terminal *terminal)
{
	atomic32_inc(&terminal->references);
}

void terminal_put(struct terminal *terminal)
{
	if (!atomic32_dec_and_test(&terminal->references))
		return;
	assert(!terminal->session && !terminal->opens);
	if (terminal->wire) {
		mutex_lock(&terminals_lock);
		list_remove(&terminal->link);
		mutex_unlock(&terminals_lock);
		kfree(terminal->wire);
	}
	if (terminal->driver->release)
		terminal->driver->release(terminal);
	kfree(terminal);
}

unsigned terminal_opens(struct terminal *terminal)
{
	return READ_ONCE(terminal->opens);
}

bool terminal_set_console(struct terminal *terminal, bool preferred)
{
	unsigned rank = strcmp(terminal->name, console_wanted) == 0 ? 3 : preferred ? 2 : 1;
	bool better;

	mutex_lock(&terminals_lock);
	better = rank > console_rank;
	if (better) {
		if (console)
			terminal_put(console);
		terminal_get(terminal);
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
	struct terminal_wire *wire = terminal->wire;
	unsigned long state = spin_lock_irqsave(&wire->lock);

	/* A full ring loses the newest bytes, as a slow reader's UART would. */
	for (size_t i = 0; i < size && wire->tail - wire->head < TERMINAL_RAW; i++)
		wire->raw[wire->tail++ % TERMINAL_RAW] = data[i];
	spin_unlock_irqrestore(&wire->lock, state);
	wait_wake_all(&raw_wait);
}

void terminal_output_ready(struct terminal *terminal)
{
	if (wait_queue_active(&terminal->output_wait))
		wait_wake_all(&terminal->output_wait);
}

void terminal_input_changed(struct terminal *terminal)
{
	if (wait_queue_active(&terminal->input_wait))
		wait_wake_all(&terminal->input_wait);
}

static size_t take_raw(struct terminal_wire *wire, u8 *data, size_t size)
{
	unsigned long state = spin_lock_irqsave(&wire->lock);
	size_t count = 0;

	while (count < size && wire->head != wire->tail)
		data[count++] = wire->raw[wire->head++ % TERMINAL_RAW];
	spin_unlock_irqrestore(&wire->lock, state);
	return count;
}

static bool feed_terminals(void)
{
	struct terminal *terminal;
	bool any = false;
	u8 data[256];

	mutex_lock(&terminals_lock);
	list_for_each_entry(terminal, &terminals, link) {
		size_t count = take_raw(terminal->wire, data, sizeof(data));

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
		pending |= READ_ONCE(terminal->wire->head) != READ_ONCE(terminal->wire->tail);
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

static int terminal_start(void)
{
	struct thread *thread;
	int error = terminal_files_register();

	thread = thread_create("terminal", terminal_thread, NULL);
	if (!thread)
		return -ENOMEM;
	thread_start(thread);
	return error;
}
INITCALL_CORE(terminal_start);
