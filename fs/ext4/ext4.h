#pragma once
/*
 * One driver for ext2, ext3 and ext4.
 *
 * Locks, outermost first: vnode → journal handle (begin waits for room; the commit waits for all handles)
 * → inode->map → ext4->orphans → ext4->allocation → buffer cache. ext4->inodes
 * (fs/vnode_table.h) is taken with nothing after it but reading a block. User memory is never touched with a handle open.
 *
 * Blocks are numbers of the file system's blocks; logical blocks count from a file's start, 32 bits wide.
 * Functions return 0 or -errno; -EUCLEAN: the structures on disk contradict themselves, which has been
 * logged and noted by ext4_corrupt(). All may sleep.
 */
#include <fs/buffer.h>
#include <fs/ext4/format.h>
#include <fs/ext4/journal.h>
#include <fs/vnode_table.h>
#include <lib/rbtree.h>

/* What is known of a group beyond its descriptor. */
struct ext4_group {
	u64 *busy; /* [allocation] freed, but not before the transaction commits; NULL: none */
	u32 busy_count;
	u32 hint;      /* [allocation] where the last allocation ended */
	bool unusable; /* [allocation] its bitmap is wrong */
	bool inodes_unusable;
	bool blocks_checked, inodes_checked; /* [allocation] its checksum was right */
};

struct ext4_options {
	u32 error_policy; /* EXT4_ERRORS_* */
	u64 commit_ns;	  /* between two commits, when nobody asks for one */
	bool discard;	  /* blocks that are free, once their transaction is safe */
	bool no_replay;	  /* as if there were no journal */
};

struct ext4 {
	struct file_system system;
	struct block_device *device;
	struct journal *journal;      /* [const] NULL: none */
	char name[32];		      /* [const] the device's, for messages */
	u32 block_size, block_shift;  /* [const] */
	u32 inode_size;		      /* [const] */
	u32 blocks_per_group;	      /* [const] */
	u32 inodes_per_group;	      /* [const] */
	u32 descriptor_size;	      /* [const] */
	u32 first_data_block;	      /* [const] */
	u32 group_count, inode_count; /* [const] */
	u64 block_count;	      /* [const] */
	u64 overhead;		      /* [const] blocks of metadata, for statfs */
	u64 journal_blocks;	      /* [const] of the log: those, too */
	u32 checksum_seed;	      /* [const] */
	bool checksums, group_sums;   /* [const] metadata_csum; uninit_bg's older form */
	bool extents, indexed;	      /* [const] what new files and directories use */
	bool hash_unsigned;	      /* [const] */
	u32 groups_per_flex;	      /* [const] */
	struct buffer *super_buffer;  /* [const] held */
	struct ext4_super *super;     /* counts: [allocation]; orphans: [orphans] */
	struct buffer **descriptors;  /* [const] all held */
	struct ext4_group *groups;    /* [const] the array */
	struct mutex allocation;      /* bitmaps, descriptors, counts */
	u64 free_blocks, free_inodes; /* [allocation; atomic read] */
	u64 directories;	      /* [allocation] */
	u64 promised;		      /* [allocation] blocks that delayed pages will need */
	u64 *scratch;		      /* [allocation] one block */
	bool counts_changed;	      /* [allocation] the super block is behind */
	struct vnode_table inodes;    /* those in memory, by number */
	struct mutex orphans;
	struct list_node orphan_list; /* [orphans] newest first, as on disk */
	struct ext4_options options;  /* [mount] */
	u32 failed;		      /* [atomic] no more changes */
	u32 noted;		      /* [atomic] the super block says so */
	bool writing;		      /* [mount] it was mounted for writing, and not finished */
	struct atomic32 generation;   /* of new inodes */
	struct thread *flusher; /* commits every few seconds; NULL where there are no threads */
	bool stopping;		/* [atomic] */
	struct wait_queue flusher_wait;
};

/* A stretch of a file: [block, block + count) lies at @start on, or is a hole (start 0). */
struct ext4_run {
	u32 block, count;
	u64 start;
	bool unwritten;
};

/* What the inode on disk says; compared with the vnode to know what to write. */
struct ext4_stored {
	u32 mode, links, uid, gid;
	u64 blocks;
	struct vnode_times times;
};

