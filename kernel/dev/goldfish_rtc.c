/* The clock of QEMU's virt machine (goldfish virtual hardware, RTC): ns since the epoch in two words. */
#include <arch/io.h>
#include <dev/device.h>
#include <lib/errno.h>
#include <sched/timer.h>

enum { TIME_LOW = 0x00, TIME_HIGH = 0x04 };

static int goldfish_probe(const struct fdt_node *node)
{
	volatile u8 *registers = device_map(node, 0, NULL);
	u64 low, high;

	if (!registers)
		return -ENXIO;
	/* Reading the low word latches the high one. */
	low = io_read32(registers + TIME_LOW);
	high = io_read32(registers + TIME_HIGH);
	time_set_realtime(high << 32 | low);
	return 0;
}

static const char *const compatible[] = { "google,goldfish-rtc", NULL };

DRIVER(goldfish_rtc_driver) = {
	.name = "goldfish-rtc",
	.compatible = compatible,
	.probe = goldfish_probe,
};
