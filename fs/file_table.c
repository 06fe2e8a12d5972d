/* File descriptors. */
#include <fs/file.h>
#include <lib/bitmap.h>
#include <lib/err.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/process.h>

enum { TABLE_INLINE = 64, TABLE_MAX = 1 << 20 };

/*
 * open has a bit for each descriptor that is in use or reserved; files holds NULL for a reserved
 * one. The file under each descriptor carries one reference.
 */
struct file_table {
	struct atomic32 references;
	struct spinlock lock;	   /* RANK_PROCESS */
	unsigned size;		   /* [lock] a multiple of 64 */
	unsigned free_from;	   /* [lock] no free descriptor is below */
	struct file **files;	   /* [lock] */
	u64 *open, *close_on_exec; /* [lock] */
	u64 inline_open[TABLE_INLINE / 64], inline_close_on_exec[TABLE_INLINE / 64];
	struct file *inline_files[TABLE_INLINE];
};

static SLAB_CACHE(table_cache, struct file_table);

struct file_table *file_table_create(void)
{
	struct file_table *table = slab_alloc_zeroed(&table_cache);

	if (!table)
		return NULL;
	atomic32_set(&table->references, 1);
	spin_init(&table->lock, RANK_PROCESS);
	table->size = TABLE_INLINE;
	table->files = table->inline_files;
	table->open = table->inline_open;
	table->close_on_exec = table->inline_close_on_exec;
	return table;
}

struct file_table *file_table_empty(void)
{
	return file_table_create();
}

/* One block for the three arrays; NULL: no memory. */
static void *arrays_alloc(unsigned size)
{
	return kzalloc(size * sizeof(struct file *) + size / 64 * 2 * sizeof(u64));
}

static void arrays_use(struct file_table *table, void *arrays, unsigned size)
{
	table->files = arrays;
	table->open = (u64 *)(table->files + size);
	table->close_on_exec = table->open + size / 64;
	table->size = size;
}

/* [lock] The first @size descriptors, whole words of the bitmaps. */
static void arrays_copy(struct file_table *to, const struct file_table *from, unsigned size)
{
	memcpy(to->files, from->files, size * sizeof(*to->files));
	memcpy(to->open, from->open, size / 8);
	memcpy(to->close_on_exec, from->close_on_exec, size / 8);
}

/* [lock] All descriptors up to the last that is open; a table that was once large has few. */
static unsigned size_used(const struct file_table *table)
{
	unsigned words = table->size / 64;

	while (words > 1 && !table->open[words - 1])
		words--;
	return words * 64;
}

/* [lock], dropped meanwhile: room for descriptor @fd. */
static int table_grow(struct file_table *table, unsigned fd)
{
	unsigned size = table->size;
	struct file_table old;
	void *arrays;

	if (fd >= TABLE_MAX)
		return -EMFILE;
	while (size <= fd)
		size *= 2;
	spin_unlock(&table->lock);
	arrays = arrays_alloc(size);
	spin_lock(&table->lock);
	if (!arrays)
		return -ENOMEM;
	old = (struct file_table){ .files = table->files,
				   .open = table->open,
				   .close_on_exec = table->close_on_exec,
				   .size = table->size };
	if (old.size < size) {
		arrays_use(table, arrays, size);
		arrays_copy(table, &old, old.size);
		arrays = old.files == table->inline_files ? NULL : old.files;
	}
	kfree(arrays);
	return 0;
}

struct file_table *file_table_copy(struct file_table *from)
{
	struct file_table *table = file_table_create();
	unsigned size;
	size_t fd;
	int error = 0;

	if (!table)
		return NULL;
	spin_lock(&from->lock);
	while (size = size_used(from), !error && table->size < size) {
		spin_unlock(&from->lock);
		spin_lock(&table->lock);
		error = table_grow(table, size - 1);
		spin_unlock(&table->lock);
		spin_lock(&from->lock);
	}
	if (error) {
		spin_unlock(&from->lock);
		file_table_put(table);
		return NULL;
	}
	arrays_copy(table, from, size);
	table->free_from = from->free_from;
	bitmap_for_each(fd, table->open, size) {
		if (table->files[fd])
			file_get(table->files[fd]);
		else
			/* Reserved by a thread that is about to open it: not the child's affair. */
			bitmap_clear(table->open, fd);
	}
	spin_unlock(&from->lock);
	return table;
}

void file_table_get(struct file_table *table)
{
	atomic32_inc(&table->references);
}