struct ext4_inode {
	struct vnode vnode;
	struct memory_object object; /* regular files */
	u32 block[15];		     /* [map] as on disk */
	u32 flags;		     /* [vnode] ext4_inode_flags */
	u32 checksum_seed;	     /* [const] */
	u64 disk_size;		     /* [map] what the disk says: never beyond data that is there */
	u64 xattr_block;	     /* [vnode] */
	u64 inode_block;	     /* [const] where it lies */
	u32 inode_offset;	     /* [const] bytes */
	u32 extra_size;		     /* [const] bytes beyond 128 with fields */
	struct rwlock map;	     /* block, disk_size, delayed */
	struct rb_root delayed;	     /* [map] struct ext4_delayed: pages without blocks yet */
	struct ext4_run last;	     /* [cache] the last stretch found; count 0: none */
	struct spinlock cache;
	struct ext4_stored stored;    /* [map] */
	struct list_node orphan_link; /* [orphans] */
	u32 orphan_next;	      /* [orphans] as on disk */
	u32 transaction;	      /* [atomic] the last that changed it */
	u32 deleted_at;		      /* [vnode] seconds, once it is gone */
	bool fresh; /* [vnode] never stored: what its place on disk holds is void */
};

static inline struct ext4 *ext4_of(const struct vnode *vnode)
{
	return container_of(vnode->system, struct ext4, system);
}
static inline struct ext4_inode *ext4_inode_of(const struct vnode *vnode)
{
	return container_of(vnode, struct ext4_inode, vnode);
}
static inline struct ext4 *ext4_of_inode(const struct ext4_inode *inode)
{
	return ext4_of(&inode->vnode);
}
static inline bool ext4_has_incompat(const struct ext4 *ext4, u32 feature)
{
	return ext4->super->incompat & feature;
}
static inline bool ext4_has_ro_compat(const struct ext4 *ext4, u32 feature)
{
	return ext4->super->ro_compat & feature;
}
static inline bool ext4_has_compat(const struct ext4 *ext4, u32 feature)
{
	return ext4->super->compat & feature;
}
static inline u32 ext4_block_of(const struct ext4 *ext4, u64 bytes) /* rounded up */
{
	return (u32)((bytes + ext4->block_size - 1) >> ext4->block_shift);
}

/* ---- super.c, error.c ---- */
/* Log what is wrong, note it in the super block, and stop all changes as errors= says. -EUCLEAN. */
__printf(2, 3) int ext4_corrupt(struct ext4 *ext4, const char *format, ...);
/* The journal or a write failed: no more changes. */
void ext4_stop(struct ext4 *ext4, int error, const char *what);
/* -EROFS when nothing may be changed (any more), else 0. */
int ext4_writable(struct ext4 *ext4);
/* Put counts and the state into the super block, with a handle. */
int ext4_super_update(struct ext4 *ext4, struct journal_handle *handle);
void ext4_super_seal(struct ext4 *ext4);
/* options.c: what the super block says; mount(2)'s @data on top of it: -EINVAL, with a message. */
void ext4_options_default(const struct ext4_super *super, struct ext4_options *options);
int ext4_options_parse(const char *name, const char *data, struct ext4_options *options);
void ext4_options_show(struct file_system *system, struct text *text);
/* features.c: 0, or -EINVAL with a message; *@read_only is set where it cannot be written. */
int ext4_check_features(const struct ext4_super *super, const char *name, bool *read_only);

/* ---- checksum.c: set, or compare with what is there ---- */
u32 ext4_super_checksum(const struct ext4_super *super);
u16 ext4_descriptor_checksum(const struct ext4 *ext4, u32 group, const struct ext4_descriptor *of);
u32 ext4_bitmap_checksum(const struct ext4 *ext4, const void *bitmap, u32 bits);
u32 ext4_inode_seed(const struct ext4 *ext4, u32 ino, u32 generation);
u32 ext4_inode_checksum(const struct ext4_inode *inode, const struct ext4_raw_inode *raw);
/* Where the checksum of a block lies, or NULL, and what it should be. */
u32 ext4_extent_checksum(u32 seed, const void *block, u32 size, u32 **place);
u32 ext4_directory_checksum(u32 seed, const void *block, u32 size, u32 **place);
u32 ext4_index_checksum(u32 seed, const void *block, u32 size, u32 **place);
u32 ext4_xattr_checksum(const struct ext4 *ext4, u64 number, const struct ext4_xattr_header *block);

