/*
 * SD cards in a SPI slot (chapter 7 of the SD specification) behind SiFive's SPI controller (FU540-C000
 * manual, chapter 20). Bytes are moved by the CPU; the controller's FIFOs hold eight.
 */
#include <arch/io.h>
#include <arch/time.h>
#include <dev/device.h>
#include <dev/sd/sd.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { /* registers */
       SCKDIV = 0x00,
       SCKMODE = 0x04,
       CSID = 0x10,
       CSDEF = 0x14,
       CSMODE = 0x18,
       FMT = 0x40,
       TXDATA = 0x48,
       RXDATA = 0x4c,
       FCTRL = 0x60,
       IE = 0x70,
};
enum {
	CSMODE_HOLD = 2,
	CSMODE_OFF = 3,
	FMT_8_BITS = 8 << 16, /* one line, most significant bit first, receiving too */
	FIFO_FLAG = 1u << 31, /* TXDATA: full; RXDATA: empty */
	FIFO_SIZE = 8,
	SCKDIV_MAX = 0xfff,
	/* The tree names a clock of the PRCI; the bus runs at most at half of the core's 1 GHz. */
	INPUT_CLOCK = 500000000,
};
enum { /* 7.3: tokens and answers */
       R1_IDLE = 1,
       R1_CRC = 8,
       R1_START = 0x80, /* clear in the first byte of an answer */
       TOKEN_DATA = 0xfe,
       TOKEN_WRITE_MANY = 0xfc,
       TOKEN_STOP = 0xfd,
       DATA_RESPONSE = 0x1f,
       DATA_ACCEPTED = 0x05,
       DATA_CRC = 0x0b,
       ANSWER_TRIES = 9, /* NCR: at most 8 bytes */
       POWER_UP_BYTES = 10,
};
#define READ_NS	 100000000ull /* 4.6.2.1 */
#define WRITE_NS 500000000ull /* 4.6.2.2 */
#define FIFO_NS	 100000000ull

struct spi_slot {
	struct sd_host host;
	volatile u8 *registers;
	bool stuck; /* the controller did not move a byte: do not wait again in this command */
};

static struct spi_slot *slot_of(struct sd_host *host)
{
	return container_of(host, struct spi_slot, host);
}

static void reg_write(struct spi_slot *slot, unsigned reg, u32 value)
{
	io_write32(slot->registers + reg, value);
}

static u8 receive(struct spi_slot *slot)
{
	u64 deadline = 0;
	u32 data;

	while ((data = io_read32(slot->registers + RXDATA)) & FIFO_FLAG) {
		if (slot->stuck)
			return 0xff;
		if (!deadline)
			deadline = time_now() + FIFO_NS;
		slot->stuck = time_now() > deadline;
	}
	return (u8)data;
}

static u8 exchange(struct spi_slot *slot, u8 byte)
{
	reg_write(slot, TXDATA, byte);
	return receive(slot);
}

/* @size bytes each way, a FIFO full at a time; NULL: ones out, or what comes in is dropped. */
static void exchange_all(struct spi_slot *slot, const u8 *out, u8 *in, size_t size)
{
	while (size) {
		size_t part = MIN(size, (size_t)FIFO_SIZE);

		for (size_t i = 0; i < part; i++)
			reg_write(slot, TXDATA, out ? *out++ : 0xff);
		for (size_t i = 0; i < part; i++) {
			u8 byte = receive(slot);

			if (in)
				*in++ = byte;
		}
		size -= part;
	}
}

/* The first byte that is not @idle, within @ns; @idle when there was none. */
static u8 wait_while(struct spi_slot *slot, u8 idle, u64 ns)
{
	u64 deadline = time_now() + ns;
	u8 byte;

	while ((byte = exchange(slot, 0xff)) == idle && !slot->stuck && time_now() < deadline)
		;
	return byte;
}

/* Busy is a line held low (7.2.4). */
static int wait_idle(struct spi_slot *slot)
{
	u64 deadline = time_now() + WRITE_NS;

	while (exchange(slot, 0xff) != 0xff) {
		if (slot->stuck || time_now() > deadline)
			return -ETIMEDOUT;
	}
	return 0;
}

static int send_frame(struct spi_slot *slot, const struct sd_command *command)
{
	u8 frame[6] = { 0x40 | (u8)command->index };

	store_be32(frame + 1, command->argument);
	frame[5] = (u8)(sd_crc7(frame, 5) << 1) | 1;
	exchange_all(slot, frame, NULL, sizeof(frame));
	/* 7.3.1.1: a byte that means nothing comes before the answer to this one. */
	if (command->index == SD_STOP_TRANSMISSION)
		exchange(slot, 0xff);
	for (unsigned i = 0; i < ANSWER_TRIES; i++) {
		u8 answer = exchange(slot, 0xff);

		if (!(answer & R1_START))
			return answer;
	}
	return -ETIMEDOUT;
}

static int read_block(struct spi_slot *slot, struct sd_command *command)
{
	u8 *data = sd_next_data(command, command->block_size), crc[2];
	u8 token = wait_while(slot, 0xff, READ_NS);

	if (token == 0xff)
		return -ETIMEDOUT;
	if (token != TOKEN_DATA)
		return -EIO; /* 7.3.3.3: an error token */
	exchange_all(slot, NULL, data, command->block_size);
	exchange_all(slot, NULL, crc, sizeof(crc));
	return load_be16(crc) == sd_crc16(data, command->block_size) ? 0 : -EILSEQ;
}

