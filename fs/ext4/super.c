/* The super block: mounting, its counts, unmounting. */
#include <debug/log.h>
#include <dev/block.h>
#include <fs/ext4/ext4.h>
#include <fs/path.h>
#include <lib/bits.h>
#include <lib/crc32c.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { STATFS_MAGIC = 0xef53 };

static u32 now_seconds(void)
{
	return (u32)(vnode_time_now() / 1000000000);
}

static int read_super(struct ext4 *ext4)
{
	struct ext4_super *super = kmalloc(EXT4_SUPER_SIZE);
	u32 shift, size;
	int error;

	if (!super)
		return -ENOMEM;
	error = block_read(ext4->device, EXT4_SUPER_OFFSET, super, EXT4_SUPER_SIZE);
	if (!error && super->magic != EXT4_SUPER_MAGIC)
		error = -EINVAL;
	shift = super->log_block_size;
	kfree(super);
	if (error)
		return error;
	if (shift > 2) {
		log_error("%s: blocks of more than 4096 bytes are not supported", ext4->name);
		return -EINVAL;
	}
	ext4->block_shift = 10 + shift;
	ext4->block_size = size = 1u << ext4->block_shift;
	error = buffer_read(ext4->device, EXT4_SUPER_OFFSET / size, size, &ext4->super_buffer);
	if (error)
		return error;
	ext4->super =
		(struct ext4_super *)((u8 *)ext4->super_buffer->data + EXT4_SUPER_OFFSET % size);
	return 0;
}

static int wrong(const struct ext4 *ext4, const char *what)
{
	log_error("%s: the super block is wrong: %s", ext4->name, what);
	return -EUCLEAN;
}

static int read_sizes(struct ext4 *ext4)
{
	const struct ext4_super *super = ext4->super;
	u32 bits = ext4->block_size * 8;
	u64 groups;

	ext4->inode_size = super->revision ? super->inode_size : EXT4_OLD_INODE_SIZE;
	ext4->blocks_per_group = super->blocks_per_group;
	ext4->inodes_per_group = super->inodes_per_group;
	ext4->inode_count = super->inodes;
	ext4->first_data_block = super->first_data_block;
	ext4->block_count = super->blocks_low;
	ext4->descriptor_size = 32;
	if (super->incompat & EXT4_INCOMPAT_64BIT) {
		ext4->block_count |= (u64)super->blocks_high << 32;
		ext4->descriptor_size = super->descriptor_size;
	}
	if (ext4->descriptor_size < 32 || !is_power_of_two(ext4->descriptor_size) ||
	    ext4->descriptor_size > ext4->block_size)
		return wrong(ext4, "size of descriptors");
	if (ext4->inode_size < EXT4_OLD_INODE_SIZE || !is_power_of_two(ext4->inode_size) ||
	    ext4->inode_size > ext4->block_size)
		return wrong(ext4, "size of inodes");
	if (ext4->first_data_block != (ext4->block_size == 1024))
		return wrong(ext4, "first block");
	if (!ext4->blocks_per_group || ext4->blocks_per_group > bits ||
	    ext4->blocks_per_group % 8 || !ext4->inodes_per_group ||
	    ext4->inodes_per_group > bits || ext4->inodes_per_group % 8 ||
	    ext4->inodes_per_group % (ext4->block_size / ext4->inode_size))
		return wrong(ext4, "sizes of groups");
	if (ext4->block_count <= ext4->first_data_block + 8 || ext4->block_count >> 40)
		return wrong(ext4, "number of blocks");
	if (ext4->block_count > ext4->device->size >> ext4->block_shift)
		return wrong(ext4, "it is larger than the device");
	groups = DIV_ROUND_UP(ext4->block_count - ext4->first_data_block, ext4->blocks_per_group);
	ext4->group_count = (u32)groups;
	if (groups >> 24 || groups * ext4->inodes_per_group != ext4->inode_count)
		return wrong(ext4, "number of inodes");
	return 0;
}

static int check_checksum(struct ext4 *ext4)
{
	const struct ext4_super *super = ext4->super;

	ext4->checksums = super->revision && super->ro_compat & EXT4_RO_METADATA_CSUM;
	ext4->group_sums = super->revision && !ext4->checksums &&
			   super->ro_compat & EXT4_RO_GDT_CSUM;
	ext4->checksum_seed = super->incompat & EXT4_INCOMPAT_CSUM_SEED
				      ? super->checksum_seed
				      : crc32c(~0u, super->uuid, sizeof(super->uuid));
	/* One that was cut off while it was written is in the journal. */
	if (!ext4->checksums || super->incompat & EXT4_INCOMPAT_RECOVER)
		return 0;
	return super->checksum == ext4_super_checksum(super) ? 0 : wrong(ext4, "checksum");
}

