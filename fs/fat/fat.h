#pragma once
/*
 * FAT12, FAT16 and FAT32 with long names: Microsoft's "FAT File System Specification" (1.03) and its long names.
 * Times are kept as UTC. Names are compared without regard to case, and kept as given.
 *
 * Locks, outermost first: vnode → inode->map → fat->table → buffer cache; fat->places alone. All functions return 0
 * or -errno and may sleep.
 */
#include <fs/buffer.h>
#include <fs/vnode_table.h>

enum {
	FAT_SLOT = 32,
	FAT_LONG_MAX = 255, /* UTF-16 units */
	FAT_UNITS_PER_SLOT = 13,
	FAT_SLOTS_MAX = 21, /* of one name */
	FAT_FIRST_CLUSTER = 2,
	FAT_DIRECTORY_MAX = 65536 * FAT_SLOT,
	FAT_NO_PLACE = 0, /* no directory entry is in sector 0 */
};
enum fat_attribute {
	FAT_READ_ONLY = 1,
	FAT_HIDDEN = 2,
	FAT_SYSTEM = 4,
	FAT_VOLUME = 8,
	FAT_DIRECTORY = 16,
	FAT_ARCHIVE = 32,
	FAT_LONG_NAME = 15,
};
enum { FAT_DELETED = 0xe5, FAT_LAST_LONG = 0x40, FAT_LOWER_BASE = 8, FAT_LOWER_EXTENSION = 16 };

struct fat_entry { /* on disk, as all that follows */
	u8 name[11], attributes, case_flags, created_10ms;
	u16 created_time, created_date, access_date, cluster_high, time, date, cluster_low;
	u32 size;
};
static_assert(sizeof(struct fat_entry) == FAT_SLOT, "directory entry");

struct fat_long {
	u8 order, units1[10], attributes, type, checksum, units2[12];
	u16 zero;
	u8 units3[4];
};
static_assert(sizeof(struct fat_long) == FAT_SLOT, "long name");

struct fat {
	struct file_system system;
	struct block_device *device;
	char name[32];
	u32 sector_size, cluster_size, cluster_shift; /* [const] bytes */
	unsigned bits;				      /* [const] 12, 16, 32 */
	u32 table_start, table_sectors, table_count;  /* [const] sectors */
	u32 active_table;			 /* [const] the only one, or table_count: all */
	u32 root_start, root_slots;		 /* [const] FAT12 and FAT16 */
	u32 root_cluster;			 /* [const] FAT32 */
	u32 data_start;				 /* [const] sector of cluster 2 */
	u32 end;				 /* [const] the last cluster + 1 */
	u32 info_sector;			 /* [const] FAT32's FSInfo, 0: none */
	u32 uid, gid, file_mask, directory_mask; /* [const] mount options */
	struct mutex table;			 /* the tables and what follows */
	u32 free_clusters;			 /* [table; atomic read] */
	u32 hint;				 /* [table] where to look for the next */
	bool failed;				 /* [atomic] no more changes */
	bool writing;				 /* [mount] */
	struct vnode_table places;		 /* files in memory, by the place of their entry */
	struct radix inos;			 /* [places.lock] the same by number */
	u64 next_ino; /* [places.lock] for files whose natural number is taken */
};

struct fat_inode {
	struct vnode vnode;
	struct memory_object object; /* regular files */
	struct rwlock map;
	u64 place; /* [places.lock] its entry: sector * entries per sector + number; FAT_NO_PLACE */
	u32 first; /* [map] cluster, 0: none */
	u32 clusters;	  /* [map] in its chain; ~0: not counted yet */
	u32 cached_index; /* [cache] the cluster found last, and which one of the chain it is */
	u32 cached;	  /* [cache] 0: none */
	struct spinlock cache;
	u64 valid; /* [map] bytes that the disk holds; what is behind reads as zeros */
	u8 attributes, case_flags;
	u64 stored_size;	   /* [vnode] as in the entry */
	struct vnode_times stored; /* [vnode] */
	bool is_root;
};

static inline struct fat *fat_of(const struct vnode *vnode)
{
	return container_of(vnode->system, struct fat, system);
}
static inline struct fat_inode *fat_inode_of(const struct vnode *vnode)
{
	return container_of(vnode, struct fat_inode, vnode);
}

