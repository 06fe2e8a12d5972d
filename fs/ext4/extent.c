/*
 * Extent trees. The root is in the inode; the caller stores the inode after each change. An index entry's block is
 * exactly the first block of the node that it leads to, which e2fsck insists on.
 */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <lib/string.h>

enum { CUTS_PER_HANDLE = 8 };

struct level {
	struct buffer *buffer; /* NULL: the root */
	struct ext4_extent_header *header;
	int at; /* the entry that leads on; in the leaf the last that starts at or before; -1: none */
};

struct extent_path {
	unsigned depth;
	struct level levels[EXT4_EXTENT_DEPTH_MAX + 1];
};

static struct ext4_extent *extents(const struct ext4_extent_header *header)
{
	return (struct ext4_extent *)((uintptr_t)header + sizeof(*header));
}

static struct ext4_extent_index *indices(const struct ext4_extent_header *header)
{
	return (struct ext4_extent_index *)((uintptr_t)header + sizeof(*header));
}

static bool is_unwritten(const struct ext4_extent *extent)
{
	return extent->length > EXT4_EXTENT_WRITTEN_MAX;
}

static u32 length_of(const struct ext4_extent *extent)
{
	return is_unwritten(extent) ? extent->length - EXT4_EXTENT_WRITTEN_MAX : extent->length;
}

static void set_length(struct ext4_extent *extent, u32 length, bool unwritten)
{
	extent->length = (u16)(length + (unwritten ? EXT4_EXTENT_WRITTEN_MAX : 0));
}

static u64 start_of(const struct ext4_extent *extent)
{
	return extent->start_low | (u64)extent->start_high << 32;
}

static void set_start(struct ext4_extent *extent, u64 start)
{
	extent->start_low = (u32)start;
	extent->start_high = (u16)(start >> 32);
}

static u64 leaf_of(const struct ext4_extent_index *index)
{
	return index->leaf_low | (u64)index->leaf_high << 32;
}

static bool leaf_is_sane(const struct ext4 *ext4, const struct ext4_extent_header *header)
{
	u64 next = 0;

	for (unsigned i = 0; i < header->entries; i++) {
		const struct ext4_extent *extent = &extents(header)[i];
		u32 length = length_of(extent);

		if (!length || extent->block < next || extent->block + (u64)length > 0xffffffff ||
		    !ext4_blocks_valid(ext4, start_of(extent), length))
			return false;
		next = extent->block + (u64)length;
	}
	return true;
}

static bool index_is_sane(const struct ext4 *ext4, const struct ext4_extent_header *header)
{
	for (unsigned i = 0; i < header->entries; i++) {
		const struct ext4_extent_index *index = &indices(header)[i];

		if (!ext4_blocks_valid(ext4, leaf_of(index), 1) ||
		    (i && index->block <= index[-1].block))
			return false;
	}
	return header->entries != 0;
}

static bool node_is_sane(const struct ext4 *ext4, const struct ext4_extent_header *header, u32 size,
			 unsigned depth)
{
	u32 room = (size - (u32)sizeof(*header)) / (u32)sizeof(struct ext4_extent);

	if (header->magic != EXT4_EXTENT_MAGIC || header->depth != depth || !header->max ||
	    header->max > room || header->entries > header->max)
		return false;
	return depth ? index_is_sane(ext4, header) : leaf_is_sane(ext4, header);
}

static int node_read(struct ext4_inode *inode, u64 block, unsigned depth, struct buffer **buffer)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	int error = ext4_block_read(ext4, block, buffer);
	u32 *place, sum;

	if (error || (*buffer)->verified)
		return error;
	if (!node_is_sane(ext4, (*buffer)->data, ext4->block_size, depth))
		goto wrong;
	if (ext4->checksums) {
		sum = ext4_extent_checksum(inode->checksum_seed, (*buffer)->data, ext4->block_size,
					   &place);
		if (!place || *place != sum)
			goto wrong;
	}
	(*buffer)->verified = true;
	return 0;
