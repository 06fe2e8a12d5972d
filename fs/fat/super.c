/* The boot sector, FAT32's FSInfo, mounting. */
#include <debug/log.h>
#include <dev/block.h>
#include <fs/fat/fat.h>
#include <fs/mount_option.h>
#include <fs/path.h>
#include <fs/text.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <stdarg.h>

/* Offsets in the boot sector, which is not aligned. */
enum {
	BOOT_SECTOR_SIZE = 0x0b,
	BOOT_CLUSTER_SECTORS = 0x0d,
	BOOT_RESERVED = 0x0e,
	BOOT_TABLES = 0x10,
	BOOT_ROOT_SLOTS = 0x11,
	BOOT_SECTORS_16 = 0x13,
	BOOT_MEDIA = 0x15,
	BOOT_TABLE_SECTORS_16 = 0x16,
	BOOT_SECTORS_32 = 0x20,
	BOOT_TABLE_SECTORS_32 = 0x24,
	BOOT_FLAGS = 0x28,
	BOOT_VERSION = 0x2a,
	BOOT_ROOT_CLUSTER = 0x2c,
	BOOT_INFO = 0x30,
	BOOT_STATE_16 = 0x25,
	BOOT_STATE_32 = 0x41,
	BOOT_SERIAL_16 = 0x27,
	BOOT_SERIAL_32 = 0x43,
	BOOT_SIZE = 512,
	BOOT_DIRTY = 1,
};
enum { CLUSTERS_12 = 4084, CLUSTERS_16 = 65524 };
enum { INFO_LEAD = 0x41615252, INFO_MAGIC = 0x61417272, INFO_FREE = 488, INFO_NEXT = 492 };
enum { STATFS_MAGIC = 0x4d44 };

int fat_corrupt(struct fat *fat, const char *format, ...)
{
	char text[120];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_error("%s: corrupt: %s: read-only from now on", fat->name, text);
	WRITE_ONCE(fat->failed, true);
	return -EUCLEAN;
}

int fat_writable(const struct fat *fat)
{
	return fat->system.read_only || READ_ONCE(fat->failed) ? -EROFS : 0;
}

static int read_sizes(struct fat *fat, const u8 *boot)
{
	u32 reserved = load_le16(boot + BOOT_RESERVED), sectors = load_le16(boot + BOOT_SECTORS_16);
	u32 cluster_sectors = boot[BOOT_CLUSTER_SECTORS], root_sectors;
	u64 clusters, room;

	fat->sector_size = load_le16(boot + BOOT_SECTOR_SIZE);
	if (fat->sector_size < 512 || fat->sector_size > 4096 ||
	    !is_power_of_two(fat->sector_size) || !is_power_of_two(cluster_sectors) || !reserved ||
	    !boot[BOOT_TABLES] || (boot[BOOT_MEDIA] < 0xf8 && boot[BOOT_MEDIA] != 0xf0))
		return -EINVAL;
	sectors = sectors ? sectors : load_le32(boot + BOOT_SECTORS_32);
	fat->cluster_size = cluster_sectors * fat->sector_size;
	fat->cluster_shift = ilog2(fat->cluster_size);
	fat->table_start = reserved;
	fat->table_count = fat->active_table = boot[BOOT_TABLES];
	fat->table_sectors = load_le16(boot + BOOT_TABLE_SECTORS_16);
	if (!fat->table_sectors)
		fat->table_sectors = load_le32(boot + BOOT_TABLE_SECTORS_32);
	fat->root_slots = load_le16(boot + BOOT_ROOT_SLOTS);
	room = reserved + (u64)fat->table_count * fat->table_sectors;
	root_sectors = DIV_ROUND_UP(fat->root_slots * FAT_SLOT, fat->sector_size);
	if (!fat->table_sectors || room + root_sectors >= sectors ||
	    (u64)sectors * fat->sector_size > fat->device->size)
		return -EINVAL;
	fat->root_start = (u32)room;
	fat->data_start = (u32)room + root_sectors;
	clusters = (sectors - fat->data_start) / cluster_sectors;
	fat->bits = clusters <= CLUSTERS_12 ? 12 : clusters <= CLUSTERS_16 ? 16 : 32;
	if (!load_le16(boot + BOOT_TABLE_SECTORS_16))
		fat->bits = 32;
	/* As many as the table has entries for. */
	room = (u64)fat->table_sectors * fat->sector_size * 8 / fat->bits;
	if (!clusters || room <= FAT_FIRST_CLUSTER || clusters > 0x0ffffff0)
		return -EINVAL;
	fat->end = (u32)MIN(clusters + FAT_FIRST_CLUSTER, room);
	return fat->bits == 32 || fat->root_slots ? 0 : -EINVAL;
}