/* The descriptor is out of the table; its reference goes. */
static void file_close(struct file_table *table, struct file *file)
{
	if (file->operations->flush)
		file->operations->flush(file, table);
	if (file->vnode && unlikely(file->vnode->locks) && !(file->flags & O_PATH))
		lock_drop_owner(file->vnode, table);
	file_put(file);
}

void file_table_put(struct file_table *table)
{
	size_t fd;

	if (!atomic32_dec_and_test(&table->references))
		return;
	bitmap_for_each(fd, table->open, table->size) {
		if (table->files[fd])
			file_close(table, table->files[fd]);
	}
	if (table->files != table->inline_files)
		kfree(table->files);
	slab_free(&table_cache, table);
}

unsigned file_table_size(const struct file_table *table)
{
	return READ_ONCE(table->size);
}

bool file_table_is_shared(const struct file_table *table)
{
	return atomic32_read(&table->references) > 1;
}

/* [lock] */
static struct file *table_take(struct file_table *table, unsigned fd)
{
	struct file *file = fd < table->size ? table->files[fd] : NULL;

	if (file) {
		table->files[fd] = NULL;
		bitmap_clear(table->open, fd);
		bitmap_clear(table->close_on_exec, fd);
		table->free_from = MIN(table->free_from, fd);
	}
	return file;
}

void file_table_close_on_exec(struct file_table *table)
{
	size_t fd;

	spin_lock(&table->lock);
	bitmap_for_each(fd, table->close_on_exec, table->size) {
		struct file *file = table_take(table, fd);

		if (!file)
			continue;
		spin_unlock(&table->lock);
		file_close(table, file);
		spin_lock(&table->lock);
	}
	spin_unlock(&table->lock);
}

static struct file *table_get(struct file_table *table, int fd, bool path_too)
{
	struct file *file = NULL;

	spin_lock(&table->lock);
	if ((unsigned)fd < table->size)
		file = table->files[fd];
	if (file && !path_too && file->flags & O_PATH)
		file = NULL;
	if (file)
		file_get(file);
	spin_unlock(&table->lock);
	return file;
}

struct file *fd_get(int fd)
{
	return table_get(process_current()->files, fd, false);
}

struct file *fd_get_path(int fd)
{
	return table_get(process_current()->files, fd, true);
}

struct file *fd_get_from(struct file_table *table, int fd)
{
	return table_get(table, fd, true);
}

/*
 * A table that one process with one thread has changes only by this thread's own calls: nobody can
 * close the descriptor during this one. Others that look (/proc) take a reference of the table and
 * read.
 */
static __noinline struct file_hold hold_counted(struct file_table *table, int fd, bool path_too)
{
	struct file *file = table_get(table, fd, path_too);

	return (struct file_hold){ file, file != NULL };
}

/* Nobody else can close what @table holds. */
static __force_inline bool is_alone(struct process *process, struct file_table *table)
{
	return atomic32_read(&table->references) == 1 && read_acquire(&process->thread_count) == 1;
}

struct file_holder file_holder(void)
{
	struct file_table *table = process_current()->files;

	if (!is_alone(process_current(), table))
		return (struct file_holder){ NULL, 0 };
	return (struct file_holder){ table->files, table->size };
}

static __force_inline struct file_hold hold(int fd, bool path_too)
{
	struct process *process = process_current();
	struct file_table *table = process->files;
	struct file *file = NULL;

	if (!is_alone(process, table))
		return hold_counted(table, fd, path_too);
	if ((unsigned)fd < table->size)
		file = table->files[fd];
	if (!path_too && file && unlikely(file->flags & O_PATH))
		return hold_counted(table, fd, path_too);
	return (struct file_hold){ file, false };
}

struct file_hold file_hold(int fd)
{
	return hold(fd, false);
}

struct file_hold file_hold_path(int fd)
{
	return hold(fd, true);
}

int fd_reserve(struct file_table *table, int from, bool close_on_exec)
{
	u64 limit =
		MIN(process_current() ? process_limit(RLIMIT_NOFILE) : TABLE_MAX, (u64)TABLE_MAX);
	unsigned fd;
	int error = 0;

	if (from < 0)
		return -EINVAL;
	spin_lock(&table->lock);
	do {
		fd = bitmap_next_zero(table->open, table->size,
				      MAX((unsigned)from, table->free_from));
		fd = MAX(fd, (unsigned)from);
		if (fd >= limit)
			error = -EMFILE;
		else if (fd >= table->size)
			error = table_grow(table, fd);
		else
			break;
	} while (!error);
	if (!error) {
		bitmap_set(table->open, fd);
		if (close_on_exec)
			bitmap_set(table->close_on_exec, fd);
		if ((unsigned)from <= table->free_from)
			table->free_from = fd + 1;
	}
	spin_unlock(&table->lock);
	return error ? error : (int)fd;
}