wrong:
	buffer_put(*buffer);
	return ext4_corrupt(ext4, "inode %lu: extent block %lu is wrong",
			    (unsigned long)inode->vnode.ino, (unsigned long)block);
}

static void path_release(struct extent_path *path)
{
	for (unsigned i = 0; i <= path->depth; i++)
		if (path->levels[i].buffer)
			buffer_put(path->levels[i].buffer);
}

/* The last entry that starts at or before @block. Both kinds begin with their block and have one size. */
static int entry_before(const struct ext4_extent_header *header, u32 block)
{
	int low = 0, high = header->entries;

	while (low < high) {
		int middle = (low + high) / 2;

		if (extents(header)[middle].block <= block)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

static int path_find(struct ext4_inode *inode, u32 block, struct extent_path *path)
{
	struct ext4_extent_header *header = (struct ext4_extent_header *)inode->block;
	unsigned depth = header->depth;
	int error;

	path->depth = 0;
	path->levels[0] = (struct level){ .header = header };
	if (depth > EXT4_EXTENT_DEPTH_MAX ||
	    !node_is_sane(ext4_of_inode(inode), header, sizeof(inode->block), depth))
		return ext4_corrupt(ext4_of_inode(inode), "inode %lu: the extent tree is wrong",
				    (unsigned long)inode->vnode.ino);
	for (unsigned i = 0;; i++) {
		struct level *level = &path->levels[i];
		struct buffer *buffer;

		level->at = entry_before(level->header, block);
		if (i == depth)
			return 0;
		level->at = MAX(level->at, 0);
		error = node_read(inode, leaf_of(&indices(level->header)[level->at]), depth - i - 1,
				  &buffer);
		if (error) {
			path_release(path);
			return error;
		}
		path->levels[i + 1] = (struct level){ .buffer = buffer, .header = buffer->data };
		path->depth = i + 1;
	}
}

static struct level *leaf_level(struct extent_path *path)
{
	return &path->levels[path->depth];
}

static int level_changed(struct journal_handle *handle, struct ext4_inode *inode,
			 const struct level *level)
{
	if (!level->buffer)
		return 0;
	return ext4_block_changed(ext4_of_inode(inode), handle, level->buffer, EXT4_EXTENT_BLOCK,
				  inode->checksum_seed);
}

/* The block at which the mapping goes on after the leaf's entry @at; 2^32 - 1: nowhere. */
static u32 next_start(const struct extent_path *path, int at)
{
	const struct level *leaf = &path->levels[path->depth];

	if (at + 1 < leaf->header->entries)
		return extents(leaf->header)[at + 1].block;
	for (unsigned i = path->depth; i--;) {
		const struct level *level = &path->levels[i];

		if (level->at + 1 < level->header->entries)
			return indices(level->header)[level->at + 1].block;
	}
	return 0xffffffff;
}

int ext4_extent_lookup(struct ext4_inode *inode, u32 block, struct ext4_run *run)
{
	struct extent_path path;
	const struct ext4_extent *extent;
	int error = path_find(inode, block, &path), at;

	if (error)
		return error;
	at = leaf_level(&path)->at;
	extent = &extents(leaf_level(&path)->header)[at];
	if (at >= 0 && block - extent->block < length_of(extent)) {
		u32 skip = block - extent->block;

		*run = (struct ext4_run){ .block = block,
					  .count = length_of(extent) - skip,
					  .start = start_of(extent) + skip,
					  .unwritten = is_unwritten(extent) };
	} else {
		u32 next = next_start(&path, at);

		/* A tree whose levels disagree would make no progress. */
		*run = (struct ext4_run){ .block = block,
					  .count = next > block ? next - block : 1 };
	}
	path_release(&path);
	return 0;
}

/* The first block of the node at @level changed: so do the entries that lead to it. */
static int correct_indices(struct journal_handle *handle, struct ext4_inode *inode,
			   struct extent_path *path, unsigned level)
{
	u32 first = extents(path->levels[level].header)[0].block;

	while (level--) {
		struct level *above = &path->levels[level];
		int error;

		indices(above->header)[above->at].block = first;
		error = level_changed(handle, inode, above);
		if (error)
			return error;
		if (above->at)
			break;
	}
	return 0;
}

static int tree_block_allocate(struct journal_handle *handle, struct ext4_inode *inode,
			       struct buffer **buffer)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	u64 start;
	u32 count = 1;
	int error =
		ext4_blocks_allocate(ext4, handle, ext4_map_goal(inode, 0), &count, true, &start);

	if (!error)
		error = ext4_block_new(ext4, start, buffer);
	if (error)
		return error;
	(*buffer)->verified = true;
	inode->vnode.blocks += ext4->block_size / 512;
	return 0;
}

static void node_init(const struct ext4 *ext4, struct ext4_extent_header *header, unsigned depth)
{
	*header = (struct ext4_extent_header){
		.magic = EXT4_EXTENT_MAGIC,
		.max = (u16)((ext4->block_size - sizeof(*header)) / sizeof(struct ext4_extent)),
		.depth = (u16)depth,
	};
}

static void set_index(struct ext4_extent_index *index, u32 block, u64 leaf)
{
	*index = (struct ext4_extent_index){ .block = block,
					     .leaf_low = (u32)leaf,
					     .leaf_high = (u16)(leaf >> 32) };
}

/* The root is full and so is all below it: its entries move into a block of their own. */
static int tree_grow(struct journal_handle *handle, struct ext4_inode *inode)
{
	struct ext4_extent_header *root = (struct ext4_extent_header *)inode->block, *header;
	struct buffer *buffer;
	int error;

	if (root->depth == EXT4_EXTENT_DEPTH_MAX)
		return -EFBIG;
	error = tree_block_allocate(handle, inode, &buffer);
	if (error)
		return error;
	header = buffer->data;
	node_init(ext4_of_inode(inode), header, root->depth);
	header->entries = root->entries;
	memcpy(extents(header), extents(root), root->entries * sizeof(struct ext4_extent));
	set_index(indices(root), extents(header)[0].block, buffer->block);
	root->entries = 1;
	root->depth++;
	error = ext4_block_changed(ext4_of_inode(inode), handle, buffer, EXT4_EXTENT_BLOCK,
				   inode->checksum_seed);
	buffer_put(buffer);
	return error;
}

static void entry_open(struct ext4_extent_header *header, int at)
{
	memmove(&extents(header)[at + 1], &extents(header)[at],
		(header->entries - at) * sizeof(struct ext4_extent));
	header->entries++;
}

static void entry_close(struct ext4_extent_header *header, int at)
{
	header->entries--;
	memmove(&extents(header)[at], &extents(header)[at + 1],
		(header->entries - at) * sizeof(struct ext4_extent));
}

/* The node at @level is full, the one above is not. A file that grows at its end fills its nodes. */
static int node_split(struct journal_handle *handle, struct ext4_inode *inode,
		      struct extent_path *path, unsigned level)
{
	struct level *full = &path->levels[level], *above = full - 1;
	struct ext4_extent_header *from = full->header, *to;
	bool at_end = full->at == from->entries - 1;
	int keep = at_end ? from->entries - 1 : from->entries / 2, error;
	struct buffer *buffer;

	error = tree_block_allocate(handle, inode, &buffer);
	if (error)
		return error;
	to = buffer->data;
	node_init(ext4_of_inode(inode), to, from->depth);
	to->entries = (u16)(from->entries - keep);
	memcpy(extents(to), &extents(from)[keep], to->entries * sizeof(struct ext4_extent));
	from->entries = (u16)keep;
	entry_open(above->header, above->at + 1);
	set_index(&indices(above->header)[above->at + 1], extents(to)[0].block, buffer->block);
	error = ext4_block_changed(ext4_of_inode(inode), handle, buffer, EXT4_EXTENT_BLOCK,
				   inode->checksum_seed);
	buffer_put(buffer);
	if (!error)
		error = level_changed(handle, inode, full);
	return error ? error : level_changed(handle, inode, above);
}

static int make_room(struct journal_handle *handle, struct ext4_inode *inode,
		     struct extent_path *path)
{
	for (unsigned i = path->depth; i--;)
		if (path->levels[i].header->entries < path->levels[i].header->max)
			return node_split(handle, inode, path, i + 1);
	return tree_grow(handle, inode);
}

/* Does @right go on where [block, block + length) at @start ends, and fits both into one extent? */
static bool joins(u32 block, u64 start, u32 length, bool unwritten, const struct ext4_extent *right)
{
	u32 max = EXT4_EXTENT_WRITTEN_MAX - unwritten;

	return block + length == right->block && start + length == start_of(right) &&
	       unwritten == is_unwritten(right) && length + length_of(right) <= max;
}

static bool merge_left(struct level *leaf, const struct ext4_run *run)
{
	struct ext4_extent *left = &extents(leaf->header)[leaf->at], *right = left + 1;
	u32 length = leaf->at >= 0 ? length_of(left) : 0;
	struct ext4_extent added = { .block = run->block };

	set_start(&added, run->start);
	set_length(&added, run->count, run->unwritten);
	if (leaf->at < 0 || !joins(left->block, start_of(left), length, is_unwritten(left), &added))
		return false;
	length += run->count;
	set_length(left, length, run->unwritten);
	if (leaf->at + 1 < leaf->header->entries &&
	    joins(left->block, start_of(left), length, run->unwritten, right)) {
		set_length(left, length + length_of(right), run->unwritten);
		entry_close(leaf->header, leaf->at + 1);
	}
	return true;
}

/* Make an extent beside it larger. True: done. */
static bool merge(struct level *leaf, const struct ext4_run *run, bool *first_changed)
{
	struct ext4_extent *right = &extents(leaf->header)[leaf->at + 1];

	if (merge_left(leaf, run))
		return true;
	if (leaf->at + 1 >= leaf->header->entries ||
	    !joins(run->block, run->start, run->count, run->unwritten, right))
		return false;
	right->block = run->block;
	set_start(right, run->start);
	set_length(right, length_of(right) + run->count, run->unwritten);
	*first_changed = leaf->at < 0;
	return true;
}

int ext4_extent_insert(struct journal_handle *handle, struct ext4_inode *inode,
		       const struct ext4_run *run)
{
	struct extent_path path;
	bool first_changed = false;
	struct level *leaf;
	int error;

	for (;;) {
		error = path_find(inode, run->block, &path);
		if (error)
			return error;
		leaf = leaf_level(&path);
		if (merge(leaf, run, &first_changed))
			break;
		if (leaf->header->entries < leaf->header->max) {
			struct ext4_extent *extent = &extents(leaf->header)[leaf->at + 1];

			entry_open(leaf->header, leaf->at + 1);
			extent->block = run->block;
			set_start(extent, run->start);
			set_length(extent, run->count, run->unwritten);
			first_changed = leaf->at < 0;
			break;
		}
		error = make_room(handle, inode, &path);
		path_release(&path);
		if (error)
			return error;
	}
	error = level_changed(handle, inode, leaf);
	if (!error && first_changed)
		error = correct_indices(handle, inode, &path, path.depth);
	path_release(&path);
	return error;
}

/* Entry @at of the leaf goes; nodes that are empty then go too. */
static int entry_remove(struct journal_handle *handle, struct ext4_inode *inode,
			struct extent_path *path, int at)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	unsigned i = path->depth;
	int error;

	entry_close(path->levels[i].header, at);
	while (i && !path->levels[i].header->entries) {
		u64 block = path->levels[i].buffer->block;

		buffer_put(path->levels[i].buffer);
		path->levels[i].buffer = NULL;
		inode->vnode.blocks -= ext4->block_size / 512;
		error = ext4_blocks_free(ext4, handle, block, 1, EXT4_FREE_METADATA);
		if (error)
			return error;
		i--;
		at = path->levels[i].at;
		entry_close(path->levels[i].header, at);
	}
	if (!path->levels[i].header->entries) {
		path->levels[0].header->depth = 0;
		return 0;
	}
	error = level_changed(handle, inode, &path->levels[i]);
	if (!error && at == 0)
		error = correct_indices(handle, inode, path, i);
	return error;
}