static int read_boot_32(struct fat *fat, const u8 *boot)
{
	u32 flags = load_le16(boot + BOOT_FLAGS);

	if (fat->bits != 32)
		return 0;
	if (load_le16(boot + BOOT_VERSION))
		return -EINVAL;
	fat->root_cluster = load_le32(boot + BOOT_ROOT_CLUSTER);
	fat->info_sector = load_le16(boot + BOOT_INFO);
	if (fat->info_sector == 0xffff || fat->info_sector >= fat->table_start)
		fat->info_sector = 0;
	if (flags & 0x80)
		fat->active_table = flags & 15;
	if (flags & 0x80 && fat->active_table >= fat->table_count)
		return -EINVAL;
	return fat->root_cluster >= FAT_FIRST_CLUSTER && fat->root_cluster < fat->end ? 0 : -EINVAL;
}

static int read_boot(struct fat *fat)
{
	u8 *boot = kmalloc(BOOT_SIZE);
	int error = boot ? block_read(fat->device, 0, boot, BOOT_SIZE) : -ENOMEM;

	if (!error && (boot[510] != 0x55 || boot[511] != 0xaa))
		error = -EINVAL;
	if (!error)
		error = read_sizes(fat, boot);
	if (!error)
		error = read_boot_32(fat, boot);
	kfree(boot);
	return error;
}

/* FSInfo is a hint: the number of free clusters is counted, once. */
static int info_update(struct fat *fat)
{
	struct buffer *buffer;
	u8 *info;
	int error;

	if (!fat->info_sector)
		return 0;
	error = buffer_read(fat->device, fat->info_sector, fat->sector_size, &buffer);
	if (error)
		return error;
	info = buffer->data;
	if (load_le32(info) == INFO_LEAD && load_le32(info + 484) == INFO_MAGIC &&
	    (load_le32(info + INFO_FREE) != fat->free_clusters ||
	     load_le32(info + INFO_NEXT) != fat->hint)) {
		store_le32(info + INFO_FREE, fat->free_clusters);
		store_le32(info + INFO_NEXT, fat->hint);
		buffer_dirty(buffer);
	}
	buffer_put(buffer);
	return 0;
}

/* Mounted for writing, and not unmounted: fsck looks more closely. */
static int set_state(struct fat *fat, bool dirty)
{
	struct buffer *buffer;
	u8 *state;
	int error = buffer_read(fat->device, 0, fat->sector_size, &buffer);

	if (error)
		return error;
	state = (u8 *)buffer->data + (fat->bits == 32 ? BOOT_STATE_32 : BOOT_STATE_16);
	*state = (u8)((*state & ~BOOT_DIRTY) | dirty);
	buffer_dirty(buffer);
	buffer_put(buffer);
	error = buffer_sync(fat->device);
	return error ? error : block_flush(fat->device);
}

static void fat_statfs(struct file_system *system, struct statfs_result *result)
{
	struct fat *fat = container_of(system, struct fat, system);

	result->type = STATFS_MAGIC;
	result->block_size = fat->cluster_size;
	result->blocks = fat->end - FAT_FIRST_CLUSTER;
	result->blocks_free = READ_ONCE(fat->free_clusters);
	result->name_length = FAT_LONG_MAX;
}

static int fat_sync(struct file_system *system)
{
	struct fat *fat = container_of(system, struct fat, system);
	int error = fat_writable(fat);

	if (error)
		return fat->failed ? -EIO : 0;
	error = fat_inodes_store_all(fat);
	if (!error)
		error = info_update(fat);
	if (!error)
		error = buffer_sync(fat->device);
	return error ? error : block_flush(fat->device);
}

static int finish(struct fat *fat)
{
	int error = fat_sync(&fat->system);

	return error ? error : set_state(fat, false);
}

static void fat_unmount(struct file_system *system)
{
	struct fat *fat = container_of(system, struct fat, system);
	int error = fat->writing ? finish(fat) : 0;

	if (error)
		log_error("%s: unmounted with error %d", fat->name, error);
	kfree(fat);
}

static int fat_remount(struct file_system *system, unsigned flags, const char *data)
{
	struct fat *fat = container_of(system, struct fat, system);
	bool read_only = flags & MS_RDONLY;
	int error;

	if (read_only == !fat->writing)
		return 0;
	if (!read_only && (fat->device->read_only || fat->failed))
		return -EROFS;
	error = read_only ? finish(fat) : set_state(fat, true);
	if (!error) {
		fat->writing = !read_only;
		system->read_only = read_only;
	}
	return error;
}

/* Linux's hints about character sets and the like, and what is always so here. */
static const char *const hints[] = { "codepage", "iocharset", "shortname", "utf8",  "quiet",
				     "check",	 "tz",	      "flush",	   "debug", "nonumtail" };

static int parse_one(const struct mount_option *option, struct fat *fat)
{
	if (mount_option_is(option, "uid"))
		return mount_option_number(option, 10, &fat->uid);
	if (mount_option_is(option, "gid"))
		return mount_option_number(option, 10, &fat->gid);
	if (mount_option_is(option, "fmask"))
		return mount_option_number(option, 8, &fat->file_mask);
	if (mount_option_is(option, "dmask"))
		return mount_option_number(option, 8, &fat->directory_mask);
	if (mount_option_is(option, "umask")) {
		int error = mount_option_number(option, 8, &fat->file_mask);

		fat->directory_mask = fat->file_mask;
		return error;
	}
	if (mount_option_is(option, "errors"))
		return mount_option_says(option, "remount-ro") ? 0 : -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (mount_option_is(option, hints[i]))
			return 0;
	return -EINVAL;
}

