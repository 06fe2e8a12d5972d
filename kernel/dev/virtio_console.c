/*
 * The console device with named ports (virtio 1.2, 5.3): each is a byte stream to the host,
 * /dev/virtio-ports/NAME. Control messages are handled by a kernel thread, since they create device nodes.
 */
#include <boot/initcall.h>
#include <debug/log.h>
#include <dev/virtio.h>
#include <fs/device_node.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <sched/thread.h>
#include <sched/wait.h>

enum { FEATURE_MULTIPORT = 1 << 1, CONFIG_MAX_PORTS = 4 };
enum { CONTROL_RECEIVE = 2, CONTROL_TRANSMIT = 3 };
enum {
	DEVICE_READY,
	PORT_ADD,
	PORT_REMOVE,
	PORT_READY,
	CONSOLE_PORT,
	RESIZE,
	PORT_OPEN,
	PORT_NAME
};
enum { PORTS_MAX = 8, BUFFERS = 8, BUFFER_ORDER = 1, CONTROL_BUFFERS = 16, CONTROL_SIZE = 128 };
#define BUFFER_SIZE (PAGE_SIZE << BUFFER_ORDER)

struct control_message {
	u32 port;
	u16 event, value;
	char name[];
};

struct buffer {
	struct list_node link; /* [port] ready or free list */
	u8 *data;
	u32 size, offset; /* bytes received, and consumed */
};

struct port {
	struct console *console;
	unsigned id;
	struct virtqueue *receive, *transmit;
	struct mutex read_lock, write_lock; /* RANK_INODE: one reader, one writer */
	struct spinlock lock;		    /* RANK_CONSOLE, interrupts off */
	struct buffer buffers[2 * BUFFERS]; /* the first half receives */
	struct list_node ready, idle;	    /* [lock] received; free to send */
	bool host_open;			    /* [lock] */
	bool named;
	struct wait_queue wait;
};

struct console {
	struct virtio_device *device;
	struct virtqueue *control_receive, *control_transmit;
	struct port *ports[PORTS_MAX]; /* [const after PORT_ADD] */
	struct wait_queue control_wait;
};

static void send_control(struct console *console, u32 port, u16 event, u16 value)
{
	struct control_message *message = kmalloc(sizeof(*message));
	u32 length;
	void *sent;

	if (!message)
		return;
	*message = (struct control_message){ port, event, value };
	while ((sent = virtqueue_take(console->control_transmit, &length)))
		kfree(sent);
	if (virtqueue_add(console->control_transmit,
			  &(struct virtio_segment){ message, sizeof(*message), false }, 1, message))
		kfree(message);
	else
		virtqueue_kick(console->control_transmit);
}

static void give_receive_buffer(struct port *port, struct buffer *buffer)
{
	virtqueue_add(port->receive, &(struct virtio_segment){ buffer->data, BUFFER_SIZE, true }, 1,
		      buffer);
}

static void port_received(struct virtqueue *queue)
{
	struct port *port = queue->private;
	struct buffer *buffer;
	u32 length;

	while ((buffer = virtqueue_take(queue, &length))) {
		unsigned long state = spin_lock_irqsave(&port->lock);

		buffer->size = MIN(length, (u32)BUFFER_SIZE);
		buffer->offset = 0;
		list_add_tail(&port->ready, &buffer->link);
		spin_unlock_irqrestore(&port->lock, state);
	}
	wait_wake_all(&port->wait);
}

static void port_sent(struct virtqueue *queue)
{
	struct port *port = queue->private;
	struct buffer *buffer;
	u32 length;

	while ((buffer = virtqueue_take(queue, &length))) {
		unsigned long state = spin_lock_irqsave(&port->lock);

		list_add_tail(&port->idle, &buffer->link);
		spin_unlock_irqrestore(&port->lock, state);
	}
	wait_wake_all(&port->wait);
}

/* The first buffer of @list, or NULL; it stays there when @keep. */
static struct buffer *first_buffer(struct port *port, struct list_node *list, bool keep)
{
	unsigned long state = spin_lock_irqsave(&port->lock);
	struct buffer *buffer = list_first_entry_or_null(list, struct buffer, link);

	if (buffer && !keep)
		list_remove(&buffer->link);
	spin_unlock_irqrestore(&port->lock, state);
	return buffer;
}

