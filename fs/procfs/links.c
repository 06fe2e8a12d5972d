/* Links of a process to files: exe, cwd, root, and its open descriptors. */
#include <fs/procfs/procfs.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <proc/process.h>

s32 proc_fd_next(const struct proc_subject *subject, s32 after)
{
	struct file_table *files = process_files(subject->process);
	s32 fd = -1;

	if (files) {
		fd = fd_next(files, after + 1);
		file_table_put(files);
	}
	return fd;
}

static struct file *subject_file(const struct proc_subject *subject)
{
	struct file_table *files = process_files(subject->process);
	struct file *file = NULL;

	if (files) {
		file = fd_get_from(files, subject->fd);
		file_table_put(files);
	}
	return file;
}

static int follow_fd(const struct proc_subject *subject, struct path *target)
{
	struct file *file = subject_file(subject);
	int error = -ENOENT;

	if (file && file->path.dentry) {
		*target = file->path;
		path_get(target);
		error = 0;
	}
	if (file)
		file_put(file);
	return error;
}

int proc_follow_exe(const struct proc_subject *subject, struct path *target)
{
	struct file *file = process_executable(subject->process);

	if (!file)
		return -ENOENT;
	*target = file->path;
	path_get(target);
	file_put(file);
	return 0;
}

static int follow_context(const struct proc_subject *subject, struct path *target, bool root)
{
	struct directory_context *context = process_directory(subject->process);

	if (!context)
		return -ENOENT;
	spin_lock(&context->lock);
	*target = root ? context->root : context->cwd;
	path_get(target);
	spin_unlock(&context->lock);
	directory_context_put(context);
	return 0;
}

int proc_follow_cwd(const struct proc_subject *subject, struct path *target)
{
	return follow_context(subject, target, false);
}

int proc_follow_root(const struct proc_subject *subject, struct path *target)
{
	return follow_context(subject, target, true);
}

static void show_fdinfo(struct text *text, const struct proc_subject *subject)
{
	struct file_table *files = process_files(subject->process);
	struct file *file = files ? fd_get_from(files, subject->fd) : NULL;
	u32 flags;

	if (file) {
		flags = file->flags & ~(u32)(FILE_EXECUTED | FILE_WRITER);
		if (fd_get_close_on_exec(files, subject->fd) == 1)
			flags |= O_CLOEXEC;
		text_format(text, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n",
			    (long)file->position, flags,
			    file->path.mount ? file->path.mount->id : 0,
			    file->vnode ? (unsigned long)file->vnode->ino : 0);
		if (file->operations->describe)
			file->operations->describe(file, text);
		file_put(file);
	}
	if (files)
		file_table_put(files);
}

const struct proc_entry proc_fd_member = { .mode = S_IFLNK | 0700,
					   .private = true,
					   .follow = follow_fd };
const struct proc_entry proc_fdinfo_member = {
	.mode = S_IFREG | 0400,
	.private = true,
	.show = show_fdinfo,
};