/* ---- block.c: metadata blocks ---- */
enum ext4_kind { /* what a block holds: which checksum it gets before it is written */
		 EXT4_PLAIN,
		 EXT4_EXTENT_BLOCK,
		 EXT4_DIRECTORY_BLOCK,
		 EXT4_INDEX_BLOCK,
		 EXT4_XATTR_BLOCK,
		 EXT4_BLOCK_BITMAP,
		 EXT4_INODE_BITMAP,
		 EXT4_DESCRIPTORS, /* sealed after all others of a transaction */
};
/* Counted: buffer_put(). -EIO, -ENOMEM; -EUCLEAN when @block is not in the file system. */
int ext4_block_read(struct ext4 *ext4, u64 block, struct buffer **buffer);
/* The same with zeros, for a block that was just allocated. */
int ext4_block_new(struct ext4 *ext4, u64 block, struct buffer **buffer);
/* @buffer was, or will be, changed under @handle. @seed: the inode's, or the group. */
int ext4_block_changed(struct ext4 *ext4, struct journal_handle *handle, struct buffer *buffer,
		       enum ext4_kind kind, u32 seed);
/* Give @buffer the checksum of its kind. */
void ext4_block_seal(struct ext4 *ext4, struct buffer *buffer, enum ext4_kind kind, u32 seed);
/* [count] blocks at @block hold data of the file system's, not of its head. */
bool ext4_blocks_valid(const struct ext4 *ext4, u64 block, u64 count);

/* ---- group.c ---- */
struct ext4_descriptor *ext4_descriptor(struct ext4 *ext4, u32 group);
struct buffer *ext4_descriptor_buffer(struct ext4 *ext4, u32 group);
u64 ext4_group_start(const struct ext4 *ext4, u32 group);
u32 ext4_group_blocks(const struct ext4 *ext4, u32 group); /* fewer in the last */
bool ext4_group_has_super(const struct ext4 *ext4, u32 group);
/* Blocks at the start of @group for super block and descriptors. */
u32 ext4_group_head(const struct ext4 *ext4, u32 group);
u64 ext4_group_block_bitmap(const struct ext4 *ext4, const struct ext4_descriptor *descriptor);
u64 ext4_group_inode_bitmap(const struct ext4 *ext4, const struct ext4_descriptor *descriptor);
u64 ext4_group_inode_table(const struct ext4 *ext4, const struct ext4_descriptor *descriptor);
u32 ext4_group_free_blocks(const struct ext4 *ext4, const struct ext4_descriptor *descriptor);
u32 ext4_group_free_inodes(const struct ext4 *ext4, const struct ext4_descriptor *descriptor);
u32 ext4_group_directories(const struct ext4 *ext4, const struct ext4_descriptor *descriptor);
u32 ext4_group_unused(const struct ext4 *ext4, const struct ext4_descriptor *descriptor);
void ext4_group_set_free_blocks(struct ext4 *ext4, struct ext4_descriptor *descriptor, u32 value);
void ext4_group_set_free_inodes(struct ext4 *ext4, struct ext4_descriptor *descriptor, u32 value);
void ext4_group_set_directories(struct ext4 *ext4, struct ext4_descriptor *descriptor, u32 value);
void ext4_group_set_unused(struct ext4 *ext4, struct ext4_descriptor *descriptor, u32 value);
/* [allocation] The bitmaps, verified, made up where the descriptor says that they are not there yet. */
int ext4_block_bitmap(struct ext4 *ext4, u32 group, struct buffer **bitmap);
int ext4_inode_bitmap(struct ext4 *ext4, u32 group, struct buffer **bitmap);
void ext4_block_bitmap_seal(struct ext4 *ext4, u32 group, const void *bitmap);
void ext4_inode_bitmap_seal(struct ext4 *ext4, u32 group, const void *bitmap);
void ext4_descriptors_seal(struct ext4 *ext4, struct buffer *buffer);
int ext4_groups_load(struct ext4 *ext4);
void ext4_groups_unload(struct ext4 *ext4);

/* ---- allocate.c: blocks ---- */
/*
 * Up to *@count blocks in a row, near @goal: *@start, *@count. -ENOSPC. @delayed: they were promised.
 */
int ext4_blocks_allocate(struct ext4 *ext4, struct journal_handle *handle, u64 goal, u32 *count,
			 bool delayed, u64 *start);
enum { EXT4_FREE_METADATA = 1 }; /* old copies in the journal must not be replayed over new data */
int ext4_blocks_free(struct ext4 *ext4, struct journal_handle *handle, u64 start, u32 count,
		     unsigned flags);
