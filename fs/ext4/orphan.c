/*
 * Inodes that a crash would leave half done, open ones without a name and those being truncated, in a list on disk:
 * the super block leads to the newest, the field for the time of deletion to the next.
 */
#include <debug/log.h>
#include <fs/ext4/ext4.h>
#include <lib/crc32c.h>
#include <lib/errno.h>

static int head_changed(struct ext4 *ext4, struct journal_handle *handle)
{
	if (!ext4->journal)
		ext4_super_seal(ext4);
	return ext4_block_changed(ext4, handle, ext4->super_buffer, EXT4_PLAIN, 0);
}

int ext4_orphan_add(struct journal_handle *handle, struct ext4_inode *inode)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	int error = 0;

	mutex_lock(&ext4->orphans);
	if (list_empty(&inode->orphan_link)) {
		inode->orphan_next = ext4->super->last_orphan;
		ext4->super->last_orphan = (u32)inode->vnode.ino;
		list_add_head(&ext4->orphan_list, &inode->orphan_link);
		error = head_changed(ext4, handle);
		if (!error)
			error = ext4_inode_store(handle, inode);
	}
	mutex_unlock(&ext4->orphans);
	return error;
}

int ext4_orphan_remove(struct journal_handle *handle, struct ext4_inode *inode)
{
	struct ext4 *ext4 = ext4_of_inode(inode);
	int error = 0;

	mutex_lock(&ext4->orphans);
	if (!list_empty(&inode->orphan_link)) {
		if (ext4->orphan_list.next == &inode->orphan_link) {
			ext4->super->last_orphan = inode->orphan_next;
			error = head_changed(ext4, handle);
		} else {
			struct ext4_inode *newer = list_entry(inode->orphan_link.previous,
							      struct ext4_inode, orphan_link);

			newer->orphan_next = inode->orphan_next;
			error = ext4_inode_store(handle, newer);
		}
		list_remove_init(&inode->orphan_link);
		inode->orphan_next = 0;
		if (!error)
			error = ext4_inode_store(handle, inode);
	}
	mutex_unlock(&ext4->orphans);
	return error;
}

/* One of them: with names, its truncation is completed; without, it goes with its last reference. */
static int finish(struct ext4_inode *inode)
{
	int error = inode->vnode.links ? ext4_truncate(inode, inode->disk_size) : 0;
	struct journal_handle handle;

	if (!error && inode->vnode.links) {
		error = journal_begin(ext4_of_inode(inode), 8, &handle);
		if (!error) {
			error = ext4_orphan_remove(&handle, inode);
			journal_end(&handle);
		}
	}
	vnode_put(&inode->vnode);
	return error;
}

static bool may_be_orphan(struct ext4 *ext4, u32 ino)
{
	return ino != EXT4_ROOT_INO && ext4_ino_valid(ext4, ino);
}

/* All of the list into memory, so that each finds the one before it. */
static int list_load(struct ext4 *ext4)
{
	u32 ino = ext4->super->last_orphan;
	int error = 0;

	while (ino && !error) {
		struct ext4_inode *inode;

		if (!may_be_orphan(ext4, ino))
			return ext4_corrupt(ext4, "the orphan list holds %u", ino);
		error = ext4_inode_get(ext4, ino, true, &inode);
		if (error)
			break;
		if (!list_empty(&inode->orphan_link)) {
			vnode_put(&inode->vnode);
			return ext4_corrupt(ext4, "the orphan list runs in a circle");
		}
		list_add_tail(&ext4->orphan_list, &inode->orphan_link);
		ino = inode->orphan_next;
	}
	return error;
}

static int list_clean(struct ext4 *ext4, unsigned *count)
{
	int result = list_load(ext4);

	while (!list_empty(&ext4->orphan_list)) {
		struct ext4_inode *inode =
			list_first_entry(&ext4->orphan_list, struct ext4_inode, orphan_link);
		int error;

		++*count;
		error = result ? result : finish(inode);
		if (!error)
			continue;
		result = error;
		/* What cannot be mended stays for e2fsck. */
		list_remove_init(&inode->orphan_link);
	}
	return result;
}

/* A block of the orphan file: numbers of inodes, 0 where there is none. */
static int file_block_clean(struct ext4 *ext4, struct ext4_inode *file, struct buffer *buffer,
			    unsigned *count)
{
	u32 entries = (ext4->block_size - (u32)sizeof(struct ext4_orphan_tail)) / 4;
	struct ext4_orphan_tail *tail =
		(struct ext4_orphan_tail *)((u8 *)buffer->data + ext4->block_size - sizeof(*tail));
	u64 number = buffer->block;
	struct journal_handle handle;
	u32 *inos = buffer->data;
	int error = 0;

	if (tail->magic != EXT4_ORPHAN_MAGIC)
		return ext4_corrupt(ext4, "the orphan file is wrong");
	for (u32 i = 0; i < entries && !error; i++) {
		struct ext4_inode *inode;

		if (!inos[i] || !may_be_orphan(ext4, inos[i]))
			continue;
		error = ext4_inode_get(ext4, inos[i], true, &inode);
		if (!error)
			error = finish(inode);
		++*count;
	}
	if (!error)
		error = journal_begin(ext4, 4, &handle);
	if (error)
		return error;
	for (u32 i = 0; i < entries; i++)
		inos[i] = 0;
	if (ext4->checksums) {
		u32 sum = crc32c(file->checksum_seed, &number, sizeof(number));

		tail->checksum = crc32c(sum, inos, entries * 4);
	}
	error = ext4_block_changed(ext4, &handle, buffer, EXT4_PLAIN, 0);
	journal_end(&handle);
	return error;
}

static int file_clean(struct ext4 *ext4, unsigned *count)
{
	struct journal_handle handle;
	struct ext4_inode *file;
	int error;

	if (!(ext4->super->ro_compat & EXT4_RO_ORPHAN_PRESENT))
		return 0;
	error = ext4_inode_get(ext4, ext4->super->orphan_file_ino, false, &file);
	if (error)
		return error;
	for (u32 i = 0; i < file->vnode.size >> ext4->block_shift && !error; i++) {
		struct ext4_run run;
		struct buffer *buffer;

		error = ext4_map_lookup(file, i, &run);
		if (error || !run.start)
			continue;
		error = ext4_block_read(ext4, run.start, &buffer);
		if (error)
			break;
		error = file_block_clean(ext4, file, buffer, count);
		buffer_put(buffer);
	}
	vnode_put(&file->vnode);
	if (!error)
		error = journal_begin(ext4, 4, &handle);
	if (error)
		return error;
	ext4->super->ro_compat &= ~(u32)EXT4_RO_ORPHAN_PRESENT;
	error = head_changed(ext4, &handle);
	journal_end(&handle);
	return error;
}

int ext4_orphans_clean(struct ext4 *ext4)
{
	unsigned count = 0;
	int error;

	/* With errors noted, e2fsck decides. */
	if (ext4->super->state & EXT4_STATE_ERRORS)
		return 0;
	error = list_clean(ext4, &count);
	if (!error)
		error = file_clean(ext4, &count);
	if (count)
		log_info("%s: %u unfinished deletions completed", ext4->name, count);
	return error;
}
