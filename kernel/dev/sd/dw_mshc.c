/*
 * Synopsys DesignWare Mobile Storage Host (databook 2.70a), as in StarFive's JH7110 and JH7100. The CPU
 * moves the data through the FIFO: the JH7100's DMA is not coherent, and a card is slower than that.
 * Power, reset and pins are as U-Boot left them.
 */
#include <arch/io.h>
#include <arch/time.h>
#include <debug/log.h>
#include <dev/device.h>
#include <dev/sd/sd.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { /* registers */
       CTRL = 0x00,
       PWREN = 0x04,
       CLKDIV = 0x08,
       CLKENA = 0x10,
       TMOUT = 0x14,
       CTYPE = 0x18,
       BLKSIZ = 0x1c,
       BYTCNT = 0x20,
       INTMASK = 0x24,
       CMDARG = 0x28,
       CMD = 0x2c,
       RESP0 = 0x30,
       RESP3 = 0x3c,
       RINTSTS = 0x44,
       STATUS = 0x48,
       FIFOTH = 0x4c,
       CDETECT = 0x50,
       WRTPRT = 0x54,
       VERID = 0x6c,
       BMOD = 0x80,
       DATA = 0x200, /* from version 2.40a on */
       DATA_OLD = 0x100,
};
enum {
	CTRL_RESET = 1 << 0,
	CTRL_FIFO_RESET = 1 << 1,
	CTRL_DMA_RESET = 1 << 2,
	CTRL_ALL_RESETS = CTRL_RESET | CTRL_FIFO_RESET | CTRL_DMA_RESET,

	CMD_RESPONSE = 1 << 6,
	CMD_LONG = 1 << 7,
	CMD_CHECK_CRC = 1 << 8,
	CMD_DATA = 1 << 9,
	CMD_WRITE = 1 << 10,
	CMD_WAIT_DATA = 1 << 13,
	CMD_STOP = 1 << 14,
	CMD_INITIALIZE = 1 << 15,
	CMD_CLOCK_ONLY = 1 << 21,
	CMD_HOLD = 1 << 29,

	STATUS_BUSY = 1 << 9, /* the card holds its data line low */
	STATUS_COUNT_SHIFT = 17,
	STATUS_COUNT_MASK = 0x1fff,

	INT_RESPONSE = 1 << 1,
	INT_COMMAND_DONE = 1 << 2,
	INT_DATA_OVER = 1 << 3,
	INT_RESPONSE_CRC = 1 << 6,
	INT_DATA_CRC = 1 << 7,
	INT_RESPONSE_TIMEOUT = 1 << 8,
	INT_DATA_TIMEOUT = 1 << 9,
	INT_HOST_TIMEOUT = 1 << 10,
	INT_FIFO = 1 << 11,
	INT_LOCKED = 1 << 12,
	INT_START_BIT = 1 << 13,
	INT_END_BIT = 1 << 15,
	INT_COMMAND_ERRORS = INT_RESPONSE | INT_RESPONSE_CRC | INT_RESPONSE_TIMEOUT | INT_LOCKED,
	INT_DATA_ERRORS = INT_DATA_CRC | INT_DATA_TIMEOUT | INT_HOST_TIMEOUT | INT_FIFO |
			  INT_START_BIT | INT_END_BIT,

	VERSION_MASK = 0xffff,
	VERSION_2_40A = 0x240a,
	FIFO_DEPTH = 32, /* words, where the tree does not say */
	DIVIDER_MAX = 255,
	CLOCK_FALLBACK = 50000000,
};
#define CMD_START     (1u << 31)
#define ACCEPT_NS     100000000ull
#define COMMAND_NS    500000000ull
#define DATA_NS	      1000000000ull
#define POLL_SPINS    64
#define POLL_PAUSE_NS 50000ull

/* JH7110: the divider of the card's clock in the system's clock generator, 4 bytes for each clock. */
enum { JH7110_CLOCK_DIVIDER = 8, JH7110_CLOCK_MASK = 0xffffff };
#define JH7110_CLOCK_PARENT 396000000u

struct dw_mshc {
	struct sd_host host;
	volatile u8 *registers;
	u32 input_clock; /* Hz */
	u32 fifo_depth, data;
};

static struct dw_mshc *mshc_of(struct sd_host *host)
{
	return container_of(host, struct dw_mshc, host);
}

