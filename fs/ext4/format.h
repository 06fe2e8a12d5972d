#pragma once
/*
 * ext2, ext3 and ext4 on disk: Linux's Documentation/filesystems/ext4. Numbers are little-endian, as
 * are all the machines that Selene knows; fields lie at their natural alignment.
 */
#include <lib/types.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "on-disk numbers are used in place");

enum {
	EXT4_SUPER_OFFSET = 1024,
	EXT4_SUPER_SIZE = 1024,
	EXT4_SUPER_MAGIC = 0xef53,
	EXT4_ROOT_INO = 2,
	EXT4_JOURNAL_INO = 8,
	EXT4_OLD_FIRST_INO = 11,
	EXT4_OLD_INODE_SIZE = 128,
	EXT4_BLOCK_SIZE_MAX = 4096,
	EXT4_LINK_MAX = 65000,
	EXT2_LINK_MAX = 32000,
};

enum ext4_state { EXT4_STATE_VALID = 1, EXT4_STATE_ERRORS = 2, EXT4_STATE_ORPHANS = 4 };
enum { EXT4_ERRORS_CONTINUE = 1, EXT4_ERRORS_READ_ONLY = 2, EXT4_ERRORS_PANIC = 3 };
enum { EXT4_HASH_SIGNED = 1, EXT4_HASH_UNSIGNED = 2 }; /* super.flags */

enum ext4_compat {
	EXT4_COMPAT_JOURNAL = 0x4,
	EXT4_COMPAT_XATTR = 0x8,
	EXT4_COMPAT_RESIZE_INODE = 0x10,
	EXT4_COMPAT_DIR_INDEX = 0x20,
	EXT4_COMPAT_SPARSE_SUPER2 = 0x200,
	EXT4_COMPAT_ORPHAN_FILE = 0x1000,
};
enum ext4_incompat {
	EXT4_INCOMPAT_FILETYPE = 0x2,
	EXT4_INCOMPAT_RECOVER = 0x4,
	EXT4_INCOMPAT_JOURNAL_DEV = 0x8,
	EXT4_INCOMPAT_META_BG = 0x10,
	EXT4_INCOMPAT_EXTENTS = 0x40,
	EXT4_INCOMPAT_64BIT = 0x80,
	EXT4_INCOMPAT_MMP = 0x100,
	EXT4_INCOMPAT_FLEX_BG = 0x200,
	EXT4_INCOMPAT_EA_INODE = 0x400,
	EXT4_INCOMPAT_CSUM_SEED = 0x2000,
	EXT4_INCOMPAT_LARGEDIR = 0x4000,
	EXT4_INCOMPAT_INLINE_DATA = 0x8000,
	EXT4_INCOMPAT_ENCRYPT = 0x10000,
	EXT4_INCOMPAT_CASEFOLD = 0x20000,
};
enum ext4_ro_compat {
	EXT4_RO_SPARSE_SUPER = 0x1,
	EXT4_RO_LARGE_FILE = 0x2,
	EXT4_RO_BTREE_DIR = 0x4,
	EXT4_RO_HUGE_FILE = 0x8,
	EXT4_RO_GDT_CSUM = 0x10,
	EXT4_RO_DIR_NLINK = 0x20,
	EXT4_RO_EXTRA_ISIZE = 0x40,
	EXT4_RO_QUOTA = 0x100,
	EXT4_RO_BIGALLOC = 0x200,
	EXT4_RO_METADATA_CSUM = 0x400,
	EXT4_RO_READONLY = 0x1000,
	EXT4_RO_PROJECT = 0x2000,
	EXT4_RO_ORPHAN_PRESENT = 0x10000,
};

