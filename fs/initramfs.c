/* The root's first contents: one or more newc archives, plain or gzip, behind each other. */
#include <arch/mmu.h>
#include <boot/memory.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <fs/file.h>
#include <fs/initramfs.h>
#include <fs/root.h>
#include <lib/cpio.h>
#include <lib/err.h>
#include <lib/inflate.h>
#include <lib/list.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>

/* A file that has more names: the later ones become links to the first. */
struct linked_file {
	struct list_node link;
	u32 archive, inode;
	char path[];
};

struct unpack {
	struct cpio_reader reader;
	struct file *file; /* being written */
	struct cpio_entry entry;
	char name[CPIO_NAME_MAX];
	char target[PATH_MAX]; /* of a symbolic link, so far */
	size_t target_length;
	struct list_node linked;
	const char *failed; /* what could not be made */
	u64 files;
};

/* The directories on the way to @name, which archives may leave out. */
static int make_parents(char *name)
{
	int error = 0;

	for (char *slash = strchr(name, '/'); slash && !error; slash = strchr(slash + 1, '/')) {
		if (slash == name)
			continue;
		*slash = '\0';
		error = path_mkdir(AT_FDCWD, name, 0755);
		*slash = '/';
		if (error == -EEXIST)
			error = 0;
	}
	return error;
}

static int with_parents(int error, char *name)
{
	return error == -ENOENT ? make_parents(name) : error;
}

static struct linked_file *find_linked(struct unpack *unpack)
{
	struct linked_file *linked;

	list_for_each_entry(linked, &unpack->linked, link)
		if (linked->inode == unpack->entry.inode &&
		    linked->archive == unpack->entry.archive)
			return linked;
	return NULL;
}

static int remember_linked(struct unpack *unpack)
{
	size_t size = strlen(unpack->name) + 1;
	struct linked_file *linked = kmalloc(sizeof(*linked) + size);

	if (!linked)
		return -ENOMEM;
	linked->archive = unpack->entry.archive;
	linked->inode = unpack->entry.inode;
	memcpy(linked->path, unpack->name, size);
	list_add_tail(&unpack->linked, &linked->link);
	return 0;
}

/* What an earlier archive left under the same name goes, unless both are directories. */
static int clear_place(struct unpack *unpack)
{
	struct path place;
	bool directory;
	int error = path_lookup(AT_FDCWD, unpack->name, 0, &place);

	if (error == -ENOENT)
		return make_parents(unpack->name);
	if (error)
		return error;
	directory = S_ISDIR(path_vnode(&place)->mode);
	path_put(&place);
	if (directory && S_ISDIR(unpack->entry.mode))
		return 0;
	return path_unlink(AT_FDCWD, unpack->name, directory);
}

static int open_regular(struct unpack *unpack)
{
	struct linked_file *linked = unpack->entry.links > 1 ? find_linked(unpack) : NULL;
	u32 flags = O_WRONLY | O_CREAT | O_TRUNC;
	int error = clear_place(unpack);

	if (!error && linked)
		error = path_link(AT_FDCWD, linked->path, AT_FDCWD, unpack->name, 0);
	else if (!error && unpack->entry.links > 1)
		error = remember_linked(unpack);
	if (error)
		return error;
	/* Only one of the names comes with the contents. */
	if (linked && !unpack->entry.size)
		return 0;
	unpack->file = file_open(AT_FDCWD, unpack->name, flags, 0600);
	error = PTR_ERR_OR_ZERO(unpack->file);
	if (error)
		unpack->file = NULL;
	return error;
}

static int make_node(struct unpack *unpack)
{
	const struct cpio_entry *entry = &unpack->entry;
	int error = clear_place(unpack);

	if (error)
		return error;
	if (!S_ISDIR(entry->mode))
		return path_mknod(AT_FDCWD, unpack->name, entry->mode & (S_IFMT | 07777),
				  DEVICE_NUMBER(entry->rdev_major, entry->rdev_minor));
	error = path_mkdir(AT_FDCWD, unpack->name, 0700);
	return error == -EEXIST ? 0 : error;
}

static int begin_entry(void *context, const struct cpio_entry *entry)
{
	struct unpack *unpack = context;
	const char *name = entry->name;
	int error;

	while (*name == '/' || (name[0] == '.' && name[1] == '/'))
		name++;
	unpack->entry = *entry;
	strlcpy(unpack->name, *name && !string_equal(name, ".") ? name : "/", sizeof(unpack->name));
	unpack->target_length = 0;
	unpack->file = NULL;
	if (S_ISLNK(entry->mode))
		return with_parents(entry->size < PATH_MAX ? 0 : -ENAMETOOLONG, unpack->name);
	if (string_equal(unpack->name, "/"))
		return 0;
	error = S_ISREG(entry->mode) ? open_regular(unpack) : make_node(unpack);
	if (error)
		unpack->failed = unpack->name;
	return error;
}

static int take_data(void *context, const void *data, size_t size)
{
	struct unpack *unpack = context;
	struct io_iterator iterator;
	ssize_t done;

	if (S_ISLNK(unpack->entry.mode)) {
		memcpy(unpack->target + unpack->target_length, data, size);
		unpack->target_length += size;
		return 0;
	}
	if (!unpack->file)
		return 0;
	io_kernel(&iterator, (void *)(uintptr_t)data, size, false);
	done = file_write_here(unpack->file, &iterator);
	if (done == (ssize_t)size)
		return 0;
	unpack->failed = unpack->name;
	return done < 0 ? (int)done : -ENOSPC;
}

