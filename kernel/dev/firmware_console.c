/*
 * hvc0: the firmware's console as a terminal, for machines whose UART no driver knows. It is there only
 * when no other console is. Input is polled, since the firmware has no interrupt for it.
 */
#include <arch/machine.h>
#include <arch/time.h>
#include <boot/initcall.h>
#include <dev/tty.h>
#include <fs/device_node.h>
#include <lib/errno.h>
#include <sched/timer.h>

enum { POLL_INTERVAL_NS = 20000000 };

static struct terminal *terminal;
static struct timer poll_timer;

static size_t firmware_terminal_write(struct terminal *unused, const u8 *data, size_t size)
{
	firmware_write((const char *)data, size);
	return size;
}

static const struct terminal_driver driver = { .write = firmware_terminal_write };

static void poll_input(struct timer *timer)
{
	u8 data[64];
	size_t count = 0;
	int byte;

	while (count < sizeof(data) && (byte = firmware_read()) >= 0)
		data[count++] = byte;
	if (count)
		terminal_input(terminal, data, count);
	timer_start(timer, time_now() + POLL_INTERVAL_NS);
}

/* After the drivers, before file systems: see kernel/boot. */
static int firmware_console_start(void)
{
	if (terminal_console_name() || firmware_read() == -ENODEV)
		return 0;
	terminal = terminal_create("hvc0", DEVICE_NUMBER(MAJOR_HVC, 0), &driver, NULL);
	if (!terminal)
		return -ENOMEM;
	terminal_set_console(terminal, false);
	timer_init(&poll_timer, poll_input);
	timer_start(&poll_timer, time_now() + POLL_INTERVAL_NS);
	return 0;
}
INITCALL_DEVICE(firmware_console_start);