struct ext4_super {
	u32 inodes, blocks_low, reserved_low, free_blocks_low, free_inodes;
	u32 first_data_block, log_block_size, log_cluster_size;
	u32 blocks_per_group, clusters_per_group, inodes_per_group;
	u32 mount_time, write_time;
	u16 mount_count, max_mount_count, magic, state, errors, minor_revision;
	u32 last_check, check_interval, creator_os, revision;
	u16 default_uid, default_gid;
	u32 first_ino;
	u16 inode_size, group_number;
	u32 compat, incompat, ro_compat;
	u8 uuid[16];
	char label[16], last_mounted[64];
	u32 compression;
	u8 prealloc_blocks, prealloc_directory_blocks;
	u16 reserved_descriptor_blocks;
	u8 journal_uuid[16];
	u32 journal_ino, journal_device, last_orphan, hash_seed[4];
	u8 hash_version, journal_backup_type;
	u16 descriptor_size;
	u32 default_options, first_meta_group, make_time, journal_backup[17];
	u32 blocks_high, reserved_high, free_blocks_high;
	u16 min_extra_size, want_extra_size;
	u32 flags;
	u16 raid_stride, mmp_interval;
	u64 mmp_block;
	u32 raid_stripe_width;
	u8 log_groups_per_flex, checksum_type, encryption_level, pad;
	u64 kbytes_written;
	u32 snapshot_ino, snapshot_id;
	u64 snapshot_reserved;
	u32 snapshot_list;
	u32 error_count, first_error_time, first_error_ino;
	u64 first_error_block;
	u8 first_error_function[32];
	u32 first_error_line, last_error_time, last_error_ino, last_error_line;
	u64 last_error_block;
	u8 last_error_function[32];
	u8 mount_options[64];
	u32 user_quota_ino, group_quota_ino, overhead, backup_groups[2];
	u8 encryption[4], encryption_salt[16];
	u32 lost_found_ino, project_quota_ino, checksum_seed;
	u8 times_high[6], pad2[2];
	u16 encoding, encoding_flags;
	u32 orphan_file_ino;
	u32 reserved[94];
	u32 checksum;
};
static_assert(sizeof(struct ext4_super) == EXT4_SUPER_SIZE, "super block");
static_assert(offsetof(struct ext4_super, journal_ino) == 0xe0, "super block");
static_assert(offsetof(struct ext4_super, blocks_high) == 0x150, "super block");
static_assert(offsetof(struct ext4_super, kbytes_written) == 0x178, "super block");
static_assert(offsetof(struct ext4_super, mount_options) == 0x200, "super block");
static_assert(offsetof(struct ext4_super, checksum_seed) == 0x270, "super block");

enum { EXT4_GROUP_INODE_UNINIT = 1, EXT4_GROUP_BLOCK_UNINIT = 2, EXT4_GROUP_ZEROED = 4 };
/* 32 bytes without 64BIT, else super.descriptor_size. */
struct ext4_descriptor {
	u32 block_bitmap_low, inode_bitmap_low, inode_table_low;
	u16 free_blocks_low, free_inodes_low, directories_low, flags;
	u32 exclude_low;
	u16 block_checksum_low, inode_checksum_low, unused_low, checksum;
	u32 block_bitmap_high, inode_bitmap_high, inode_table_high;
	u16 free_blocks_high, free_inodes_high, directories_high, unused_high;
	u32 exclude_high;
	u16 block_checksum_high, inode_checksum_high;
	u32 reserved;
};
static_assert(sizeof(struct ext4_descriptor) == 64, "group descriptor");

enum ext4_inode_flags {
	/* chattr(1)'s: s, u, c, S, i, a, d, A, j, t, D, T, P, F */
	EXT4_SECURE_DELETION = 0x1,
	EXT4_UNDELETABLE = 0x2,
	EXT4_COMPRESS = 0x4,
	EXT4_SYNC = 0x8,
	EXT4_IMMUTABLE = 0x10,
	EXT4_APPEND = 0x20,
	EXT4_NODUMP = 0x40,
	EXT4_NOATIME = 0x80,
	EXT4_JOURNAL_DATA = 0x4000,
	EXT4_NOTAIL = 0x8000,
	EXT4_DIRSYNC = 0x10000,
	EXT4_TOPDIR = 0x20000,
	EXT4_PROJECT_INHERIT = 0x20000000,
	EXT4_CASEFOLD = 0x40000000,
	/* The file system's own. */
	EXT4_ENCRYPTED = 0x800,
	EXT4_INDEX = 0x1000,
	EXT4_HUGE_FILE = 0x40000,
	EXT4_EXTENTS = 0x80000,
	EXT4_EA_INODE = 0x200000,
	EXT4_INLINE_DATA = 0x10000000,
	/* What a new file takes from its directory; some of it is for directories alone, or for all kinds. */
	EXT4_INHERITED = EXT4_SECURE_DELETION | EXT4_UNDELETABLE | EXT4_COMPRESS | EXT4_SYNC |
			 EXT4_NODUMP | EXT4_NOATIME | EXT4_NOTAIL | EXT4_DIRSYNC |
			 EXT4_PROJECT_INHERIT,
	EXT4_FOR_DIRECTORIES = EXT4_DIRSYNC | EXT4_TOPDIR | EXT4_PROJECT_INHERIT,
	EXT4_FOR_ALL = EXT4_NODUMP | EXT4_NOATIME,
	/* What programs may see, and change. */
	EXT4_VISIBLE = 0x705bdfff,
	EXT4_CHANGEABLE = EXT4_SECURE_DELETION | EXT4_UNDELETABLE | EXT4_COMPRESS | EXT4_SYNC |
			  EXT4_IMMUTABLE | EXT4_APPEND | EXT4_NODUMP | EXT4_NOATIME | EXT4_NOTAIL |
			  EXT4_DIRSYNC | EXT4_TOPDIR,
};

