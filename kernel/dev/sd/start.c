/* From power-on to the transfer state: 4.2 in SD mode, 7.2.1 in SPI mode. */
#include <arch/time.h>
#include <dev/sd/sd.h>
#include <lib/bits.h>
#include <lib/errno.h>

enum {
	CLOCK_START = 400000,
	CLOCK_DEFAULT = 25000000,
	CLOCK_HIGH = 50000000,
	CHECK_PATTERN = 0x1aa,		/* CMD8: 2.7 to 3.6 V, and a byte to send back */
	OCR_VOLTAGES = 0xff8000,	/* 2.7 to 3.6 V */
	SCR_4_LINES = 1 << 18,		/* 5.6: bit 50 of the whole */
	SCR_VERSION_1_10 = 1 << 24,	/* bits 59:56, at least: it has CMD6 */
	SWITCH_HIGH_SPEED = 0x80fffff1, /* 4.3.10: set function 1 of group 1, leave the others */
	SWITCH_SIZE = 64,
	SWITCH_GROUP_1 = 16, /* byte of the answer; its low half is what was chosen */
};
#define OCR_READY	  BIT(31)
#define OCR_HIGH_CAPACITY BIT(30)
#define POWER_UP_NS	  1000000000ull /* 4.2.3 */
#define POWER_UP_PAUSE_NS 10000000ull

static int send_application(struct sd_card *card, enum sd_index index, u32 argument,
			    enum sd_response response, u32 *result)
{
	int error = sd_send(card->host, SD_APP, card->address, SD_R1, NULL);

	return error ? error : sd_send(card->host, index, argument, response, result);
}

/* Version 2 cards answer CMD8, older ones do not know it. */
static int ask_version(struct sd_card *card, bool *version_2)
{
	u32 answer = 0;
	int error = sd_send(card->host, SD_SEND_IF_COND, CHECK_PATTERN, SD_R7, &answer);

	*version_2 = !error;
	if (!error && (answer & 0xfff) != CHECK_PATTERN)
		return -EIO;
	return error == -EILSEQ ? error : 0;
}

/* ACMD41 until the card has powered up; its OCR. */
static int power_up(struct sd_card *card, bool version_2, u32 *ocr)
{
	u32 argument = (card->host->spi ? 0 : OCR_VOLTAGES) | (version_2 ? OCR_HIGH_CAPACITY : 0);
	u64 deadline = time_now() + POWER_UP_NS;

	for (;;) {
		u32 answer = 0;
		int error = send_application(card, SD_APP_OP_COND, argument,
					     card->host->spi ? SD_R1 : SD_R3, &answer);

		if (error)
			return error;
		/* SPI answers with R1 alone, whose bit 0 says "still idle". */
		if (card->host->spi ? !(answer & 1) : (answer & OCR_READY) != 0) {
			*ocr = answer;
			return 0;
		}
		if (time_now() > deadline)
			return -ETIMEDOUT;
		sd_pause(POWER_UP_PAUSE_NS);
	}
}

static int read_data(struct sd_card *card, enum sd_index index, u32 argument, void *data, u32 size)
{
	const struct block_segment segment = { data, size };
	struct sd_command command = {
		.index = index,
		.response = SD_R1,
		.argument = argument,
		.block_size = size,
		.block_count = 1,
		.segments = &segment,
		.segment_count = 1,
	};
	int error;

	error = card->host->operations->command(card->host, &command);
	return error ? error : sd_check_status(card->host, command.result[0]);
}

static int read_register(struct sd_card *card, enum sd_index index, u32 words[4])
{
	u8 bytes[16] __aligned_to(8);
	int error = read_data(card, index, 0, bytes, sizeof(bytes));

	for (unsigned i = 0; i < 4 && !error; i++)
		words[i] = load_be32(bytes + 4 * i);
	return error;
}

static int read_scr(struct sd_card *card)
{
	u8 bytes[8] __aligned_to(8);
	int error = sd_send(card->host, SD_APP, card->address, SD_R1, NULL);

	if (!error)
		error = read_data(card, SD_APP_SEND_SCR, 0, bytes, sizeof(bytes));
	if (error)
		return error;
	card->scr[0] = load_be32(bytes);
	card->scr[1] = load_be32(bytes + 4);
	return 0;
}

