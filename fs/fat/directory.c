/* Directories: slots of 32 bytes; a long name lies in the slots before its short one, last part first. */
#include <fs/fat/fat.h>
#include <lib/errno.h>
#include <lib/string.h>

static u32 slots_per_sector(const struct fat *fat)
{
	return fat->sector_size / FAT_SLOT;
}

/* Where slot @offset (bytes) of the directory is; 0 with -ENOENT past the end. */
static int place_of(struct fat_inode *directory, u32 offset, u64 *place)
{
	struct fat *fat = fat_of(&directory->vnode);
	u32 cluster, run;
	u64 sector;
	int error;

	if (offset >= FAT_DIRECTORY_MAX)
		return -ENOENT;
	if (directory->is_root && fat->bits != 32) {
		if (offset / FAT_SLOT >= fat->root_slots)
			return -ENOENT;
		*place = (u64)fat->root_start * slots_per_sector(fat) + offset / FAT_SLOT;
		return 0;
	}
	error = fat_chain_find(directory, offset >> fat->cluster_shift, 1, &cluster, &run);
	if (error || !run)
		return error ? error : -ENOENT;
	sector = fat_cluster_sector(fat, cluster) + offset % fat->cluster_size / fat->sector_size;
	*place = sector * slots_per_sector(fat) + offset % fat->sector_size / FAT_SLOT;
	return 0;
}

int fat_slot_buffer(struct fat *fat, u64 place, struct buffer **buffer, struct fat_entry **entry)
{
	int error =
		buffer_read(fat->device, place / slots_per_sector(fat), fat->sector_size, buffer);

	if (!error)
		*entry = (struct fat_entry *)(*buffer)->data + place % slots_per_sector(fat);
	return error;
}

static int slot_read(struct fat_inode *directory, u32 offset, struct fat_entry *entry, u64 *place)
{
	struct fat *fat = fat_of(&directory->vnode);
	struct fat_entry *slot;
	struct buffer *buffer;
	int error = place_of(directory, offset, place);

	if (!error)
		error = fat_slot_buffer(fat, *place, &buffer, &slot);
	if (error)
		return error;
	*entry = *slot;
	buffer_put(buffer);
	return 0;
}

static int slot_write(struct fat_inode *directory, u32 offset, const void *contents, u64 *place)
{
	struct fat *fat = fat_of(&directory->vnode);
	struct fat_entry *slot;
	struct buffer *buffer;
	int error = place_of(directory, offset, place);

	if (!error)
		error = fat_slot_buffer(fat, *place, &buffer, &slot);
	if (error)
		return error;
	memcpy(slot, contents, FAT_SLOT);
	buffer_dirty(buffer);
	buffer_put(buffer);
	return 0;
}

static void units_copy(u16 *units, const u8 *from, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		units[i] = (u16)(from[2 * i] | from[2 * i + 1] << 8);
}

/* The part of a long name that a slot holds: true when it goes on from what came before. */
static bool long_part(const struct fat_long *slot, unsigned *expected, u8 *checksum, u16 *units)
{
	unsigned order = slot->order & 0x3f;

	if (slot->order & FAT_LAST_LONG) {
		if (!order || order >= FAT_SLOTS_MAX)
			return false;
		*checksum = slot->checksum;
		units[order * FAT_UNITS_PER_SLOT] = 0;
	} else if (order != *expected || slot->checksum != *checksum || !order) {
		return false;
	}
	*expected = order - 1;
	units += (order - 1) * FAT_UNITS_PER_SLOT;
	units_copy(units, slot->units1, 5);
	units_copy(units + 5, slot->units2, 6);
	units_copy(units + 11, slot->units3, 2);
	return true;
}

static unsigned units_length(const u16 *units)
{
	unsigned count = 0;

	while (count < FAT_LONG_MAX && units[count])
		count++;
	return count;
}

/* @units has room for FAT_SLOTS_MAX * FAT_UNITS_PER_SLOT. */
int fat_next_entry(struct fat_inode *directory, u32 *offset, struct fat_found *found, u16 *units,
		   unsigned *count)
{
	unsigned expected = ~0u;
	u32 first = *offset;
	u8 checksum = 0;

	for (;; *offset += FAT_SLOT) {
		int error = slot_read(directory, *offset, &found->entry, &found->place);

		if (error == -ENOENT || (!error && !found->entry.name[0]))
			return 0;
		if (error)
			return error;
		if (found->entry.name[0] == FAT_DELETED) {
			expected = ~0u;
			continue;
		}
		if (found->entry.attributes == FAT_LONG_NAME) {
			const struct fat_long *slot = (const struct fat_long *)&found->entry;

			if (slot->order & FAT_LAST_LONG)
				first = *offset;
			if (!long_part(slot, &expected, &checksum, units))
				expected = ~0u;
			continue;
		}
		if (!(found->entry.attributes & FAT_VOLUME))
			break;
		expected = ~0u;
	}
	*count = 0;
	found->offset = *offset;
	if (expected == 0 && checksum == fat_short_checksum(found->entry.name)) {
		*count = units_length(units);
		found->offset = first;
	}
	found->slots = (*offset - found->offset) / FAT_SLOT + 1;
	*offset += FAT_SLOT;
	return 1;
}