static u32 reg_read(const struct dw_mshc *mshc, unsigned reg)
{
	return io_read32(mshc->registers + reg);
}

static void reg_write(struct dw_mshc *mshc, unsigned reg, u32 value)
{
	io_write32(mshc->registers + reg, value);
}

/* Looks again and again, first at once, later with a rest in between. False: @deadline is over. */
struct poll {
	u64 deadline;
	unsigned looks;
};

static struct poll poll_begin(u64 ns)
{
	return (struct poll){ .deadline = time_now() + ns };
}

static bool poll_again(struct poll *poll)
{
	if (time_now() > poll->deadline)
		return false;
	if (++poll->looks > POLL_SPINS)
		sd_pause(POLL_PAUSE_NS);
	return true;
}

static int wait_clear(struct dw_mshc *mshc, unsigned reg, u32 bits, u64 ns)
{
	struct poll poll = poll_begin(ns);

	while (reg_read(mshc, reg) & bits) {
		if (!poll_again(&poll))
			return -ETIMEDOUT;
	}
	return 0;
}

static int fifo_reset(struct dw_mshc *mshc)
{
	reg_write(mshc, CTRL, reg_read(mshc, CTRL) | CTRL_FIFO_RESET);
	return wait_clear(mshc, CTRL, CTRL_FIFO_RESET, ACCEPT_NS);
}

/* The card's clock changes only at a command that says so (7.2.2). */
static int clock_update(struct dw_mshc *mshc)
{
	reg_write(mshc, CMD, CMD_START | CMD_CLOCK_ONLY | CMD_WAIT_DATA | CMD_HOLD);
	return wait_clear(mshc, CMD, CMD_START, ACCEPT_NS) ? -EIO : 0;
}

static int mshc_set_clock(struct sd_host *host, u32 hz)
{
	struct dw_mshc *mshc = mshc_of(host);
	u32 divider = 0;
	int error;

	reg_write(mshc, CLKENA, 0);
	error = clock_update(mshc);
	if (error || !hz)
		return error;
	/* 0: as it comes; n: through 2n. */
	if (hz < mshc->input_clock)
		divider = MIN(DIV_ROUND_UP(mshc->input_clock, 2 * hz), (u32)DIVIDER_MAX);
	reg_write(mshc, CLKDIV, divider);
	error = clock_update(mshc);
	if (error)
		return error;
	reg_write(mshc, CLKENA, 1);
	return clock_update(mshc);
}

static void mshc_set_width(struct sd_host *host, unsigned lines)
{
	reg_write(mshc_of(host), CTYPE, lines == 4);
}

static int mshc_reset(struct sd_host *host)
{
	struct dw_mshc *mshc = mshc_of(host);

	reg_write(mshc, PWREN, 1);
	reg_write(mshc, CTRL, CTRL_ALL_RESETS);
	if (wait_clear(mshc, CTRL, CTRL_ALL_RESETS, ACCEPT_NS))
		return -EIO;
	reg_write(mshc, INTMASK, 0);
	reg_write(mshc, RINTSTS, ~0u);
	reg_write(mshc, BMOD, 0);
	reg_write(mshc, TMOUT, ~0u);
	reg_write(mshc, FIFOTH, (mshc->fifo_depth / 2 - 1) << 16 | mshc->fifo_depth / 2);
	return 0;
}

static u32 command_bits(const struct sd_command *command)
{
	u32 bits = CMD_START | CMD_HOLD | command->index;

	if (command->response != SD_NONE)
		bits |= CMD_RESPONSE;
	if (command->response == SD_R2)
		bits |= CMD_LONG;
	if (command->response != SD_NONE && command->response != SD_R3)
		bits |= CMD_CHECK_CRC;
	if (command->index == SD_GO_IDLE)
		bits |= CMD_INITIALIZE;
	if (command->index == SD_STOP_TRANSMISSION)
		bits |= CMD_STOP;
	else
		bits |= CMD_WAIT_DATA;
	if (command->block_count)
		bits |= CMD_DATA | (command->write ? CMD_WRITE : 0);
	return bits;
}

static int command_error(u32 status)
{
	if (status & INT_RESPONSE_TIMEOUT)
		return -ETIMEDOUT;
	if (status & INT_RESPONSE_CRC)
		return -EILSEQ;
	return status & INT_COMMAND_ERRORS ? -EIO : 0;
}

