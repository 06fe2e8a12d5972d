// sources: kernel/dev/sd/sifive_spi.c kernel/dev/sd/card.c kernel/dev/sd/start.c kernel/dev/sd/registers.c
// sources: kernel/lib/fdt.c kernel/lib/fdt_values.c kernel/lib/fdt_address.c kernel/lib/strlcpy.c
// flags: -Itests/host/model -Iarch/host/include -Wno-unused-function
/*
 * The SD layer over SiFive's SPI controller, byte by byte against a card in SPI mode (chapter 7):
 * start-up, reading and writing with their checksums, and everything that can go wrong.
 */
#include "sd_card.h"
#include "sd_port.h"

enum { REGISTERS_SIZE = 0x80, QUEUE = 2048 };

static u8 base[REGISTERS_SIZE];
static u32 registers[REGISTERS_SIZE / 4];
static u8 received[8];
static unsigned received_count;
static bool controller_dead; /* takes no bytes any more */

/* ---- the card's side of the wire ---- */

static struct {
	u8 frame[6];
	unsigned framed; /* bytes of a command so far */
	u8 out[QUEUE];	 /* what the card is going to say */
	unsigned out_count, out_at;
	bool selected, crc_on, sending, taking; /* blocks on their way */
	u32 index, argument, block;
	u8 block_data[CARD_BLOCK + 2];
	unsigned block_at;
	bool block_begun;
} wire;

static void say(u8 byte)
{
	if (wire.out_count < QUEUE)
		wire.out[wire.out_count++] = byte;
}

static void say_block(const u8 *data, unsigned size)
{
	u16 crc = sd_crc16(data, size) ^ (card_strikes(FAULT_DATA_CRC) ? 0x1111 : 0);

	say(0xff);
	say(0xfe);
	for (unsigned i = 0; i < size; i++)
		say(data[i]);
	say((u8)(crc >> 8));
	say((u8)crc);
}

static void say_next_block(void)
{
	const u8 *data = card_read(17, false, wire.argument, wire.block++);

	if (card_strikes(FAULT_NO_DATA))
		wire.sending = false;
	else if (data)
		say_block(data, CARD_BLOCK);
	else
		say(0x08); /* 7.3.3.3: out of range */
}

static void say_register(const u32 words[4])
{
	u8 bytes[16];

	for (unsigned i = 0; i < 4; i++)
		store_be32(bytes + 4 * i, words[i]);
	say_block(bytes, sizeof(bytes));
}

static void answer_r1(u8 r1)
{
	say(0xff); /* NCR */
	say(r1);
}

static void run_application(u8 idle)
{
	if (wire.index == 41 && !card.power_up)
		card.idle = false, idle = 0;
	else if (wire.index == 41)
		card.power_up--;
	answer_r1(idle);
}

static void run_command(void)
{
	bool application = card.application, data;
	u8 idle = card.idle;

	wire.index = wire.frame[0] & 63;
	wire.argument = load_be32(wire.frame + 1);
	wire.out_count = wire.out_at = 0;
	wire.sending = wire.taking = false;
	card.application = false;
	card.commands++;
	data = card_moves_data(wire.index);
	if (card.fault == FAULT_REMOVED && card_strikes(FAULT_REMOVED))
		return;
	if (data && card_strikes(FAULT_NO_ANSWER))
		return;
	if ((data && card_strikes(FAULT_ANSWER_CRC)) ||
	    ((wire.crc_on || wire.index == 0 || wire.index == 8) &&
	     wire.frame[5] != (u8)(sd_crc7(wire.frame, 5) << 1 | 1))) {
		answer_r1(0x08 | idle);
		return;
	}
	if (data && card_strikes(FAULT_STATUS)) {
		answer_r1(0x20 | idle); /* address error */
		return;
	}
	if (application && wire.index == 41) {
		run_application(idle);
		return;
	}
	switch (wire.index) {
	case 0:
		card_reset();
		wire.crc_on = false;
		answer_r1(1);
		return;
	case 8:
		answer_r1(card.version_2 ? idle : 0x04 | idle);
		for (unsigned i = 0; card.version_2 && i < 4; i++)
			say(i == 2 ? wire.argument >> 8 & 0xf : i == 3 ? (u8)wire.argument : 0);
		return;
	case 9:
		answer_r1(idle);
		say_register(card.csd);
		return;
	case 12:
		card.stops++;
		say(0xaa); /* stuff */
		answer_r1(idle);
		say(0); /* busy for a while */
		return;
	case 17:
	case 18:
		answer_r1(idle);
		wire.block = 0;
		wire.sending = wire.index == 18;
		say_next_block();
		return;
	case 24:
	case 25:
		answer_r1(idle);
		wire.block = 0;
		wire.taking = true;
		wire.block_begun = false;
		return;
	case 55:
		card.application = true;
		answer_r1(idle);
		return;
	case 58:
		answer_r1(idle);
		say(0x80 | (card.high_capacity ? 0x40 : 0));
		say(0xff), say(0x80), say(0);
		return;
	case 59:
		wire.crc_on = wire.argument & 1;
		answer_r1(idle);
		return;
	default:
		answer_r1(idle);
		return;
	}
}

