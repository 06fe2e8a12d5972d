/* The tables of clusters, and chains of them. */
#include <fs/fat/fat.h>
#include <lib/errno.h>
#include <lib/string.h>

enum { BAD_12 = 0xff7, BAD_16 = 0xfff7, BAD_32 = 0x0ffffff7, END_32 = 0x0fffffff };

u64 fat_cluster_sector(const struct fat *fat, u32 cluster)
{
	u64 number = cluster - FAT_FIRST_CLUSTER;

	return fat->data_start + number * (fat->cluster_size / fat->sector_size);
}

static u64 byte_of(const struct fat *fat, u32 cluster)
{
	return fat->bits == 12 ? (u64)cluster + cluster / 2 : (u64)cluster * (fat->bits / 8);
}

/* Byte @at of table @table. */
static int byte_buffer(struct fat *fat, u32 table, u64 at, struct buffer **buffer, u8 **byte)
{
	u64 sector = fat->table_start + (u64)table * fat->table_sectors + at / fat->sector_size;
	int error = buffer_read(fat->device, sector, fat->sector_size, buffer);

	if (!error)
		*byte = (u8 *)(*buffer)->data + at % fat->sector_size;
	return error;
}

static u32 first_table(const struct fat *fat)
{
	return fat->active_table < fat->table_count ? fat->active_table : 0;
}

/* The raw value: bytes one by one, because those of FAT12 may lie in two sectors. */
static int raw_get(struct fat *fat, u32 cluster, u32 *value)
{
	u64 at = byte_of(fat, cluster);
	u32 bytes = fat->bits == 32 ? 4 : 2;

	*value = 0;
	for (u32 i = 0; i < bytes;) {
		struct buffer *buffer;
		u8 *byte;
		int error = byte_buffer(fat, first_table(fat), at + i, &buffer, &byte);

		if (error)
			return error;
		do
			*value |= (u32)*byte++ << 8 * i++;
		while (i < bytes && (at + i) % fat->sector_size);
		buffer_put(buffer);
	}
	if (fat->bits == 12)
		*value = cluster % 2 ? *value >> 4 : *value & 0xfff;
	*value &= 0x0fffffff;
	return 0;
}

/* [table] */
static int raw_set_in(struct fat *fat, u32 table, u32 cluster, u32 value)
{
	u64 at = byte_of(fat, cluster);
	u32 bytes = fat->bits == 32 ? 4 : 2, mask = fat->bits == 32 ? END_32 : 0xffff;

	if (fat->bits == 12) {
		mask = cluster % 2 ? 0xfff0 : 0x0fff;
		value = cluster % 2 ? value << 4 : value & 0xfff;
	}
	for (u32 i = 0; i < bytes; i++) {
		u8 part = (u8)(mask >> 8 * i);
		struct buffer *buffer;
		u8 *byte;
		int error = byte_buffer(fat, table, at + i, &buffer, &byte);

		if (error)
			return error;
		*byte = (u8)((*byte & ~part) | ((value >> 8 * i) & part));
		buffer_dirty(buffer);
		buffer_put(buffer);
	}
	return 0;
}

static int raw_set(struct fat *fat, u32 cluster, u32 value)
{
	int error = 0;

	if (fat->active_table < fat->table_count)
		return raw_set_in(fat, fat->active_table, cluster, value);
	for (u32 table = 0; table < fat->table_count && !error; table++)
		error = raw_set_in(fat, table, cluster, value);
	return error;
}

static u32 bad_mark(const struct fat *fat)
{
	return fat->bits == 12 ? BAD_12 : fat->bits == 16 ? BAD_16 : (u32)BAD_32;
}

static bool is_cluster(const struct fat *fat, u32 cluster)
{
	return cluster >= FAT_FIRST_CLUSTER && cluster < fat->end;
}

int fat_table_get(struct fat *fat, u32 cluster, u32 *next)
{
	u32 value;
	int error = is_cluster(fat, cluster) ? raw_get(fat, cluster, &value) : -EUCLEAN;

	if (error == -EUCLEAN)
		return fat_corrupt(fat, "there is no cluster %u", cluster);
	if (error)
		return error;
	if (value > bad_mark(fat)) {
		*next = 0;
		return 0;
	}
	if (!is_cluster(fat, value))
		return fat_corrupt(fat, "cluster %u is followed by %u", cluster, value);
	*next = value;
	return 0;
}

int fat_count_free(struct fat *fat)
{
	u32 count = 0;

	for (u32 cluster = FAT_FIRST_CLUSTER; cluster < fat->end; cluster++) {
		u32 value;
		int error = raw_get(fat, cluster, &value);

		if (error)
			return error;
		count += !value;
	}
	fat->free_clusters = count;
	return 0;
}

static void remember(struct fat_inode *inode, u32 index, u32 cluster)
{
	spin_lock(&inode->cache);
	inode->cached_index = index;
	inode->cached = cluster;
	spin_unlock(&inode->cache);
}

static void recall(struct fat_inode *inode, u32 index, u32 *at, u32 *cluster)
{
	spin_lock(&inode->cache);
	if (inode->cached && inode->cached_index <= index) {
		*at = inode->cached_index;
		*cluster = inode->cached;
	} else {
		*at = 0;
		*cluster = inode->first;
	}
	spin_unlock(&inode->cache);
}

