/* Inodes in memory: finding, loading, and what happens with the last reference. */
#include <fs/ext4/ext4.h>
#include <fs/file.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

static SLAB_CACHE(inode_cache, struct ext4_inode);
bool ext4_ino_valid(const struct ext4 *ext4, u32 ino)
{
	u32 first = ext4->super->revision ? ext4->super->first_ino : (u32)EXT4_OLD_FIRST_INO;

	return ino == EXT4_ROOT_INO || (ino >= first && ino <= ext4->inode_count);
}

static void locate(struct ext4_inode *inode)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	u32 index = (u32)((inode->vnode.ino - 1) % ext4->inodes_per_group);
	u32 group = (u32)((inode->vnode.ino - 1) / ext4->inodes_per_group);
	u64 table = ext4_group_inode_table(ext4, ext4_descriptor(ext4, group));
	u64 offset = (u64)index * ext4->inode_size;

	inode->inode_block = table + (offset >> ext4->block_shift);
	inode->inode_offset = (u32)(offset & (ext4->block_size - 1));
}

struct ext4_raw_inode *ext4_raw_of(struct ext4_inode *inode, struct buffer *buffer)
{
	return (struct ext4_raw_inode *)((u8 *)buffer->data + inode->inode_offset);
}

int ext4_raw_read(struct ext4_inode *inode, struct buffer **buffer)
{
	return ext4_block_read(ext4_of_inode(inode), inode->inode_block, buffer);
}

static void set_operations(struct ext4_inode *inode)
{
	struct vnode *vnode = &inode->vnode;

	switch (vnode->mode & S_IFMT) {
	case S_IFREG:
		vnode->operations = &ext4_file_operations;
		vnode->file_operations = &regular_file_operations;
		object_init(&inode->object, &ext4_object_operations, vnode->size);
		inode->object.owner = vnode;
		vnode->object = &inode->object;
		break;
	case S_IFDIR:
		vnode->operations = &ext4_directory_operations;
		vnode->file_operations = &directory_file_operations;
		break;
	case S_IFLNK:
		vnode->operations = &ext4_link_operations;
		break;
	default:
		vnode->operations = &ext4_special_operations;
	}
}

static struct ext4_inode *inode_alloc(struct ext4 *ext4, u32 ino, u32 mode)
{
	struct ext4_inode *inode = slab_alloc_zeroed(&inode_cache);

	if (!inode)
		return NULL;
	vnode_init(&inode->vnode, &ext4->system, mode);
	inode->vnode.ino = ino;
	rwlock_init(&inode->map, RANK_EXTENTS);
	spin_init(&inode->cache, RANK_TABLE);
	list_init(&inode->orphan_link);
	locate(inode);
	return inode;
}

static s64 time_from(const struct ext4_raw_inode *raw, u32 seconds, u32 extra, bool has_extra)
{
	s64 time = (s32)seconds;

	if (!has_extra)
		return time * 1000000000;
	time += (s64)(extra & 3) << 32;
	/* Nanoseconds in 64 bits end in 2262. */
	time = MIN(time, INT64_MAX / 1000000000 - 1);
	return time * 1000000000 + MIN(extra >> 2, 999999999u);
}

static bool has_field(const struct ext4 *ext4, const struct ext4_raw_inode *raw, size_t end)
{
	return ext4->inode_size > EXT4_OLD_INODE_SIZE &&
	       (size_t)EXT4_OLD_INODE_SIZE + raw->extra_size >= end;
}
#define HAS(field) has_field(ext4, raw, offsetof(struct ext4_raw_inode, field) + sizeof(raw->field))

static u64 blocks_from(const struct ext4 *ext4, const struct ext4_raw_inode *raw)
{
	u64 blocks = raw->blocks_low;

	if (!ext4_has_ro_compat(ext4, EXT4_RO_HUGE_FILE))
		return blocks;
	blocks |= (u64)raw->blocks_high << 32;
	return raw->flags & EXT4_HUGE_FILE ? blocks * (ext4->block_size / 512) : blocks;
}

static u64 device_from(const struct ext4_raw_inode *raw)
{
	u32 old = raw->block[0], new = raw->block[1];

	if (old)
		return DEVICE_NUMBER((u64)old >> 8 & 0xff, (u64)old & 0xff);
	return DEVICE_NUMBER((u64)(new >> 8) & 0xfff,
			     ((u64) new & 0xff) | ((u64) new >> 12 & 0xfff00));
}