static int write_block(struct spi_slot *slot, struct sd_command *command)
{
	const u8 *data = sd_next_data(command, command->block_size);
	u8 crc[2], answer;

	store_be16(crc, sd_crc16(data, command->block_size));
	exchange(slot, command->block_count > 1 ? TOKEN_WRITE_MANY : TOKEN_DATA);
	exchange_all(slot, data, NULL, command->block_size);
	exchange_all(slot, crc, NULL, sizeof(crc));
	answer = exchange(slot, 0xff) & DATA_RESPONSE;
	if (wait_idle(slot))
		return -ETIMEDOUT;
	if (answer == DATA_ACCEPTED)
		return 0;
	return answer == DATA_CRC ? -EILSEQ : -EIO;
}

static int stop_many(struct spi_slot *slot, const struct sd_command *command)
{
	static const struct sd_command stop = { .index = SD_STOP_TRANSMISSION };

	if (!command->write)
		return send_frame(slot, &stop) < 0 ? -ETIMEDOUT : wait_idle(slot);
	exchange(slot, TOKEN_STOP);
	exchange(slot, 0xff);
	return wait_idle(slot);
}

static int move_data(struct spi_slot *slot, struct sd_command *command)
{
	int error = 0, end = 0;

	if (command->write)
		exchange(slot, 0xff); /* NWR: a byte between answer and data */
	for (u32 i = 0; i < command->block_count && !error; i++)
		error = command->write ? write_block(slot, command) : read_block(slot, command);
	if (command->block_count > 1)
		end = stop_many(slot, command);
	return error ? error : end;
}

static int answer_error(int answer)
{
	if (answer < 0)
		return answer;
	if (answer & R1_CRC)
		return -EILSEQ;
	return answer & ~R1_IDLE ? -EIO : 0;
}

static int run(struct spi_slot *slot, struct sd_command *command)
{
	u8 rest[4];
	int answer, error;

	if (command->index != SD_GO_IDLE && wait_idle(slot))
		return -ETIMEDOUT;
	answer = send_frame(slot, command);
	error = answer_error(answer);
	command->result[0] = answer < 0 ? 0 : (u32)answer;
	if (error)
		return error;
	if (command->response == SD_R3 || command->response == SD_R7) {
		exchange_all(slot, NULL, rest, sizeof(rest));
		command->result[0] = load_be32(rest);
	} else if (command->response == SD_R1B) {
		error = wait_idle(slot);
	}
	return error || !command->block_count ? error : move_data(slot, command);
}

static int spi_command(struct sd_host *host, struct sd_command *command)
{
	struct spi_slot *slot = slot_of(host);
	int error;

	slot->stuck = false;
	/* 6.4.1: at least 74 clocks with the card not selected, before it hears its first command. */
	if (command->index == SD_GO_IDLE)
		exchange_all(slot, NULL, NULL, POWER_UP_BYTES);
	reg_write(slot, CSMODE, CSMODE_HOLD);
	error = run(slot, command);
	reg_write(slot, CSMODE, CSMODE_OFF);
	exchange(slot, 0xff); /* the card lets go of the line */
	return slot->stuck ? -EIO : error;
}

static int spi_set_clock(struct sd_host *host, u32 hz)
{
	u32 divider = hz ? DIV_ROUND_UP((u32)INPUT_CLOCK / 2, hz) - 1 : SCKDIV_MAX;

	reg_write(slot_of(host), SCKDIV, MIN(divider, (u32)SCKDIV_MAX));
	return 0;
}

static int spi_reset(struct sd_host *host)
{
	struct spi_slot *slot = slot_of(host);

	reg_write(slot, IE, 0);
	reg_write(slot, FCTRL, 0); /* not mapped as a flash memory */
	reg_write(slot, SCKMODE, 0);
	reg_write(slot, CSID, 0);
	reg_write(slot, CSDEF, 1);
	reg_write(slot, CSMODE, CSMODE_OFF);
	reg_write(slot, FMT, FMT_8_BITS);
	for (unsigned i = 0; i < FIFO_SIZE; i++)
		io_read32(slot->registers + RXDATA);
	return 0;
}

static const struct sd_host_operations operations = {
	.command = spi_command,
	.set_clock = spi_set_clock,
	.reset = spi_reset,
};

/* The slot is a child node of the controller (Linux binding mmc-spi-slot). */
static int slot_node(const struct fdt_node *node)
{
	int child;

	fdt_for_each_child(child, node->fdt, node->offset) {
		if (fdt_compatible(node->fdt, child, "mmc-spi-slot") &&
		    fdt_enabled(node->fdt, child))
			return child;
	}
	return -ENODEV;
}

static int sifive_spi_probe(const struct fdt_node *node)
{
	int child = slot_node(node);
	struct spi_slot *slot;

	if (child < 0)
		return -ENODEV; /* a bus for something else */
	slot = kzalloc(sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	slot->registers = device_map(node, 0, NULL);
	if (!slot->registers) {
		kfree(slot);
		return -ENXIO;
	}
	slot->host.operations = &operations;
	slot->host.spi = slot->host.stops = true;
	slot->host.lines_max = 1;
	slot->host.clock_max = 20000000;
	fdt_u32(node->fdt, child, "spi-max-frequency", &slot->host.clock_max);
	strlcpy(slot->host.name, fdt_node_name(node->fdt, node->offset), sizeof(slot->host.name));
	return sd_host_register(&slot->host, node);
}

static const char *const compatible[] = { "sifive,spi0", "sifive,fu540-c000-spi", NULL };

DRIVER(sifive_spi_driver) = {
	.name = "sifive-spi",
	.compatible = compatible,
	.probe = sifive_spi_probe,
};