/* Blocks [from, to] of the leaf's entry @at, which covers them, are no longer mapped. */
static int extent_trim(struct journal_handle *handle, struct ext4_inode *inode,
		       struct extent_path *path, int at, u32 from, u32 to)
{
	struct ext4_extent_header *header = leaf_level(path)->header;
	struct ext4_extent *extent = &extents(header)[at];
	u32 end = extent->block + length_of(extent); /* exclusive */
	bool unwritten = is_unwritten(extent);
	int error;

	if (from == extent->block && to == end - 1)
		return entry_remove(handle, inode, path, at);
	if (from == extent->block) {
		set_start(extent, start_of(extent) + (to + 1 - from));
		extent->block = to + 1;
		set_length(extent, end - to - 1, unwritten);
	} else {
		if (to < end - 1) {
			entry_open(header, at + 1);
			extent[1] = extent[0];
			extent[1].block = to + 1;
			set_start(&extent[1], start_of(extent) + (to + 1 - extent->block));
			set_length(&extent[1], end - to - 1, unwritten);
		}
		set_length(extent, from - extent->block, unwritten);
	}
	error = level_changed(handle, inode, leaf_level(path));
	if (!error && at == 0)
		error = correct_indices(handle, inode, path, path->depth);
	return error;
}

/* One extent of [*first, last]: 1 when there was one (*@first is behind it then), 0 at the end. */
static int cut_one(struct journal_handle *handle, struct ext4_inode *inode, u32 *first, u32 last,
		   bool free)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	struct ext4_extent_header *header;
	struct ext4_extent *extent;
	struct extent_path path;
	u32 from, to;
	u64 start;
	int error = path_find(inode, *first, &path), at;

	if (error)
		return error;
	header = leaf_level(&path)->header;
	at = leaf_level(&path)->at;
	extent = &extents(header)[at];
	if (at < 0 || *first - extent->block >= length_of(extent)) {
		u32 next = next_start(&path, at);

		path_release(&path);
		if (next > last || next <= *first)
			return 0;
		*first = next;
		return 1;
	}
	from = *first;
	to = MIN(last, extent->block + length_of(extent) - 1);
	start = start_of(extent) + (from - extent->block);
	/* Two are left of it. */
	if (from > extent->block && to < extent->block + length_of(extent) - 1 &&
	    header->entries == header->max) {
		error = make_room(handle, inode, &path);
		path_release(&path);
		return error ? error : 1;
	}
	error = extent_trim(handle, inode, &path, at, from, to);
	path_release(&path);
	if (!error && free) {
		bool metadata = !S_ISREG(inode->vnode.mode);

		inode->vnode.blocks -= (u64)(to - from + 1) * (ext4->block_size / 512);
		error = ext4_blocks_free(ext4, handle, start, to - from + 1,
					 metadata ? EXT4_FREE_METADATA : 0);
	}
	*first = to + 1;
	return error ? error : to < last;
}

int ext4_extent_cut(struct journal_handle *handle, struct ext4_inode *inode, u32 first, u32 last,
		    bool free, bool *again)
{
	int result = 1;

	*again = false;
	for (unsigned i = 0; result > 0 && first <= last; i++) {
		if (free && i == CUTS_PER_HANDLE) {
			*again = true;
			return 0;
		}
		result = cut_one(handle, inode, &first, last, free);
	}
	return MIN(result, 0);
}
