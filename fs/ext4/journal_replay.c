/*
 * Replay: the transactions in the log that are complete, in order, each block but for those revoked by a later (or
 * the same) transaction. It goes through the buffer cache, so that what was read before is not stale.
 */
#include <debug/log.h>
#include <fs/ext4/journal_internal.h>
#include <lib/bits.h>
#include <lib/crc32c.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

enum pass { PASS_SCAN, PASS_REVOKE, PASS_REPLAY };
enum { TAGS_MAX = EXT4_BLOCK_SIZE_MAX / 8 };

struct revoke {
	u64 block;
	u32 sequence;
};

struct replay {
	struct journal *journal;
	enum pass pass;
	u8 *block, *data; /* one block each */
	u32 position, sequence, end;
	struct revoke *revokes; /* a hash table with open addressing */
	u32 revoke_count, revoke_room;
	u32 replayed;
};

u32 journal_tail_checksum(const struct journal *journal, u8 *block)
{
	u32 place = journal->block_size - JOURNAL_TAIL, zero = 0;

	return crc32c(crc32c(journal->seed, block, place), &zero, sizeof(zero));
}

u32 journal_commit_checksum(const struct journal *journal, u8 *block)
{
	u32 zero = 0, crc = crc32c(journal->seed, block, COMMIT_CHECKSUM);

	crc = crc32c(crc, &zero, sizeof(zero));
	return crc32c(crc, block + COMMIT_CHECKSUM + 4, journal->block_size - COMMIT_CHECKSUM - 4);
}

u32 journal_tag_checksum(const struct journal *journal, u32 sequence, const void *block)
{
	u8 number[4];

	store_be32(number, sequence);
	return crc32c(crc32c(journal->seed, number, sizeof(number)), block, journal->block_size);
}

static int block_of_log(struct replay *replay, u32 position, u8 *to)
{
	struct journal *journal = replay->journal;
	u32 run;
	u64 block = journal_physical(journal, position, &run);

	if (!block)
		return -EUCLEAN;
	return block_read(journal->ext4->device, block * journal->block_size, to,
			  journal->block_size);
}

static u32 advance(const struct journal *journal, u32 position, u32 by)
{
	position += by;
	return position >= journal->length ? position - journal->length + journal->first : position;
}

static bool sequence_before(u32 a, u32 b)
{
	return (s32)(a - b) < 0;
}

static struct revoke *revoke_slot(const struct replay *replay, u64 block)
{
	u32 at = (u32)(block * 0x9e3779b97f4a7c15 >> 40) & (replay->revoke_room - 1);

	while (replay->revokes[at].block && replay->revokes[at].block != block)
		at = (at + 1) & (replay->revoke_room - 1);
	return &replay->revokes[at];
}

static int revoke_grow(struct replay *replay)
{
	u32 old_room = replay->revoke_room;
	struct revoke *old = replay->revokes;

	if (replay->revoke_count * 2 < old_room)
		return 0;
	replay->revoke_room = old_room ? old_room * 2 : 256;
	replay->revokes = kzalloc(replay->revoke_room * sizeof(*old));
	if (!replay->revokes) {
		replay->revokes = old;
		replay->revoke_room = old_room;
		return -ENOMEM;
	}
	for (u32 i = 0; i < old_room; i++)
		if (old[i].block)
			*revoke_slot(replay, old[i].block) = old[i];
	kfree(old);
	return 0;
}

static int revoke_note(struct replay *replay, u64 block, u32 sequence)
{
	struct revoke *revoke;
	int error = block ? revoke_grow(replay) : 0;

	if (error || !block)
		return error;
	revoke = revoke_slot(replay, block);
	replay->revoke_count += !revoke->block;
	if (!revoke->block || sequence_before(revoke->sequence, sequence))
		*revoke = (struct revoke){ block, sequence };
	return 0;
}

static bool revoked(const struct replay *replay, u64 block)
{
	struct revoke *revoke = replay->revoke_count ? revoke_slot(replay, block) : NULL;

	return revoke && revoke->block && !sequence_before(revoke->sequence, replay->sequence);
}

static bool tail_is_right(const struct replay *replay)
{
	const struct journal *journal = replay->journal;
	u32 place = journal->block_size - JOURNAL_TAIL;

	return !journal->checksums ||
	       load_be32(replay->block + place) == journal_tail_checksum(journal, replay->block);
}

static int read_revokes(struct replay *replay)
{
	u32 size = replay->journal->incompat & JOURNAL_HAS_64BIT ? 8 : 4;
	u32 used = load_be32(replay->block + JOURNAL_HEADER);
	u32 room = replay->journal->block_size - (replay->journal->checksums ? JOURNAL_TAIL : 0);
	int error = 0;

	if (used > room || !tail_is_right(replay))
		return -EUCLEAN;
	for (u32 at = JOURNAL_REVOKE_HEADER; at + size <= used && !error; at += size) {
		u64 block = size == 8 ? load_be64(replay->block + at)
				      : load_be32(replay->block + at);

		error = revoke_note(replay, block, replay->sequence);
	}
	return error;
}

struct tag {
	u64 block;
	u32 flags, checksum;
};

static struct tag read_tag(const struct journal *journal, const u8 *at)
{
	struct tag tag = { .block = load_be32(at) };

	if (journal->incompat & JOURNAL_HAS_CSUM_V3) {
		tag.flags = load_be32(at + 4);
		tag.checksum = load_be32(at + 12);
	} else {
		tag.flags = (u32)at[6] << 8 | at[7];
		tag.checksum = (u32)at[4] << 8 | at[5];
	}
	if (journal->incompat & JOURNAL_HAS_64BIT)
		tag.block |= (u64)load_be32(at + 8) << 32;
	return tag;
}

