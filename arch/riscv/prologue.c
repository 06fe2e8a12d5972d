#include "prologue.h"

/* An instruction, in 32 bits also if it has 16. */
static u32 fetch(const u16 *at, const u16 *end)
{
	bool is_long = (at[0] & 3) == 3 && at + 1 < end;

	return is_long ? at[0] | (u32)at[1] << 16 : at[0];
}

static unsigned halves(u32 instruction)
{
	return (instruction & 3) == 3 ? 2 : 1;
}

/* @instruction's bits from @from on, @count of them, as bits from @to on. */
static u32 bits(u32 instruction, unsigned from, unsigned count, unsigned to)
{
	return (instruction >> from & ((1u << count) - 1)) << to;
}

/* What it adds to sp; 0: nothing. */
static s32 stack_adjustment(u32 instruction)
{
	u32 value;

	if ((instruction & 0xfffff) == 0x00010113) /* addi sp, sp, … */
		return (s32)instruction >> 20;
	if ((instruction & 0xffffef83) == 0x6101) { /* c.addi16sp */
		value = bits(instruction, 6, 1, 4) | bits(instruction, 2, 1, 5) |
			bits(instruction, 5, 1, 6) | bits(instruction, 3, 2, 7);
		return (s32)value - (s32)bits(instruction, 12, 1, 9);
	}
	if ((instruction & 0xffffef83) == 0x0101) /* c.addi sp, … */
		return (s32)bits(instruction, 2, 5, 0) - (s32)bits(instruction, 12, 1, 5);
	return 0;
}

/* Does it store ra on the stack? Where, in bytes from sp. */
static bool saves_return(u32 instruction, s32 *offset)
{
	if ((instruction & 0x01fff07f) == 0x00113023) { /* sd ra, …(sp) */
		*offset = ((s32)(instruction & 0xfe000000) >> 20) | (s32)bits(instruction, 7, 5, 0);
		return true;
	}
	if ((instruction & 0xffffe07f) == 0xe006) { /* c.sdsp ra, … */
		*offset = (s32)(bits(instruction, 10, 3, 3) | bits(instruction, 7, 3, 6));
		return true;
	}
	return false;
}

static bool transfers_control(u32 instruction)
{
	u32 opcode = instruction & 0x7f, group = instruction & 0xe003;

	if ((instruction & 3) == 3)
		return opcode == 0x63 || opcode == 0x67 || opcode == 0x6f;
	return group == 0xa001 || group == 0xc001 || group == 0xe001 ||	  /* c.j, c.beqz, c.bnez */
	       ((instruction & 0xe07f) == 0x8002 && instruction & 0xf80); /* c.jr, c.jalr */
}

struct prologue prologue_read(const u16 *start, const u16 *pc)
{
	struct prologue found = { 0 };
	bool complete = false, undone = false;
	u32 instruction;
	s32 offset;

	for (const u16 *at = start; at < pc; at += halves(instruction)) {
		s32 adjustment;

		instruction = fetch(at, pc);
		adjustment = stack_adjustment(instruction);
		if (adjustment < 0 && !complete)
			found.size += (u32)-adjustment;
		else if (adjustment > 0)
			undone =
				true; /* until the return: what follows is reached from elsewhere */
		if (found.size && !found.return_saved && saves_return(instruction, &offset)) {
			found.return_saved = true;
			found.return_below = found.size - (u32)offset;
		}
		if (transfers_control(instruction)) {
			complete = found.size != 0;
			undone = false;
		}
	}
	return undone ? (struct prologue){ 0 } : found;
}

bool prologue_follows_call(const u16 *start, const u16 *pc)
{
	if (pc - start >= 1 && (pc[-1] & 0xf07f) == 0x9002 && pc[-1] & 0xf80) /* c.jalr */
		return true;
	if (pc - start < 2 || (pc[-2] & 3) != 3)
		return false;
	return (pc[-2] & 0xfff) == 0x0ef || (pc[-2] & 0xfff) == 0x0e7; /* jal ra, jalr ra */
}