static int data_error(u32 status)
{
	if (status & (INT_DATA_TIMEOUT | INT_HOST_TIMEOUT))
		return -ETIMEDOUT;
	if (status & (INT_DATA_CRC | INT_END_BIT | INT_START_BIT))
		return -EILSEQ;
	return status & INT_DATA_ERRORS ? -EIO : 0;
}

static int send(struct dw_mshc *mshc, struct sd_command *command)
{
	struct poll poll = poll_begin(COMMAND_NS);
	u32 status;
	int error;

	reg_write(mshc, CMDARG, command->argument);
	reg_write(mshc, CMD, command_bits(command));
	while (!((status = reg_read(mshc, RINTSTS)) & (INT_COMMAND_DONE | INT_LOCKED))) {
		if (!poll_again(&poll))
			return -ETIMEDOUT;
	}
	error = command_error(status);
	if (error)
		return error;
	if (command->response == SD_R2) {
		for (unsigned i = 0; i < 4; i++)
			command->result[i] = reg_read(mshc, RESP3 - 4 * i);
	} else {
		command->result[0] = reg_read(mshc, RESP0);
	}
	return 0;
}

static u32 fifo_count(const struct dw_mshc *mshc)
{
	return reg_read(mshc, STATUS) >> STATUS_COUNT_SHIFT & STATUS_COUNT_MASK;
}

/* As many of the @left words as the FIFO has, or has room for, at the moment. */
static u32 move_words(struct dw_mshc *mshc, struct sd_command *command, u32 *words, u32 left)
{
	u32 count = fifo_count(mshc);

	if (command->write)
		count = mshc->fifo_depth - MIN(count, mshc->fifo_depth);
	count = MIN(count, left);
	for (u32 i = 0; i < count; i++) {
		if (command->write)
			reg_write(mshc, mshc->data, words[i]);
		else
			words[i] = reg_read(mshc, mshc->data);
	}
	return count;
}

static int move_block(struct dw_mshc *mshc, struct sd_command *command)
{
	u32 left = command->block_size / sizeof(u32);
	u32 *words = sd_next_data(command, command->block_size);
	struct poll poll = poll_begin(DATA_NS);

	while (left) {
		int error = data_error(reg_read(mshc, RINTSTS));
		u32 moved;

		if (error)
			return error;
		moved = move_words(mshc, command, words, left);
		words += moved;
		left -= moved;
		if (!moved && !poll_again(&poll))
			return -ETIMEDOUT;
	}
	return 0;
}

static int move_data(struct dw_mshc *mshc, struct sd_command *command)
{
	struct poll poll;
	int error = 0;
	u32 status;

	for (u32 i = 0; i < command->block_count && !error; i++)
		error = move_block(mshc, command);
	poll = poll_begin(DATA_NS);
	while (!error && !((status = reg_read(mshc, RINTSTS)) & INT_DATA_OVER)) {
		error = data_error(status);
		if (!error && !poll_again(&poll))
			error = -ETIMEDOUT;
	}
	return error ? error : data_error(reg_read(mshc, RINTSTS));
}

static int mshc_command(struct sd_host *host, struct sd_command *command)
{
	struct dw_mshc *mshc = mshc_of(host);
	int error;

	if (command->index != SD_STOP_TRANSMISSION &&
	    wait_clear(mshc, STATUS, STATUS_BUSY, DATA_NS))
		return -ETIMEDOUT;
	reg_write(mshc, RINTSTS, ~0u);
	if (command->block_count) {
		if (fifo_reset(mshc))
			return -EIO;
		reg_write(mshc, BLKSIZ, command->block_size);
		reg_write(mshc, BYTCNT, command->block_size * command->block_count);
	}
	error = send(mshc, command);
	if (!error && command->block_count)
		error = move_data(mshc, command);
	if (!error && command->response == SD_R1B)
		error = wait_clear(mshc, STATUS, STATUS_BUSY, DATA_NS);
	if (error && command->block_count)
		(void)fifo_reset(mshc);
	return error;
}

static bool mshc_present(struct sd_host *host)
{
	return !(reg_read(mshc_of(host), CDETECT) & 1);
}

