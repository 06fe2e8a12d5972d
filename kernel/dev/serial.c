/* Serial lines as terminals and as consoles of the kernel. */
#include <arch/machine.h>
#include <arch/time.h>
#include <dev/irq.h>
#include <dev/serial.h>
#include <fs/device_node.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sched/timer.h>

enum { POLL_INTERVAL_NS = 10000000 };

/* Send what the hardware takes now; the port is locked. */
static void pump(struct serial_port *port)
{
	bool more;

	while (port->head != port->tail && port->operations->can_put(port))
		port->operations->put(port, port->queue[port->head++ % SERIAL_QUEUE]);
	more = port->head != port->tail;
	if (more != port->waiting) {
		port->waiting = more;
		port->operations->notify_room(port, more);
	}
}

static size_t serial_write(struct terminal *terminal, const u8 *data, size_t size)
{
	struct serial_port *port = terminal_private(terminal);
	unsigned long state = spin_lock_irqsave(&port->lock);
	size_t count = 0;

	while (count < size && port->tail - port->head < SERIAL_QUEUE)
		port->queue[port->tail++ % SERIAL_QUEUE] = data[count++];
	port->starved |= count < size;
	pump(port);
	port->busy |= port->tail != port->head;
	spin_unlock_irqrestore(&port->lock, state);
	return count;
}

/* Kernel messages go out at once, behind what is queued, by polling: also in a panic. */
static void put_now(struct serial_port *port, u8 byte)
{
	while (!port->operations->can_put(port))
		cpu_relax();
	port->operations->put(port, byte);
}

static void console_write(struct log_console *console, const char *data, size_t size)
{
	struct serial_port *port = container_of(console, struct serial_port, console);
	unsigned long state = spin_lock_irqsave(&port->lock);

	while (port->head != port->tail)
		put_now(port, port->queue[port->head++ % SERIAL_QUEUE]);
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n')
			put_now(port, '\r');
		put_now(port, data[i]);
	}
	spin_unlock_irqrestore(&port->lock, state);
}

static void service(struct serial_port *port)
{
	u8 data[64];
	size_t count;
	bool room;
	int byte;

	do {
		unsigned long state = spin_lock_irqsave(&port->lock);

		/* First: what it clears, the looks at the registers below make up for. */
		if (port->operations->acknowledge)
			port->operations->acknowledge(port);
		for (count = 0; count < sizeof(data); count++) {
			byte = port->operations->get(port);
			if (byte < 0)
				break;
			data[count] = byte;
		}
		pump(port);
		room = port->tail == port->head
			       ? port->busy
			       : port->starved && port->tail - port->head < SERIAL_QUEUE / 2;
		port->starved &= !room;
		port->busy = port->tail != port->head;
		spin_unlock_irqrestore(&port->lock, state);
		if (count)
			terminal_input(port->terminal, data, count);
		if (room)
			terminal_output_ready(port->terminal);
	} while (count == sizeof(data));
}

static void serial_interrupt(unsigned line, void *context)
{
	service(context);
}

struct serial_poll {
	struct timer timer;
	struct serial_port *port;
};

static void poll_port(struct timer *timer)
{
	struct serial_poll *poll = container_of(timer, struct serial_poll, timer);

	service(poll->port);
	timer_start(timer, time_now() + POLL_INTERVAL_NS);
}

static int start_polling(struct serial_port *port)
{
	struct serial_poll *poll = kzalloc(sizeof(*poll));

	if (!poll)
		return -ENOMEM;
	poll->port = port;
	timer_init(&poll->timer, poll_port);
	timer_start(&poll->timer, time_now() + POLL_INTERVAL_NS);
	return 0;
}

static size_t serial_pending(struct terminal *terminal)
{
	struct serial_port *port = terminal_private(terminal);

	return READ_ONCE(port->tail) - READ_ONCE(port->head);
}

static const struct terminal_driver serial_driver = {
	.write = serial_write,
	.pending = serial_pending,
};

static bool is_stdout(const struct fdt_node *node)
{
	int chosen = fdt_node_by_path(node->fdt, "/chosen");
	const char *path = fdt_string(node->fdt, chosen, "stdout-path");

	return path && fdt_node_by_path(node->fdt, path) == node->offset;
}

/* The n of the alias "serial<n>" that names the node, else the next number not given yet. */
static unsigned port_number(const struct fdt_node *node)
{
	static unsigned next;
	char alias[16];

	for (unsigned n = 0; n < 8; n++) {
		snprintf(alias, sizeof(alias), "serial%u", n);
		if (fdt_node_by_path(node->fdt, alias) == node->offset) {
			next = MAX(next, n + 1);
			return n;
		}
	}
	return next++;
}

int serial_register(struct serial_port *port, const struct fdt_node *node, const char *prefix,
		    u32 major, u32 minor, int line)
{
	unsigned n = port_number(node);
	char name[16];
	int error;

	snprintf(name, sizeof(name), "%s%u", prefix, n);
	spin_init(&port->lock, RANK_CONSOLE);
	port->terminal =
		terminal_create(name, DEVICE_NUMBER(major, minor + n), &serial_driver, port);
	if (!port->terminal)
		return -ENOMEM;
	error = line >= 0 ? irq_register(line, serial_interrupt, port, kstrdup(name))
			  : start_polling(port);
	if (error)
		return error;
	if (terminal_set_console(port->terminal, is_stdout(node))) {
		port->console.name = kstrdup(name);
		port->console.write = console_write;
		log_console_register(&port->console);
	}
	return 0;
}
