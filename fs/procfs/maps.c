/* /proc/PID/maps, smaps and smaps_rollup: the mappings of a space, and who owns what they show. */
#include <fs/procfs/procfs.h>
#include <lib/string.h>
#include <mm/mapping.h>
#include <mm/slab.h>
#include <mm/survey.h>
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

/* Sums of a mapping, or of all; in pages, and in shares of pages. */
struct sums {
	u64 size, locked_share;
	u64 share_file, share_memory;
	struct page_survey pages;
};

static void add_mapping(struct sums *sums, struct space *space, const struct mapping *mapping)
{
	struct page_survey *pages = &sums->pages;
	u64 before = pages->share, anonymous = pages->share_anonymous, of_object;

	space_survey(space, mapping->start, mapping->end, pages);
	before = pages->share - before;
	anonymous = pages->share_anonymous - anonymous;
	of_object = before - anonymous;
	sums->size += (mapping->end - mapping->start) >> PAGE_SHIFT;
	if (mapping->flags & MAPPING_LOCKED)
		sums->locked_share += before;
	if (mapping->object && !mapping->object->operations->read_pages)
		sums->share_memory += of_object;
	else
		sums->share_file += of_object;
}

static void kib_share(struct text *text, const char *name, u64 share)
{
	text_format(text, "%s:%*lu kB\n", name, (int)(23 - strlen(name)),
		    share >> (SURVEY_FRACTION_SHIFT + 10));
}

/* Pages that were referenced are not told from others. */
static void show_sums(struct text *text, const struct sums *sums, bool rollup)
{
	const struct page_survey *pages = &sums->pages;
	u64 resident = pages->owned + pages->shared + pages->cow;

	if (!rollup) {
		kib(text, "Size", sums->size);
		kib(text, "KernelPageSize", 1);
		kib(text, "MMUPageSize", 1);
	}
	kib(text, "Rss", resident);
	kib_share(text, "Pss", pages->share);
	kib_share(text, "Pss_Dirty", pages->share_dirty);
	if (rollup) {
		kib_share(text, "Pss_Anon", pages->share_anonymous);
		kib_share(text, "Pss_File", sums->share_file);
		kib_share(text, "Pss_Shmem", sums->share_memory);
	}
	kib(text, "Shared_Clean", pages->shared_clean);
	kib(text, "Shared_Dirty", pages->shared_dirty);
	kib(text, "Private_Clean", pages->private_clean);
	kib(text, "Private_Dirty", pages->private_dirty);
	kib(text, "Referenced", resident);
	kib(text, "Anonymous", pages->anonymous);
	kib(text, "KSM", 0);
	kib(text, "LazyFree", 0);
	kib(text, "AnonHugePages", 0);
	kib(text, "ShmemPmdMapped", 0);
	kib(text, "FilePmdMapped", 0);
	kib(text, "Shared_Hugetlb", 0);
	kib(text, "Private_Hugetlb", 0);
	kib(text, "Swap", 0);
	kib(text, "SwapPss", 0);
	kib_share(text, "Locked", sums->locked_share);
	kib(text, "Owned", pages->owned);
	kib(text, "Shared_Pages", pages->shared);
	kib(text, "Cow", pages->cow);
	kib(text, "Borrowed", pages->borrowed);
}

/* Two letters each: proc_pid_smaps(5). */
static void show_flags(struct text *text, const struct mapping *mapping)
{
	text_format(text, "THPeligible:           0\nVmFlags: %s%s%s%s%s%s%s%s%s%s%s\n",
		    mapping->prot & PAGE_READ ? "rd " : "", mapping->prot & PAGE_WRITE ? "wr " : "",
		    mapping->prot & PAGE_EXEC ? "ex " : "",
		    mapping->flags & MAPPING_SHARED ? "sh " : "",
		    mapping->prot_max & PAGE_READ ? "mr " : "",
		    mapping->prot_max & PAGE_WRITE ? "mw " : "",
		    mapping->prot_max & PAGE_EXEC ? "me " : "",
		    mapping->flags & MAPPING_GROWS_DOWN ? "gd " : "",
		    mapping->flags & MAPPING_LOCKED ? "lo " : "",
		    mapping->flags & MAPPING_DONT_FORK ? "dc " : "",
		    mapping->flags & MAPPING_WIPE_ON_FORK ? "wf " : "");
}

enum space_view { VIEW_MAPS, VIEW_SMAPS, VIEW_ROLLUP };

static void show_rollup(struct text *text, struct space *space)
{
	struct mapping *mapping = space_mapping_from(space, 0);
	struct sums sums = { 0 };
	vaddr_t start = mapping ? mapping->start : 0, end = 0;
	size_t before = text->size;

	for (; mapping; mapping = mapping_next(mapping)) {
		add_mapping(&sums, space, mapping);
		end = mapping->end;
	}
	text_format(text, "%08lx-%08lx ---p 00000000 00:00 0 ", start, end);
	while (text->size - before < 73 && !text->failed)
		text_append(text, " ", 1);
	text_format(text, "[rollup]\n");
	show_sums(text, &sums, true);
}

static void show_one(struct text *text, struct space *space, const struct mapping *mapping,
		     bool counts, char *buffer)
{
	struct sums sums = { 0 };

	show_mapping(text, mapping, buffer);
	if (!counts)
		return;
	add_mapping(&sums, space, mapping);
	show_sums(text, &sums, false);
	show_flags(text, mapping);
}

static void show_space(struct text *text, const struct proc_subject *subject, enum space_view view)
{
	struct space *space = process_space(subject->process);
	char *buffer = kmalloc(PATH_MAX);

	text->failed |= !buffer;
	if (space && buffer) {
		read_lock(&space->lock);
		if (view == VIEW_ROLLUP)
			show_rollup(text, space);
		else
			for (struct mapping *mapping = space_mapping_from(space, 0); mapping;
			     mapping = mapping_next(mapping))
				show_one(text, space, mapping, view == VIEW_SMAPS, buffer);
		read_unlock(&space->lock);
	}
	if (space)
		space_put(space);
	kfree(buffer);
}

void proc_show_maps(struct text *text, const struct proc_subject *subject)
{
	show_space(text, subject, VIEW_MAPS);
}

void proc_show_smaps(struct text *text, const struct proc_subject *subject)
{
	show_space(text, subject, VIEW_SMAPS);
}

void proc_show_rollup(struct text *text, const struct proc_subject *subject)
{
	show_space(text, subject, VIEW_ROLLUP);
}