static bool mshc_protected(struct sd_host *host)
{
	return reg_read(mshc_of(host), WRTPRT) & 1;
}

/* Where the socket's switches are not wired to the controller, its registers mean nothing. */
static const struct sd_host_operations operations = {
	.command = mshc_command,
	.set_clock = mshc_set_clock,
	.set_width = mshc_set_width,
	.reset = mshc_reset,
}, operations_with_detect = {
	.command = mshc_command,
	.set_clock = mshc_set_clock,
	.set_width = mshc_set_width,
	.reset = mshc_reset,
	.present = mshc_present,
	.write_protected = mshc_protected,
};

/* U-Boot leaves some divider; 8 gives 49.5 MHz. The tree's number of a clock is its register's. */
static u32 jh7110_set_clock(const struct fdt_node *node)
{
	int index = fdt_string_index(node->fdt, node->offset, "clock-names", "ciu");
	int generator = index < 0
				? -ENOENT
				: fdt_reference(node->fdt, node->offset, "clocks", 2 * (u32)index);
	struct fdt_node clocks = { node->fdt, generator };
	volatile u8 *registers;
	size_t size;
	u32 number, value;

	if (generator < 0 ||
	    fdt_cell(node->fdt, node->offset, "clocks", 2 * (u32)index + 1, &number))
		return 0;
	registers = device_map(&clocks, 0, &size);
	if (!registers || number >= size / 4)
		return 0;
	value = io_read32(registers + 4 * number) & ~(u32)JH7110_CLOCK_MASK;
	io_write32(registers + 4 * number, value | JH7110_CLOCK_DIVIDER);
	return JH7110_CLOCK_PARENT / JH7110_CLOCK_DIVIDER;
}

static u32 find_input_clock(const struct fdt_node *node)
{
	u32 hz = 0;

	if (fdt_compatible(node->fdt, node->offset, "starfive,jh7110-mmc"))
		hz = jh7110_set_clock(node);
	if (!hz && fdt_u32(node->fdt, node->offset, "clock-frequency", &hz))
		hz = 0;
	return hz ? hz : CLOCK_FALLBACK;
}

static void describe(struct dw_mshc *mshc, const struct fdt_node *node)
{
	bool wired = !fdt_has(node->fdt, node->offset, "broken-cd") &&
		     !fdt_has(node->fdt, node->offset, "cd-gpios");

	mshc->host.operations = wired ? &operations_with_detect : &operations;
	mshc->host.lines_max = 1;
	fdt_u32(node->fdt, node->offset, "bus-width", &mshc->host.lines_max);
	mshc->input_clock = find_input_clock(node);
	mshc->host.clock_max = mshc->input_clock;
	fdt_u32(node->fdt, node->offset, "max-frequency", &mshc->host.clock_max);
	mshc->fifo_depth = FIFO_DEPTH;
	fdt_u32(node->fdt, node->offset, "fifo-depth", &mshc->fifo_depth);
	mshc->fifo_depth = CLAMP(mshc->fifo_depth, 8u, 4096u);
	mshc->data = (reg_read(mshc, VERID) & VERSION_MASK) < VERSION_2_40A ? DATA_OLD : DATA;
	strlcpy(mshc->host.name, fdt_node_name(node->fdt, node->offset), sizeof(mshc->host.name));
}

static int dw_mshc_probe(const struct fdt_node *node)
{
	struct dw_mshc *mshc;

	if (fdt_has(node->fdt, node->offset, "no-sd") ||
	    fdt_has(node->fdt, node->offset, "non-removable")) {
		log_info("%s: an eMMC or SDIO device, which Selene does not drive",
			 fdt_node_name(node->fdt, node->offset));
		return 0;
	}
	mshc = kzalloc(sizeof(*mshc));
	if (!mshc)
		return -ENOMEM;
	mshc->registers = device_map(node, 0, NULL);
	if (!mshc->registers) {
		kfree(mshc);
		return -ENXIO;
	}
	describe(mshc, node);
	return sd_host_register(&mshc->host, node);
}

static const char *const compatible[] = { "starfive,jh7110-mmc", "snps,dw-mshc", NULL };

DRIVER(dw_mshc_driver) = {
	.name = "dw-mshc",
	.compatible = compatible,
	.probe = dw_mshc_probe,
};