static bool short_equals(const struct fat_entry *entry, const u16 *wanted, unsigned wanted_count)
{
	char text[16];
	u16 units[16];
	size_t length = fat_short_text(entry, text);

	for (size_t i = 0; i < length; i++)
		units[i] = (u8)text[i];
	return fat_units_equal(units, (unsigned)length, wanted, wanted_count);
}

int fat_find(struct fat_inode *directory, const char *name, size_t length, struct fat_found *found)
{
	u16 wanted[FAT_LONG_MAX], units[FAT_SLOTS_MAX * FAT_UNITS_PER_SLOT + 1];
	int wanted_count = fat_to_units(name, length, wanted), result;
	unsigned count;
	u32 offset = 0;

	if (wanted_count == -EINVAL)
		return -ENOENT;
	if (wanted_count < 0)
		return wanted_count;
	while (wanted_count > 0 && wanted[wanted_count - 1] == '.')
		wanted_count--;
	while ((result = fat_next_entry(directory, &offset, found, units, &count)) > 0)
		if ((count && fat_units_equal(units, count, wanted, (unsigned)wanted_count)) ||
		    short_equals(&found->entry, wanted, (unsigned)wanted_count))
			return 0;
	return result ? result : -ENOENT;
}

/* Is the alias taken? 1, 0. */
static int short_exists(struct fat_inode *directory, const u8 *name)
{
	struct fat_entry entry;
	u64 place;

	for (u32 offset = 0;; offset += FAT_SLOT) {
		int error = slot_read(directory, offset, &entry, &place);

		if (error == -ENOENT || (!error && !entry.name[0]))
			return 0;
		if (error)
			return error;
		if (entry.attributes != FAT_LONG_NAME && !memcmp(entry.name, name, 11))
			return 1;
	}
}

static u32 units_hash(const u16 *units, unsigned count)
{
	u32 hash = 2166136261u;

	for (unsigned i = 0; i < count; i++)
		hash = (hash ^ units[i]) * 16777619u;
	return hash;
}

/* An alias that nobody has: NAME~1 to ~4, then two letters and four digits out of the whole name. */
static int make_alias(struct fat_inode *directory, const u16 *units, unsigned count, u8 *name)
{
	u32 hash = units_hash(units, count);
	u8 stem[11];
	int taken = 1;

	fat_make_short(units, count, stem);
	for (unsigned number = 1; number < 100000 && taken > 0; number++) {
		u8 base[11];

		memcpy(base, stem, 11);
		if (number > 4) {
			unsigned at = stem[1] == ' ' ? 1 : 2;

			for (unsigned i = 0; i < 4; i++, hash = hash >> 4 | hash << 28)
				base[at + i] = (u8) "0123456789ABCDEF"[hash & 15];
			hash = hash * 16777619u + number;
			memset(base + at + 4, ' ', 8 - at - 4);
		}
		fat_number_short(base, number > 4 ? 1 : number, name);
		taken = short_exists(directory, name);
	}
	return taken > 0 ? -ENOSPC : taken;
}

/* @slots free ones in a row; the directory grows when there are none. */
static int find_room(struct fat_inode *directory, u32 slots, u32 *offset)
{
	struct fat *fat = fat_of(&directory->vnode);
	u32 free = 0, at = 0;
	struct fat_entry entry;
	u64 place;
	int error;

	for (; free < slots; at += FAT_SLOT) {
		error = slot_read(directory, at, &entry, &place);
		if (error == -ENOENT)
			break;
		if (error)
			return error;
		free = entry.name[0] == FAT_DELETED || !entry.name[0] ? free + 1 : 0;
	}
	*offset = at - free * FAT_SLOT;
	if (free >= slots)
		return 0;
	if ((directory->is_root && fat->bits != 32) ||
	    *offset + slots * FAT_SLOT > FAT_DIRECTORY_MAX)
		return -ENOSPC;
	while (free < slots) {
		u32 sectors = fat->cluster_size / fat->sector_size, cluster, run;

		error = fat_chain_count(directory);
		if (!error)
			error = fat_chain_extend(directory, directory->clusters + 1);
		if (!error)
			error = fat_chain_find(directory, directory->clusters - 1, 1, &cluster,
					       &run);
		for (u32 i = 0; i < sectors && !error; i++) {
			struct buffer *buffer;

			error = buffer_get_new(fat->device, fat_cluster_sector(fat, cluster) + i,
					       fat->sector_size, &buffer);
			if (error)
				break;
			memset(buffer->data, 0, fat->sector_size);
			buffer_dirty(buffer);
			buffer_put(buffer);
		}
		if (error)
			return error;
		free += fat->cluster_size / FAT_SLOT;
		directory->vnode.size += fat->cluster_size;
	}
	return 0;
}

