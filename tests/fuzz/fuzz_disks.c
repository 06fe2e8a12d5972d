// sources: fs/ext4/[a-hj-z]*.c fs/ext4/in[dlo]*.c fs/fat/[a-hj-z]*.c fs/fat/inode.c
// sources: kernel/lib/crc32c.c kernel/lib/bitmap.c kernel/lib/radix.c kernel/lib/rbtree.c
// sources: fs/vnode_table.c fs/mount_option.c kernel/lib/sort.c kernel/lib/strlcpy.c kernel/lib/parse.c
// flags: -Iarch/host/include -Itests/host -Wno-unused-function
/*
 * Disks that somebody has tampered with: the first byte chooses an image that mke2fs or mkfs.vfat
 * has made, the rest is a list of places and bytes to be put there. It is mounted, walked, read,
 * written and unmounted: errors, never more.
 */
#include <fs/ext4/ext4.h>
#include <fs/fat/fat.h>

#include "fs_calls.h"

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATCH = 5, DEPTH = 4, NAMES = 40 };

static const struct format {
	const char *type, *command;
} formats[] = {
	{ "ext4", "mke2fs -q -F -t ext4 -b 1024 -O ^metadata_csum,^has_journal -N 64 -d %s %s 1M" },
	{ "ext4", "mke2fs -q -F -t ext4 -b 1024 -O ^metadata_csum -J size=1 -N 64 -d %s %s 4M" },
	{ "ext4", "mke2fs -q -F -t ext2 -b 1024 -N 64 -d %s %s 1M" },
	{ "vfat", "mkfs.vfat -C %2$s 1440 && mcopy -s -i %2$s %1$s/* ::" },
	/* One whose journal is to be replayed. */
	{ "ext4",
	  "mke2fs -q -F -t ext4 -b 1024 -O ^metadata_csum -J size=1 -N 64 -d %1$s %2$s 4M && "
	  "head -c 4096 /dev/zero >%2$s.log && printf 'jo\njw -b 3900-3903 %2$s.log\n"
	  "jw -b 3904 -r 3901 %2$s.log\njc\n' | debugfs -w -f - %2$s" },
};
static struct {
	u8 *bytes;
	size_t size, log; /* bytes; where the log is, 0: nowhere */
} images[ARRAY_SIZE(formats)];

/* The first block of a journal. */
static size_t log_find(const u8 *image, size_t size)
{
	for (size_t at = 0; at + 1024 <= size; at += 1024)
		if (!memcmp(image + at, "\xc0\x3b\x39\x98", 4))
			return at;
	return 0;
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	const char *tree = "build/fuzz/tree", *image = "build/fuzz/disk.img";
	char command[600], made[400];

	ext4_register();
	fat_register();
	snprintf(command, sizeof(command),
		 "rm -rf %s; mkdir -p %s/a/b && cd %s && seq 9999 >numbers && echo x >a/b/x && "
		 "for i in $(seq 40); do echo $i >a/name-$i; done",
		 tree, tree, tree);
	if (system(command))
		abort();
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
		snprintf(made, sizeof(made), formats[i].command, tree, image);
		snprintf(command, sizeof(command), "rm -f %s; (%s) >/dev/null 2>&1", image, made);
		if (system(command))
			abort();
		port_disk_load(image);
		images[i].bytes = port_image;
		images[i].size = port_disk.size;
		port_image = NULL;
		images[i].log = log_find(images[i].bytes, images[i].size);
	}
	return 0;
}

/* What a directory holds, noted while it is listed. */
struct names {
	unsigned count;
	char name[NAMES][256];
};

static void note(const char *name, size_t length, u64 ino, u32 type, void *context)
{
	struct names *names = context;

	if (names->count < NAMES && length < 256 && name[0] != '.')
		snprintf(names->name[names->count++], 256, "%.*s", (int)length, name);
}

/* Holes, extents and flags. */
static void look_at(struct vnode *vnode)
{
	struct file_extent extent = { 0 };

	if (vnode->operations->seek_data) {
		vnode->operations->seek_data(vnode, 0, true);
		vnode->operations->seek_data(vnode, vnode->size / 2, false);
	}
	for (unsigned i = 0; i < NAMES && vnode->operations->extent_next; i++)
		if (vnode->operations->extent_next(vnode, extent.offset + extent.size, &extent) <=
		    0)
			break;
	if (vnode->operations->flags_set)
		vnode->operations->flags_set(vnode,
					     vnode->operations->flags_get(vnode) ^ VNODE_SYNC);
}

static void walk(const char *path, unsigned depth)
{
	struct names *names = calloc(1, sizeof(*names));
	static char bytes[20000];

	call_list(path, 100, note, names);
	for (unsigned i = 0; i < names->count; i++) {
		char below[1100];
		struct vnode *vnode;

		snprintf(below, sizeof(below), "%s/%s", path, names->name[i]);
		if (strlen(below) > 900 || call_walk(below, &vnode))
			continue;
		if (vnode->operations->readlink)
			vnode->operations->readlink(vnode, bytes, sizeof(bytes));
		if (vnode->operations->xattr_list)
			vnode->operations->xattr_list(vnode, bytes, sizeof(bytes));
		vnode_read_at(vnode, 0, bytes, sizeof(bytes));
		look_at(vnode);
		if (vnode->size > 1 << 20)
			vnode_read_at(vnode, vnode->size - 5000, bytes, 5000);
		if (S_ISDIR(vnode->mode) && depth)
			walk(below, depth - 1);
		vnode_put(vnode);
	}
	free(names);
}

static void change(void)
{
	static char bytes[9000];
	u64 trimmed = 0;

	call_create("new", S_IFREG | 0644);
	call_write("new", 0, bytes, sizeof(bytes));
	call_write("numbers", 30000, bytes, sizeof(bytes));
	call_create("a/dir", S_IFDIR | 0755);
	call_rename("a/name-7", "a/dir/other", false);
	call_rename("a/b", "b", false);
	call_fsync("numbers");
	call_unlink("a/name-3");
	call_unlink("b/x");
	call_unlink("b");
	call_truncate("numbers", 10);
	call_unlink("numbers");
	call_sync();
	if (port_system->trim)
		port_system->trim(port_system, 0, ~(u64)0, 0, &trimmed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned which = size ? data[0] % ARRAY_SIZE(formats) : 0;

	free(port_image);
	port_image = malloc(images[which].size);
	memcpy(port_image, images[which].bytes, images[which].size);
	port_disk = (struct block_device){ .name = "disk",
					   .size = images[which].size,
					   .sector_size = 512,
					   .disk = &port_disk,
					   .features = BLOCK_HAS_DISCARD };
	for (size_t i = 1; i + PATCH <= size; i += PATCH) {
		u32 at = data[i] | data[i + 1] << 8 | (u32)data[i + 2] << 16;

		/* Most of what matters is at the front, or in the first blocks of the log. */
		if (data[i + 4] & 2 && images[which].log)
			at = images[which].log + at % 12288;
		else
			at %= data[i + 4] & 1 ? images[which].size
					      : MIN(images[which].size, 65536ul);
		port_image[at] = data[i + 3];
	}
	check_name = "fuzz";
	if (port_mount(formats[which].type, 0)) {
		port_buffers_drop();
		return 0;
	}
	walk("", DEPTH);
	change();
	port_write_all();
	vnode_put(port_system->root);
	port_system->unmount(port_system);
	if (port_buffers_drop())
		abort();
	return 0;
}