/* A byte of a block that is written, or what stands between blocks. */
static void take(u8 byte)
{
	u8 *to;

	if (!wire.block_begun) {
		wire.block_begun = byte == (wire.index == 25 ? 0xfc : 0xfe);
		wire.block_at = 0;
		if (byte == 0xfd && wire.index == 25) {
			wire.taking = false;
			card.stops++;
			say(0xff), say(0), say(0);
		}
		return;
	}
	wire.block_data[wire.block_at++] = byte;
	if (wire.block_at < sizeof(wire.block_data))
		return;
	wire.block_begun = false;
	wire.out_count = wire.out_at = 0;
	to = card_write(wire.argument, wire.block++);
	if (card_strikes(FAULT_NO_DATA)) {
		for (unsigned i = 0; i < QUEUE; i++)
			say(0); /* busy for longer than anyone waits */
	} else if (load_be16(wire.block_data + CARD_BLOCK) !=
			   sd_crc16(wire.block_data, CARD_BLOCK) ||
		   card_strikes(FAULT_DATA_CRC)) {
		say(0xeb);
	} else if (!to) {
		say(0xed);
	} else {
		memcpy(to, wire.block_data, CARD_BLOCK);
		say(0xe5);
		say(0), say(0);
	}
	if (wire.index == 24)
		wire.taking = false;
}

static u8 exchange_byte(u8 byte)
{
	u8 answer = 0xff;

	if (!wire.selected)
		return answer;
	if (wire.out_at < wire.out_count) {
		answer = wire.out[wire.out_at++];
	} else if (wire.sending) {
		wire.out_count = wire.out_at = 0;
		say_next_block();
	}
	if (wire.taking && !wire.framed &&
	    (wire.block_begun || byte == 0xfc || byte == 0xfe || byte == 0xfd)) {
		take(byte);
		return answer;
	}
	if (wire.framed || (byte & 0xc0) == 0x40) {
		wire.frame[wire.framed++] = byte;
		if (wire.framed == sizeof(wire.frame)) {
			wire.framed = 0;
			run_command();
		}
	}
	return answer;
}

/* ---- the controller ---- */

u32 model_read(const volatile void *address, unsigned size)
{
	size_t offset = (size_t)((const volatile u8 *)address - base);
	u8 byte;

	EXPECT(size, 4);
	if (offset != 0x4c)
		return registers[offset / 4];
	if (!received_count)
		return 1u << 31;
	byte = received[0];
	memmove(received, received + 1, --received_count);
	return byte;
}

void model_write(volatile void *address, unsigned size, u32 value)
{
	size_t offset = (size_t)((volatile u8 *)address - base);

	EXPECT(size, 4);
	if (offset == 0x48) {
		u8 answer = exchange_byte((u8)value);

		EXPECT_TRUE(received_count < 8); /* a FIFO that runs over loses bytes */
		if (received_count < 8 && !controller_dead)
			received[received_count++] = answer;
		return;
	}
	registers[offset / 4] = value;
	if (offset == 0x18) {
		wire.selected = value == 2;
		wire.framed = 0;
	}
}

void *device_map(const struct fdt_node *node, unsigned index, size_t *size)
{
	return base;
}

/* ---- the tests ---- */

extern const struct driver *const __start_drivers[];

