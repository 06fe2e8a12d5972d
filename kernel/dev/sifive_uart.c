/* The UART of SiFive's chips (FU540-C000 manual, chapter 13). */
#include <arch/io.h>
#include <dev/device.h>
#include <dev/serial.h>
#include <fs/device_node.h>
#include <lib/errno.h>
#include <mm/slab.h>

enum { TXDATA = 0x00, RXDATA = 0x04, TXCTRL = 0x08, RXCTRL = 0x0c, IE = 0x10 };
enum { CTRL_ENABLE = 1, IE_TRANSMIT = 1, IE_RECEIVE = 2, WATERMARK_1 = 1 << 16 };
#define FULL_OR_EMPTY BIT(31)

static bool can_put(struct serial_port *port)
{
	return !(io_read32(port->registers + TXDATA) & FULL_OR_EMPTY);
}

static void put(struct serial_port *port, u8 byte)
{
	io_write32(port->registers + TXDATA, byte);
}

static int get(struct serial_port *port)
{
	u32 value = io_read32(port->registers + RXDATA);

	return value & FULL_OR_EMPTY ? -EAGAIN : (int)(value & 0xff);
}

static void notify_room(struct serial_port *port, bool on)
{
	io_write32(port->registers + IE, IE_RECEIVE | (on ? IE_TRANSMIT : 0));
}

static const struct serial_operations operations = {
	.can_put = can_put,
	.put = put,
	.get = get,
	.notify_room = notify_room,
};

static int sifive_uart_probe(const struct fdt_node *node)
{
	struct serial_port *port = kzalloc(sizeof(*port));

	if (!port)
		return -ENOMEM;
	port->registers = device_map(node, 0, NULL);
	if (!port->registers) {
		kfree(port);
		return -ENXIO;
	}
	port->operations = &operations;
	io_write32(port->registers + TXCTRL, CTRL_ENABLE | WATERMARK_1);
	io_write32(port->registers + RXCTRL, CTRL_ENABLE);
	io_write32(port->registers + IE, IE_RECEIVE);
	return serial_register(port, node, "ttySIF", MAJOR_TTYSIF, 0, device_interrupt(node, 0));
}

static const char *const compatible[] = { "sifive,uart0", "sifive,fu540-c000-uart", NULL };

DRIVER(sifive_uart_driver) = {
	.name = "sifive-uart",
	.compatible = compatible,
	.probe = sifive_uart_probe,
	.early = 1,
};