static void units_store(u8 *to, const u16 *units, unsigned from, unsigned count, unsigned length)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned at = from + i;
		u16 unit = at < length ? units[at] : at == length ? 0 : 0xffff;

		to[2 * i] = (u8)unit;
		to[2 * i + 1] = (u8)(unit >> 8);
	}
}

static void long_make(struct fat_long *slot, const u16 *units, unsigned length, unsigned order,
		      bool last, u8 checksum)
{
	unsigned from = (order - 1) * FAT_UNITS_PER_SLOT;

	*slot = (struct fat_long){ .order = (u8)(order | (last ? FAT_LAST_LONG : 0)),
				   .attributes = FAT_LONG_NAME,
				   .checksum = checksum };
	units_store(slot->units1, units, from, 5, length);
	units_store(slot->units2, units, from + 5, 6, length);
	units_store(slot->units3, units, from + 11, 2, length);
}

int fat_add(struct fat_inode *directory, const char *name, size_t length, struct fat_entry *entry,
	    u64 *place)
{
	u16 units[FAT_LONG_MAX];
	int count = fat_to_units(name, length, units), error;
	u32 longs, offset;
	struct fat_long slot;

	count = count < 0 ? count : fat_check_name(units, count);
	if (count < 0)
		return count;
	longs = (u32)DIV_ROUND_UP((unsigned)count, (unsigned)FAT_UNITS_PER_SLOT);
	entry->case_flags = 0;
	if (fat_make_short(units, (unsigned)count, entry->name)) {
		longs = 0;
	} else {
		error = make_alias(directory, units, (unsigned)count, entry->name);
		if (error)
			return error;
	}
	error = find_room(directory, longs + 1, &offset);
	for (u32 i = 0; i < longs && !error; i++, offset += FAT_SLOT) {
		long_make(&slot, units, (unsigned)count, longs - i, i == 0,
			  fat_short_checksum(entry->name));
		error = slot_write(directory, offset, &slot, place);
	}
	return error ? error : slot_write(directory, offset, entry, place);
}

int fat_remove(struct fat_inode *directory, const struct fat_found *found)
{
	for (u32 i = 0; i < found->slots; i++) {
		u32 offset = found->offset + i * FAT_SLOT;
		struct fat_entry entry;
		u64 place;
		int error = slot_read(directory, offset, &entry, &place);

		entry.name[0] = FAT_DELETED;
		if (!error)
			error = slot_write(directory, offset, &entry, &place);
		if (error)
			return error;
	}
	return 0;
}

static u32 parent_cluster(const struct fat_inode *parent)
{
	return parent->is_root ? 0 : parent->first;
}

int fat_directory_init(struct fat_inode *made, const struct fat_inode *parent)
{
	struct fat_entry entry;
	u32 offset;
	u64 place;
	int error = find_room(made, 2, &offset);

	if (error)
		return error;
	fat_inode_fill_entry(made, &entry);
	memcpy(entry.name, ".          ", 11);
	error = slot_write(made, 0, &entry, &place);
	memcpy(entry.name, "..         ", 11);
	entry.cluster_low = (u16)parent_cluster(parent);
	entry.cluster_high = (u16)(parent_cluster(parent) >> 16);
	return error ? error : slot_write(made, FAT_SLOT, &entry, &place);
}

int fat_directory_set_parent(struct fat_inode *moved, const struct fat_inode *parent)
{
	struct fat_entry entry;
	u64 place;
	int error = slot_read(moved, FAT_SLOT, &entry, &place);

	if (error || memcmp(entry.name, "..         ", 11))
		return error ? error : fat_corrupt(fat_of(&moved->vnode), "\"..\" is missing");
	entry.cluster_low = (u16)parent_cluster(parent);
	entry.cluster_high = (u16)(parent_cluster(parent) >> 16);
	return slot_write(moved, FAT_SLOT, &entry, &place);
}

bool fat_directory_empty(struct fat_inode *directory, int *error)
{
	u16 units[FAT_SLOTS_MAX * FAT_UNITS_PER_SLOT + 1];
	struct fat_found found;
	unsigned count;
	u32 offset = 0;
	int result;

	while ((result = fat_next_entry(directory, &offset, &found, units, &count)) > 0)
		if (found.entry.name[0] != '.') {
			*error = 0;
			return false;
		}
	*error = result;
	return !result;
}
