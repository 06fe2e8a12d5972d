/*
 * Indexed directories: a tree of hashes of names above ordinary blocks. Block 0 holds "." and ".." and, in what looks
 * like unused space of "..", the root; the other nodes look like one unused entry.
 */
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <lib/sort.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { LEVELS_MAX = 3, ROOT_OFFSET = 32, NODE_OFFSET = 8, INFO_OFFSET = 24, CONTINUED = 1 };

struct frame_of_index {
	struct buffer *buffer;
	struct ext4_index_entry *entries; /* the first holds limit and count in its hash */
	u32 number, at;
};

struct probe {
	struct ext4_hash hash;
	unsigned version, levels; /* of nodes: at least 1 */
	struct frame_of_index frames[LEVELS_MAX];
};

static struct ext4_index_count *count_of(const struct frame_of_index *frame)
{
	return (struct ext4_index_count *)frame->entries;
}

static u32 limit_of(const struct ext4 *ext4, bool root)
{
	u32 tail = ext4->checksums ? (u32)sizeof(struct ext4_index_tail) : 0;

	return (ext4->block_size - (root ? ROOT_OFFSET : NODE_OFFSET) - tail) /
	       (u32)sizeof(struct ext4_index_entry);
}

static void probe_release(struct probe *probe)
{
	while (probe->levels)
		buffer_put(probe->frames[--probe->levels].buffer);
}

static int wrong(struct ext4_inode *directory)
{
	return ext4_corrupt(ext4_of_inode(directory), "directory %lu: the index is wrong",
			    (unsigned long)directory->vnode.ino);
}

static struct ext4_index_root_info *info_of(const struct buffer *buffer)
{
	return (struct ext4_index_root_info *)((u8 *)buffer->data + INFO_OFFSET);
}

/* Read node @number as the next frame of the probe. */
static int frame_read(struct ext4_inode *directory, struct probe *probe, u32 number)
{
	struct frame_of_index *frame = &probe->frames[probe->levels];
	struct ext4 *ext4 = ext4_of_inode(directory);
	const struct ext4_index_count *count;
	int error = ext4_directory_read(directory, number, &frame->buffer);

	if (error)
		return error;
	frame->number = number;
	frame->at = 0;
	frame->entries = (struct ext4_index_entry *)((u8 *)frame->buffer->data +
						     (number ? NODE_OFFSET : ROOT_OFFSET));
	probe->levels++;
	count = count_of(frame);
	if (count->limit != limit_of(ext4, number == 0) || !count->count ||
	    count->count > count->limit)
		return wrong(directory);
	return 0;
}

