/* /proc/PID/maps and smaps: the mappings of a space, and who owns what they show. */
#include <fs/procfs/procfs.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <proc/process.h>

enum { KIB_PER_PAGE = PAGE_SIZE / 1024 };

static const char *mapping_label(const struct mapping *mapping, char *buffer, size_t size)
{
	const char *name = mapping->name;

	if (!name && mapping->file)
		name = path_text(&mapping->file->path, buffer, size);
	if (!name && mapping->flags & MAPPING_BRK)
		name = "[heap]";
	if (!name && mapping->flags & MAPPING_GROWS_DOWN)
		name = "[stack]";
	return name && (uintptr_t)name < -4096ul ? name : NULL;
}

static void show_mapping(struct text *text, const struct mapping *mapping, char *buffer)
{
	const char *label = mapping_label(mapping, buffer, PATH_MAX);
	struct vnode *vnode = mapping->file ? mapping->file->vnode : NULL;
	u64 device = vnode ? vnode->system->device : 0;
	size_t before = text->size;

	text_format(text, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", mapping->start, mapping->end,
		    mapping->prot & PAGE_READ ? 'r' : '-', mapping->prot & PAGE_WRITE ? 'w' : '-',
		    mapping->prot & PAGE_EXEC ? 'x' : '-',
		    mapping->flags & MAPPING_SHARED ? 's' : 'p',
		    (unsigned long)(vnode ? mapping->offset << PAGE_SHIFT : 0),
		    (unsigned)(device >> 8 & 0xfff), (unsigned)(device & 0xff),
		    (unsigned long)(vnode ? vnode->ino : 0));
	if (label) {
		while (text->size - before < 73 && !text->failed)
			text_append(text, " ", 1);
		text_append(text, label, strlen(label));
	}
	text_append(text, "\n", 1);
}

static void kib(struct text *text, const char *name, u64 pages)
{
	text_format(text, "%s:%*lu kB\n", name, (int)(23 - strlen(name)), pages * KIB_PER_PAGE);
}

/* Rss and its parts as Linux names them, then the states that the entries are in. */
static void show_counts(struct text *text, struct space *space, const struct mapping *mapping)
{
	struct page_counts counts;
	u64 resident;

	space_count_pages(space, mapping->start, mapping->end, &counts);
	resident = counts.owned + counts.shared + counts.cow;
	kib(text, "Size", (mapping->end - mapping->start) >> PAGE_SHIFT);
	kib(text, "KernelPageSize", 1);
	kib(text, "MMUPageSize", 1);
	kib(text, "Rss", resident);
	kib(text, "Shared_Clean",
	    counts.shared + counts.cow -
		    MIN(counts.dirty - counts.owned, counts.shared + counts.cow));
	kib(text, "Shared_Dirty", MIN(counts.dirty - counts.owned, counts.shared + counts.cow));
	kib(text, "Private_Clean", 0);
	kib(text, "Private_Dirty", counts.owned);
	kib(text, "Swap", 0);
	kib(text, "Locked", mapping->flags & MAPPING_LOCKED ? resident : 0);
	kib(text, "Owned", counts.owned);
	kib(text, "Shared_Pages", counts.shared);
	kib(text, "Cow", counts.cow);
	kib(text, "Borrowed", counts.borrowed);
}

static void show_space(struct text *text, const struct proc_subject *subject, bool counts)
{
	struct space *space = process_space(subject->process);
	char *buffer = kmalloc(PATH_MAX);

	text->failed |= !buffer;
	if (space && buffer) {
		read_lock(&space->lock);
		for (struct mapping *mapping = space_mapping_from(space, 0); mapping;
		     mapping = mapping_next(mapping)) {
			show_mapping(text, mapping, buffer);
			if (counts)
				show_counts(text, space, mapping);
		}
		read_unlock(&space->lock);
	}
	if (space)
		space_put(space);
	kfree(buffer);
}

void proc_show_maps(struct text *text, const struct proc_subject *subject)
{
	show_space(text, subject, false);
}

void proc_show_smaps(struct text *text, const struct proc_subject *subject)
{
	show_space(text, subject, true);
}
