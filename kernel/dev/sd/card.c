/* A started card as a disk: reading and writing, errors tried again, cards that come and go. */
#include <arch/cpu.h>
#include <arch/time.h>
#include <debug/log.h>
#include <dev/sd/sd.h>
#include <fs/device_node.h>
#include <lib/errno.h>
#include <lib/fdt.h>
#include <lib/printf.h>
#include <mm/slab.h>
#include <sched/thread.h>

enum { TRIES = 3, MINORS = 8, HOSTS_MAX = 8, SPIN_NS = 20000 };
enum { STATE_SHIFT = 9, STATE_TRANSFER = 4 }; /* R1 bits 12:9, 4.10.1 */
#define STATUS_ERRORS	 0xfdf90008u /* 4.10.1: all bits of type E and X that mean failure */
#define STATUS_READY	 (1u << 8)
#define LOOK_AGAIN_NS	 1000000000ull
#define PROGRAMMING_NS	 1000000000ull
#define PROGRAMMING_STEP 100000ull

void sd_pause(u64 ns)
{
	u64 end = time_now() + ns;

	if (ns > SPIN_NS && !thread_sleep_ns(ns, WAIT_UNINTERRUPTIBLE))
		return;
	while (time_now() < end)
		cpu_relax();
}

void *sd_next_data(struct sd_command *command, u32 size)
{
	const struct block_segment *segment = &command->segments[command->at_segment];
	u8 *data = (u8 *)segment->data + command->at_byte;

	command->at_byte += size;
	if (command->at_byte == segment->size) {
		command->at_segment++;
		command->at_byte = 0;
	}
	return data;
}

int sd_check_status(const struct sd_host *host, u32 status)
{
	return !host->spi && status & STATUS_ERRORS ? -EIO : 0;
}

int sd_send(struct sd_host *host, enum sd_index index, u32 argument, enum sd_response response,
	    u32 *result)
{
	struct sd_command command = { .index = index, .response = response, .argument = argument };
	int error = host->operations->command(host, &command);

	if (!error && (response == SD_R1 || response == SD_R1B))
		error = sd_check_status(host, command.result[0]);
	if (result)
		*result = command.result[0];
	return error;
}

/* After a write, or an error: until the card can take a command for data again. */
static int wait_ready(struct sd_card *card)
{
	u64 deadline = time_now() + PROGRAMMING_NS;

	if (card->host->spi)
		return 0; /* the driver waits for the line itself */
	for (;;) {
		u32 status;
		int error = sd_send(card->host, SD_SEND_STATUS, card->address, SD_R1, &status);

		if (error)
			return error;
		if (status & STATUS_READY && (status >> STATE_SHIFT & 0xf) == STATE_TRANSFER)
			return 0;
		if (time_now() > deadline)
			return -ETIMEDOUT;
		sd_pause(PROGRAMMING_STEP);
	}
}

static int transfer_once(struct sd_card *card, struct sd_command *command)
{
	struct sd_host *host = card->host;
	bool many = command->block_count > 1;
	int error = host->operations->command(host, command);

	if (!error)
		error = sd_check_status(host, command->result[0]);
	/* The card may be sending, or waiting for blocks that will not come. */
	if ((many && !host->stops) || (error && many))
		(void)sd_send(host, SD_STOP_TRANSMISSION, 0, SD_R1B, NULL);
	if (command->write || error) {
		int busy = wait_ready(card);

		error = error ? error : busy;
	}
	return error;
}

/* What a request moves with one command. */
static int transfer_range(struct sd_card *card, bool write, u64 sector,
			  const struct block_segment *segments, u32 count)
{
	u64 address = card->by_block ? sector : sector * SD_BLOCK;
	struct sd_command command = {
		.response = SD_R1,
		.argument = (u32)address,
		.write = write,
		.block_size = SD_BLOCK,
		.segments = segments,
		.segment_count = count,
	};
	int error = -EIO;

	for (u32 i = 0; i < count; i++)
		command.block_count += segments[i].size / SD_BLOCK;
	if (command.block_count == 1)
		command.index = write ? SD_WRITE_SINGLE : SD_READ_SINGLE;
	else
		command.index = write ? SD_WRITE_MULTIPLE : SD_READ_MULTIPLE;
	for (unsigned i = 0; i < TRIES && error; i++) {
		if (card->disk.gone)
			return -ENODEV;
		command.at_segment = command.at_byte = 0;
		error = transfer_once(card, &command);
	}
	return error;
}

static bool card_is_there(struct sd_card *card)
{
	struct sd_host *host = card->host;

	if (host->operations->present && !host->operations->present(host))
		return false;
	return host->spi ? !sd_send(host, SD_READ_OCR, 0, SD_R3, NULL)
			 : !sd_send(host, SD_SEND_STATUS, card->address, SD_R1, NULL);
}