/* Blocks that only root may use, and those kept for extent blocks of delayed writes. */
u64 ext4_blocks_kept(const struct ext4 *ext4);
/* Blocks for delayed writing: 0 or -ENOSPC; and back. */
int ext4_promise(struct ext4 *ext4, u64 count);
void ext4_promise_drop(struct ext4 *ext4, u64 count);
/* Handles that touch at most this many blocks may be asked for one run or entry. */
enum {
	EXT4_CREDITS_RUN = 40,
	EXT4_CREDITS_INODE = 4,
	EXT4_CREDITS_CREATE = 64,
	EXT4_CREDITS_REMOVE = 16,
};
/*
 * [allocation] @bitmap of @group, with what was freed and is not committed as taken: the bitmap itself where there is
 * nothing of it, else scratch.
 */
const u64 *ext4_taken_map(struct ext4 *ext4, u32 group, const struct buffer *bitmap);
/* trim.c: struct file_system.trim */
int ext4_trim(struct file_system *system, u64 start, u64 size, u64 minimum, u64 *trimmed);
/* The journal's transaction is on disk: what it freed may be used. */
void ext4_freed_committed(struct ext4 *ext4, struct list_node *freed);

/* ---- inode_allocate.c ---- */
int ext4_inode_allocate(struct ext4 *ext4, struct journal_handle *handle, struct vnode *directory,
			u32 mode, u32 *ino);
int ext4_inode_free(struct ext4 *ext4, struct journal_handle *handle, u32 ino, bool directory);

/* ---- map.c: extents or indirect blocks. @inode->map is held: lookups shared, else exclusively ---- */
int ext4_map_lookup(struct ext4_inode *inode, u32 block, struct ext4_run *run);
int ext4_map_insert(struct journal_handle *handle, struct ext4_inode *inode,
		    const struct ext4_run *run);
/* Free what lies in [first, last]. At most so much that the handle's credits suffice: *@again. */
int ext4_map_remove(struct journal_handle *handle, struct ext4_inode *inode, u32 first, u32 last,
		    bool *again);
/* [first, first + count), which is mapped as unwritten, holds data now. */
int ext4_map_convert(struct journal_handle *handle, struct ext4_inode *inode, u32 first, u32 count);
/* @run, which is there, lies at @to instead, where there is a hole. Only with extents. */
int ext4_map_move(struct journal_handle *handle, struct ext4_inode *inode,
		  const struct ext4_run *run, u32 to);
void ext4_map_init(struct ext4_inode *inode);
u64 ext4_map_goal(struct ext4_inode *inode, u32 block);
void ext4_map_forget(struct ext4_inode *inode);
/* Highest logical block + 1 that this inode's map can hold. */
u64 ext4_map_limit(const struct ext4_inode *inode);
/* extent.c */
int ext4_extent_lookup(struct ext4_inode *inode, u32 block, struct ext4_run *run);
int ext4_extent_insert(struct journal_handle *handle, struct ext4_inode *inode,
		       const struct ext4_run *run);
int ext4_extent_cut(struct journal_handle *handle, struct ext4_inode *inode, u32 first, u32 last,
		    bool free, bool *again);
/* indirect.c */
int ext4_indirect_lookup(struct ext4_inode *inode, u32 block, struct ext4_run *run);
int ext4_indirect_insert(struct journal_handle *handle, struct ext4_inode *inode,
			 const struct ext4_run *run);
u64 ext4_indirect_limit(const struct ext4 *ext4);
int ext4_indirect_cut(struct journal_handle *handle, struct ext4_inode *inode, u32 first, u32 last,
		      bool *again);

/* ---- inode.c ---- */
/* The inode with a reference; -EUCLEAN. @deleted: one without links is wanted (orphans). */
int ext4_inode_get(struct ext4 *ext4, u32 ino, bool deleted, struct ext4_inode **inode);
/* A new one in memory for number @ino. */
int ext4_inode_make(struct ext4 *ext4, struct journal_handle *handle, u32 ino,
		    struct vnode *directory, u32 mode, u64 device, struct ext4_inode **made);
