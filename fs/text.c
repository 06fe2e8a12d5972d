#include <fs/file.h>
#include <fs/text.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <stdarg.h>

enum { TEXT_FIRST = 1024 };

void text_append(struct text *text, const void *data, size_t size)
{
	if (text->failed)
		return;
	if (text->size + size > text->capacity) {
		size_t capacity = MAX(text->capacity * 2, (size_t)TEXT_FIRST);
		char *larger;

		while (capacity < text->size + size)
			capacity *= 2;
		larger = kmalloc(capacity);
		if (!larger) {
			text->failed = true;
			return;
		}
		memcpy(larger, text->data, text->size);
		kfree(text->data);
		text->data = larger;
		text->capacity = capacity;
	}
	memcpy(text->data + text->size, data, size);
	text->size += size;
}

void text_format(struct text *text, const char *format, ...)
{
	char line[512];
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	text_append(text, line, MIN((size_t)size, sizeof(line) - 1));
}

int text_file_open(struct file *file)
{
	file->private = kzalloc(sizeof(struct text));
	return file->private ? 0 : -ENOMEM;
}

void text_file_release(struct file *file)
{
	struct text *text = file->private;

	if (text)
		kfree(text->data);
	kfree(text);
}

static ssize_t read_locked(struct file *file, struct io_iterator *iterator, s64 *position,
			   int (*make)(struct file *file, struct text *text))
{
	struct text *text = file->private;
	size_t size, done;
	int error;

	if (*position == 0 || !text->data) {
		text->size = 0;
		text->failed = false;
		error = make(file, text);
		if (error)
			return error;
		if (text->failed)
			return -ENOMEM;
	}
	if (*position < 0 || (u64)*position >= text->size)
		return 0;
	size = MIN(text->size - (size_t)*position, iterator->left);
	done = io_copy(iterator, text->data + *position, size);
	*position += done;
	return done || !size ? (ssize_t)done : -EFAULT;
}

/*
 * file->position_lock keeps two readers of one open file apart. read(2) holds it, where there can be
 * two; pread(2), which has a position of its own, does not.
 */
ssize_t text_file_read(struct file *file, struct io_iterator *iterator, s64 *position,
		       int (*make)(struct file *file, struct text *text))
{
	ssize_t result;

	if (position == &file->position)
		return read_locked(file, iterator, position, make);
	mutex_lock(&file->position_lock);
	result = read_locked(file, iterator, position, make);
	mutex_unlock(&file->position_lock);
	return result;
}