static int parse_options(struct fat *fat, const char *data)
{
	struct mount_option option;

	while (mount_option_next(&data, &option)) {
		int error = parse_one(&option, fat);

		if (!error)
			continue;
		log_error("%s: vfat: option %.*s%s%.*s is not supported", fat->name,
			  (int)option.name_length, option.name, option.value ? "=" : "",
			  (int)option.value_length, option.value ? option.value : "");
		return error;
	}
	fat->file_mask &= 0777;
	fat->directory_mask &= 0777;
	return 0;
}

static void show_options(struct file_system *system, struct text *text)
{
	const struct fat *fat = container_of(system, struct fat, system);

	if (fat->uid)
		text_format(text, ",uid=%u", fat->uid);
	if (fat->gid)
		text_format(text, ",gid=%u", fat->gid);
	text_format(text, ",fmask=%04o,dmask=%04o,shortname=mixed,utf8,errors=remount-ro",
		    fat->file_mask, fat->directory_mask);
}

static int start(struct fat *fat, const char *data, bool read_only)
{
	struct fat_inode *root;
	int error = parse_options(fat, data);

	if (!error)
		error = read_boot(fat);
	if (!error)
		error = fat_count_free(fat);
	if (error)
		return error;
	if (!read_only)
		error = set_state(fat, true);
	if (error)
		return error;
	root = fat_root(fat);
	if (!root)
		return fat_corrupt(fat, "the root directory");
	fat->hint = FAT_FIRST_CLUSTER;
	fat->system.root = &root->vnode;
	fat->system.read_only = read_only;
	fat->writing = !read_only;
	return 0;
}

static struct file_system_type fat_types[2];

static int mount_as(unsigned type, struct block_device *device, const char *data, unsigned flags,
		    struct file_system **made)
{
	struct fat *fat = kzalloc(sizeof(*fat));
	int error;

	if (!fat)
		return -ENOMEM;
	fat->device = device;
	fat->file_mask = fat->directory_mask = 022;
	strlcpy(fat->name, device->name, sizeof(fat->name));
	mutex_init(&fat->table, RANK_BITMAPS);
	fat_tables_init(fat);
	fat->system = (struct file_system){
		.type = &fat_types[type],
		.device = device->number,
		.block = device,
		.references = ATOMIC_INIT(1),
		.statfs = fat_statfs,
		.show_options = show_options,
		.sync = fat_sync,
		.remount = fat_remount,
		.unmount = fat_unmount,
	};
	error = start(fat, data, flags & MS_RDONLY || device->read_only);
	if (error) {
		kfree(fat);
		return error;
	}
	*made = &fat->system;
	return 0;
}

static int mount_vfat(struct block_device *device, const char *data, unsigned flags,
		      struct file_system **made)
{
	return mount_as(0, device, data, flags, made);
}

static int mount_msdos(struct block_device *device, const char *data, unsigned flags,
		       struct file_system **made)
{
	return mount_as(1, device, data, flags, made);
}

static int check_options(struct block_device *device, const char *data)
{
	struct fat fat = { .device = device };

	strlcpy(fat.name, device->name, sizeof(fat.name));
	return parse_options(&fat, data);
}

static int fat_identify(struct block_device *device, struct file_system_identity *identity)
{
	struct fat fat = { .device = device };
	u8 *boot = kmalloc(BOOT_SIZE);
	int error = boot ? read_boot(&fat) : -ENOMEM;
	u32 serial, at = fat.bits == 32 ? BOOT_SERIAL_32 : BOOT_SERIAL_16;
	size_t length = 11;

	if (!error)
		error = block_read(device, 0, boot, BOOT_SIZE);
	if (!error) {
		serial = load_le32(boot + at);
		snprintf(identity->uuid, sizeof(identity->uuid), "%04X-%04X", serial >> 16,
			 serial & 0xffff);
		memcpy(identity->label, boot + at + 4, length);
		while (length && identity->label[length - 1] == ' ')
			length--;
		identity->label[length] = '\0';
		if (string_equal(identity->label, "NO NAME"))
			identity->label[0] = '\0';
	}
	kfree(boot);
	return error;
}

void fat_register(void)
{
	fat_types[0] = (struct file_system_type){ .name = "vfat",
						  .needs_device = true,
						  .mount_device = mount_vfat,
						  .check_options = check_options,
						  .identify = fat_identify };
	fat_types[1] = (struct file_system_type){ .name = "msdos",
						  .needs_device = true,
						  .mount_device = mount_msdos,
						  .check_options = check_options };
	file_system_register(&fat_types[0]);
	file_system_register(&fat_types[1]);
}
