/*
 * /proc/PID/pagemap: a word for each page of the space (Documentation: admin-guide/mm/pagemap). Which frames there are
 * is for the super-user alone.
 */
#include <fs/procfs/procfs.h>
#include <lib/errno.h>
#include <mm/slab.h>
#include <mm/survey.h>
#include <proc/credentials.h>
#include <proc/process.h>
#include <sched/cpu.h>

enum { WORD = sizeof(u64), BATCH = 64 };
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_FILE	(1ull << 61) /* or shared anonymous memory */
#define PAGEMAP_ALONE	(1ull << 56)
#define PAGEMAP_FRAME	((1ull << 55) - 1)

struct pagemap_reader {
	struct space *space; /* [const] counted; NULL: a kernel thread or a zombie */
	bool shows_frames;   /* [const] */
};

static int pagemap_open(struct vnode *vnode, struct file *file)
{
	struct pagemap_reader *reader;
	struct proc_subject subject;
	int error = proc_subject_of(vnode, &subject);

	if (error)
		return error;
	reader = kzalloc(sizeof(*reader));
	if (!reader)
		error = -ENOMEM;
	else if (!credentials_may_trace(subject.process))
		error = -EACCES;
	else
		reader->space = process_space(subject.process);
	proc_subject_put(&subject);
	if (error) {
		kfree(reader);
		return error;
	}
	reader->shows_frames = credentials_capable(CAP_SYS_ADMIN);
	file->private = reader;
	return 0;
}

static void pagemap_release(struct file *file)
{
	struct pagemap_reader *reader = file->private;

	if (reader && reader->space)
		space_put(reader->space);
	kfree(reader);
}

static u64 word_of(const struct page_description *page, bool shows_frames)
{
	u64 word = 0;

	if (!page->present)
		return 0;
	if (page->of_object)
		word |= PAGEMAP_FILE;
	if (page->alone)
		word |= PAGEMAP_ALONE;
	if (shows_frames)
		word |= page->frame & PAGEMAP_FRAME;
	return word | PAGEMAP_PRESENT;
}

/* Up to BATCH words: bytes, or -EFAULT. */
static ssize_t read_batch(const struct pagemap_reader *reader, struct io_iterator *iterator,
			  u64 page, unsigned count)
{
	struct page_description pages[BATCH];
	u64 words[BATCH];
	size_t done;

	read_lock(&reader->space->lock);
	space_describe_pages(reader->space, page << PAGE_SHIFT, count, pages);
	read_unlock(&reader->space->lock);
	for (unsigned i = 0; i < count; i++)
		words[i] = word_of(&pages[i], reader->shows_frames);
	done = io_copy(iterator, words, count * WORD);
	return done ? (ssize_t)done : -EFAULT;
}

static ssize_t pagemap_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	const struct pagemap_reader *reader = file->private;
	ssize_t total = 0, done;

	if (*position % WORD || iterator->left % WORD)
		return -EINVAL;
	while (reader->space && iterator->left) {
		u64 page = (u64)*position / WORD, end = USER_END >> PAGE_SHIFT;

		if (page >= end)
			break;
		done = read_batch(
			reader, iterator, page,
			(unsigned)MIN(MIN(end - page, iterator->left / WORD), (u64)BATCH));
		if (done < 0)
			return total ? total : done;
		*position += done;
		total += done;
		if (done % WORD || signal_pending())
			break;
		schedule_if_needed();
	}
	return total;
}

const struct file_operations proc_pagemap_operations = {
	.open = pagemap_open,
	.release = pagemap_release,
	.read = pagemap_read,
	.seek = proc_address_seek,
	.seekable = true,
};