static void fields_from(struct ext4_inode *inode, const struct ext4_raw_inode *raw)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	struct vnode *vnode = &inode->vnode;

	vnode->links = raw->links;
	vnode->uid = raw->uid | (u32)raw->uid_high << 16;
	vnode->gid = raw->gid | (u32)raw->gid_high << 16;
	vnode->blocks = blocks_from(ext4, raw);
	vnode->size = raw->size_low;
	if (S_ISREG(raw->mode) || ext4_has_incompat(ext4, EXT4_INCOMPAT_LARGEDIR))
		vnode->size |= (u64)raw->size_high << 32;
	vnode->times.access = time_from(raw, raw->access, raw->access_extra, HAS(access_extra));
	vnode->times.modify = time_from(raw, raw->modify, raw->modify_extra, HAS(modify_extra));
	vnode->times.change = time_from(raw, raw->change, raw->change_extra, HAS(change_extra));
	if (HAS(creation_extra))
		inode->vnode.birth = time_from(raw, raw->creation, raw->creation_extra, true);
	if (S_ISCHR(raw->mode) || S_ISBLK(raw->mode))
		vnode->device = device_from(raw);
	memcpy(inode->block, raw->block, sizeof(inode->block));
	inode->flags = raw->flags;
	vnode->flags = raw->flags & VNODE_OBEYED;
	inode->vnode.generation = raw->generation;
	inode->disk_size = vnode->size;
	inode->xattr_block = raw->acl_low;
	if (ext4_has_incompat(ext4, EXT4_INCOMPAT_64BIT))
		inode->xattr_block |= (u64)raw->acl_high << 32;
	inode->extra_size = ext4->inode_size > EXT4_OLD_INODE_SIZE ? raw->extra_size : 0;
	inode->orphan_next = raw->deletion;
	inode->stored = (struct ext4_stored){ vnode->mode, vnode->links,  vnode->uid,
					      vnode->gid,  vnode->blocks, vnode->times };
}

static bool checksum_is_right(const struct ext4_inode *inode, const struct ext4_raw_inode *raw)
{
	const struct ext4 *ext4 = ext4_of_inode(inode);
	u32 sum;

	if (!ext4->checksums)
		return true;
	sum = ext4_inode_checksum(inode, raw);
	return (u16)sum == raw->checksum_low &&
	       (!HAS(checksum_high) || sum >> 16 == raw->checksum_high);
}

static bool is_sane(const struct ext4_inode *inode, bool deleted)
{
	const struct ext4 *ext4 = ext4_of_inode(inode);
	const struct vnode *vnode = &inode->vnode;
	u32 type = vnode->mode & S_IFMT;

	if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK && type != S_IFCHR &&
	    type != S_IFBLK && type != S_IFIFO && type != S_IFSOCK)
		return false;
	if ((!vnode->links && !deleted) || inode->flags & (EXT4_EA_INODE | EXT4_ENCRYPTED))
		return false;
	if (inode->extra_size % 4 || inode->extra_size > ext4->inode_size - EXT4_OLD_INODE_SIZE)
		return false;
	if (inode->flags & EXT4_EXTENTS && !ext4->extents)
		return false;
	if (inode->flags & EXT4_INLINE_DATA)
		return ext4_has_incompat(ext4, EXT4_INCOMPAT_INLINE_DATA);
	if (type == S_IFDIR && (!vnode->size || vnode->size % ext4->block_size))
		return false;
	if (type == S_IFLNK && vnode->size >= ext4->block_size)
		return false;
	return vnode->size >> ext4->block_shift <= ext4_map_limit(inode);
}

struct loading {
	struct ext4 *ext4;
	u32 ino;
	bool deleted; /* one without links will do */
};

/* [table] */
static int load(void *context, struct vnode **loaded)
{
	const struct loading *loading = context;
	struct ext4 *ext4 = loading->ext4;
	struct ext4_inode *inode = inode_alloc(ext4, loading->ino, 0);
	const struct ext4_raw_inode *raw;
	struct buffer *buffer;
	int error;

	if (!inode)
		return -ENOMEM;
	error = ext4_raw_read(inode, &buffer);
	if (error)
		goto out;
	raw = ext4_raw_of(inode, buffer);
	inode->checksum_seed = ext4_inode_seed(ext4, loading->ino, raw->generation);
	inode->vnode.mode = raw->mode;
	fields_from(inode, raw);
	/* It may have been changed, and left memory, since the last commit. */
	inode->transaction = journal_running(ext4);
	if (!checksum_is_right(inode, raw) || !is_sane(inode, loading->deleted))
		error = ext4_corrupt(ext4, "inode %u is wrong", loading->ino);
	buffer_put(buffer);
	if (!error)
		error = radix_insert(&ext4->inodes.vnodes, loading->ino, &inode->vnode);
out:
	if (error) {
		slab_free(&inode_cache, inode);
		return error;
	}
	set_operations(inode);
	*loaded = &inode->vnode;
	return 0;
}

int ext4_inode_get(struct ext4 *ext4, u32 ino, bool deleted, struct ext4_inode **found)
{
	struct loading loading = { ext4, ino, deleted };
	struct vnode *vnode;
	int error;

	if (!ino || ino > ext4->inode_count)
		return ext4_corrupt(ext4, "there is no inode %u", ino);
	error = vnode_table_get(&ext4->inodes, ino, load, &loading, &vnode);
	if (!error)
		*found = ext4_inode_of(vnode);
	return error;
}

