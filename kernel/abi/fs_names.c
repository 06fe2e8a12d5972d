/* Names and places: mkdir(2) … rename(2), chdir(2), mount(2), and listing directories. */
#include <abi/fs.h>
#include <abi/handler.h>
#include <arch/user.h>
#include <fs/file.h>
#include <lib/err.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/process.h>

enum {
	MS_REC = 16384,
	MS_PRIVATE = 1 << 18,
	MS_SLAVE = 1 << 19,
	MS_SHARED = 1 << 20,
	MS_SILENT = 1 << 15,
	UMOUNT_NOFOLLOW = 8
};
#define MS_MAGIC_MASK 0xffff0000u
#define MS_MAGIC      0xc0ed0000u

SYSCALL_4(sys_mknodat, dirfd, name, mode, device)
{
	struct path_buffer path;
	int error = path_buffer_fill(&path, name, false);

	if (error)
		return error;
	error = path_mknod((int)dirfd, path.text, mode, (u32)device);
	path_buffer_free(&path);
	return error;
}

SYSCALL_3(sys_mkdirat, dirfd, name, mode)
{
	struct path_buffer path;
	int error = path_buffer_fill(&path, name, false);

	if (error)
		return error;
	error = path_mkdir((int)dirfd, path.text, mode);
	path_buffer_free(&path);
	return error;
}

SYSCALL_3(sys_unlinkat, dirfd, name, flags)
{
	struct path_buffer path;
	int error;

	if ((u32)flags & ~AT_REMOVEDIR)
		return -EINVAL;
	error = path_buffer_fill(&path, name, false);
	if (error)
		return error;
	error = path_unlink((int)dirfd, path.text, flags & AT_REMOVEDIR);
	path_buffer_free(&path);
	return error;
}

/* Two names from a program. */
static int names_in(struct path_buffer *first, vaddr_t first_name, struct path_buffer *second,
		    vaddr_t second_name, bool empty)
{
	int error = path_buffer_fill(first, first_name, empty);

	if (error)
		return error;
	error = path_buffer_fill(second, second_name, false);
	if (error)
		path_buffer_free(first);
	return error;
}

static void names_free(struct path_buffer *first, struct path_buffer *second)
{
	path_buffer_free(first);
	path_buffer_free(second);
}

SYSCALL_3(sys_symlinkat, target, dirfd, name)
{
	struct path_buffer text, path;
	int error = names_in(&text, target, &path, name, false);

	if (error)
		return error;
	error = path_symlink(text.text, (int)dirfd, path.text);
	names_free(&text, &path);
	return error;
}

