/*
 * The CPU moves the data through the buffer port. All registers are reached by aligned words of 32 bits,
 * which is right for every controller, and for some the only way.
 */
#include <arch/io.h>
#include <arch/time.h>
#include <dev/sd/sd.h>
#include <dev/sd/sdhci.h>
#include <lib/errno.h>
#include <lib/fdt.h>
#include <lib/string.h>
#include <mm/slab.h>

enum {		     /* registers, chapter 2 */
       BLOCK = 0x04, /* size, and count in the upper half */
       ARGUMENT = 0x08,
       COMMAND = 0x0c, /* transfer mode, and command in the upper half */
       RESPONSE = 0x10,
       BUFFER = 0x20,
       STATE = 0x24,
       CONTROL = 0x28, /* host control, power in the second byte */
       CLOCK = 0x2c,   /* clock, time-out in the third byte, reset in the fourth */
       STATUS = 0x30,  /* normal, errors in the upper half */
       STATUS_ENABLE = 0x34,
       SIGNAL_ENABLE = 0x38,
       CAPABILITIES = 0x40,
};
enum {
	MODE_COUNT = 1 << 1,
	MODE_STOP = 1 << 2, /* CMD12 by itself */
	MODE_READ = 1 << 4,
	MODE_MANY = 1 << 5,

	COMMAND_LONG = 1 << 16,
	COMMAND_SHORT = 2 << 16,
	COMMAND_SHORT_BUSY = 3 << 16,
	COMMAND_CHECK_CRC = 1 << 19,
	COMMAND_CHECK_INDEX = 1 << 20,
	COMMAND_DATA = 1 << 21,
	COMMAND_ABORT = 3 << 22,
	COMMAND_INDEX_SHIFT = 24,

	STATE_COMMAND_BUSY = 1 << 0,
	STATE_DATA_BUSY = 1 << 1,
	STATE_CARD = 1 << 16,
	STATE_MAY_WRITE = 1 << 19,

	CONTROL_4_LINES = 1 << 1,
	CONTROL_POWER_3V3 = 0xf << 8,

	CLOCK_INTERNAL = 1 << 0,
	CLOCK_STABLE = 1 << 1,
	CLOCK_CARD = 1 << 2,
	CLOCK_TIMEOUT_LONGEST = 0xe << 16,
	CLOCK_RESET_ALL = 1 << 24,
	CLOCK_RESET_LINES = 3 << 25,

	DONE_COMMAND = 1 << 0,
	DONE_TRANSFER = 1 << 1,
	BUFFER_CAN_WRITE = 1 << 4,
	BUFFER_CAN_READ = 1 << 5,
	ERROR_COMMAND_TIMEOUT = 1 << 16,
	ERROR_COMMAND_CRC = 1 << 17,
	ERROR_DATA_TIMEOUT = 1 << 20,
	ERROR_DATA_CRC = 1 << 21,
	ERROR_DATA_END = 1 << 22,
	BASE_CLOCK_SHIFT = 8,
	DIVIDER_MAX = 256,
	BLOCKS_MAX = 0xffff,
};
#define ERRORS	      0xffff0000u
#define MHZ	      1000000u
#define ACCEPT_NS     100000000ull
#define COMMAND_NS    1000000000ull
#define DATA_NS	      2000000000ull
#define POLL_SPINS    64
#define POLL_PAUSE_NS 50000ull

struct sdhci {
	struct sd_host host;
	volatile u8 *registers;
	u32 base_clock; /* Hz */
	u32 control;	/* CONTROL, as last written */
};

static struct sdhci *sdhci_of(struct sd_host *host)
{
	return container_of(host, struct sdhci, host);
}

static u32 reg_read(const struct sdhci *sdhci, unsigned reg)
{
	return io_read32(sdhci->registers + reg);
}

static void reg_write(struct sdhci *sdhci, unsigned reg, u32 value)
{
	io_write32(sdhci->registers + reg, value);
}

/* Until one of @wanted is set (@set) or all are clear; what was read last in *@value (may be NULL). */
static int wait_bits(struct sdhci *sdhci, unsigned reg, u32 wanted, bool set, u64 ns, u32 *value)
{
	u64 deadline = time_now() + ns;

	for (unsigned looks = 0;; looks++) {
		u32 now = reg_read(sdhci, reg);

		if (value)
			*value = now;
		if (((now & wanted) != 0) == set)
			return 0;
		if (time_now() > deadline)
			return -ETIMEDOUT;
		if (looks > POLL_SPINS)
			sd_pause(POLL_PAUSE_NS);
	}
}

