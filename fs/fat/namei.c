/* Names: the directory is locked exclusively by the VFS. */
#include <fs/fat/fat.h>
#include <lib/errno.h>
#include <lib/string.h>

static int lookup(struct vnode *directory, const char *name, size_t length, struct vnode **found)
{
	struct fat *fat = fat_of(directory);
	struct fat_inode *inode;
	struct fat_found entry;
	int error = fat_find(fat_inode_of(directory), name, length, &entry);

	if (!error)
		error = fat_inode_get(fat, &entry, &inode);
	if (!error)
		*found = &inode->vnode;
	return error;
}

static int create(struct vnode *directory, const char *name, size_t length, u32 mode, u64 device,
		  struct vnode **created)
{
	struct fat_inode *parent = fat_inode_of(directory), *inode;
	struct fat *fat = fat_of(directory);
	struct fat_found found = { .slots = 1 };
	s64 now = vnode_time_now();
	int error = fat_writable(fat);

	if (error)
		return error;
	if (!S_ISREG(mode) && !S_ISDIR(mode))
		return -EPERM;
	found.entry.attributes = S_ISDIR(mode) ? FAT_DIRECTORY : FAT_ARCHIVE;
	if (S_ISREG(mode) && !(mode & 0222))
		found.entry.attributes |= FAT_READ_ONLY;
	error = fat_add(parent, name, length, &found.entry, &found.place);
	if (error)
		return error;
	error = fat_inode_get(fat, &found, &inode);
	if (error)
		goto out_name;
	inode->vnode.times = (struct vnode_times){ now, now, now };
	if (S_ISDIR(mode))
		error = fat_directory_init(inode, parent);
	if (!error)
		error = fat_inode_store(inode);
	if (error) {
		inode->vnode.links = 0;
		fat_inode_move(inode, FAT_NO_PLACE);
		vnode_put(&inode->vnode);
		goto out_name;
	}
	vnode_touch(directory, false, true, true);
	*created = &inode->vnode;
	return 0;
out_name:
	if (!fat_find(parent, name, length, &found))
		fat_remove(parent, &found);
	return error;
}

static int check_removable(struct vnode *victim)
{
	int error = 0;

	if (S_ISDIR(victim->mode) && !fat_directory_empty(fat_inode_of(victim), &error))
		return error ? error : -ENOTEMPTY;
	return 0;
}

static int find_exactly(struct vnode *directory, const char *name, size_t length,
			const struct vnode *expected, struct fat_found *found)
{
	int error = fat_find(fat_inode_of(directory), name, length, found);

	if (error || fat_inode_of(expected)->place == found->place)
		return error;
	return fat_corrupt(fat_of(directory), "a name leads elsewhere");
}

static void forget_name(struct vnode *victim)
{
	victim->links = 0;
	vnode_touch(victim, false, false, true);
	fat_inode_move(fat_inode_of(victim), FAT_NO_PLACE);
}

static int unlink(struct vnode *directory, const char *name, size_t length, struct vnode *victim)
{
	struct fat_found found;
	int error = fat_writable(fat_of(directory));

	if (!error)
		error = check_removable(victim);
	if (!error)
		error = find_exactly(directory, name, length, victim, &found);
	if (!error)
		error = fat_remove(fat_inode_of(directory), &found);
	if (error)
		return error;
	forget_name(victim);
	vnode_touch(directory, false, true, true);
	return 0;
}

/* The new name first; a victim's entry is taken over, so that there is never none. */
static int new_place(struct vnode *moved, struct vnode *to, const char *name, size_t length,
		     struct vnode *victim, u64 *place)
{
	struct fat *fat = fat_of(to);
	struct fat_found found;
	struct fat_entry entry, *slot;
	struct buffer *buffer;
	int error;