static ssize_t port_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct port *port = file->private;
	struct buffer *buffer = NULL;
	ssize_t total = 0;
	int error = 0;

	if (mutex_lock_interruptible(&port->read_lock))
		return -ERESTARTSYS;
	if (file->flags & O_NONBLOCK) {
		if (!first_buffer(port, &port->ready, true) && port->host_open)
			error = -EAGAIN;
	} else {
		error = wait_event_interruptible(
			&port->wait, first_buffer(port, &port->ready, true) || !port->host_open);
	}
	while (!error && iterator->left && (buffer = first_buffer(port, &port->ready, true))) {
		u32 left = buffer->size - buffer->offset;
		size_t count = io_copy(iterator, buffer->data + buffer->offset, left);

		total += count;
		buffer->offset += count;
		if (count < left && iterator->left)
			error = -EFAULT;
		if (buffer->offset == buffer->size) {
			first_buffer(port, &port->ready, false);
			give_receive_buffer(port, buffer);
			virtqueue_kick(port->receive);
		}
	}
	mutex_unlock(&port->read_lock);
	return total ? total : error == -EINTR ? -ERESTARTSYS : error;
}

static ssize_t port_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct port *port = file->private;
	ssize_t total = 0;
	int error = 0;

	if (mutex_lock_interruptible(&port->write_lock))
		return -ERESTARTSYS;
	while (iterator->left) {
		struct buffer *buffer = NULL;
		size_t count;

		if (file->flags & O_NONBLOCK) {
			if (!port->host_open || !(buffer = first_buffer(port, &port->idle, false)))
				error = -EAGAIN;
		} else {
			error = wait_event_interruptible(
				&port->wait,
				port->host_open &&
					(buffer = first_buffer(port, &port->idle, false)));
		}
		if (error)
			break;
		count = io_copy(iterator, buffer->data, MIN(iterator->left, (size_t)BUFFER_SIZE));
		if (!count || virtqueue_add(port->transmit,
					    &(struct virtio_segment){ buffer->data, count, false },
					    1, buffer)) {
			unsigned long state = spin_lock_irqsave(&port->lock);

			list_add_head(&port->idle, &buffer->link);
			spin_unlock_irqrestore(&port->lock, state);
			error = count ? -EIO : -EFAULT;
			break;
		}
		virtqueue_kick(port->transmit);
		total += count;
	}
	mutex_unlock(&port->write_lock);
	return total ? total : error == -EINTR ? -ERESTARTSYS : error;
}

static u32 port_poll(struct file *file, struct poll_table *table)
{
	struct port *port = file->private;
	u32 events = 0;

	poll_wait(file, &port->wait, table);
	if (first_buffer(port, &port->ready, true))
		events |= POLLIN | POLLRDNORM;
	if (!port->host_open)
		events |= POLLHUP;
	else if (first_buffer(port, &port->idle, true))
		events |= POLLOUT;
	return events;
}

static int port_open(struct vnode *vnode, struct file *file)
{
	struct port *port = file->private;

	send_control(port->console, port->id, PORT_OPEN, 1);
	return 0;
}

static void port_release(struct file *file)
{
	struct port *port = file->private;

	send_control(port->console, port->id, PORT_OPEN, 0);
}

static const struct file_operations port_operations = {
	.open = port_open,
	.release = port_release,
	.read = port_read,
	.write = port_write,
	.poll = port_poll,
};

/* Memory is spent on ports that exist only. */
static int fill_port(struct port *port)
{
	if (port->buffers[0].data)
		return 0;
	for (unsigned i = 0; i < ARRAY_SIZE(port->buffers); i++) {
		struct frame *frame = frame_alloc(FRAME_KERNEL, BUFFER_ORDER);

		if (!frame)
			return -ENOMEM;
		port->buffers[i].data = frame_data(frame);
		if (i < BUFFERS)
			give_receive_buffer(port, &port->buffers[i]);
		else
			list_add_tail(&port->idle, &port->buffers[i].link);
	}
	virtqueue_kick(port->receive);
	return 0;
}

/* Queues of port 0 come first, then the control queues, then those of port 1… (5.3.2). */
static unsigned port_queue(unsigned id)
{
	return id ? 2 + 2 * id : 0;
}

static struct port *create_port(struct console *console, unsigned id)
{
	struct port *port = kzalloc(sizeof(*port));