/* A segment may be longer than what one command of the host moves. */
static int transfer_segments(struct sd_card *card, struct block_request *request)
{
	u32 blocks_max = card->host->blocks_max ? card->host->blocks_max : ~(u32)0 / SD_BLOCK;
	u64 sector = request->disk_sector;
	int error = 0;

	for (u32 i = 0; i < request->segment_count && !error; i++) {
		struct block_segment part = request->segments[i];

		for (u32 left = part.size; left && !error; left -= part.size) {
			part.size = MIN(left, blocks_max * SD_BLOCK);
			error = transfer_range(card, request->operation == BLOCK_WRITE, sector,
					       &part, 1);
			sector += part.size / SD_BLOCK;
			part.data = (u8 *)part.data + part.size;
		}
	}
	return error;
}

/* [host]; no command follows that needs the card: its thread looks for another. */
static void card_lost(struct sd_card *card)
{
	log_warning("%s: the card is gone", card->disk.name);
	block_vanish(&card->disk);
	card->host->card = NULL;
}

static int card_transfer(struct block_device *disk, struct block_request *request)
{
	struct sd_card *card = disk->private;
	struct sd_host *host = card->host;
	int error = 0;

	if (request->operation == BLOCK_FLUSH)
		return 0; /* a command that has ended is on the card */
	if (request->operation == BLOCK_DISCARD)
		return -EOPNOTSUPP;
	mutex_lock(&host->lock);
	if (disk->gone)
		error = -ENODEV;
	else if (host->blocks_max)
		error = transfer_segments(card, request);
	else
		error = transfer_range(card, request->operation == BLOCK_WRITE,
				       request->disk_sector, request->segments,
				       request->segment_count);
	if (error && error != -ENODEV && !card_is_there(card)) {
		card_lost(card);
		error = -ENODEV;
	} else if (error && error != -ENODEV) {
		log_error("%s: %s of %u sectors from %llu failed after %u tries: %s", disk->name,
			  request->operation == BLOCK_WRITE ? "write" : "read",
			  request->sector_count, (unsigned long long)request->disk_sector, TRIES,
			  error == -EILSEQ	? "checksum"
			  : error == -ETIMEDOUT ? "no answer in time"
						: "the card reports an error");
	}
	mutex_unlock(&host->lock);
	return error == -ENODEV ? error : error ? -EIO : 0;
}

static const struct block_driver card_driver = { .transfer = card_transfer };

static void card_publish(struct sd_card *card)
{
	struct sd_host *host = card->host;
	struct block_device *disk = &card->disk;

	snprintf(disk->name, sizeof(disk->name), "mmcblk%u", host->index);
	disk->number = DEVICE_NUMBER(MAJOR_MMC, host->index * MINORS);
	disk->size = card->size;
	disk->sector_size = SECTOR_SIZE;
	disk->read_only = card->protected || (host->operations->write_protected &&
					      host->operations->write_protected(host));
	disk->driver = &card_driver;
	disk->private = card;
	log_info("%s: %llu MiB, %u data line%s, %u kHz%s%s", disk->name,
		 (unsigned long long)(card->size >> 20), card->lines, card->lines > 1 ? "s" : "",
		 card->clock / 1000, host->spi ? ", SPI" : "",
		 disk->read_only ? ", write-protected" : "");
	if (block_register(disk))
		log_error("%s: cannot be registered", disk->name);
}

/* A card, if there is one and none was known. It stays for ever, as disks do. */
static struct sd_card *look_for_card(struct sd_host *host)
{
	struct sd_card *card;
	int error;

	if (host->card || (host->operations->present && !host->operations->present(host)))
		return NULL;
	card = kzalloc(sizeof(*card));
	if (!card)
		return NULL;
	card->host = host;
	error = sd_card_start(card);
	if (error) {
		if (error != -ETIMEDOUT)
			log_warning("%s: a card that does not start: error %d", host->name, -error);
		kfree(card);
		return NULL;
	}
	host->card = card;
	return card;
}

static void slot_thread(void *argument)
{
	struct sd_host *host = argument;

	for (;;) {
		struct sd_card *card;

		mutex_lock(&host->lock);
		card = look_for_card(host);
		mutex_unlock(&host->lock);
		if (card)
			card_publish(card);
		thread_sleep_ns(LOOK_AGAIN_NS, WAIT_UNINTERRUPTIBLE);
	}
}

/* Boot only: nobody else counts at the same time. */
static unsigned choose_index(const struct fdt_node *node)
{
	static unsigned next;
	char alias[16];

	for (unsigned n = 0; node && n < HOSTS_MAX; n++) {
		snprintf(alias, sizeof(alias), "mmc%u", n);
		if (fdt_node_by_path(node->fdt, alias) == node->offset) {
			next = MAX(next, n + 1);
			return n;
		}
	}
	return next++;
}

int sd_host_register(struct sd_host *host, const struct fdt_node *node)
{
	struct thread *thread;

	host->index = choose_index(node);
	mutex_init(&host->lock, RANK_DISK);
	thread = thread_create(host->name, slot_thread, host);
	if (!thread)
		return -ENOMEM;
	thread_start(thread);
	return 0;
}