/* The last entry whose hash is at most @hash; the first stands for all that is less. */
static u32 search(const struct frame_of_index *frame, u32 hash)
{
	u32 low = 1, high = count_of(frame)->count;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (frame->entries[middle].hash <= hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

static u32 child_of(const struct frame_of_index *frame)
{
	return frame->entries[frame->at].block & 0x0fffffff;
}

/* From the root down to the lowest node for probe->hash. */
static int descend(struct ext4_inode *directory, struct probe *probe, unsigned levels)
{
	for (;;) {
		struct frame_of_index *frame = &probe->frames[probe->levels - 1];
		int error;

		frame->at = search(frame, probe->hash.major);
		if (probe->levels == levels)
			return 0;
		if (!child_of(frame))
			return wrong(directory);
		error = frame_read(directory, probe, child_of(frame));
		if (error)
			return error;
	}
}

static int probe_root(struct ext4_inode *directory, struct probe *probe, unsigned *levels)
{
	struct ext4 *ext4 = ext4_of_inode(directory);
	const struct ext4_index_root_info *info;
	int error;

	probe->levels = 0;
	error = frame_read(directory, probe, 0);
	if (error)
		return error;
	info = info_of(probe->frames[0].buffer);
	*levels = info->levels + 1u;
	if (info->zero || info->length != sizeof(*info) || info->flags & 1 ||
	    info->hash_version > EXT4_HASH_TEA || *levels > LEVELS_MAX ||
	    (*levels == LEVELS_MAX && !ext4_has_incompat(ext4, EXT4_INCOMPAT_LARGEDIR)))
		return wrong(directory);
	probe->version = info->hash_version + (ext4->hash_unsigned ? EXT4_HASH_LEGACY_UNSIGNED : 0);
	return 0;
}

static int probe_name(struct ext4_inode *directory, const char *name, size_t length,
		      struct probe *probe)
{
	unsigned levels;
	int error = probe_root(directory, probe, &levels);

	if (!error)
		error = ext4_hash_name(ext4_of_inode(directory), probe->version, name, length,
				       &probe->hash);
	if (!error)
		error = descend(directory, probe, levels);
	if (error)
		probe_release(probe);
	return error;
}

/* To the leaf after this one: 1, 0: there is none. *@hash: where it begins. */
static int probe_next(struct ext4_inode *directory, struct probe *probe, u32 *hash)
{
	unsigned depth = probe->levels, level = depth;

	do {
		struct frame_of_index *frame;

		if (!level)
			return 0;
		frame = &probe->frames[--level];
		if (frame->at + 1 >= count_of(frame)->count)
			continue;
		*hash = frame->entries[++frame->at].hash;
		break;
	} while (true);
	while (probe->levels > level + 1)
		buffer_put(probe->frames[--probe->levels].buffer);
	while (probe->levels < depth) {
		int error =
			frame_read(directory, probe, child_of(&probe->frames[probe->levels - 1]));

		if (error)
			return error;
	}
	return 1;
}

int ext4_index_find(struct ext4_inode *directory, const char *name, size_t length,
		    struct ext4_found *found)
{
	struct probe probe;
	u32 hash;
	int result = probe_name(directory, name, length, &probe);

	if (result)
		return result;
	do {
		found->block = child_of(&probe.frames[probe.levels - 1]);
		result = found->block ? ext4_directory_read(directory, found->block, &found->buffer)
				      : wrong(directory);
		if (result)
			break;
		result = ext4_entry_search(directory, found->buffer, name, length, &found->entry);
		if (result > 0) {
			probe_release(&probe);
			return 0;
		}
		buffer_put(found->buffer);
		if (!result)
			result = probe_next(directory, &probe, &hash);
		/* Names of one hash may go on in the next block. */
		if (result > 0 && hash != (probe.hash.major | CONTINUED))
			result = 0;
	} while (result > 0);
	probe_release(&probe);
	return result ? result : -ENOENT;
}

/* A name in a leaf, for sorting. */
struct sorted {
	struct ext4_hash hash;
	u16 offset, length;
};

static int by_hash(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	if (x->hash.major != y->hash.major)
		return x->hash.major < y->hash.major ? -1 : 1;
	return x->hash.minor < y->hash.minor ? -1 : x->hash.minor > y->hash.minor;
}

/* All names of a leaf by hash: how many. @list has room for a block's. */
static int leaf_sort(struct ext4_inode *directory, unsigned version, const struct buffer *buffer,
		     struct sorted *list)
{
	struct ext4 *ext4 = ext4_of_inode(directory);
	int count = 0;

	for (u32 offset = 0; offset < ext4->block_size;) {
		const struct ext4_entry *entry =
			(const struct ext4_entry *)((const u8 *)buffer->data + offset);

		if (!ext4_entry_valid(directory, buffer->data, offset, ext4->block_size))
			return wrong(directory);
		if (entry->ino && entry->name_length) {
			int error = ext4_hash_name(ext4, version, entry->name, entry->name_length,
						   &list[count].hash);

			if (error)
				return error;
			list[count].offset = (u16)offset;
			list[count++].length = (u16)ext4_entry_length(entry->name_length);
		}
		offset += entry->length;
	}
	sort(list, count, sizeof(*list), by_hash);
	return count;
}

static struct sorted *list_alloc(const struct ext4 *ext4)
{
	return kmalloc(ext4->block_size / 12 * sizeof(struct sorted));
}

/* The names list[from, to) of the block @source, packed into @target. */
static void leaf_pack(const struct ext4 *ext4, const u8 *source, const struct sorted *list,
		      int from, int to, u8 *target)
{
	u32 space = ext4_entry_space(ext4), at = 0;
	struct ext4_entry *last = NULL;

	ext4_directory_block_init(ext4, target);
	for (int i = from; i < to; i++) {
		last = (struct ext4_entry *)(target + at);
		memcpy(last, source + list[i].offset, list[i].length);
		last->length = list[i].length;
		at += list[i].length;
	}
	if (last)
		last->length = (u16)(last->length + space - at);
}

static int index_insert(struct journal_handle *handle, struct ext4_inode *directory,
			struct frame_of_index *frame, u32 hash, u32 block)
{
	struct ext4_index_count *count = count_of(frame);
	struct ext4_index_entry *entry = &frame->entries[frame->at + 1];

	memmove(entry + 1, entry, (count->count - frame->at - 1) * sizeof(*entry));
	*entry = (struct ext4_index_entry){ hash, block };
	count->count++;
	return ext4_directory_changed(handle, directory, frame->buffer, frame->number);
}

static int split_point(const struct sorted *list, int count)
{
	u32 total = 0, half = 0;
	int at = 0;

	for (int i = 0; i < count; i++)
		total += list[i].length;
	while (at < count - 1 && half + list[at].length / 2 < total / 2)
		half += list[at++].length;
	return MAX(at, 1);
}

/* Move the upper half of a full leaf, by hash, into a new block. The lowest node has room. */
static int leaf_split(struct journal_handle *handle, struct ext4_inode *directory,
		      struct probe *probe, struct buffer *leaf, u32 leaf_number)
{
	struct ext4 *ext4 = ext4_of_inode(directory);
	struct sorted *list = list_alloc(ext4);
	u8 *copy = kmalloc(ext4->block_size);
	struct buffer *buffer;
	u32 number, hash;
	int count = list && copy ? leaf_sort(directory, probe->version, leaf, list) : -ENOMEM;
	int error = count < 0 ? count : count < 2 ? -ENOSPC : 0, split;

	if (!error)
		error = ext4_directory_append(handle, directory, &number, &buffer);
	if (error)
		goto out;
	split = split_point(list, count);
	hash = list[split].hash.major;
	hash |= list[split - 1].hash.major == hash ? CONTINUED : 0;
	memcpy(copy, leaf->data, ext4->block_size);
	leaf_pack(ext4, copy, list, split, count, buffer->data);
	leaf_pack(ext4, copy, list, 0, split, leaf->data);
	error = ext4_directory_changed(handle, directory, buffer, number);
	buffer_put(buffer);
	if (!error)
		error = ext4_directory_changed(handle, directory, leaf, leaf_number);
	if (!error)
		error = index_insert(handle, directory, &probe->frames[probe->levels - 1], hash,
				     number);
out:
	kfree(copy);
	kfree(list);
	return error;
}

/* A new node, whose entries are those of @from from @first on. */
static int node_make(struct journal_handle *handle, struct ext4_inode *directory,
		     const struct frame_of_index *from, u32 first, u32 *number)
{
	struct ext4 *ext4 = ext4_of_inode(directory);
	struct ext4_index_entry *entries;
	struct ext4_index_count *count;
	struct ext4_entry *fake;
	struct buffer *buffer;
	int error = ext4_directory_append(handle, directory, number, &buffer);

	if (error)
		return error;
	memset(buffer->data, 0, ext4->block_size);
	fake = buffer->data;
	fake->length = (u16)ext4->block_size;
	entries = (struct ext4_index_entry *)((u8 *)buffer->data + NODE_OFFSET);
	memcpy(entries, &from->entries[first], (count_of(from)->count - first) * sizeof(*entries));
	count = (struct ext4_index_count *)entries;
	count->limit = (u16)limit_of(ext4, false);
	count->count = (u16)(count_of(from)->count - first);
	error = ext4_directory_changed(handle, directory, buffer, *number);
	buffer_put(buffer);
	return error;
}

/* All of the root's entries move into a node below it. */
static int root_grow(struct journal_handle *handle, struct ext4_inode *directory,
		     struct probe *probe)
{
	struct ext4 *ext4 = ext4_of_inode(directory);
	unsigned most = ext4_has_incompat(ext4, EXT4_INCOMPAT_LARGEDIR) ? LEVELS_MAX : 2;
	struct frame_of_index *root = &probe->frames[0];
	u32 number;
	int error;

	if (probe->levels >= most)
		return -ENOSPC;
	error = node_make(handle, directory, root, 0, &number);
	if (error)
		return error;
	count_of(root)->count = 1;
	root->entries[0].block = number;
	info_of(root->buffer)->levels++;
	return ext4_directory_changed(handle, directory, root->buffer, 0);
}

/* The lowest node is full. The caller probes again. */
static int index_make_room(struct journal_handle *handle, struct ext4_inode *directory,
			   struct probe *probe)
{
	unsigned level = probe->levels - 1;
	struct frame_of_index *full, *above;
	u32 half, hash, number;
	int error;

	while (level && count_of(&probe->frames[level - 1])->count ==
				count_of(&probe->frames[level - 1])->limit)
		level--;
	if (!level)
		return root_grow(handle, directory, probe);
	full = &probe->frames[level];
	above = full - 1;
	half = count_of(full)->count / 2;
	hash = full->entries[half].hash;
	error = node_make(handle, directory, full, half, &number);
	if (error)
		return error;
	count_of(full)->count = (u16)half;
	error = ext4_directory_changed(handle, directory, full->buffer, full->number);
	return error ? error : index_insert(handle, directory, above, hash, number);
}

/* 1: changed something, try again. */
static int add_once(struct journal_handle *handle, struct ext4_inode *directory, const char *name,
		    size_t length, u32 ino, u32 mode)
{
	struct frame_of_index *lowest;
	struct buffer *leaf;
	struct probe probe;
	u32 number;
	int error = probe_name(directory, name, length, &probe);

	if (error)
		return error;
	lowest = &probe.frames[probe.levels - 1];
	number = child_of(lowest);
	error = number ? ext4_directory_read(directory, number, &leaf) : wrong(directory);
	if (error)
		goto out;
	error = ext4_entry_add(directory, leaf, name, length, ino, mode);
	if (!error) {
		error = ext4_directory_changed(handle, directory, leaf, number);
	} else if (error == -ENOSPC) {
		if (count_of(lowest)->count < count_of(lowest)->limit)
			error = leaf_split(handle, directory, &probe, leaf, number);
		else
			error = index_make_room(handle, directory, &probe);
		error = error ? error : 1;
	}
	buffer_put(leaf);
out:
	probe_release(&probe);
	return error;
}

int ext4_index_add(struct journal_handle *handle, struct ext4_inode *directory, const char *name,
		   size_t length, u32 ino, u32 mode)
{
	int result = 1;

	for (unsigned tries = 0; result > 0 && tries < 8; tries++)
		result = add_once(handle, directory, name, length, ino, mode);
	return result > 0 ? -ENOSPC : result;
}

/* A directory of one block, which is full, gets an index: the names move to a second block. */
int ext4_index_make(struct journal_handle *handle, struct ext4_inode *directory)
{
	struct ext4 *ext4 = ext4_of_inode(directory);
	struct sorted *list = list_alloc(ext4);
	struct ext4_index_root_info *info;
	struct ext4_index_entry *entries;
	struct ext4_found parent;
	struct buffer *buffer;
	u32 number, version = ext4->super->hash_version;
	int error = list ? ext4_directory_parent(directory, &parent) : -ENOMEM, count;

	version = version <= EXT4_HASH_TEA ? version : (u32)EXT4_HASH_HALF_MD4;
	if (error)
		goto out;
	count = leaf_sort(directory, version, parent.buffer, list);
	error = count < 0 ? count : ext4_directory_append(handle, directory, &number, &buffer);
	if (error)
		goto out_parent;
	for (int i = 0, kept = count, to = 0; i < kept; i++) {
		/* "." and ".." stay. */
		if (list[i].offset < ext4_entry_length(1) + 1u)
			count--;
		else
			list[to++] = list[i];
	}
	leaf_pack(ext4, parent.buffer->data, list, 0, count, buffer->data);
	error = ext4_directory_changed(handle, directory, buffer, number);
	buffer_put(buffer);
	if (error)
		goto out_parent;
	parent.entry->length = (u16)(ext4->block_size - ext4_entry_length(1));
	info = info_of(parent.buffer);
	memset(info, 0, ext4->block_size - INFO_OFFSET);
	info->hash_version = (u8)version;
	info->length = sizeof(*info);
	entries = (struct ext4_index_entry *)(info + 1);
	*(struct ext4_index_count *)entries =
		(struct ext4_index_count){ (u16)limit_of(ext4, true), 1 };
	entries[0].block = number;
	directory->flags |= EXT4_INDEX;
	error = ext4_directory_changed(handle, directory, parent.buffer, 0);
	if (!error)
		error = ext4_inode_store(handle, directory);
out_parent:
	buffer_put(parent.buffer);
out:
	kfree(list);
	return error;
}

/* A position is the hash of a name, so that it means the same after blocks were split. */
static s64 position_of(const struct ext4_hash *hash)
{
	return (s64)((u64)(hash->major >> 1) << 32 | hash->minor) + 2;
}

/* 1: go on, 0: the sink is full. */
static int leaf_emit(struct ext4_inode *directory, const struct probe *probe,
		     const struct buffer *leaf, struct sorted *list, s64 position,
		     struct directory_sink *sink)
{
	static const u8 types[8] = { 0, 8, 4, 2, 6, 1, 12, 10 };
	int count = leaf_sort(directory, probe->version, leaf, list);

	for (int i = 0; i < count; i++) {
		const struct ext4_entry *entry =
			(const struct ext4_entry *)((const u8 *)leaf->data + list[i].offset);
		s64 at = position_of(&list[i].hash);

		if (at < position)
			continue;
		if (!sink->emit(sink, entry->name, entry->name_length, entry->ino,
				types[entry->type & 7], at == INT64_MAX ? at : at + 1))
			return 0;
	}
	return count < 0 ? count : 1;
}

int ext4_index_readdir(struct ext4_inode *directory, s64 position, struct directory_sink *sink)
{
	struct sorted *list = list_alloc(ext4_of_inode(directory));
	struct probe probe = { .levels = 0 };
	unsigned levels;
	u32 hash;
	int result = list ? probe_root(directory, &probe, &levels) : -ENOMEM;

	probe.hash.major = position > 2 ? (u32)((u64)(position - 2) >> 32) << 1 : 0;
	if (!result)
		result = descend(directory, &probe, levels);
	result = result ? result : 1;
	while (result > 0) {
		u32 number = child_of(&probe.frames[probe.levels - 1]);
		struct buffer *leaf;

		result = number ? ext4_directory_read(directory, number, &leaf) : wrong(directory);
		if (result)
			break;
		result = leaf_emit(directory, &probe, leaf, list, position, sink);
		buffer_put(leaf);
		if (result > 0)
			result = probe_next(directory, &probe, &hash);
	}
	probe_release(&probe);
	kfree(list);
	return MIN(result, 0);
}