static int reset(struct sdhci *sdhci, u32 what)
{
	reg_write(sdhci, CLOCK, reg_read(sdhci, CLOCK) | what);
	return wait_bits(sdhci, CLOCK, what, false, ACCEPT_NS, NULL) ? -EIO : 0;
}

static int sdhci_reset(struct sd_host *host)
{
	struct sdhci *sdhci = sdhci_of(host);
	int error = reset(sdhci, CLOCK_RESET_ALL);

	if (error)
		return error;
	reg_write(sdhci, SIGNAL_ENABLE, 0);
	reg_write(sdhci, STATUS_ENABLE, ~0u);
	sdhci->control = CONTROL_POWER_3V3;
	reg_write(sdhci, CONTROL, sdhci->control);
	return 0;
}

/* Powers of two are right for versions 2 and 3 of the standard. */
static int sdhci_set_clock(struct sd_host *host, u32 hz)
{
	struct sdhci *sdhci = sdhci_of(host);
	u32 divider = 1, value = CLOCK_TIMEOUT_LONGEST | CLOCK_INTERNAL;

	reg_write(sdhci, CLOCK, CLOCK_TIMEOUT_LONGEST);
	if (!hz)
		return 0;
	while (divider < DIVIDER_MAX && sdhci->base_clock / divider > hz)
		divider *= 2;
	value |= divider / 2 << 8;
	reg_write(sdhci, CLOCK, value);
	if (wait_bits(sdhci, CLOCK, CLOCK_STABLE, true, ACCEPT_NS, NULL))
		return -EIO;
	reg_write(sdhci, CLOCK, value | CLOCK_CARD);
	return 0;
}

static void sdhci_set_width(struct sd_host *host, unsigned lines)
{
	struct sdhci *sdhci = sdhci_of(host);

	sdhci->control &= ~(u32)CONTROL_4_LINES;
	if (lines == 4)
		sdhci->control |= CONTROL_4_LINES;
	reg_write(sdhci, CONTROL, sdhci->control);
}

static u32 command_bits(const struct sd_command *command)
{
	u32 bits = (u32)command->index << COMMAND_INDEX_SHIFT;

	if (command->response == SD_R2)
		bits |= COMMAND_LONG | COMMAND_CHECK_CRC;
	else if (command->response == SD_R3)
		bits |= COMMAND_SHORT;
	else if (command->response == SD_R1B)
		bits |= COMMAND_SHORT_BUSY | COMMAND_CHECK_CRC | COMMAND_CHECK_INDEX;
	else if (command->response != SD_NONE)
		bits |= COMMAND_SHORT | COMMAND_CHECK_CRC | COMMAND_CHECK_INDEX;
	if (command->index == SD_STOP_TRANSMISSION)
		bits |= COMMAND_ABORT;
	if (!command->block_count)
		return bits;
	bits |= COMMAND_DATA | MODE_COUNT | (command->write ? 0 : MODE_READ);
	return bits | (command->block_count > 1 ? MODE_MANY | MODE_STOP : 0);
}

static int error_of(u32 status)
{
	if (!(status & ERRORS))
		return 0;
	if (status & (ERROR_COMMAND_TIMEOUT | ERROR_DATA_TIMEOUT))
		return -ETIMEDOUT;
	return status & (ERROR_COMMAND_CRC | ERROR_DATA_CRC | ERROR_DATA_END) ? -EILSEQ : -EIO;
}

/* One of @wanted, which is acknowledged, or an error. */
static int wait_status(struct sdhci *sdhci, u32 wanted, u64 ns)
{
	u32 status;
	int error = wait_bits(sdhci, STATUS, wanted | ERRORS, true, ns, &status);

	reg_write(sdhci, STATUS, status & (wanted | ERRORS));
	return error ? error : error_of(status);
}

/* R2 comes without its checksum, and so one byte lower (2.2.7). */
static void take_response(const struct sdhci *sdhci, struct sd_command *command)
{
	u32 words[4];

	for (unsigned i = 0; i < 4; i++)
		words[i] = reg_read(sdhci, RESPONSE + 4 * (3 - i));
	if (command->response != SD_R2) {
		command->result[0] = words[3];
		return;
	}
	for (unsigned i = 0; i < 4; i++)
		command->result[i] = words[i] << 8 | (i < 3 ? words[i + 1] >> 24 : 0);
}