static void machine_start(void)
{
	static const char source[] =
		"/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; spi@0 { compatible = \"sifive,spi0\"; "
		"reg = <0 0x80>; #address-cells = <1>; #size-cells = <0>; mmc@0 { compatible = "
		"\"mmc-spi-slot\"; reg = <0>; spi-max-frequency = <20000000>; }; }; };";
	static const char *const dtc[] = { "dtc", "-q", "-I", "dts", "-O", "dtb", NULL };
	static struct fdt tree;
	struct fdt_node node = { &tree, 0 };
	size_t size;
	void *blob = check_filter(dtc, source, strlen(source), &size);

	if (!blob || fdt_check(&tree, blob, size, NULL))
		abort();
	memset(&wire, 0, sizeof(wire));
	received_count = 0;
	controller_dead = false;
	disk = NULL;
	log_text[0] = '\0';
	node.offset = fdt_node_by_path(&tree, "/spi@0");
	EXPECT(__start_drivers[0]->probe(&node), 0);
	host_turn();
}

static void card_insert(bool high_capacity, bool version_2)
{
	memset(&card, 0, sizeof(card));
	card.high_capacity = high_capacity;
	card.version_2 = version_2;
	card.power_up = 3;
	card_reset();
	for (u32 i = 0; i < sizeof(card.data); i++)
		card.data[i] = (u8)(i / 512 + i);
}

static void fault_set(enum card_fault fault, unsigned after, unsigned count)
{
	card.fault = fault;
	card.fault_after = after;
	card.fault_count = count;
}

static u8 buffer[64 * 512] __aligned_to(8);

static void expect_works(void)
{
	memset(buffer, 0, sizeof(buffer));
	EXPECT(transfer(false, 100, buffer, 64), 0);
	EXPECT(memcmp(buffer, card.data + 100 * 512, sizeof(buffer)), 0);
	memset(buffer, 0xa5, sizeof(buffer));
	EXPECT(transfer(true, 7, buffer, 5), 0);
	EXPECT(memcmp(card.data + 7 * 512, buffer, 5 * 512), 0);
	EXPECT(card.data[12 * 512], (u8)(12 + 12 * 512));
	EXPECT(transfer(true, 2047, buffer, 1), 0);
	EXPECT(transfer(false, 2047, buffer, 1), 0);
}

static void kinds_of_cards(void)
{
	static const bool kinds[][2] = { { true, true }, { false, true }, { false, false } };

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		card_insert(kinds[i][0], kinds[i][1]);
		machine_start();
		EXPECT_TRUE(disk != NULL);
		if (!disk)
			continue;
		EXPECT(disk->size, sizeof(card.data));
		EXPECT_TRUE(wire.crc_on);
		expect_works();
	}
}

static const enum card_fault faults[] = { FAULT_NO_ANSWER, FAULT_ANSWER_CRC, FAULT_DATA_CRC,
					  FAULT_NO_DATA, FAULT_STATUS };

static void errors_once(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
		for (unsigned after = 0; after < 3; after++) {
			card_insert(true, true);
			machine_start();
			fault_set(faults[i], after, 1);
			expect_works();
			EXPECT(disk->gone, false);
		}
	}
}

static void errors_for_ever(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
		u64 before;

		card_insert(true, true);
		machine_start();
		fault_set(faults[i], 0, ~0u);
		before = now;
		EXPECT(transfer(false, 5, buffer, 8), -5);
		EXPECT(transfer(true, 5, buffer, 1), -5);
		EXPECT_TRUE(now - before < 30000000000ull);
		EXPECT(disk->gone, false);
		fault_set(FAULT_NONE, 0, 0);
		expect_works();
	}
}

static void pulled_out(void)
{
	for (unsigned after = 0; after < 6; after++) {
		card_insert(true, true);
		machine_start();
		fault_set(FAULT_REMOVED, after, 1);
		while (!disk->gone) {
			int error = transfer(after & 1, 5, buffer, 8);

			EXPECT_TRUE(error == 0 || error == -19);
		}
		EXPECT_TRUE(strstr(log_text, "the card is gone") != NULL);
		card_insert(true, true);
		host_turn();
		EXPECT_TRUE(!disk->gone);
		expect_works();
	}
}

static void dead_controller(void)
{
	u64 before;

	card_insert(true, true);
	machine_start();
	controller_dead = true;
	before = now;
	EXPECT_TRUE(transfer(false, 5, buffer, 8) < 0);
	EXPECT_TRUE(now - before < 30000000000ull);
	controller_dead = false;
	card_insert(true, true);
	host_turn();
	expect_works();
}

int main(void)
{
	RUN(kinds_of_cards);
	RUN(errors_once);
	RUN(errors_for_ever);
	RUN(pulled_out);
	RUN(dead_controller);
	return CHECK_RESULT;
}