static void read_ways(struct ext4 *ext4)
{
	const struct ext4_super *super = ext4->super;

	ext4->extents = super->incompat & EXT4_INCOMPAT_EXTENTS;
	ext4->indexed = super->compat & EXT4_COMPAT_DIR_INDEX;
	ext4->hash_unsigned = super->flags & EXT4_HASH_UNSIGNED;
	ext4->groups_per_flex = super->incompat & EXT4_INCOMPAT_FLEX_BG &&
						super->log_groups_per_flex < 16
					? 1u << super->log_groups_per_flex
					: 1;
}

void ext4_super_seal(struct ext4 *ext4)
{
	if (ext4->checksums)
		ext4->super->checksum = ext4_super_checksum(ext4->super);
}

int ext4_super_update(struct ext4 *ext4, struct journal_handle *handle)
{
	struct ext4_super *super = ext4->super;
	int error = 0;

	mutex_lock(&ext4->allocation);
	if (ext4->counts_changed) {
		super->free_blocks_low = (u32)ext4->free_blocks;
		if (super->incompat & EXT4_INCOMPAT_64BIT)
			super->free_blocks_high = (u32)(ext4->free_blocks >> 32);
		super->free_inodes = (u32)ext4->free_inodes;
		ext4->counts_changed = false;
		error = ext4_block_changed(ext4, handle, ext4->super_buffer, EXT4_PLAIN, 0);
	}
	super->write_time = now_seconds();
	ext4_super_seal(ext4);
	mutex_unlock(&ext4->allocation);
	return error;
}

/* Straight to its place: while no transaction holds it. */
static int super_write(struct ext4 *ext4)
{
	ext4_super_seal(ext4);
	return block_write(ext4->device, ext4->super_buffer->block * ext4->block_size,
			   ext4->super_buffer->data, ext4->block_size, BLOCK_FUA);
}

static int super_write_mounted(struct ext4 *ext4)
{
	struct ext4_super *super = ext4->super;

	super->mount_time = super->write_time = now_seconds();
	super->mount_count++;
	if (ext4->journal)
		super->incompat |= EXT4_INCOMPAT_RECOVER;
	else
		super->state &= (u16)~EXT4_STATE_VALID;
	return super_write(ext4);
}

static int super_write_unmounted(struct ext4 *ext4)
{
	struct ext4_super *super = ext4->super;

	super->write_time = now_seconds();
	super->incompat &= ~(u32)EXT4_INCOMPAT_RECOVER;
	if (!(super->state & EXT4_STATE_ERRORS))
		super->state |= EXT4_STATE_VALID;
	return super_write(ext4);
}

/* The number of directories, inodes and blocks that are free are in the descriptors. */
static int load(struct ext4 *ext4, bool *read_only)
{
	int error = read_super(ext4);

	if (!error)
		error = ext4_check_features(ext4->super, ext4->name, read_only);
	if (!error)
		error = read_sizes(ext4);
	if (!error)
		error = check_checksum(ext4);
	if (error)
		return error;
	read_ways(ext4);
	return ext4_groups_load(ext4);
}

static void unload(struct ext4 *ext4)
{
	ext4_groups_unload(ext4);
	if (ext4->super_buffer)
		buffer_put(ext4->super_buffer);
	ext4->super_buffer = NULL;
	ext4->super = NULL;
}

static int open_journal(struct ext4 *ext4, bool *read_only)
{
	int result;

	if (!(ext4->super->compat & EXT4_COMPAT_JOURNAL) || ext4->options.no_replay)
		return 0;
	if (!ext4->super->journal_ino) {
		log_error("%s: journals on other devices are not supported", ext4->name);
		return -EINVAL;
	}
	result = journal_open(ext4, !*read_only);
	if (result <= 0)
		return result;
	/* The journal has changed what was read. */
	ext4->super->incompat &= ~(u32)EXT4_INCOMPAT_RECOVER;
	result = super_write(ext4);
	unload(ext4);
	if (!result)
		result = load(ext4, read_only);
	return result ? result : journal_open(ext4, !*read_only);
}