static bool data_is_right(const struct replay *replay, const struct tag *tag)
{
	const struct journal *journal = replay->journal;
	u32 sum;

	if (!journal->checksums)
		return true;
	sum = journal_tag_checksum(journal, replay->sequence, replay->data);
	return journal->incompat & JOURNAL_HAS_CSUM_V3 ? sum == tag->checksum
						       : (sum & 0xffff) == tag->checksum;
}

static int replay_block(struct replay *replay, const struct tag *tag, u32 position)
{
	struct ext4 *ext4 = replay->journal->ext4;
	struct buffer *buffer;
	int error;

	if (revoked(replay, tag->block))
		return 0;
	if (tag->block >= ext4->block_count)
		return -EUCLEAN;
	error = block_of_log(replay, position, replay->data);
	if (error)
		return error;
	if (!data_is_right(replay, tag)) {
		log_error("%s: journal: the copy of block %lu is damaged", ext4->name,
			  (unsigned long)tag->block);
		return -EUCLEAN;
	}
	if (tag->flags & TAG_ESCAPED)
		store_be32(replay->data, JOURNAL_MAGIC);
	error = ext4_block_new(ext4, tag->block, &buffer);
	if (error)
		return error;
	memcpy(buffer->data, replay->data, ext4->block_size);
	buffer->verified = false;
	buffer_dirty(buffer);
	buffer_put(buffer);
	replay->replayed++;
	return 0;
}

/* Each tag stands for one block that follows; replay->position ends up behind them. */
static int walk_tags(struct replay *replay)
{
	struct journal *journal = replay->journal;
	u32 end = journal->block_size - (journal->checksums ? JOURNAL_TAIL : 0);
	u32 at = JOURNAL_HEADER;
	int error = tail_is_right(replay) ? 0 : -EUCLEAN;

	while (!error && at + journal->tag_size <= end) {
		struct tag tag = read_tag(journal, replay->block + at);

		if (replay->pass == PASS_REPLAY)
			error = replay_block(replay, &tag, replay->position);
		replay->position = advance(journal, replay->position, 1);
		at += journal->tag_size + (tag.flags & TAG_SAME_UUID ? 0 : JOURNAL_UUID);
		if (tag.flags & TAG_LAST)
			break;
	}
	return error;
}

static bool commit_is_right(const struct replay *replay)
{
	return !replay->journal->checksums ||
	       load_be32(replay->block + COMMIT_CHECKSUM) ==
		       journal_commit_checksum(replay->journal, replay->block);
}

/* One block of the log: 1: it belonged to it, 0: the log ends here. */
static int walk_block(struct replay *replay)
{
	struct journal *journal = replay->journal;
	int error = block_of_log(replay, replay->position, replay->block);
	u32 type;

	if (error)
		return error;
	type = load_be32(replay->block + 4);
	if (load_be32(replay->block) != JOURNAL_MAGIC ||
	    load_be32(replay->block + 8) != replay->sequence)
		return 0;
	replay->position = advance(journal, replay->position, 1);
	switch (type) {
	case JOURNAL_DESCRIPTOR:
		error = walk_tags(replay);
		/* A transaction that was cut off ends the log; in the middle nothing may be missing. */
		return error == -EUCLEAN && replay->pass == PASS_SCAN ? 0 : error ? error : 1;
	case JOURNAL_REVOKE:
		error = replay->pass == PASS_REVOKE ? read_revokes(replay) : 0;
		return error ? error : 1;
	case JOURNAL_COMMIT:
		if (replay->pass == PASS_SCAN && !commit_is_right(replay))
			return 0;
		replay->sequence++;
		return 1;
	default:
		return 0;
	}
}

static int walk(struct replay *replay, enum pass pass)
{
	struct journal *journal = replay->journal;
	int result = 1;

	replay->pass = pass;
	replay->position = load_be32(journal->super + JSB_START);
	replay->sequence = load_be32(journal->super + JSB_SEQUENCE);
	if (replay->position < journal->first || replay->position >= journal->length)
		return -EUCLEAN;
	for (u32 i = 0; i < journal->length && result > 0; i++) {
		if (pass != PASS_SCAN && replay->sequence == replay->end)
			break;
		result = walk_block(replay);
	}
	if (pass == PASS_SCAN)
		replay->end = replay->sequence;
	else if (result >= 0 && replay->sequence != replay->end)
		result = -EUCLEAN;
	return MIN(result, 0);
}

int journal_replay(struct journal *journal, u32 *next)
{
	struct replay replay = { .journal = journal };
	int error = -ENOMEM;

	*next = load_be32(journal->super + JSB_SEQUENCE);
	if (!load_be32(journal->super + JSB_START))
		return 0;
	replay.block = kmalloc(journal->block_size);
	replay.data = kmalloc(journal->block_size);
	if (replay.block && replay.data)
		error = walk(&replay, PASS_SCAN);
	if (!error)
		error = walk(&replay, PASS_REVOKE);
	if (!error)
		error = walk(&replay, PASS_REPLAY);
	if (!error)
		error = buffer_sync(journal->ext4->device);
	if (!error)
		error = block_flush(journal->ext4->device);
	if (error)
		log_error("%s: the journal cannot be replayed (error %d)", journal->ext4->name,
			  error);
	else if (replay.end != *next)
		log_info("%s: journal replayed: %u transactions, %u blocks", journal->ext4->name,
			 replay.end - *next, replay.replayed);
	*next = replay.end + 1;
	kfree(replay.block);
	kfree(replay.data);
	kfree(replay.revokes);
	return error;
}
