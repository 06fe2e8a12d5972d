/* ext2's block maps: 12 blocks named in the inode, then trees of one, two and three levels. */
#include <fs/ext4/ext4.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/string.h>

enum { DIRECT = 12, LEVELS_MAX = 3, PIECES_PER_HANDLE = 8 };

static u64 pointers(const struct ext4 *ext4)
{
	return ext4->block_size / 4;
}

/* The tree that @block is in: its levels (0: direct), and its number within it. */
static int tree_of(const struct ext4 *ext4, u32 block, unsigned *levels, u64 *inside)
{
	u64 size = pointers(ext4), at = block;

	if (at < DIRECT) {
		*levels = 0;
		*inside = at;
		return 0;
	}
	at -= DIRECT;
	for (*levels = 1; *levels <= LEVELS_MAX; ++*levels) {
		if (at < size) {
			*inside = at;
			return 0;
		}
		at -= size;
		size *= pointers(ext4);
	}
	return -EFBIG;
}

u64 ext4_indirect_limit(const struct ext4 *ext4)
{
	u64 count = pointers(ext4);

	return MIN(DIRECT + count + count * count + count * count * count, (u64)0xffffffff);
}

/* Blocks below one pointer of a block at @level (1: the pointers are data). */
static u64 span(const struct ext4 *ext4, unsigned level)
{
	u64 blocks = 1;

	while (--level)
		blocks *= pointers(ext4);
	return blocks;
}

static int check_pointer(struct ext4_inode *inode, u32 pointer)
{
	if (!pointer || ext4_blocks_valid(ext4_of_inode(inode), pointer, 1))
		return 0;
	return ext4_corrupt(ext4_of_inode(inode), "inode %lu: block %u is outside",
			    (unsigned long)inode->vnode.ino, pointer);
}

/* How many of the @count pointers at @at follow each other on disk. */
static u32 following(const u32 *at, u32 count)
{
	u32 run = 1;

	while (run < count && (at[0] ? at[run] == at[0] + run : !at[run]))
		run++;
	return run;
}

int ext4_indirect_lookup(struct ext4_inode *inode, u32 block, struct ext4_run *run)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	struct buffer *buffer = NULL;
	unsigned levels;
	u64 inside;
	u32 pointer, count;
	int error = tree_of(ext4, block, &levels, &inside);

	if (error) {
		*run = (struct ext4_run){ .block = block, .count = 1 };
		return 0;
	}
	if (!levels) {
		pointer = inode->block[inside];
		count = following(&inode->block[inside], DIRECT - (u32)inside);
	} else {
		pointer = inode->block[DIRECT - 1 + levels];
		count = (u32)MIN(span(ext4, levels + 1) - inside, (u64)1 << 20);
	}
	for (unsigned level = levels; level; level--) {
		u64 each = span(ext4, level), at = inside / each;
		struct buffer *next;
		const u32 *data;

		inside %= each;
		if (!pointer)
			break;
		error = check_pointer(inode, pointer);
		if (!error)
			error = ext4_block_read(ext4, pointer, &next);
		if (buffer)
			buffer_put(buffer);
		if (error)
			return error;
		buffer = next;
		data = buffer->data;
		pointer = data[at];
		count = level == 1 ? following(&data[at], (u32)(pointers(ext4) - at))
				   : (u32)MIN(each - inside, (u64)1 << 20);
	}
	if (buffer)
		buffer_put(buffer);
	*run = (struct ext4_run){ .block = block, .count = count, .start = pointer };
	error = check_pointer(inode, pointer);
	if (!error && pointer && !ext4_blocks_valid(ext4, pointer, count))
		run->count = 1;
	return error;
}

/* A block of pointers, all zero, into *@pointer. */
static int pointers_allocate(struct journal_handle *handle, struct ext4_inode *inode, u32 *pointer,
			     struct buffer **buffer)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	u32 count = 1;
	u64 start;
	int error =
		ext4_blocks_allocate(ext4, handle, ext4_map_goal(inode, 0), &count, true, &start);

	if (!error)
		error = ext4_block_new(ext4, start, buffer);
	if (error)
		return error;
	memset((*buffer)->data, 0, ext4->block_size);
	*pointer = (u32)start;
	inode->vnode.blocks += ext4->block_size / 512;
	return ext4_block_changed(ext4, handle, *buffer, EXT4_PLAIN, 0);
}