static void ext4_statfs(struct file_system *system, struct statfs_result *result)
{
	struct ext4 *ext4 = container_of(system, struct ext4, system);
	u64 free = READ_ONCE(ext4->free_blocks), promised = READ_ONCE(ext4->promised);

	result->type = STATFS_MAGIC;
	result->block_size = ext4->block_size;
	result->blocks =
		ext4->block_count - MIN(ext4->overhead + ext4->journal_blocks, ext4->block_count);
	result->blocks_free = free > promised ? free - promised : 0;
	result->blocks_kept = ext4_blocks_kept(ext4);
	result->id = load_le64(ext4->super->uuid) ^ load_le64(ext4->super->uuid + 8);
	result->files = ext4->inode_count;
	result->files_free = READ_ONCE(ext4->free_inodes);
	result->name_length = EXT4_NAME_MAX;
}

static int ext4_sync(struct file_system *system)
{
	struct ext4 *ext4 = container_of(system, struct ext4, system);
	int error;

	if (READ_ONCE(system->read_only))
		return READ_ONCE(ext4->failed) ? -EIO : 0;
	error = ext4_inodes_store_all(ext4);
	if (!error && ext4->journal)
		error = journal_commit(ext4);
	else if (!error) {
		error = ext4_super_update(ext4, NULL);
		if (!error)
			error = buffer_sync(ext4->device);
	}
	return error ? error : block_flush(ext4->device);
}

/* All to its place, and the super block says so. After a failure the journal stays to be replayed. */
static int finish(struct ext4 *ext4)
{
	int error = READ_ONCE(ext4->failed) ? -EROFS : ext4_sync(&ext4->system);

	if (!error && ext4->journal)
		error = journal_close(ext4);
	else if (!error)
		error = buffer_sync(ext4->device);
	if (!error && !ext4->failed)
		error = super_write_unmounted(ext4);
	if (!error)
		error = block_flush(ext4->device);
	return error;
}

static void ext4_unmount(struct file_system *system)
{
	struct ext4 *ext4 = container_of(system, struct ext4, system);
	int error;

	ext4_flusher_stop(ext4);
	error = ext4->writing ? finish(ext4) : 0;
	if (error)
		log_error("%s: unmounted with error %d", ext4->name, error);
	journal_free(ext4);
	unload(ext4);
	kfree(ext4);
}

static void init(struct ext4 *ext4, struct block_device *device)
{
	ext4->device = device;
	strlcpy(ext4->name, device->name, sizeof(ext4->name));
	mutex_init(&ext4->allocation, RANK_BITMAPS);
	mutex_init(&ext4->orphans, RANK_INODES);
	vnode_table_init(&ext4->inodes);
	wait_queue_init(&ext4->flusher_wait);
	list_init(&ext4->orphan_list);
	atomic32_set(&ext4->generation, (u32)vnode_time_now() ^ (u32)(uintptr_t)ext4);
}

static int read_options(struct ext4 *ext4, const char *data, bool read_only)
{
	int error;

	ext4_options_default(ext4->super, &ext4->options);
	error = ext4_options_parse(ext4->name, data, &ext4->options);
	if (!error && ext4->options.no_replay && !read_only &&
	    ext4->super->incompat & EXT4_INCOMPAT_RECOVER) {
		log_error("%s: its journal must be replayed: norecovery goes with ro", ext4->name);
		error = -EINVAL;
	}
	return error;
}

/* From now on it is written. The journal is open, or there is none. */
static int begin_writing(struct ext4 *ext4)
{
	int error = super_write_mounted(ext4);

	ext4->writing = !error;
	ext4->system.read_only = error != 0;
	if (!error)
		error = ext4_orphans_clean(ext4);
	return error;
}

static int start(struct ext4 *ext4, const char *data, bool read_only)
{
	struct ext4_inode *root;
	int error = load(ext4, &read_only);

	if (!error)
		error = read_options(ext4, data, read_only);
	if (!error)
		error = open_journal(ext4, &read_only);
	if (error)
		return error;
	ext4->system.read_only = true;
	if (!read_only)
		error = begin_writing(ext4);
	if (!error)
		error = ext4_inode_get(ext4, EXT4_ROOT_INO, false, &root);
	if (error)
		return error;
	if (!S_ISDIR(root->vnode.mode)) {
		vnode_put(&root->vnode);
		return wrong(ext4, "the root is not a directory");
	}
	ext4->system.root = &root->vnode;
	if (ext4->super->state & EXT4_STATE_ERRORS)
		log_warning("%s: errors were noted earlier: run e2fsck", ext4->name);
	return 0;
}