SYSCALL_5(sys_linkat, from_fd, from, to_fd, to, flags)
{
	struct path_buffer old, new;
	int error;

	if ((u32)flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	error = names_in(&old, from, &new, to, flags & AT_EMPTY_PATH);
	if (error)
		return error;
	/* A descriptor that came from elsewhere must not become a name: CAP_DAC_READ_SEARCH. */
	error = !*old.text && !fs_is_privileged()
			? -ENOENT
			: path_link((int)from_fd, old.text, (int)to_fd, new.text, flags);
	names_free(&old, &new);
	return error;
}

static long rename_at(int from_fd, vaddr_t from, int to_fd, vaddr_t to, u32 flags)
{
	struct path_buffer old, new;
	int error = names_in(&old, from, &new, to, false);

	if (error)
		return error;
	error = path_rename(from_fd, old.text, to_fd, new.text, flags);
	names_free(&old, &new);
	return error;
}

SYSCALL_4(sys_renameat, from_fd, from, to_fd, to)
{
	return rename_at((int)from_fd, from, (int)to_fd, to, 0);
}

SYSCALL_5(sys_renameat2, from_fd, from, to_fd, to, flags)
{
	return rename_at((int)from_fd, from, (int)to_fd, to, flags);
}

/* A directory that may be searched; its reference goes into the process. */
static long change_directory(struct path *path, void (*set)(const struct path *))
{
	int error = vnode_permission(path_vnode(path), 1);

	if (error)
		path_put(path);
	else
		set(path);
	return error;
}

SYSCALL_1(sys_chdir, name)
{
	struct path path;
	int error = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	return error ? error : change_directory(&path, path_set_cwd);
}

SYSCALL_1(sys_fchdir, fd)
{
	struct file_hold hold = file_hold_path((int)fd);
	struct path path;
	int error = 0;

	if (!hold.file)
		return -EBADF;
	if (!hold.file->vnode || !S_ISDIR(hold.file->vnode->mode))
		error = -ENOTDIR;
	if (!error) {
		path = hold.file->path;
		path_get(&path);
	}
	file_release(hold);
	return error ? error : change_directory(&path, path_set_cwd);
}

SYSCALL_1(sys_chroot, name)
{
	struct path path;
	int error = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (error)
		return error;
	if (!fs_is_privileged()) {
		path_put(&path);
		return -EPERM;
	}
	return change_directory(&path, path_set_root);
}

SYSCALL_2(sys_getcwd, to, size)
{
	char *page = kmalloc(PATH_MAX), *text;
	struct path cwd;
	long result;

	if (!page)
		return -ENOMEM;
	path_get_cwd(&cwd);
	text = path_text(&cwd, page, PATH_MAX);
	if (READ_ONCE(cwd.dentry->unhashed))
		result = -ENOENT;
	else if (IS_ERR(text))
		result = PTR_ERR(text);
	else
		result = strlen(text) + 1;
	if (result > 0 && (u64)result > size)
		result = -ERANGE;
	if (result > 0 && copy_out(to, text, result))
		result = -EFAULT;
	path_put(&cwd);
	kfree(page);
	return result;
}

SYSCALL_1(sys_umask, mask)
{
	struct directory_context *context = process_current()->directory;
	u32 old;

	spin_lock(&context->lock);
	old = context->umask;
	WRITE_ONCE(context->umask, mask & 0777);
	spin_unlock(&context->lock);
	return old;
}

struct mount_strings {
	char *source, *type, *data; /* kmalloc'ed; NULL: none was given */
};

static int optional_string(vaddr_t from, char **text)
{
	ssize_t length;

	*text = NULL;
	if (!from)
		return 0;
	*text = kmalloc(PAGE_SIZE);
	if (!*text)
		return -ENOMEM;
	length = string_in(*text, from, PAGE_SIZE);
	if (length >= 0)
		return 0;
	kfree(*text);
	*text = NULL;
	return length == -ENAMETOOLONG ? -EINVAL : length;
}

static void strings_free(struct mount_strings *strings)
{
	kfree(strings->source);
	kfree(strings->type);
	kfree(strings->data);
}

static int strings_in(struct mount_strings *strings, vaddr_t source, vaddr_t type, vaddr_t data)
{
	int error;

	*strings = (struct mount_strings){ 0 };
	error = optional_string(type, &strings->type);
	if (!error)
		error = optional_string(source, &strings->source);
	if (!error)
		error = optional_string(data, &strings->data);
	if (error)
		strings_free(strings);
	return error;
}

typedef int place(const struct path *from, const struct path *to);

static int with_source(const char *source, const struct path *where, place *function)
{
	struct path from;
	int error;

	if (!source || !*source)
		return -EINVAL;
	error = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &from);
	if (error)
		return error;
	error = function(&from, where);
	path_put(&from);
	return error;
}

/*
 * Every mount is private, a slave of nobody. Shared ones, which would pass mounts on to each other, do not
 * exist.
 */
static int change_propagation(const struct path *where, u32 flags)
{
	u32 kind = flags & ~(u32)(MS_REC | MS_SILENT);

	if (kind != MS_PRIVATE && kind != MS_SLAVE && kind != MS_UNBINDABLE)
		return -EINVAL;
	return mount_set_unbindable(where, kind == MS_UNBINDABLE);
}