struct ext4_raw_inode {
	u16 mode, uid;
	u32 size_low, access, change, modify, deletion;
	u16 gid, links;
	u32 blocks_low, flags, version;
	u32 block[15];
	u32 generation, acl_low, size_high, fragment;
	u16 blocks_high, acl_high, uid_high, gid_high, checksum_low, reserved;
	/* Larger than 128 bytes: */
	u16 extra_size, checksum_high;
	u32 change_extra, modify_extra, access_extra, creation, creation_extra;
	u32 version_high, project;
};
static_assert(offsetof(struct ext4_raw_inode, extra_size) == 128, "inode");
static_assert(sizeof(struct ext4_raw_inode) == 160, "inode");

/* Extent trees: a header and its entries, in the inode's 60 bytes or in a block with a checksum after it. */
enum { EXT4_EXTENT_MAGIC = 0xf30a, EXT4_EXTENT_DEPTH_MAX = 5, EXT4_EXTENT_WRITTEN_MAX = 32768 };
struct ext4_extent_header {
	u16 magic, entries, max, depth;
	u32 generation;
};
struct ext4_extent {
	u32 block;
	u16 length; /* above 32768: length - 32768 blocks that read as zeros */
	u16 start_high;
	u32 start_low;
};
struct ext4_extent_index {
	u32 block, leaf_low;
	u16 leaf_high, unused;
};

/* Directories. */
struct ext4_entry {
	u32 ino;
	u16 length; /* of the record */
	u8 name_length, type;
	char name[];
};
enum { EXT4_ENTRY_HEADER = 8, EXT4_NAME_MAX = 255, EXT4_TAIL_TYPE = 0xde };
struct ext4_directory_tail {
	u32 zero;
	u16 length; /* 12 */
	u8 zero2, type;
	u32 checksum;
};
enum ext4_hash_version {
	EXT4_HASH_LEGACY,
	EXT4_HASH_HALF_MD4,
	EXT4_HASH_TEA,
	EXT4_HASH_LEGACY_UNSIGNED,
	EXT4_HASH_HALF_MD4_UNSIGNED,
	EXT4_HASH_TEA_UNSIGNED,
};
struct ext4_index_entry {
	u32 hash, block;
};
/* In the place of the first entry's hash. */
struct ext4_index_count {
	u16 limit, count;
};
struct ext4_index_root_info { /* after "." and ".." of 12 bytes each */
	u32 zero;
	u8 hash_version, length /* 8 */, levels, flags;
};
struct ext4_index_tail {
	u32 reserved, checksum;
};

/* Extended attributes: in what an inode has left, and in one block. */
enum { EXT4_XATTR_MAGIC = 0xea020000, EXT4_XATTR_REFERENCES_MAX = 1024 };
struct ext4_xattr_header {
	u32 magic, references, blocks, hash, checksum, reserved[3];
};
struct ext4_xattr_entry {
	u8 name_length, index;
	u16 value_offset;
	u32 value_ino, value_size, hash;
	char name[];
};

/* The orphan file's blocks: numbers, then this. */
enum { EXT4_ORPHAN_MAGIC = 0x0b10ca04 };
struct ext4_orphan_tail {
	u32 magic, checksum;
};
