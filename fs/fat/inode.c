/* Files in memory, found by where their directory entry is. */
#include <fs/fat/fat.h>
#include <fs/file.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { ROOT_INO = 1, INO_OFFSET = 16, DAYS_BEFORE_1980 = 3652 };
#define DAY_NS	     (86400 * 1000000000ll)
#define UNUSUAL_INOS (1ull << 48)

static SLAB_CACHE(inode_cache, struct fat_inode);
void fat_tables_init(struct fat *fat)
{
	vnode_table_init(&fat->places);
	radix_init(&fat->inos, &vnode_table_nodes);
	fat->next_ino = UNUSUAL_INOS;
}

/* Days since 1970 of a date, by the civil calendar; and back. */
static s64 days_from(int year, unsigned month, unsigned day)
{
	int era;
	unsigned of_era, of_year;

	year -= month <= 2;
	era = year / 400;
	of_era = (unsigned)(year - era * 400);
	of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return (s64)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_from(s64 days, int *year, unsigned *month, unsigned *day)
{
	s64 shifted = days + 719468, era = shifted / 146097;
	unsigned of_era = (unsigned)(shifted - era * 146097);
	unsigned years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * years + years / 4 - years / 100);
	unsigned shifted_month = (5 * of_year + 2) / 153;

	*day = of_year - (153 * shifted_month + 2) / 5 + 1;
	*month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
	*year = (int)(years + era * 400) + (*month <= 2);
}

static s64 time_from(u16 date, u16 time, u8 extra_10ms)
{
	unsigned month = MAX(date >> 5 & 15u, 1u), day = MAX(date & 31u, 1u);
	s64 seconds = (time >> 11) * 3600 + (time >> 5 & 63) * 60 + (time & 31) * 2;

	return (days_from(1980 + (date >> 9), MIN(month, 12u), day) * 86400 + seconds) *
		       1000000000 +
	       extra_10ms * 10000000ll;
}

static void time_to(s64 time, u16 *date, u16 *clock, u8 *extra_10ms)
{
	s64 days = time / DAY_NS, rest;
	unsigned month, day, seconds;
	int year;

	if (time < DAYS_BEFORE_1980 * DAY_NS) {
		days = DAYS_BEFORE_1980;
		time = days * DAY_NS;
	}
	rest = time - days * DAY_NS;
	date_from(days, &year, &month, &day);
	year = MIN(year, 2107);
	seconds = (unsigned)(rest / 1000000000);
	*date = (u16)((year - 1980) << 9 | month << 5 | day);
	if (clock)
		*clock = (u16)(seconds / 3600 << 11 | seconds / 60 % 60 << 5 | seconds % 60 / 2);
	if (extra_10ms)
		*extra_10ms = (u8)(seconds % 2 * 100 + rest % 1000000000 / 10000000);
}

static void set_operations(struct fat_inode *inode)
{
	struct vnode *vnode = &inode->vnode;

	if (S_ISDIR(vnode->mode)) {
		vnode->operations = &fat_directory_operations;
		vnode->file_operations = &directory_file_operations;
		return;
	}
	vnode->operations = &fat_file_operations;
	vnode->file_operations = &regular_file_operations;
	object_init(&inode->object, &fat_object_operations, vnode->size);
	inode->object.owner = vnode;
	vnode->object = &inode->object;
}

static u32 mode_of(const struct fat *fat, u8 attributes)
{
	u32 mode = attributes & FAT_DIRECTORY ? S_IFDIR | 0777 : S_IFREG | 0777;

	if (attributes & FAT_READ_ONLY && !(attributes & FAT_DIRECTORY))
		mode &= ~0222u;
	return mode & ~(attributes & FAT_DIRECTORY ? fat->directory_mask : fat->file_mask);
}

static struct fat_inode *inode_alloc(struct fat *fat, u32 mode)
{
	struct fat_inode *inode = slab_alloc_zeroed(&inode_cache);

	if (!inode)
		return NULL;
	vnode_init(&inode->vnode, &fat->system, mode);
	inode->vnode.uid = fat->uid;
	inode->vnode.gid = fat->gid;
	rwlock_init(&inode->map, RANK_EXTENTS);
	spin_init(&inode->cache, RANK_TABLE);
	inode->clusters = ~0u;
	return inode;
}