static int move_data(struct sdhci *sdhci, struct sd_command *command)
{
	u32 ready = command->write ? BUFFER_CAN_WRITE : BUFFER_CAN_READ;

	for (u32 block = 0; block < command->block_count; block++) {
		u32 *words = sd_next_data(command, command->block_size);
		int error = wait_status(sdhci, ready, DATA_NS);

		if (error)
			return error;
		for (u32 i = 0; i < command->block_size / sizeof(u32); i++) {
			if (command->write)
				reg_write(sdhci, BUFFER, words[i]);
			else
				words[i] = reg_read(sdhci, BUFFER);
		}
	}
	return wait_status(sdhci, DONE_TRANSFER, DATA_NS);
}

static int run(struct sdhci *sdhci, struct sd_command *command)
{
	u32 busy = STATE_COMMAND_BUSY;
	int error;

	if (command->index != SD_STOP_TRANSMISSION)
		busy |= STATE_DATA_BUSY;
	if (wait_bits(sdhci, STATE, busy, false, DATA_NS, NULL))
		return -ETIMEDOUT;
	reg_write(sdhci, STATUS, ~0u);
	reg_write(sdhci, BLOCK, command->block_count << 16 | command->block_size);
	reg_write(sdhci, ARGUMENT, command->argument);
	reg_write(sdhci, COMMAND, command_bits(command));
	error = wait_status(sdhci, DONE_COMMAND, COMMAND_NS);
	if (error)
		return error;
	take_response(sdhci, command);
	if (command->block_count)
		return move_data(sdhci, command);
	if (command->response == SD_R1B)
		return wait_bits(sdhci, STATE, STATE_DATA_BUSY, false, DATA_NS, NULL);
	return 0;
}

static int sdhci_command(struct sd_host *host, struct sd_command *command)
{
	struct sdhci *sdhci = sdhci_of(host);
	int error = run(sdhci, command);

	if (error && reset(sdhci, CLOCK_RESET_LINES))
		return -EIO;
	return error;
}

static bool sdhci_present(struct sd_host *host)
{
	return reg_read(sdhci_of(host), STATE) & STATE_CARD;
}

static bool sdhci_protected(struct sd_host *host)
{
	return !(reg_read(sdhci_of(host), STATE) & STATE_MAY_WRITE);
}

static const struct sd_host_operations operations = {
	.command = sdhci_command,
	.set_clock = sdhci_set_clock,
	.set_width = sdhci_set_width,
	.reset = sdhci_reset,
	.present = sdhci_present,
	.write_protected = sdhci_protected,
}, operations_without_switch = {
	.command = sdhci_command,
	.set_clock = sdhci_set_clock,
	.set_width = sdhci_set_width,
	.reset = sdhci_reset,
	.present = sdhci_present,
};

int sdhci_register(volatile u8 *registers, const char *name, const struct fdt_node *node)
{
	struct sdhci *sdhci = kzalloc(sizeof(*sdhci));
	struct sd_host *host = &sdhci->host;
	int error;

	if (!sdhci)
		return -ENOMEM;
	sdhci->registers = registers;
	sdhci->base_clock = (reg_read(sdhci, CAPABILITIES) >> BASE_CLOCK_SHIFT & 0xff) * MHZ;
	if (!sdhci->base_clock)
		sdhci->base_clock = 200 * MHZ; /* the fastest that the standard can say */
	host->operations = &operations;
	host->stops = true;
	host->lines_max = 4;
	host->clock_max = sdhci->base_clock;
	host->blocks_max = BLOCKS_MAX;
	if (node) {
		fdt_u32(node->fdt, node->offset, "bus-width", &host->lines_max);
		fdt_u32(node->fdt, node->offset, "max-frequency", &host->clock_max);
		if (fdt_has(node->fdt, node->offset, "disable-wp"))
			host->operations = &operations_without_switch;
	}
	strlcpy(host->name, name, sizeof(host->name));
	error = sdhci_reset(host);
	if (!error)
		error = sd_host_register(host, node);
	if (error)
		kfree(sdhci);
	return error;
}
