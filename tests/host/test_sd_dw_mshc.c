// sources: kernel/dev/sd/dw_mshc.c kernel/dev/sd/card.c kernel/dev/sd/start.c kernel/dev/sd/registers.c
// sources: kernel/lib/fdt.c kernel/lib/fdt_values.c kernel/lib/fdt_address.c kernel/lib/strlcpy.c
// flags: -Itests/host/model -Iarch/host/include -Wno-unused-function
/*
 * The SD layer and the driver of the DesignWare host, against a model of its registers with a card
 * behind: start-up of each kind of card, reading and writing, and everything that can go wrong.
 */
#include "sd_card.h"
#include "sd_port.h"

#define REGISTERS_SIZE 0x400

/* ---- the controller ---- */

static u8 base[REGISTERS_SIZE];
static u32 registers[REGISTERS_SIZE / 4];
static struct {
	u32 index, argument, block_size, blocks, at; /* the transfer on its way; at: words */
	bool write, data, application, stuck;
} bus;
static u32 enabled_clock;

enum { R_CTRL = 0, R_CLKENA = 4, R_BLKSIZ = 7, R_BYTCNT = 8, R_CMDARG = 10, R_CMD = 11 };
enum { R_RESP = 12, R_RINTSTS = 17, R_STATUS = 18, R_CDETECT = 20, R_VERID = 27, R_DATA = 128 };
enum {
	INT_DONE = 1 << 2,
	INT_OVER = 1 << 3,
	INT_RCRC = 1 << 6,
	INT_DCRC = 1 << 7,
	INT_RTO = 1 << 8
};
enum { INT_DRTO = 1 << 9 };

static void command(u32 value)
{
	u32 answer[4] = { 0 };
	bool application = card.application;
	unsigned kind;

	if (value & 1 << 21) { /* the clock only */
		enabled_clock = registers[R_CLKENA];
		return;
	}
	bus.index = value & 63;
	bus.argument = registers[R_CMDARG];
	kind = card_command(bus.index, bus.argument, answer);
	if (!kind && value & 1 << 6) {
		registers[R_RINTSTS] |= INT_DONE | INT_RTO;
		return;
	}
	registers[R_RINTSTS] |= INT_DONE;
	if (card_moves_data(bus.index) && card_strikes(FAULT_ANSWER_CRC)) {
		registers[R_RINTSTS] |= INT_RCRC;
		return;
	}
	for (unsigned i = 0; i < 4; i++)
		registers[R_RESP + i] = kind == 2 ? answer[3 - i] : answer[i];
	bus.data = value & 1 << 9;
	bus.write = value & 1 << 10;
	bus.application = application;
	bus.at = 0;
	bus.stuck = bus.data && card_strikes(FAULT_NO_DATA);
	if (bus.stuck)
		registers[R_RINTSTS] |= INT_DRTO;
}

static u32 words_of_block(void)
{
	return registers[R_BLKSIZ] / 4;
}

static u32 *bus_word(void)
{
	u32 block = bus.at / words_of_block();
	u8 *data = bus.write ? card_write(bus.argument, block)
			     : (u8 *)card_read(bus.index, bus.application, bus.argument, block);

	return data ? (u32 *)data + bus.at % words_of_block() : NULL;
}

static void word_moved(void)
{
	bus.at++;
	if (bus.at % words_of_block() == 0 && card_moves_data(bus.index) &&
	    card_strikes(FAULT_DATA_CRC))
		registers[R_RINTSTS] |= INT_DCRC;
	if (bus.at * 4 == registers[R_BYTCNT]) {
		registers[R_RINTSTS] |= INT_OVER;
		bus.data = false;
	}
}

u32 model_read(const volatile void *address, unsigned size)
{
	size_t offset = (size_t)((const volatile u8 *)address - base);
	u32 left = (registers[R_BYTCNT] - bus.at * 4) / 4, count;

	EXPECT(size, 4);
	if (offset / 4 == R_STATUS) {
		/* Reading: what is there to take; writing: an empty FIFO. */
		count = bus.data && !bus.write && !bus.stuck ? MIN(left, 32u) : 0;
		return bus.stuck && bus.write ? 32u << 17 : count << 17;
	}
	if (offset == 0x200) {
		u32 *word = bus_word(), value = word ? *word : 0;

		if (bus.data && !bus.write)
			word_moved();
		return value;
	}
	return offset < REGISTERS_SIZE ? registers[offset / 4] : 0;
}

void model_write(volatile void *address, unsigned size, u32 value)
{
	size_t offset = (size_t)((volatile u8 *)address - base);

	EXPECT(size, 4);
	if (offset == 0x200) {
		u32 *word = bus.data && bus.write ? bus_word() : NULL;

		if (word) {
			*word = value;
			word_moved();
		}
		return;
	}
	switch (offset / 4) {
	case R_CTRL:
		registers[R_CTRL] = value & ~7u;
		break;
	case R_RINTSTS:
		registers[R_RINTSTS] &= ~value;
		break;
	case R_CMD:
		command(value);
		break;
	default:
		registers[offset / 4] = value;
		break;
	}
}

void *device_map(const struct fdt_node *node, unsigned index, size_t *size)
{
	return base;
}

/* ---- the machine ---- */

extern const struct driver *const __start_drivers[];