/* Write its fields to its block. */
int ext4_inode_store(struct journal_handle *handle, struct ext4_inode *inode);
/* The same with a handle of its own, when something differs. @times: access times alone are enough. */
int ext4_inode_store_if_changed(struct ext4_inode *inode, bool times);
int ext4_inodes_store_all(struct ext4 *ext4);
void ext4_vnode_release(struct vnode *vnode);
void ext4_inode_free_memory(struct ext4_inode *inode);
struct ext4_raw_inode *ext4_raw_of(struct ext4_inode *inode, struct buffer *buffer);
int ext4_raw_read(struct ext4_inode *inode, struct buffer **buffer);
int ext4_change(struct vnode *vnode, const struct vnode_change *change);
bool ext4_ino_valid(const struct ext4 *ext4, u32 ino); /* one that a name may lead to */

/* ---- orphan.c ---- */
int ext4_orphan_add(struct journal_handle *handle, struct ext4_inode *inode);
int ext4_orphan_remove(struct journal_handle *handle, struct ext4_inode *inode);
/* After replay: finish what was cut short. */
int ext4_orphans_clean(struct ext4 *ext4);

/* ---- hash.c ---- */
struct ext4_hash {
	u32 major, minor;
};
int ext4_hash_name(const struct ext4 *ext4, unsigned version, const char *name, size_t length,
		   struct ext4_hash *hash);

/* ---- entry.c, directory.c, index.c ---- */
struct ext4_found { /* where a name is */
	struct buffer *buffer;
	struct ext4_entry *entry;
	u32 block; /* logical */
};
u32 ext4_entry_space(const struct ext4 *ext4); /* bytes of a block that hold entries */
u32 ext4_entry_length(size_t name_length);
/* The entry at @offset is sane: it and its name end within the block. */
bool ext4_entry_valid(const struct ext4_inode *directory, const void *block, u32 offset, u32 space);
/* Search one block: 1 found, 0 not, -EUCLEAN. */
int ext4_entry_search(struct ext4_inode *directory, struct buffer *buffer, const char *name,
		      size_t length, struct ext4_entry **found);
/* Put a name into one block: -ENOSPC when it is full. */
int ext4_entry_add(struct ext4_inode *directory, struct buffer *buffer, const char *name,
		   size_t length, u32 ino, u32 mode);
int ext4_entry_remove(struct ext4_inode *directory, const struct ext4_found *found);
u8 ext4_entry_type(const struct ext4 *ext4, u32 mode);
void ext4_directory_block_init(const struct ext4 *ext4, void *block);
/* A directory's block @number with its checksum verified; holes are -EUCLEAN. */
int ext4_directory_read(struct ext4_inode *directory, u32 number, struct buffer **buffer);
/* Block @number, in @buffer, was changed: its checksum is that of a node or of a leaf. */
int ext4_directory_changed(struct journal_handle *handle, struct ext4_inode *directory,
			   struct buffer *buffer, u32 number);
int ext4_directory_append(struct journal_handle *handle, struct ext4_inode *directory, u32 *number,
			  struct buffer **buffer);
int ext4_name_find(struct ext4_inode *directory, const char *name, size_t length,
		   struct ext4_found *found);
int ext4_name_add(struct journal_handle *handle, struct ext4_inode *directory, const char *name,
		  size_t length, u32 ino, u32 mode);
int ext4_directory_make(struct journal_handle *handle, struct ext4_inode *made, u32 parent);
bool ext4_directory_empty(struct ext4_inode *directory, int *error);
int ext4_directory_parent(struct ext4_inode *directory, struct ext4_found *found);
/* index.c: -ENOENT; -EUCLEAN: search block by block instead. */
int ext4_index_find(struct ext4_inode *directory, const char *name, size_t length,
		    struct ext4_found *found);
int ext4_index_add(struct journal_handle *handle, struct ext4_inode *directory, const char *name,
		   size_t length, u32 ino, u32 mode);
int ext4_index_make(struct journal_handle *handle, struct ext4_inode *directory);
int ext4_index_readdir(struct ext4_inode *directory, s64 position, struct directory_sink *sink);
bool ext4_is_indexed(const struct ext4_inode *directory);