static int do_mount(const struct path *where, const struct mount_strings *strings, u32 flags)
{
	struct file_system_type *type;

	if (flags & MS_REMOUNT)
		return mount_change_flags(where, flags, strings->data ? strings->data : "");
	if (flags & MS_BIND)
		return with_source(strings->source, where,
				   flags & MS_REC ? mount_bind_tree : mount_bind);
	if (flags & (MS_PRIVATE | MS_SLAVE | MS_SHARED | MS_UNBINDABLE))
		return change_propagation(where, flags);
	if (flags & MS_MOVE)
		return with_source(strings->source, where, mount_move);
	if (!strings->type)
		return -EINVAL;
	type = file_system_find(strings->type);
	if (!type)
		return -ENODEV;
	return mount_at(where, type, strings->source ? strings->source : "none",
			strings->data ? strings->data : "", flags);
}

SYSCALL_5(sys_mount, source, target, type, flags, data)
{
	struct mount_strings strings;
	struct path where;
	int error = strings_in(&strings, source, type, data);

	if (error)
		return error;
	if ((flags & MS_MAGIC_MASK) == MS_MAGIC)
		flags &= ~(unsigned long)MS_MAGIC_MASK;
	error = path_lookup_user(AT_FDCWD, target, LOOKUP_FOLLOW, &where);
	if (!error) {
		error = fs_is_privileged() ? do_mount(&where, &strings, flags) : -EPERM;
		path_put(&where);
	}
	strings_free(&strings);
	return error;
}

SYSCALL_2(sys_umount2, name, flags)
{
	struct path where;
	int error;

	if (!fs_is_privileged())
		return -EPERM;
	/* Idle names must not look like use. */
	dentry_cache_shrink(~0ull);
	error = path_lookup_user(AT_FDCWD, name, flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW,
				 &where);
	if (error)
		return error;
	error = mount_remove(&where, (int)flags);
	path_put(&where);
	return error;
}

/* getdents64(2): struct linux_dirent64, each record a multiple of 8 bytes. */
struct entry_record {
	u64 ino;
	s64 next;
	u16 size;
	u8 type;
	char name[261];
};
enum { ENTRY_HEAD = offsetof(struct entry_record, name) };

struct entry_sink {
	struct directory_sink sink;
	vaddr_t to;
	u64 left;
	s64 position; /* after the last entry */
	int error;
	struct entry_record record;
};

static bool emit(struct directory_sink *base, const char *name, size_t length, u64 ino, u32 type,
		 s64 next)
{
	struct entry_sink *sink = container_of(base, struct entry_sink, sink);
	size_t size = ALIGN_UP(ENTRY_HEAD + length + 1, 8);
	struct entry_record *record = &sink->record;

	if (size > sink->left) {
		sink->error = -EINVAL;
		return false;
	}
	*(u64 *)((u8 *)record + size - 8) = 0;
	record->ino = ino;
	record->next = next;
	record->size = size;
	record->type = type;
	memcpy(record->name, name, length);
	if (copy_out(sink->to, record, size)) {
		sink->error = -EFAULT;
		return false;
	}
	sink->to += size;
	sink->left -= size;
	sink->position = next;
	return true;
}

static long list(struct file *file, vaddr_t to, u64 size)
{
	struct entry_sink sink = { .sink.emit = emit, .to = to, .left = size };
	int error;

	mutex_lock(&file->position_lock);
	sink.position = file->position;
	error = file_readdir(file, &sink.sink);
	file->position = sink.position;
	mutex_unlock(&file->position_lock);
	if (sink.left < size)
		return size - sink.left;
	return error ? error : sink.error;
}

SYSCALL_3(sys_getdents64, fd, to, size)
{
	struct file_hold hold = file_hold((int)fd);
	long result;

	if (!hold.file)
		return -EBADF;
	result = list(hold.file, to, MIN((u64)(u32)size, (u64)TRANSFER_MAX));
	file_release(hold);
	return result;
}