/* A directory says nothing of its size: that is its chain's. */
static int set_directory_size(struct fat_inode *inode)
{
	struct fat *fat = fat_of(&inode->vnode);
	int error;

	if (!S_ISDIR(inode->vnode.mode))
		return 0;
	error = fat_chain_count(inode);
	inode->vnode.size = (u64)inode->clusters << fat->cluster_shift;
	return error;
}

struct fat_inode *fat_root(struct fat *fat)
{
	struct fat_inode *root = inode_alloc(fat, mode_of(fat, FAT_DIRECTORY));

	if (!root)
		return NULL;
	root->is_root = true;
	root->first = fat->root_cluster;
	root->vnode.ino = ROOT_INO;
	root->vnode.times = (struct vnode_times){ 0 };
	set_operations(root);
	if (fat->bits != 32) {
		root->clusters = 0;
		root->vnode.size = (u64)fat->root_slots * FAT_SLOT;
	} else if (set_directory_size(root)) {
		slab_free(&inode_cache, root);
		return NULL;
	}
	return root;
}

static void fields_from(struct fat_inode *inode, const struct fat_entry *entry)
{
	struct fat *fat = fat_of(&inode->vnode);
	struct vnode *vnode = &inode->vnode;

	inode->attributes = entry->attributes;
	inode->case_flags = entry->case_flags;
	inode->first = entry->cluster_low;
	if (fat->bits == 32)
		inode->first |= (u32)entry->cluster_high << 16;
	inode->first &= 0x0fffffff;
	vnode->size = inode->valid = inode->stored_size = S_ISDIR(vnode->mode) ? 0 : entry->size;
	vnode->blocks = ALIGN_UP(vnode->size, (u64)fat->cluster_size) / 512;
	vnode->times.modify = time_from(entry->date, entry->time, 0);
	vnode->times.change = vnode->times.modify;
	vnode->times.access = time_from(entry->access_date, 0, 0);
	inode->stored = vnode->times;
}

struct loading {
	struct fat *fat;
	const struct fat_found *found;
};

/* [places] Into both tables. */
static int remember(struct fat *fat, struct fat_inode *inode)
{
	int error = radix_insert(&fat->places.vnodes, inode->place, &inode->vnode);

	if (error)
		return error;
	error = radix_insert(&fat->inos, inode->vnode.ino, &inode->vnode);
	if (error)
		radix_remove(&fat->places.vnodes, inode->place);
	return error;
}

/* [places] */
static int load(void *context, struct vnode **loaded)
{
	const struct loading *loading = context;
	const struct fat_found *found = loading->found;
	struct fat *fat = loading->fat;
	struct fat_inode *inode = inode_alloc(fat, mode_of(fat, found->entry.attributes));
	u64 ino = found->place + INO_OFFSET;
	int error;

	if (!inode)
		return -ENOMEM;
	inode->place = found->place;
	/* A file that was moved away from this place still has its number. */
	inode->vnode.ino = radix_lookup(&fat->inos, ino) ? ++fat->next_ino : ino;
	fields_from(inode, &found->entry);
	error = inode->first == 1 || inode->first >= fat->end
			? fat_corrupt(fat, "a file starts at cluster %u", inode->first)
			: set_directory_size(inode);
	if (!error)
		error = remember(fat, inode);
	if (error) {
		slab_free(&inode_cache, inode);
		return error;
	}
	set_operations(inode);
	*loaded = &inode->vnode;
	return 0;
}

int fat_inode_get(struct fat *fat, const struct fat_found *found, struct fat_inode **result)
{
	struct loading loading = { fat, found };
	struct vnode *vnode;
	int error = vnode_table_get(&fat->places, found->place, load, &loading, &vnode);

	if (!error)
		*result = fat_inode_of(vnode);
	return error;
}

void fat_inode_move(struct fat_inode *inode, u64 place)
{
	struct fat *fat = fat_of(&inode->vnode);

	mutex_lock(&fat->places.lock);
	if (inode->place != FAT_NO_PLACE)
		radix_remove(&fat->places.vnodes, inode->place);
	inode->place = place;
	/* Without memory the file is found anew, beside this one, until this one is gone. */
	if (place != FAT_NO_PLACE && radix_insert(&fat->places.vnodes, place, &inode->vnode))
		inode->place = FAT_NO_PLACE;
	mutex_unlock(&fat->places.lock);
}