void fd_install(struct file_table *table, int fd, struct file *file)
{
	spin_lock(&table->lock);
	table->files[fd] = file;
	spin_unlock(&table->lock);
}

void fd_cancel(struct file_table *table, int fd)
{
	spin_lock(&table->lock);
	bitmap_clear(table->open, fd);
	bitmap_clear(table->close_on_exec, fd);
	table->free_from = MIN(table->free_from, (unsigned)fd);
	spin_unlock(&table->lock);
}

long fd_give(struct file *file, bool close_on_exec)
{
	struct file_table *table = process_current()->files;
	int fd;

	if (IS_ERR(file))
		return PTR_ERR(file);
	fd = fd_reserve(table, 0, close_on_exec);
	if (fd < 0)
		file_put(file);
	else
		fd_install(table, fd, file);
	return fd;
}

int fd_close(struct file_table *table, int fd)
{
	struct file *file;

	spin_lock(&table->lock);
	file = table_take(table, fd);
	spin_unlock(&table->lock);
	if (!file)
		return -EBADF;
	file_close(table, file);
	return 0;
}

/* [lock] Descriptor @to exists in the arrays and is not another thread's half-opened one. */
static int prepare_target(struct file_table *table, unsigned to)
{
	int error = to >= table->size ? table_grow(table, to) : 0;

	if (!error && !table->files[to] && bitmap_test(table->open, to))
		error = -EBUSY;
	return error;
}

int fd_duplicate(struct file_table *table, int from, int to, bool close_on_exec)
{
	u64 limit =
		MIN(process_current() ? process_limit(RLIMIT_NOFILE) : TABLE_MAX, (u64)TABLE_MAX);
	struct file *file = NULL, *old = NULL;
	int error = to < 0 || (u64)to >= limit ? -EBADF : 0;

	if (error)
		return error;
	spin_lock(&table->lock);
	error = prepare_target(table, to);
	file = (unsigned)from < table->size ? table->files[from] : NULL;
	if (!file)
		error = -EBADF;
	if (!error) {
		file_get(file);
		old = table->files[to];
		table->files[to] = file;
		bitmap_set(table->open, to);
		if (close_on_exec)
			bitmap_set(table->close_on_exec, to);
		else
			bitmap_clear(table->close_on_exec, to);
	}
	spin_unlock(&table->lock);
	if (old)
		file_close(table, old);
	return error ? error : to;
}

int fd_close_range(struct file_table *table, unsigned first, unsigned last, bool only_mark)
{
	if (first > last)
		return -EINVAL;
	spin_lock(&table->lock);
	for (unsigned fd = first; fd < table->size && fd <= last; fd++) {
		struct file *file = table->files[fd];

		if (!file)
			continue;
		if (only_mark) {
			bitmap_set(table->close_on_exec, fd);
			continue;
		}
		table_take(table, fd);
		spin_unlock(&table->lock);
		file_close(table, file);
		spin_lock(&table->lock);
	}
	spin_unlock(&table->lock);
	return 0;
}

int fd_set_close_on_exec(struct file_table *table, int fd, bool value)
{
	int error = -EBADF;

	spin_lock(&table->lock);
	if ((unsigned)fd < table->size && table->files[fd]) {
		error = 0;
		if (value)
			bitmap_set(table->close_on_exec, fd);
		else
			bitmap_clear(table->close_on_exec, fd);
	}
	spin_unlock(&table->lock);
	return error;
}

int fd_get_close_on_exec(struct file_table *table, int fd)
{
	int result = -EBADF;

	spin_lock(&table->lock);
	if ((unsigned)fd < table->size && table->files[fd])
		result = bitmap_test(table->close_on_exec, fd);
	spin_unlock(&table->lock);
	return result;
}

int fd_next(struct file_table *table, int from)
{
	int found = -1;

	spin_lock(&table->lock);
	for (unsigned fd = MAX(from, 0); fd < table->size && found < 0; fd++)
		if (table->files[fd])
			found = fd;
	spin_unlock(&table->lock);
	return found;
}