int fat_chain_find(struct fat_inode *inode, u32 index, u32 most, u32 *cluster, u32 *run)
{
	struct fat *fat = fat_of(&inode->vnode);
	u32 at, next;
	int error = 0;

	recall(inode, index, &at, cluster);
	*run = 0;
	if (!*cluster)
		return 0;
	for (u32 steps = 0; at < index; at++) {
		error = steps++ > fat->end ? fat_corrupt(fat, "a chain runs in a circle")
					   : fat_table_get(fat, *cluster, cluster);
		if (error || !*cluster)
			return error;
	}
	remember(inode, index, *cluster);
	if (!is_cluster(fat, *cluster))
		return fat_corrupt(fat, "there is no cluster %u", *cluster);
	for (*run = 1; *run < most; ++*run) {
		error = fat_table_get(fat, *cluster + *run - 1, &next);
		if (error || next != *cluster + *run)
			break;
	}
	return error;
}

int fat_chain_count(struct fat_inode *inode)
{
	struct fat *fat = fat_of(&inode->vnode);
	u32 cluster = inode->first, count = 0;

	if (inode->clusters != ~0u)
		return 0;
	while (cluster) {
		int error = count++ > fat->end ? fat_corrupt(fat, "a chain runs in a circle")
					       : fat_table_get(fat, cluster, &cluster);

		if (error)
			return error;
	}
	inode->clusters = count;
	return 0;
}

/* [table] A free cluster at or after the hint, marked as the end of a chain. */
static int take(struct fat *fat, u32 *cluster)
{
	u32 at = is_cluster(fat, fat->hint) ? fat->hint : (u32)FAT_FIRST_CLUSTER;

	for (u32 i = FAT_FIRST_CLUSTER; i < fat->end; i++, at++) {
		u32 value;
		int error;

		at = at < fat->end ? at : (u32)FAT_FIRST_CLUSTER;
		error = raw_get(fat, at, &value);
		if (error)
			return error;
		if (value)
			continue;
		error = raw_set(fat, at, END_32);
		if (error)
			return error;
		fat->free_clusters -= fat->free_clusters != 0;
		fat->hint = at + 1;
		*cluster = at;
		return 0;
	}
	return -ENOSPC;
}

/* What the cache holds of a directory must not be written over what comes there next. */
static void forget_buffers(struct fat *fat, u32 cluster)
{
	for (u32 i = 0; i < fat->cluster_size / fat->sector_size; i++) {
		struct buffer *buffer = buffer_find(
			fat->device, fat_cluster_sector(fat, cluster) + i, fat->sector_size);

		if (buffer)
			buffer_forget(buffer);
	}
}

/* [table] The chain that starts at @cluster is free. */
static int give_back(struct fat *fat, u32 cluster, bool directory)
{
	int error = 0;

	for (u32 count = 0; cluster && !error && count < fat->end; count++) {
		u32 next;

		error = fat_table_get(fat, cluster, &next);
		if (!error && directory)
			forget_buffers(fat, cluster);
		if (!error)
			error = raw_set(fat, cluster, 0);
		if (!error)
			fat->free_clusters++;
		cluster = next;
	}
	return error;
}

/* [table] Behind @last (0: as the inode's first) one more. */
static int append(struct fat_inode *inode, u32 *last)
{
	struct fat *fat = fat_of(&inode->vnode);
	u32 cluster = 0;
	int error;

	if (*last)
		fat->hint = *last + 1;
	error = take(fat, &cluster);
	if (error)
		return error;
	if (*last)
		error = raw_set(fat, *last, cluster);
	else
		inode->first = cluster;
	inode->clusters++;
	*last = cluster;
	return error;
}

int fat_chain_extend(struct fat_inode *inode, u32 clusters)
{
	struct fat *fat = fat_of(&inode->vnode);
	u32 last = 0, run, before;
	int error = fat_chain_count(inode);

	if (error || inode->clusters >= clusters)
		return error;
	before = inode->clusters;
	if (before)
		error = fat_chain_find(inode, before - 1, 1, &last, &run);
	mutex_lock(&fat->table);
	if (!error && clusters - before > fat->free_clusters)
		error = -ENOSPC;
	while (!error && inode->clusters < clusters)
		error = append(inode, &last);
	mutex_unlock(&fat->table);
	if (error && inode->clusters > before)
		fat_chain_cut(inode, before);
	if (!error)
		remember(inode, inode->clusters - 1, last);
	return error;
}

int fat_chain_cut(struct fat_inode *inode, u32 clusters)
{
	struct fat *fat = fat_of(&inode->vnode);
	u32 last = 0, rest, run;
	int error = fat_chain_count(inode);

	if (error || inode->clusters <= clusters)
		return error;
	remember(inode, 0, 0);
	if (clusters) {
		error = fat_chain_find(inode, clusters - 1, 1, &last, &run);
		if (!error)
			error = fat_table_get(fat, last, &rest);
	} else {
		rest = inode->first;
	}
	if (error)
		return error;
	mutex_lock(&fat->table);
	if (last)
		error = raw_set(fat, last, END_32);
	else
		inode->first = 0;
	if (!error)
		error = give_back(fat, rest, S_ISDIR(inode->vnode.mode));
	mutex_unlock(&fat->table);
	inode->clusters = clusters;
	return error;
}