/* 50 MHz where card and host can; a card that cannot keeps 25. */
static int raise_speed(struct sd_card *card)
{
	u8 status[SWITCH_SIZE] __aligned_to(8);
	int error;

	card->clock = MIN(card->host->clock_max, (u32)CLOCK_DEFAULT);
	if (card->host->clock_max <= CLOCK_DEFAULT || (card->scr[0] & 0xf000000) < SCR_VERSION_1_10)
		return 0;
	error = read_data(card, SD_SWITCH_FUNCTION, SWITCH_HIGH_SPEED, status, sizeof(status));
	if (error)
		return error;
	card->high_speed = (status[SWITCH_GROUP_1] & 0xf) == 1;
	if (card->high_speed)
		card->clock = MIN(card->host->clock_max, (u32)CLOCK_HIGH);
	return 0;
}

static int widen(struct sd_card *card)
{
	int error;

	card->lines = 1;
	if (card->host->lines_max < 4 || !(card->scr[0] & SCR_4_LINES))
		return 0;
	error = send_application(card, SD_APP_BUS_WIDTH, 2, SD_R1, NULL);
	if (error)
		return error;
	card->lines = 4;
	card->host->operations->set_width(card->host, 4);
	return 0;
}

/* 4.2: identification, then the transfer state. */
static int start_native(struct sd_card *card)
{
	struct sd_host *host = card->host;
	struct sd_command csd = { .index = SD_SEND_CSD, .response = SD_R2 };
	bool version_2;
	u32 ocr, answer;
	int error = sd_send(host, SD_GO_IDLE, 0, SD_NONE, NULL);

	error = error ? error : ask_version(card, &version_2);
	error = error ? error : power_up(card, version_2, &ocr);
	error = error ? error : sd_send(host, SD_ALL_SEND_CID, 0, SD_R2, NULL);
	error = error ? error : sd_send(host, SD_SEND_RELATIVE_ADDRESS, 0, SD_R6, &answer);
	if (error)
		return error;
	card->by_block = version_2 && ocr & OCR_HIGH_CAPACITY;
	card->address = answer & 0xffff0000;
	csd.argument = card->address;
	error = host->operations->command(host, &csd);
	for (unsigned i = 0; i < 4; i++)
		card->csd[i] = csd.result[i];
	error = error ? error : sd_card_read_csd(card);
	error = error ? error : sd_send(host, SD_SELECT_CARD, card->address, SD_R1B, NULL);
	if (!error && !card->by_block)
		error = sd_send(host, SD_SET_BLOCKLEN, SD_BLOCK, SD_R1, NULL);
	error = error ? error : read_scr(card);
	error = error ? error : widen(card);
	error = error ? error : raise_speed(card);
	return error ? error : host->operations->set_clock(host, card->clock);
}

/* 7.2.1: CMD0 with the card selected, then as above, with checksums switched on. */
static int start_spi(struct sd_card *card)
{
	struct sd_host *host = card->host;
	bool version_2;
	u32 ocr = 0;
	int error = sd_send(host, SD_GO_IDLE, 0, SD_R1, NULL);

	error = error ? error : ask_version(card, &version_2);
	error = error ? error : sd_send(host, SD_CRC_ON_OFF, 1, SD_R1, NULL);
	error = error ? error : power_up(card, version_2, &ocr);
	if (!error && version_2)
		error = sd_send(host, SD_READ_OCR, 0, SD_R3, &ocr);
	if (error)
		return error;
	card->by_block = version_2 && ocr & OCR_HIGH_CAPACITY;
	card->lines = 1;
	card->clock = MIN(host->clock_max, (u32)CLOCK_DEFAULT);
	error = read_register(card, SD_SEND_CSD, card->csd);
	error = error ? error : sd_card_read_csd(card);
	if (!error && !card->by_block)
		error = sd_send(host, SD_SET_BLOCKLEN, SD_BLOCK, SD_R1, NULL);
	return error ? error : host->operations->set_clock(host, card->clock);
}

int sd_card_start(struct sd_card *card)
{
	struct sd_host *host = card->host;
	int error = host->operations->reset(host);

	if (!error)
		error = host->operations->set_clock(host, CLOCK_START);
	if (error)
		return error;
	if (host->operations->set_width)
		host->operations->set_width(host, 1);
	return host->spi ? start_spi(card) : start_native(card);
}