static int insert_one(struct journal_handle *handle, struct ext4_inode *inode, u32 block, u32 start)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	struct buffer *buffer = NULL, *next;
	unsigned levels;
	u64 inside;
	u32 *pointer;
	int error = tree_of(ext4, block, &levels, &inside);

	if (error)
		return error;
	pointer = levels ? &inode->block[DIRECT - 1 + levels] : &inode->block[inside];
	for (unsigned level = levels; level; level--) {
		u64 each = span(ext4, level);

		error = check_pointer(inode, *pointer);
		if (!error && *pointer)
			error = ext4_block_read(ext4, *pointer, &next);
		else if (!error) {
			error = pointers_allocate(handle, inode, pointer, &next);
			if (!error && buffer)
				error = ext4_block_changed(ext4, handle, buffer, EXT4_PLAIN, 0);
		}
		if (buffer)
			buffer_put(buffer);
		if (error)
			return error;
		buffer = next;
		pointer = (u32 *)buffer->data + inside / each;
		inside %= each;
	}
	*pointer = start;
	if (!buffer)
		return 0;
	error = ext4_block_changed(ext4, handle, buffer, EXT4_PLAIN, 0);
	buffer_put(buffer);
	return error;
}

int ext4_indirect_insert(struct journal_handle *handle, struct ext4_inode *inode,
			 const struct ext4_run *run)
{
	int error = 0;

	for (u32 i = 0; i < run->count && !error; i++)
		error = insert_one(handle, inode, run->block + i, (u32)run->start + i);
	return error;
}

/* What is being cut, and the stretch on disk that is to be freed next. */
struct cut {
	struct journal_handle *handle;
	struct ext4_inode *inode;
	u64 first, last;
	u32 start, count;
	unsigned pieces;
};

static int cut_flush(struct cut *cut)
{
	struct ext4 *ext4 = ext4_of_inode(cut->inode);
	bool metadata = !S_ISREG(cut->inode->vnode.mode);
	u32 count = cut->count;

	cut->count = 0;
	cut->inode->vnode.blocks -= (u64)count * (ext4->block_size / 512);
	return ext4_blocks_free(ext4, cut->handle, cut->start, count,
				metadata ? EXT4_FREE_METADATA : 0);
}

static int cut_data(struct cut *cut, u32 *pointer)
{
	int error = check_pointer(cut->inode, *pointer);

	if (error || !*pointer)
		return error;
	if (cut->count && *pointer != cut->start + cut->count) {
		error = cut_flush(cut);
		cut->pieces++;
	}
	if (!cut->count)
		cut->start = *pointer;
	cut->count++;
	*pointer = 0;
	return error;
}

static bool all_zero(const u32 *data, u64 count)
{
	while (count)
		if (data[--count])
			return false;
	return true;
}

/* @pointer leads to a tree of @levels that starts at logical @base; recursion: three levels at most. */
static int cut_tree(struct cut *cut, u32 *pointer, unsigned levels, u64 base)
{
	struct ext4 *ext4 = ext4_of_inode(cut->inode);
	u64 each = levels ? span(ext4, levels) : 1, from, to;
	struct buffer *buffer;
	u32 *data, number = *pointer;
	int error;

	if (!number || cut->pieces >= PIECES_PER_HANDLE)
		return 0;
	if (!levels)
		return cut_data(cut, pointer);
	error = check_pointer(cut->inode, number);
	if (!error)
		error = ext4_block_read(ext4, number, &buffer);
	if (error)
		return error;
	data = buffer->data;
	from = cut->first > base ? (cut->first - base) / each : 0;
	to = MIN((cut->last - base) / each, pointers(ext4) - 1);
	for (; from <= to && !error; from++)
		error = cut_tree(cut, &data[from], levels - 1, base + from * each);
	if (!error)
		error = ext4_block_changed(ext4, cut->handle, buffer, EXT4_PLAIN, 0);
	if (!error && all_zero(data, pointers(ext4))) {
		buffer_put(buffer);
		cut->pieces++;
		cut->inode->vnode.blocks -= ext4->block_size / 512;
		*pointer = 0;
		return ext4_blocks_free(ext4, cut->handle, number, 1, EXT4_FREE_METADATA);
	}
	buffer_put(buffer);
	return error;
}

int ext4_indirect_cut(struct journal_handle *handle, struct ext4_inode *inode, u32 first, u32 last,
		      bool *again)
{
	struct cut cut = { .handle = handle, .inode = inode, .first = first, .last = last };
	struct ext4 *ext4 = ext4_of_inode(inode);
	u64 base = DIRECT;
	int error = 0;

	for (u64 block = first; block <= MIN(last, (u32)DIRECT - 1) && !error; block++)
		error = cut_tree(&cut, &inode->block[block], 0, block);
	for (unsigned levels = 1; levels <= LEVELS_MAX && !error; levels++) {
		u64 size = span(ext4, levels + 1);

		if (cut.first < base + size && cut.last >= base)
			error = cut_tree(&cut, &inode->block[DIRECT - 1 + levels], levels, base);
		base += size;
	}
	if (!error && cut.count)
		error = cut_flush(&cut);
	*again = cut.pieces >= PIECES_PER_HANDLE;
	return error;
}