	fat_inode_fill_entry(fat_inode_of(moved), &entry);
	if (!victim)
		return fat_add(fat_inode_of(to), name, length, &entry, place);
	error = find_exactly(to, name, length, victim, &found);
	if (!error)
		error = fat_slot_buffer(fat, found.place, &buffer, &slot);
	if (error)
		return error;
	memcpy(entry.name, slot->name, sizeof(entry.name));
	entry.case_flags = slot->case_flags;
	*slot = entry;
	buffer_dirty(buffer);
	buffer_put(buffer);
	forget_name(victim);
	*place = found.place;
	return 0;
}

static int rename(struct vnode *from, const char *from_name, size_t from_length,
		  struct vnode *moved, struct vnode *to, const char *to_name, size_t to_length,
		  struct vnode *victim, bool exchange)
{
	struct fat_inode *inode = fat_inode_of(moved);
	struct fat_found found;
	u64 place;
	int error = fat_writable(fat_of(from));

	if (exchange)
		return -EINVAL;
	if (!error && victim)
		error = check_removable(victim);
	/* The size that the entry carries must be on disk. */
	if (!error && !S_ISDIR(moved->mode))
		error = fat_inode_store(inode);
	if (!error)
		error = find_exactly(from, from_name, from_length, moved, &found);
	if (!error)
		error = new_place(moved, to, to_name, to_length, victim, &place);
	if (!error)
		error = fat_remove(fat_inode_of(from), &found);
	if (error)
		return error;
	fat_inode_move(inode, place);
	if (S_ISDIR(moved->mode) && from != to)
		error = fat_directory_set_parent(inode, fat_inode_of(to));
	vnode_touch(from, false, true, true);
	vnode_touch(to, false, true, true);
	return error;
}

static size_t name_of(const struct fat_found *found, const u16 *units, unsigned count, char *name)
{
	size_t length = count ? fat_from_units(units, count, name) : 0;

	return length ? length : fat_short_text(&found->entry, name);
}

/* The number that a file in memory has, else the one that it would get. */
static u64 ino_of(struct fat *fat, u64 place)
{
	struct vnode *vnode;
	u64 ino = place + 16;

	mutex_lock(&fat->places.lock);
	vnode = radix_lookup(&fat->places.vnodes, place);
	if (vnode)
		ino = vnode->ino;
	mutex_unlock(&fat->places.lock);
	return ino;
}

/* Positions: 0 and 1 for "." and "..", then the byte behind an entry, and 2. */
static int readdir(struct vnode *directory, s64 position, struct directory_sink *sink)
{
	u16 units[FAT_SLOTS_MAX * FAT_UNITS_PER_SLOT + 1];
	struct fat *fat = fat_of(directory);
	char name[FAT_LONG_MAX + 1];
	struct fat_found found;
	unsigned count;
	u32 offset;
	int result;

	if (position < 0)
		return -EINVAL;
	if (position < 1 && !sink->emit(sink, ".", 1, directory->ino, S_IFDIR >> 12, 1))
		return 0;
	if (position < 2 && !sink->emit(sink, "..", 2, directory->ino, S_IFDIR >> 12, 2))
		return 0;
	offset = position > 2 ? (u32)MIN((u64)position - 2, (u64)FAT_DIRECTORY_MAX) : 0;
	offset = ALIGN_DOWN(offset, (u32)FAT_SLOT);
	while ((result = fat_next_entry(fat_inode_of(directory), &offset, &found, units, &count)) >
	       0) {
		size_t length;

		if (found.entry.name[0] == '.')
			continue;
		length = name_of(&found, units, count, name);
		if (!sink->emit(sink, name, length, ino_of(fat, found.place),
				found.entry.attributes & FAT_DIRECTORY ? S_IFDIR >> 12
								       : S_IFREG >> 12,
				offset + 2))
			return 0;
	}
	return MIN(result, 0);
}

const struct vnode_operations fat_directory_operations = {
	.lookup = lookup,
	.create = create,
	.unlink = unlink,
	.rename = rename,
	.readdir = readdir,
	.change = fat_change,
	.sync = fat_file_sync,
	.release = fat_vnode_release,
};

const struct vnode_operations fat_file_operations = {
	.change = fat_change,
	.sync = fat_file_sync,
	.release = fat_vnode_release,
};