/* ---- file.c, write.c, truncate.c, preallocate.c ---- */
extern const struct object_operations ext4_object_operations;
/* Free the blocks beyond @size, which is at most disk_size, in as many handles as it takes. */
int ext4_truncate(struct ext4_inode *inode, u64 size);
/* Page @index will be written: promise blocks where it has none. The object is locked. */
int ext4_make_dirty(struct memory_object *object, u64 index);
void ext4_drop_dirty(struct memory_object *object, u64 index);
void ext4_delayed_drop(struct ext4_inode *inode, u64 first, u64 last);
/* [map] The first delayed page from @index on; ~0: none. */
u64 ext4_delayed_next(struct ext4_inode *inode, u64 index);
int ext4_file_sync(struct vnode *vnode, bool data_only);
int ext4_allocate(struct vnode *vnode, int mode, u64 start, u64 size);
s64 ext4_seek_data(struct vnode *vnode, u64 offset, bool hole);
/* [vnode] Free the blocks [first, end) of the file, whose pages are gone, in as many handles as it takes. */
int ext4_remove_blocks(struct ext4_inode *inode, u64 first, u64 end);
/*
 * [vnode] shift.c: take [start, start + size) out of the file, or put a hole of @size at @start, and move what is behind.
 * -EINVAL: not whole blocks, or past the end; -EFBIG.
 */
int ext4_collapse(struct ext4_inode *inode, u64 start, u64 size);
int ext4_insert(struct ext4_inode *inode, u64 start, u64 size);

/* ---- flags.c: chattr(1), filefrag(8) ---- */
u32 ext4_flags_get(struct vnode *vnode);
int ext4_flags_set(struct vnode *vnode, u32 flags);
int ext4_extent_next(struct vnode *vnode, u64 offset, struct file_extent *extent);
/* A change of names in @directory is done: chattr +D and +S want it on the disk. No handle is open. */
int ext4_directory_settle(struct vnode *directory);

/* ---- xattr.c ---- */
ssize_t ext4_xattr_get(struct vnode *vnode, const char *name, void *buffer, size_t size);
int ext4_xattr_set(struct vnode *vnode, const char *name, const void *value, size_t size,
		   int flags);
ssize_t ext4_xattr_list(struct vnode *vnode, char *buffer, size_t size);
/* The inode is going: drop its block. */
int ext4_xattr_free(struct journal_handle *handle, struct ext4_inode *inode);
/* The value that continues an inline file or directory. */
ssize_t ext4_xattr_system_data(struct ext4_inode *inode, void *buffer, size_t size);
/* inline.c: the value that continues an inline file or directory; its length, 0 when there is none. */
ssize_t ext4_inline_read(struct ext4_inode *inode, u64 offset, void *to, size_t size);
int ext4_inline_find(struct ext4_inode *directory, const char *name, size_t length, u32 *ino);
int ext4_inline_readdir(struct ext4_inode *directory, s64 position, struct directory_sink *sink);

/* ---- namei.c, rename.c, readdir.c: the directories are locked by the VFS ---- */
/* One more subdirectory, or one less: one that has more than it can count says 1 (dir_nlink). -EMLINK. */
int ext4_links_more(struct vnode *directory);
void ext4_links_fewer(struct vnode *directory);
/* A name of @directory changed: its times, and its inode stored. */
int ext4_directory_touch(struct journal_handle *handle, struct vnode *directory);
/* 0; -ENOTEMPTY. */
int ext4_check_removable(struct ext4_inode *victim);
/* Where the name lies that leads to @expected; anything else is -EUCLEAN. */
int ext4_name_find_exactly(struct vnode *directory, const char *name, size_t length,
			   const struct vnode *expected, struct ext4_found *found);
int ext4_name_remove(struct journal_handle *handle, struct vnode *directory,
		     const struct ext4_found *found);
/* A name of @inode is gone; the last one makes it an orphan. */
int ext4_name_drop(struct journal_handle *handle, struct ext4_inode *inode);
/* After -ENOSPC: what was freed lately is there after a commit. *@tries counts. */
bool ext4_try_again(struct ext4 *ext4, int error, unsigned *tries);
int ext4_rename(struct vnode *from, const char *from_name, size_t from_length, struct vnode *moved,
		struct vnode *to, const char *to_name, size_t to_length, struct vnode *victim,
		bool exchange);
int ext4_readdir(struct vnode *directory, s64 position, struct directory_sink *sink);
extern const struct vnode_operations ext4_directory_operations, ext4_file_operations,
	ext4_link_operations, ext4_special_operations;
void ext4_register(void);
void ext4_inode_table_free(struct ext4 *ext4);
/* flusher.c: a thread that stores times and commits every few seconds. */
void ext4_flusher_start(struct ext4 *ext4);
void ext4_flusher_stop(struct ext4 *ext4);