static void machine_start(const char *properties)
{
	static const char *const dtc[] = { "dtc", "-q", "-I", "dts", "-O", "dtb", NULL };
	static struct fdt tree;
	struct fdt_node node = { &tree, 0 };
	char source[512];
	size_t size;
	void *blob;

	snprintf(
		source, sizeof(source),
		"/dts-v1/; / { aliases { mmc1 = \"/mmc@0\"; }; mmc@0 { compatible = \"snps,dw-mshc\"; "
		"reg = <0 0x400>; bus-width = <4>; %s }; };",
		properties);
	blob = check_filter(dtc, source, strlen(source), &size);
	if (!blob || fdt_check(&tree, blob, size, NULL))
		abort();
	memset(registers, 0, sizeof(registers));
	registers[R_VERID] = 0x5342290a;
	memset(&bus, 0, sizeof(bus));
	disk = NULL;
	log_text[0] = '\0';
	node.offset = fdt_node_by_path(&tree, "/mmc@0");
	EXPECT(__start_drivers[0]->probe(&node), 0);
	host_turn();
}

static void card_insert(bool high_capacity, bool version_2)
{
	memset(&card, 0, sizeof(card));
	card.high_capacity = high_capacity;
	card.version_2 = version_2;
	card.power_up = 3;
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
	static const struct {
		bool high_capacity, version_2, old;
	} kinds[] = { { true, true, false }, { false, true, false }, { false, false, true } };

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		card_insert(kinds[i].high_capacity, kinds[i].version_2);
		card.old_speed = kinds[i].old;
		machine_start("broken-cd;");
		EXPECT_TRUE(disk != NULL);
		if (!disk)
			continue;
		EXPECT_STRING(disk->name, "mmcblk1");
		EXPECT(disk->size, sizeof(card.data));
		EXPECT(card.lines, 4);
		EXPECT(registers[0x18 / 4], 1);
		EXPECT(card.clock_switches, !kinds[i].old);
		EXPECT(enabled_clock, 1);
		expect_works();
	}
}

static void no_card(void)
{
	card_insert(true, true);
	fault_set(FAULT_REMOVED, 0, 1);
	machine_start("broken-cd;");
	EXPECT_TRUE(disk == NULL);
	EXPECT_STRING(log_text, "");
	/* The switch says so, and nobody asks the card. */
	card_insert(true, true);
	registers[R_CDETECT] = 1;
	machine_start("");
	EXPECT_TRUE(disk != NULL);
	/* Put in later. */
	card_insert(true, true);
	fault_set(FAULT_REMOVED, 0, 1);
	machine_start("broken-cd;");
	fault_set(FAULT_NONE, 0, 0);
	host_turn();
	EXPECT_TRUE(disk != NULL);
}

static void errors_once(void)
{
	static const enum card_fault faults[] = { FAULT_NO_ANSWER, FAULT_ANSWER_CRC, FAULT_DATA_CRC,
						  FAULT_NO_DATA, FAULT_STATUS };

	for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
		for (unsigned after = 0; after < 3; after++) {
			card_insert(true, true);
			machine_start("broken-cd;");
			fault_set(faults[i], after, 1);
			expect_works();
			EXPECT(disk->gone, false);
		}
	}
}

static void errors_for_ever(void)
{
	static const enum card_fault faults[] = { FAULT_NO_ANSWER, FAULT_ANSWER_CRC, FAULT_DATA_CRC,
						  FAULT_NO_DATA, FAULT_STATUS };

	for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
		u64 before;

		card_insert(true, true);
		machine_start("broken-cd;");
		fault_set(faults[i], 0, ~0u);
		before = now;
		EXPECT(transfer(false, 5, buffer, 8), -5);
		EXPECT(transfer(true, 5, buffer, 1), -5);
		EXPECT_TRUE(now - before < 20000000000ull);
		EXPECT(disk->gone, false);
		EXPECT_TRUE(strstr(log_text, "failed after 3 tries") != NULL);
		/* It comes back. */
		fault_set(FAULT_NONE, 0, 0);
		expect_works();
	}
}

static void pulled_out(void)
{
	for (unsigned after = 0; after < 6; after++) {
		struct block_device *first;

		card_insert(true, true);
		machine_start("broken-cd;");
		first = disk;
		fault_set(FAULT_REMOVED, after, 1);
		while (!disk->gone) {
			int error = transfer(after & 1, 5, buffer, 8);

			EXPECT_TRUE(error == 0 || error == -19);
		}
		EXPECT(transfer(false, 5, buffer, 8), -19);
		EXPECT_TRUE(strstr(log_text, "the card is gone") != NULL);
		/* Another card becomes another disk. */
		card_insert(true, true);
		host_turn();
		EXPECT_TRUE(disk != first && !disk->gone);
		expect_works();
	}
}

static void checksums(void)
{
	EXPECT(sd_crc7("\x40\0\0\0\0", 5), 0x4a);    /* CMD0: 0x95 with the end bit */
	EXPECT(sd_crc7("\x48\0\0\x1\xaa", 5), 0x43); /* CMD8: 0x87 */
	memset(buffer, 0xff, 512);
	EXPECT(sd_crc16(buffer, 512), 0x7fa1); /* 4.5's example */
}

int main(void)
{
	RUN(kinds_of_cards);
	RUN(no_card);
	RUN(errors_once);
	RUN(errors_for_ever);
	RUN(pulled_out);
	RUN(checksums);
	return CHECK_RESULT;
}
