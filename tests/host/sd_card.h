#pragma once
/*
 * A model of an SD card for tests of host drivers: what it answers to each command, in SD mode and in
 * SPI mode, and what goes wrong on request.
 */
#include "check.h"
#include <lib/bits.h>
#include <string.h>

enum { CARD_BLOCKS = 2048, CARD_BLOCK = 512 };

/* What goes wrong, @fault_count times from the @fault_after-th chance on. */
enum card_fault {
	FAULT_NONE,
	FAULT_NO_ANSWER,  /* to a command for data */
	FAULT_ANSWER_CRC, /* of a command for data */
	FAULT_DATA_CRC,	  /* of a block */
	FAULT_NO_DATA,	  /* a block never comes, or is never taken */
	FAULT_STATUS,	  /* the card reports an error in its status */
	FAULT_REMOVED,	  /* pulled out: nothing answers any more */
};

struct card_model {
	bool high_capacity, version_2, old_speed; /* what kind of card */
	u8 data[CARD_BLOCKS * CARD_BLOCK] __aligned_to(8);
	enum card_fault fault;
	unsigned fault_after, fault_count;
	unsigned power_up; /* times that ACMD41 says "busy" */

	bool application, idle, ready, many;
	unsigned state; /* 4.10.1: 0 idle, 1 ready, 2 identification, 3 stand-by, 4 transfer */
	unsigned lines, clock_switches, stops, commands;
	u32 csd[4];
};

static struct card_model card;

static void card_reset(void)
{
	u32 size = card.high_capacity ? CARD_BLOCKS / 1024 - 1 : 0;

	card.idle = true;
	card.state = 0;
	card.lines = 1;
	card.application = false;
	memset(card.csd, 0, sizeof(card.csd));
	if (card.high_capacity) {
		card.csd[0] = 1u << 30;
		card.csd[1] = size >> 16;
		card.csd[2] = size << 16;
	} else { /* C_SIZE 511, multiplier 0 (x 4), blocks of 512: 1 MiB */
		card.csd[1] = 9u << 16 | 511 >> 2;
		card.csd[2] = (511u & 3) << 30;
	}
}

/* True: the fault strikes now. */
static bool card_strikes(enum card_fault fault)
{
	if (card.fault != fault)
		return false;
	if (card.fault_after) {
		card.fault_after--;
		return false;
	}
	if (!card.fault_count)
		return false;
	if (fault != FAULT_REMOVED)
		card.fault_count--;
	return true;
}

static u32 card_status(void)
{
	return card.state << 9 | 1u << 8 | (card.application ? 1u << 5 : 0);
}

static bool card_moves_data(unsigned index)
{
	return index == 17 || index == 18 || index == 24 || index == 25;
}

/* The answer to a command in SD mode: 0 none, 1 short, 2 long (into @answer). */
static unsigned card_command(unsigned index, u32 argument, u32 answer[4])
{
	bool application = card.application;

	card.commands++;
	card.application = false;
	answer[0] = card_status();
	if (card.fault == FAULT_REMOVED && card_strikes(FAULT_REMOVED))
		return 0;
	if (card_moves_data(index) && card_strikes(FAULT_NO_ANSWER))
		return 0;
	if (card_moves_data(index) && card_strikes(FAULT_STATUS))
		answer[0] |= 1u << 31; /* out of range */
	if (application && index == 41) {
		if (card.power_up)
			card.power_up--;
		else
			card.ready = true, card.state = 1;
		answer[0] = 0xff8000 | (card.ready ? 1u << 31 : 0) |
			    (card.ready && card.high_capacity && argument >> 30 & 1 ? 1u << 30 : 0);
		return 1;
	}
	if (application && index == 6) {
		card.lines = argument == 2 ? 4 : 1;
		return 1;
	}
	switch (index) {
	case 0:
		card_reset();
		return 0;
	case 8:
		answer[0] = argument & 0xfff;
		return card.version_2;
	case 55:
		card.application = true;
		answer[0] |= 1 << 5;
		return 1;
	case 2:
		card.state = 2;
		memset(answer, 0x5a, 16);
		return 2;
	case 3:
		card.state = 3;
		answer[0] = 0x12340000;
		return 1;
	case 9:
		memcpy(answer, card.csd, sizeof(card.csd));
		return argument >> 16 == 0x1234 ? 2 : 0;
	case 7:
		card.state = 4;
		return 1;
	case 6:
		card.clock_switches++;
		return 1;
	case 12:
		card.stops++;
		card.many = false;
		return 1;
	default:
		return 1;
	}
}

/* The data that a command reads: a block at @argument, or a register. NULL: it reads none. */
static const void *card_read(unsigned index, bool application, u32 argument, u32 block)
{
	static u8 buffer[64] __aligned_to(8);
	u32 number = card.high_capacity ? argument : argument / CARD_BLOCK;

	memset(buffer, 0, sizeof(buffer));
	if (application && index == 51) {
		store_be32(buffer, (card.old_speed ? 0 : 2u) << 24 | 5u << 16);
		return buffer;
	}
	if (index == 6) {
		buffer[16] = card.old_speed ? 0xf : 1;
		return buffer;
	}
	return number + block < CARD_BLOCKS ? &card.data[(number + block) * CARD_BLOCK] : NULL;
}

static void *card_write(u32 argument, u32 block)
{
	u32 number = card.high_capacity ? argument : argument / CARD_BLOCK;

	return number + block < CARD_BLOCKS ? &card.data[(number + block) * CARD_BLOCK] : NULL;
}