void fat_inode_fill_entry(const struct fat_inode *inode, struct fat_entry *entry)
{
	const struct vnode *vnode = &inode->vnode;

	*entry = (struct fat_entry){ .attributes = inode->attributes };
	entry->cluster_low = (u16)inode->first;
	entry->cluster_high = (u16)(inode->first >> 16);
	entry->size = S_ISDIR(vnode->mode) ? 0 : (u32)vnode->size;
	time_to(vnode->times.modify, &entry->date, &entry->time, NULL);
	time_to(vnode->times.modify, &entry->created_date, &entry->created_time,
		&entry->created_10ms);
	time_to(vnode->times.access, &entry->access_date, NULL, NULL);
}

static u32 clusters_needed(const struct fat_inode *inode)
{
	const struct fat *fat = fat_of(&inode->vnode);

	return (u32)((inode->vnode.size + fat->cluster_size - 1) >> fat->cluster_shift);
}

int fat_inode_store(struct fat_inode *inode)
{
	struct fat *fat = fat_of(&inode->vnode);
	struct vnode *vnode = &inode->vnode;
	struct fat_entry *entry, fresh;
	struct buffer *buffer;
	int error = fat_writable(fat);

	if (error || inode->place == FAT_NO_PLACE)
		return error;
	write_lock(&inode->map);
	error = S_ISDIR(vnode->mode) ? 0 : fat_settle(inode, vnode->size);
	/* A page that was written to had clusters for all of it. */
	if (!error && !S_ISDIR(vnode->mode) && !inode->object.dirty_count)
		error = fat_chain_cut(
			inode, (u32)((vnode->size + fat->cluster_size - 1) >> fat->cluster_shift));
	if (!error)
		error = fat_slot_buffer(fat, inode->place, &buffer, &entry);
	if (!error) {
		fat_inode_fill_entry(inode, &fresh);
		entry->attributes = fresh.attributes;
		entry->cluster_low = fresh.cluster_low;
		if (fat->bits == 32)
			entry->cluster_high = fresh.cluster_high;
		entry->size = fresh.size;
		entry->date = fresh.date;
		entry->time = fresh.time;
		entry->access_date = fresh.access_date;
		inode->stored_size = vnode->size;
		inode->stored = vnode->times;
		buffer_dirty(buffer);
		buffer_put(buffer);
	}
	write_unlock(&inode->map);
	return error;
}

/* A page that was written to had clusters for all of it. */
static bool has_spare(const struct fat_inode *inode)
{
	return !S_ISDIR(inode->vnode.mode) && inode->clusters != ~0u &&
	       inode->clusters > clusters_needed(inode);
}

static bool is_changed(const struct vnode *vnode)
{
	const struct fat_inode *inode = fat_inode_of(vnode);
	const struct vnode_times *times = &vnode->times, *stored = &inode->stored;

	if (inode->is_root)
		return false;
	return has_spare(inode) || (!S_ISDIR(vnode->mode) && vnode->size != inode->stored_size) ||
	       times->modify != stored->modify || times->access / DAY_NS != stored->access / DAY_NS;
}

int fat_inodes_store_all(struct fat *fat)
{
	struct vnode *vnode;
	u64 ino = 0;
	int result = 0;

	while ((vnode = vnode_table_next(&fat->places, &fat->inos, &ino, is_changed))) {
		int error = fat_inode_store(fat_inode_of(vnode));

		result = result ? result : error;
		vnode_put(vnode);
		ino++;
	}
	return result;
}

void fat_inode_free_memory(struct fat_inode *inode)
{
	slab_free(&inode_cache, inode);
}

void fat_vnode_release(struct vnode *vnode)
{
	struct fat_inode *inode = fat_inode_of(vnode);
	struct fat *fat = fat_of(vnode);

	if (!fat_writable(fat) && !inode->is_root) {
		if (!vnode->links) {
			if (vnode->object)
				object_set_size(vnode->object, 0);
			write_lock(&inode->map);
			fat_chain_cut(inode, 0);
			write_unlock(&inode->map);
		} else if (is_changed(vnode)) {
			fat_inode_store(inode);
		}
	}
	mutex_lock(&fat->places.lock);
	if (!inode->is_root)
		radix_remove(&fat->inos, vnode->ino);
	mutex_unlock(&fat->places.lock);
	vnode_table_remove(&fat->places, inode->place, vnode);
	if (vnode->object)
		object_put(vnode->object);
	else
		fat_inode_free_memory(inode);
}
