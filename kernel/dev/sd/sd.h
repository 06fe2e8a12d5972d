#pragma once
/*
 * SD cards and eMMC-less slots: SD Physical Layer Simplified Specification 6.00 (chapter numbers below).
 * A host controller's driver moves single commands with their data; card.c and start.c know what they
 * mean. One command at a time, all from threads: sd_host.lock (RANK_DISK) is held in every operation.
 */
#include <dev/block.h>
#include <lib/types.h>
#include <sched/lock.h>

enum { SD_BLOCK = 512 };

/* 4.9 in SD mode, 7.3.2 in SPI mode. The short ones come back in result[0], R2 highest word first. */
enum sd_response { SD_NONE, SD_R1, SD_R1B, SD_R2, SD_R3, SD_R6, SD_R7 };

/* 4.7.4; application commands are CMD55 and then their own number. */
enum sd_index {
	SD_GO_IDLE = 0,
	SD_ALL_SEND_CID = 2,
	SD_SEND_RELATIVE_ADDRESS = 3,
	SD_SWITCH_FUNCTION = 6,
	SD_SELECT_CARD = 7,
	SD_SEND_IF_COND = 8,
	SD_SEND_CSD = 9,
	SD_SEND_CID = 10,
	SD_STOP_TRANSMISSION = 12,
	SD_SEND_STATUS = 13,
	SD_SET_BLOCKLEN = 16,
	SD_READ_SINGLE = 17,
	SD_READ_MULTIPLE = 18,
	SD_WRITE_SINGLE = 24,
	SD_WRITE_MULTIPLE = 25,
	SD_APP = 55,
	SD_READ_OCR = 58,   /* SPI */
	SD_CRC_ON_OFF = 59, /* SPI */
	SD_APP_BUS_WIDTH = 6,
	SD_APP_OP_COND = 41,
	SD_APP_SEND_SCR = 51,
};

struct sd_command {
	enum sd_index index;
	enum sd_response response;
	u32 argument;
	u32 result[4];
	/* Data, if block_count: block_size bytes each, in segments that hold whole blocks. */
	bool write;
	u32 block_size, block_count;
	const struct block_segment *segments;
	u32 segment_count;
	u32 at_segment, at_byte; /* sd_next_data()'s place */
};

struct sd_host;

struct sd_host_operations {
	/*
	 * Send @command and move its data. 0; -ETIMEDOUT: no answer, or no data in time; -EILSEQ: a
	 * checksum was wrong; -EIO: anything else. After an error with data the driver has made its own
	 * state ready for the next command; the card's is the caller's affair (SD_STOP_TRANSMISSION).
	 * A host that sends the stop of several blocks itself says so by .stops.
	 */
	int (*command)(struct sd_host *host, struct sd_command *command);
	/* The fastest clock that is not above @hz; 0: off. Before the first command: 400,000 at most. */
	int (*set_clock)(struct sd_host *host, u32 hz);
	/* 1 or 4 data lines. NULL: only one (SPI). */
	void (*set_width)(struct sd_host *host, unsigned lines);
	/* Bring the controller to its state after reset, power on. 0 or -errno. */
	int (*reset)(struct sd_host *host);
	/* NULL: cannot tell, then a card is looked for by talking to it. */
	bool (*present)(struct sd_host *host);
	bool (*write_protected)(struct sd_host *host); /* NULL: no switch */
};

struct sd_host {
	const struct sd_host_operations *operations; /* [const] */
	char name[24];	      /* [const] of the device-tree node, for messages */
	bool spi;	      /* [const] the bus of chapter 7 */
	bool stops;	      /* [const] ends transfers of several blocks by itself */
	unsigned lines_max;   /* [const] data lines that are wired: 1 or 4 */
	u32 clock_max;	      /* [const] Hz */
	u32 blocks_max;	      /* [const] of one command; 0: as many as you like */
	void *private;	      /* the driver's */
	struct mutex lock;    /* RANK_DISK */
	unsigned index;	      /* [const] n of mmcblk<n> */
	struct sd_card *card; /* [lock] NULL: no card */
};

struct sd_card {
	struct sd_host *host;	  /* [const] */
	struct block_device disk; /* [const] */
	u32 address;		  /* [const] relative card address << 16; 0 in SPI mode */
	bool by_block;		  /* [const] high capacity: sectors, not bytes, are addressed */
	bool high_speed;	  /* [const] 50 MHz */
	unsigned lines;		  /* [const] */
	u32 clock;		  /* [const] Hz */
	u32 csd[4], scr[2];	  /* [const] as they came, highest word first */
	u64 size;		  /* [const] bytes */
	bool protected;		  /* [const] by its CSD */
};

/*
 * A controller is there: fields marked const but index are set. A thread of its own starts the card now,
 * or when one is put in; it becomes the disk mmcblk<n>: n is the number of the alias "mmc<n>" of @node
 * (NULL: none), else the next free one. -ENOMEM. May sleep.
 */
struct fdt_node;
int sd_host_register(struct sd_host *host, const struct fdt_node *node);

/* ---- between the files of this folder; [host] ---- */

/* A command without data: its first result in *@result, which may be NULL. */
int sd_send(struct sd_host *host, enum sd_index index, u32 argument, enum sd_response response,
	    u32 *result);
/* start.c: from power-on to a card that is ready to transfer (4.2, 7.2.1). -ETIMEDOUT: no card. */
int sd_card_start(struct sd_card *card);
/* registers.c: size and rights out of the CSD (5.3). -EINVAL: a version that nobody has defined. */
int sd_card_read_csd(struct sd_card *card);
/* SD mode's R1 (4.10.1): -EIO for any of its error bits. In SPI mode the driver has looked. */
int sd_check_status(const struct sd_host *host, u32 status);

/* For drivers without DMA: the next @size bytes of the data, @size dividing the block size. */
void *sd_next_data(struct sd_command *command, u32 size);
/* Wait about @ns without burning them where they are many. A thread's context. */
void sd_pause(u64 ns);
/* CRC16 of SD's data lines and CRC7 of its commands (4.5), for buses that leave them to software. */
u16 sd_crc16(const void *data, size_t size);
u8 sd_crc7(const void *data, size_t size);