static int make_symlink(struct unpack *unpack)
{
	int error = clear_place(unpack);

	unpack->target[unpack->target_length] = '\0';
	return error ? error : path_symlink(unpack->target, AT_FDCWD, unpack->name);
}

static int set_attributes(struct unpack *unpack)
{
	const struct cpio_entry *entry = &unpack->entry;
	struct vnode_change change = {
		.which = ATTR_UID | ATTR_GID | ATTR_MTIME | ATTR_ATIME,
		.uid = entry->uid,
		.gid = entry->gid,
		.access = entry->mtime * 1000000000ll,
		.modify = entry->mtime * 1000000000ll,
	};
	struct vnode_change mode = { .which = ATTR_MODE, .mode = entry->mode & 07777 };
	struct path place;
	int error = path_lookup(AT_FDCWD, unpack->name, 0, &place);

	if (error)
		return error;
	error = path_change(&place, &change);
	/* Afterwards: a change of owner takes set-id bits away. */
	if (!error && !S_ISLNK(entry->mode))
		error = path_change(&place, &mode);
	path_put(&place);
	return error;
}

static int end_entry(void *context)
{
	struct unpack *unpack = context;
	int error = 0;

	if (unpack->file) {
		file_put(unpack->file);
		unpack->file = NULL;
	}
	if (S_ISLNK(unpack->entry.mode))
		error = make_symlink(unpack);
	if (!error)
		error = set_attributes(unpack);
	if (error)
		unpack->failed = unpack->name;
	unpack->files++;
	return error;
}

static const struct cpio_handler handler = { begin_entry, take_data, end_entry };

static __noreturn void refuse(struct unpack *unpack, int error, u64 offset, const char *cause)
{
	if (unpack->failed)
		boot_failure("initramfs: cannot make /%s: error %d", unpack->failed, -error);
	if (cause)
		boot_failure("initramfs is corrupt at byte %llu: %s", (unsigned long long)offset,
			     cause);
	boot_failure("initramfs: error %d at byte %llu", -error, (unsigned long long)offset);
}

static int feed(void *context, const void *data, size_t size)
{
	struct unpack *unpack = context;

	return cpio_feed(&unpack->reader, data, size);
}

/* One gzip member at @offset of the whole: its length. */
static size_t unpack_gzip(struct unpack *unpack, const u8 *data, size_t size, u64 offset)
{
	struct inflate *inflate = kmalloc(sizeof(*inflate));
	size_t used = 0;
	int error;

	if (!inflate)
		boot_failure("initramfs: no memory to decompress it");
	error = inflate_gzip(inflate, data, size, feed, unpack, &used);
	if (error && unpack->reader.error)
		refuse(unpack, error, unpack->reader.error_offset, unpack->reader.cause);
	if (error)
		refuse(unpack, error, offset, inflate->cause);
	kfree(inflate);
	return used;
}

/* Where the next gzip member starts in a plain part: archives are padded, so it is at a word. */
static size_t plain_length(const u8 *data, size_t size)
{
	size_t at = 0;

	while (at < size && !data[at])
		at++;
	if (at == size || inflate_is_gzip(data + at, size - at))
		return at;
	return size;
}

static void unpack_all(struct unpack *unpack, const u8 *data, size_t size)
{
	size_t at = 0;
	int error;

	while (at < size) {
		size_t part;

		if (inflate_is_gzip(data + at, size - at)) {
			at += unpack_gzip(unpack, data + at, size - at, at);
			continue;
		}
		part = plain_length(data + at, size - at);
		error = cpio_feed(&unpack->reader, data + at, part);
		if (error)
			refuse(unpack, error, unpack->reader.error_offset, unpack->reader.cause);
		at += part;
	}
	error = cpio_finish(&unpack->reader);
	if (error)
		refuse(unpack, error, unpack->reader.error_offset, unpack->reader.cause);
}

/* What an archive may leave out and a program's first three descriptors need. */
static void make_console(void)
{
	path_mkdir(AT_FDCWD, "/dev", 0755);
	path_mknod(AT_FDCWD, "/dev/console", S_IFCHR | 0600, DEVICE_NUMBER(5, 1));
	path_mkdir(AT_FDCWD, "/root", 0700);
}

void initramfs_unpack(void)
{
	paddr_t start = boot_memory.initrd_start, end = boot_memory.initrd_end;
	struct unpack *unpack;

	make_console();
	if (start >= end && root_is_named())
		return;
	if (start >= end)
		boot_failure(
			"no initramfs: give one with -initrd, or /chosen/linux,initrd-start, or a "
			"disk with root=");
	unpack = kzalloc(sizeof(*unpack));
	if (!unpack)
		boot_failure("initramfs: no memory to unpack it");
	list_init(&unpack->linked);
	cpio_init(&unpack->reader, &handler, unpack);
	unpack_all(unpack, direct_map(start), end - start);
	log_info("initramfs: %llu files, %llu KiB", (unsigned long long)unpack->files,
		 (unsigned long long)(end - start) / 1024);
	while (!list_empty(&unpack->linked)) {
		struct linked_file *linked =
			list_first_entry(&unpack->linked, struct linked_file, link);

		list_remove(&linked->link);
		kfree(linked);
	}
	kfree(unpack);
	frame_add_range(start, end);
}