	if (!port)
		return NULL;
	port->console = console;
	port->id = id;
	mutex_init(&port->read_lock, RANK_INODE);
	mutex_init(&port->write_lock, RANK_INODE);
	spin_init(&port->lock, RANK_CONSOLE);
	list_init(&port->ready);
	list_init(&port->idle);
	wait_queue_init(&port->wait);
	port->receive =
		virtqueue_create(console->device, port_queue(id), BUFFERS, port_received, port);
	port->transmit =
		virtqueue_create(console->device, port_queue(id) + 1, BUFFERS, port_sent, port);
	if (!port->receive || !port->transmit)
		return NULL;
	return port;
}

static void name_port(struct port *port, const char *name, size_t length)
{
	char path[80];

	length = strnlen(name, length);
	if (port->named || !length || length > 48 || memchr(name, '/', length))
		return;
	snprintf(path, sizeof(path), "virtio-ports/%.*s", (int)length, name);
	port->named = device_node_register(path, S_IFCHR | 0600,
					   DEVICE_NUMBER(MAJOR_VIRTIO_PORT, port->id),
					   &port_operations, port) == 0;
}

static void set_host_open(struct port *port, bool open)
{
	unsigned long state = spin_lock_irqsave(&port->lock);

	port->host_open = open;
	spin_unlock_irqrestore(&port->lock, state);
	wait_wake_all(&port->wait);
}

static void handle_control(struct console *console, struct control_message *message, u32 length)
{
	struct port *port;

	if (length < sizeof(*message) || message->port >= PORTS_MAX)
		return;
	port = console->ports[message->port];
	if (!port)
		return;
	switch (message->event) {
	case PORT_ADD:
		send_control(console, message->port, PORT_READY, fill_port(port) == 0);
		break;
	case PORT_OPEN:
		set_host_open(port, message->value);
		break;
	case PORT_NAME:
		name_port(port, message->name, length - sizeof(*message));
		break;
	}
}

static void control_interrupt(struct virtqueue *queue)
{
	struct console *console = queue->private;

	wait_wake_all(&console->control_wait);
}

static void control_thread(void *argument)
{
	struct console *console = argument;

	for (;;) {
		struct control_message *message;
		u32 length;

		wait_event(&console->control_wait,
			   (message = virtqueue_take(console->control_receive, &length)));
		handle_control(console, message, MIN(length, (u32)CONTROL_SIZE));
		virtqueue_add(console->control_receive,
			      &(struct virtio_segment){ message, CONTROL_SIZE, true }, 1, message);
		virtqueue_kick(console->control_receive);
	}
}

/* All queues exist before DRIVER_OK, as 3.1.1 asks; ports are made for as many as the device may have. */
static int create_ports(struct console *console)
{
	u32 ports = console->device->transport->config_read(console->device, CONFIG_MAX_PORTS, 4);

	for (unsigned id = 0; id < MIN(ports, (u32)PORTS_MAX); id++) {
		console->ports[id] = create_port(console, id);
		if (!console->ports[id])
			return -ENOMEM;
	}
	return 0;
}

static int start_control(struct console *console)
{
	struct thread *thread = thread_create("virtio-console", control_thread, console);

	if (!thread)
		return -ENOMEM;
	for (unsigned i = 0; i < CONTROL_BUFFERS; i++) {
		void *data = kmalloc(CONTROL_SIZE);

		if (data)
			virtqueue_add(console->control_receive,
				      &(struct virtio_segment){ data, CONTROL_SIZE, true }, 1,
				      data);
	}
	virtqueue_kick(console->control_receive);
	thread_start(thread);
	send_control(console, ~0u, DEVICE_READY, 1);
	return 0;
}

static int console_probe(struct virtio_device *device)
{
	struct console *console = kzalloc(sizeof(*console));
	u64 features;
	int error;

	if (!console)
		return -ENOMEM;
	console->device = device;
	wait_queue_init(&console->control_wait);
	error = virtio_negotiate(device, FEATURE_MULTIPORT, &features);
	if (!error && !(features & FEATURE_MULTIPORT))
		error = -ENODEV;
	if (!error)
		error = create_ports(console);
	if (error)
		return error;
	console->control_receive = virtqueue_create(device, CONTROL_RECEIVE, CONTROL_BUFFERS,
						    control_interrupt, console);
	console->control_transmit =
		virtqueue_create(device, CONTROL_TRANSMIT, CONTROL_BUFFERS, NULL, console);
	if (!console->control_receive || !console->control_transmit)
		return -ENOMEM;
	virtio_ready(device);
	return start_control(console);
}

VIRTIO_DRIVER(virtio_console_driver) = {
	.name = "virtio-console",
	.id = VIRTIO_ID_CONSOLE,
	.probe = console_probe,
};