static u64 new_device(struct ext4_inode *inode, u64 device)
{
	u64 major = device >> 8 & 0xfff, minor = (device & 0xff) | (device >> 12 & 0xfff00);

	if (major < 256 && minor < 256)
		inode->block[0] = (u32)(major << 8 | minor);
	else
		inode->block[1] = (u32)((minor & 0xff) | major << 8 | (minor & 0xfff00) << 12);
	return device;
}

int ext4_inode_make(struct ext4 *ext4, struct journal_handle *handle, u32 ino,
		    struct vnode *directory, u32 mode, u64 device, struct ext4_inode **made)
{
	struct ext4_inode *inode = inode_alloc(ext4, ino, mode);
	u32 want = MIN((u32)sizeof(struct ext4_raw_inode), ext4->inode_size);
	int error;

	if (!inode)
		return -ENOMEM;
	vnode_set_owner(&inode->vnode, directory);
	inode->vnode.generation = atomic32_inc_return(&ext4->generation);
	inode->checksum_seed = ext4_inode_seed(ext4, ino, inode->vnode.generation);
	inode->extra_size = want - EXT4_OLD_INODE_SIZE;
	inode->vnode.birth = inode->vnode.times.change;
	inode->flags = ext4_inode_of(directory)->flags & EXT4_INHERITED;
	if (!S_ISDIR(mode))
		inode->flags &= S_ISREG(mode) ? ~(u32)EXT4_FOR_DIRECTORIES : (u32)EXT4_FOR_ALL;
	inode->vnode.flags = inode->flags & VNODE_OBEYED;
	inode->fresh = true;
	if (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode))
		ext4_map_init(inode);
	else
		inode->vnode.device = new_device(inode, device);
	mutex_lock(&ext4->inodes.lock);
	error = radix_lookup(&ext4->inodes.vnodes, ino)
			? ext4_corrupt(ext4, "inode %u is in use and free", ino)
			: radix_insert(&ext4->inodes.vnodes, ino, &inode->vnode);
	mutex_unlock(&ext4->inodes.lock);
	if (error) {
		slab_free(&inode_cache, inode);
		return error;
	}
	set_operations(inode);
	*made = inode;
	return 0;
}

void ext4_inode_free_memory(struct ext4_inode *inode)
{
	slab_free(&inode_cache, inode);
}

/* Out of the table: whoever looks for it loads it anew. Its pages may live a moment longer. */
static void inode_drop(struct ext4_inode *inode)
{
	struct ext4 *ext4 = ext4_of_inode(inode);

	/* Its deletion failed: on disk it stays in the list, for e2fsck or the next mount. */
	mutex_lock(&ext4->orphans);
	list_remove_init(&inode->orphan_link);
	mutex_unlock(&ext4->orphans);
	vnode_table_remove(&ext4->inodes, inode->vnode.ino, &inode->vnode);
	if (inode->vnode.object)
		object_put(inode->vnode.object);
	else
		ext4_inode_free_memory(inode);
}

void ext4_inode_table_free(struct ext4 *ext4)
{
	struct vnode *vnode;
	u64 ino = 0;

	/* Only a mount that failed leaves any. */
	while ((vnode = radix_next(&ext4->inodes.vnodes, &ino)))
		inode_drop(ext4_inode_of(vnode));
}

/* Nobody has it open and no name leads to it: blocks, attributes and number are free. */
static int inode_delete(struct ext4_inode *inode)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	struct journal_handle handle;
	bool directory = S_ISDIR(inode->vnode.mode);
	int error = 0;

	if (S_ISREG(inode->vnode.mode) || directory ||
	    (S_ISLNK(inode->vnode.mode) && inode->vnode.blocks))
		error = ext4_truncate(inode, 0);
	if (!error)
		error = journal_begin(ext4, 16, &handle);
	if (error)
		return error;
	error = ext4_xattr_free(&handle, inode);
	if (!error)
		error = ext4_orphan_remove(&handle, inode);
	if (!error) {
		inode->deleted_at = (u32)(vnode_time_now() / 1000000000);
		error = ext4_inode_store(&handle, inode);
	}
	if (!error) {
		/* From the moment that its number is free it may be a new file's, in memory and on disk. */
		vnode_table_remove(&ext4->inodes, inode->vnode.ino, &inode->vnode);
		error = ext4_inode_free(ext4, &handle, (u32)inode->vnode.ino, directory);
	}
	journal_end(&handle);
	return error;
}

void ext4_vnode_release(struct vnode *vnode)
{
	struct ext4_inode *inode = ext4_inode_of(vnode);

	if (!ext4_writable(ext4_of(vnode))) {
		if (vnode->object && !vnode->links)
			object_set_size(vnode->object, 0);
		if (!vnode->links)
			inode_delete(inode);
		else
			ext4_inode_store_if_changed(inode, true);
	}
	ext4_delayed_drop(inode, 0, ~0ull);
	inode_drop(inode);
}
