/*
 * ns16550 and DesignWare UARTs (PC16550D data sheet; DW_apb_uart databook for USR). Speed and format are
 * left as the firmware set them. Registers: reg-shift, reg-io-width (Linux binding serial/8250).
 */
#include <arch/io.h>
#include <dev/device.h>
#include <dev/serial.h>
#include <fs/device_node.h>
#include <lib/errno.h>
#include <mm/slab.h>

enum { RBR = 0, THR = 0, IER = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, DW_USR = 0x1f };
enum {
	IER_RECEIVE = 1,
	IER_TRANSMIT = 2,
	IIR_NONE = 1,
	IIR_BUSY = 7,
	FCR_ENABLE = 1,
	LCR_DLAB = 0x80,
	MCR_OUT2 = 8,
	LSR_DATA = 1,
	LSR_ROOM = 0x20,
	FIFO_SIZE = 16
};

struct ns16550 {
	struct serial_port port; /* first */
	unsigned room;		 /* [port] bytes that the FIFO still takes */
};

static u32 reg_read(struct serial_port *port, unsigned reg)
{
	volatile u8 *address = port->registers + ((size_t)reg << port->shift);

	return port->width == 4 ? io_read32(address) : io_read8(address);
}

static void reg_write(struct serial_port *port, unsigned reg, u32 value)
{
	volatile u8 *address = port->registers + ((size_t)reg << port->shift);

	if (port->width == 4)
		io_write32(address, value);
	else
		io_write8(address, value);
}

/* LSR's "holding register empty" means a whole empty FIFO: one look serves 16 bytes. */
static bool can_put(struct serial_port *port)
{
	struct ns16550 *uart = container_of(port, struct ns16550, port);

	if (!uart->room && reg_read(port, LSR) & LSR_ROOM)
		uart->room = FIFO_SIZE;
	return uart->room;
}

static void put(struct serial_port *port, u8 byte)
{
	container_of(port, struct ns16550, port)->room--;
	reg_write(port, THR, byte);
}

static int get(struct serial_port *port)
{
	return reg_read(port, LSR) & LSR_DATA ? (int)(reg_read(port, RBR) & 0xff) : -EAGAIN;
}

static void notify_room(struct serial_port *port, bool on)
{
	reg_write(port, IER, IER_RECEIVE | (on ? IER_TRANSMIT : 0));
}

/* DesignWare: a write while busy raises its own interrupt, which reading USR clears. */
static void acknowledge(struct serial_port *port)
{
	if ((reg_read(port, IIR) & 0xf) == IIR_BUSY && port->width == 4)
		reg_read(port, DW_USR);
}

static const struct serial_operations operations = {
	.can_put = can_put,
	.put = put,
	.get = get,
	.notify_room = notify_room,
	.acknowledge = acknowledge,
};

static int ns16550_probe(const struct fdt_node *node)
{
	struct ns16550 *uart = kzalloc(sizeof(*uart));
	u32 shift = 0, width = 1;

	if (!uart)
		return -ENOMEM;
	uart->port.registers = device_map(node, 0, NULL);
	if (!uart->port.registers) {
		kfree(uart);
		return -ENXIO;
	}
	fdt_u32(node->fdt, node->offset, "reg-shift", &shift);
	fdt_u32(node->fdt, node->offset, "reg-io-width", &width);
	uart->port.shift = shift;
	uart->port.width = width;
	uart->port.operations = &operations;
	reg_write(&uart->port, LCR, reg_read(&uart->port, LCR) & ~LCR_DLAB);
	reg_write(&uart->port, FCR, FCR_ENABLE);
	reg_write(&uart->port, MCR, reg_read(&uart->port, MCR) | MCR_OUT2);
	reg_write(&uart->port, IER, IER_RECEIVE);
	return serial_register(&uart->port, node, "ttyS", MAJOR_TTY, 64, device_interrupt(node, 0));
}

static const char *const compatible[] = {
	"ns16550a", "ns16550", "snps,dw-apb-uart", "starfive,jh7110-uart", "starfive,jh7100-uart",
	NULL
};

DRIVER(ns16550_driver) = {
	.name = "ns16550",
	.compatible = compatible,
	.probe = ns16550_probe,
	.early = 1,
};