/* super.c */
void fat_register(void);
__printf(2, 3) int fat_corrupt(struct fat *fat, const char *format, ...); /* -EUCLEAN */
int fat_writable(const struct fat *fat);

/* table.c */
int fat_table_get(struct fat *fat, u32 cluster, u32 *next); /* *@next 0: the end of the chain */
int fat_count_free(struct fat *fat);
u64 fat_cluster_sector(const struct fat *fat, u32 cluster);
/* The chain's @index-th cluster; *@run: how many follow each other on disk, at most @most. 0: past the end. */
int fat_chain_find(struct fat_inode *inode, u32 index, u32 most, u32 *cluster, u32 *run);
/* [map] Make the chain @clusters long. -ENOSPC: it is as it was. */
int fat_chain_extend(struct fat_inode *inode, u32 clusters);
/* [map] Keep the first @clusters. */
int fat_chain_cut(struct fat_inode *inode, u32 clusters);
int fat_chain_count(struct fat_inode *inode);

/* name.c */
/* UTF-8 to UTF-16: units, or -EINVAL, -ENAMETOOLONG. */
int fat_to_units(const char *name, size_t length, u16 *units);
/* And back: bytes, at most 255; 0: it does not fit. */
size_t fat_from_units(const u16 *units, unsigned count, char *name);
bool fat_units_equal(const u16 *a, unsigned a_count, const u16 *b, unsigned b_count);
u8 fat_short_checksum(const u8 *name);
/* An 8.3 name as text. */
size_t fat_short_text(const struct fat_entry *entry, char *text);
/* May a new file be called this? The units without trailing dots and blanks: their number, or -EINVAL. */
int fat_check_name(const u16 *units, int count);
/* The name in 8.3, when it fits as it is; else false, with the stem of its alias. */
bool fat_make_short(const u16 *units, unsigned count, u8 *name);
/* The stem with "~@number" at its end. */
void fat_number_short(const u8 *stem, unsigned number, u8 *name);

/* directory.c */
struct fat_found {
	u64 place;
	u32 offset, slots; /* of the first slot, and how many, the short one included */
	struct fat_entry entry;
};
/* Each entry from *@offset on: 1: found, with the text of its name; 0: the end. *@offset is behind it. */
int fat_next_entry(struct fat_inode *directory, u32 *offset, struct fat_found *found, u16 *units,
		   unsigned *count);
int fat_find(struct fat_inode *directory, const char *name, size_t length, struct fat_found *found);
/* @entry's name is made here. */
int fat_add(struct fat_inode *directory, const char *name, size_t length, struct fat_entry *entry,
	    u64 *place);
int fat_remove(struct fat_inode *directory, const struct fat_found *found);
int fat_directory_init(struct fat_inode *made, const struct fat_inode *parent);
int fat_directory_set_parent(struct fat_inode *moved, const struct fat_inode *parent);
bool fat_directory_empty(struct fat_inode *directory, int *error);
/* Read the entry at @place, change it, write it back. */
int fat_slot_buffer(struct fat *fat, u64 place, struct buffer **buffer, struct fat_entry **entry);

/* inode.c */
int fat_inode_get(struct fat *fat, const struct fat_found *found, struct fat_inode **inode);
struct fat_inode *fat_root(struct fat *fat);
int fat_inode_store(struct fat_inode *inode);
void fat_inode_fill_entry(const struct fat_inode *inode, struct fat_entry *entry);
void fat_inode_move(struct fat_inode *inode, u64 place);
void fat_vnode_release(struct vnode *vnode);
void fat_inode_free_memory(struct fat_inode *inode);
void fat_tables_init(struct fat *fat);
int fat_inodes_store_all(struct fat *fat);

/* file.c */
extern const struct object_operations fat_object_operations;
int fat_change(struct vnode *vnode, const struct vnode_change *change);
int fat_file_sync(struct vnode *vnode, bool data_only);
/* [map] Zeros on disk from where it is valid to @size. */
int fat_settle(struct fat_inode *inode, u64 size);

/* namei.c */
extern const struct vnode_operations fat_directory_operations, fat_file_operations;