/* A mount that failed: what is on disk is as it was, or will be replayed. */
static void give_up(struct ext4 *ext4)
{
	journal_free(ext4);
	unload(ext4);
	ext4_inode_table_free(ext4);
	kfree(ext4);
}

static int ext4_remount(struct file_system *system, unsigned flags, const char *data)
{
	struct ext4 *ext4 = container_of(system, struct ext4, system);
	bool read_only = flags & MS_RDONLY, unwritable = false;
	struct ext4_options options = ext4->options;
	int error = ext4_options_parse(ext4->name, data, &options);

	if (!error && options.no_replay && !read_only &&
	    ext4->super->incompat & EXT4_INCOMPAT_RECOVER)
		error = -EINVAL;
	if (error)
		return error;
	ext4->options = options;
	if (read_only == !ext4->writing)
		return 0;
	if (read_only) {
		error = finish(ext4);
		system->read_only = true;
		ext4->writing = error != 0;
		return error;
	}
	if (ext4->device->read_only || ext4->failed)
		return -EROFS;
	error = ext4_check_features(ext4->super, ext4->name, &unwritable);
	if (error || unwritable)
		return error ? error : -EROFS;
	if (ext4->journal)
		error = journal_restart(ext4);
	else if (ext4->super->compat & EXT4_COMPAT_JOURNAL && !options.no_replay)
		error = journal_open(ext4, true);
	if (!error)
		error = begin_writing(ext4);
	if (!error)
		ext4_flusher_start(ext4);
	return error;
}

static int ext4_mount(struct block_device *device, const char *data, unsigned flags,
		      struct file_system **made)
{
	struct ext4 *ext4 = kzalloc(sizeof(*ext4));
	int error;

	if (!ext4)
		return -ENOMEM;
	init(ext4, device);
	ext4->system = (struct file_system){
		.device = device->number,
		.block = device,
		.references = ATOMIC_INIT(1),
		.statfs = ext4_statfs,
		.show_options = ext4_options_show,
		.sync = ext4_sync,
		.trim = ext4_trim,
		.remount = ext4_remount,
		.unmount = ext4_unmount,
	};
	error = start(ext4, data, flags & MS_RDONLY || device->read_only);
	if (error) {
		give_up(ext4);
		return error;
	}
	if (ext4->writing)
		ext4_flusher_start(ext4);
	*made = &ext4->system;
	return 0;
}

static int mount_as(const struct file_system_type *type, struct block_device *device,
		    const char *data, unsigned flags, struct file_system **made)
{
	int error = ext4_mount(device, data, flags, made);

	if (!error)
		(*made)->type = type;
	return error;
}

static int ext4_identify(struct block_device *device, struct file_system_identity *identity)
{
	struct ext4_super *super = kmalloc(EXT4_SUPER_SIZE);
	const u8 *uuid;
	int error;

	if (!super)
		return -ENOMEM;
	error = block_read(device, EXT4_SUPER_OFFSET, super, EXT4_SUPER_SIZE);
	if (!error && super->magic != EXT4_SUPER_MAGIC)
		error = -EINVAL;
	if (!error) {
		uuid = super->uuid;
		snprintf(identity->label, sizeof(super->label) + 1, "%s", super->label);
		snprintf(identity->uuid, sizeof(identity->uuid),
			 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			 uuid[0], uuid[1], uuid[2], uuid[3], uuid[4], uuid[5], uuid[6], uuid[7],
			 uuid[8], uuid[9], uuid[10], uuid[11], uuid[12], uuid[13], uuid[14],
			 uuid[15]);
	}
	kfree(super);
	return error;
}

static int check_options(struct block_device *device, const char *data)
{
	struct ext4_options options = { 0 };

	return ext4_options_parse(device->name, data, &options);
}

static struct file_system_type types[3];

#define MOUNT_AS(number, type_name)                                                                \
	static int mount_##number(struct block_device *device, const char *data, unsigned flags,   \
				  struct file_system **made)                                       \
	{                                                                                          \
		return mount_as(&types[number], device, data, flags, made);                        \
	}                                                                                          \
	static void register_##number(void)                                                        \
	{                                                                                          \
		types[number] = (struct file_system_type){ .name = type_name,                      \
							   .needs_device = true,                   \
							   .mount_device = mount_##number,         \
							   .check_options = check_options,         \
							   .identify = ext4_identify };            \
		file_system_register(&types[number]);                                              \
	}

MOUNT_AS(0, "ext2")
MOUNT_AS(1, "ext3")
MOUNT_AS(2, "ext4")

void ext4_register(void)
{
	register_0();
	register_1();
	register_2();
}
