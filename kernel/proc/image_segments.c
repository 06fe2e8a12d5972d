/*
 * Segments (design 4). A segment covers [vaddr, vaddr + memsz). Whole pages of its file part show
 * the page cache, COW; the rest is anonymous. Where it shares its first page with the segment
 * before, that page is already mapped: it becomes an OWNED copy that gets this segment's bytes too,
 * with the rights of both.
 */
#include <arch/cache.h>
#include <arch/mmu.h>
#include <fs/file.h>
#include <lib/errno.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <proc/elf.h>
#include <proc/image.h>

struct loader {
	struct space *space;
	struct file *file;
	u64 limit_pages;
	vaddr_t mapped_end; /* end of the pages mapped so far; 0: none */
	unsigned last_prot; /* rights of the page that ends there */
	bool wrote_code;    /* the kernel stored instructions */
};

/* Where the segment's parts lie, with the bias added. */
struct placement {
	vaddr_t start, file_end, end; /* bytes */
	u64 offset;		      /* in the file, of start */
	unsigned prot;
};

int image_write(struct space *space, vaddr_t to, const void *from, size_t size)
{
	ssize_t done = space_write(space, to, from, size, true);

	if (done < 0)
		return (int)done;
	return (size_t)done == size ? 0 : -ENOMEM;
}

/* What does not fit in the address space is not a program that can run. */
static int map(struct loader *loader, struct map_request *request)
{
	s64 result;

	request->fixed = true;
	request->no_replace = true;
	request->limit_pages = loader->limit_pages;
	result = space_map(loader->space, request);
	if (result >= 0)
		return 0;
	return result == -ENOMEM ? -ENOMEM : -ENOEXEC;
}

static int map_anonymous(struct loader *loader, vaddr_t start, vaddr_t end, unsigned prot)
{
	struct map_request request = { .address = start, .length = end - start, .prot = prot };

	return start < end ? map(loader, &request) : 0;
}

/* -ENODEV: this file cannot be mapped, read it instead. */
static int map_file(struct loader *loader, vaddr_t start, vaddr_t end, u64 offset, unsigned prot)
{
	struct file *file = loader->file;
	struct map_request request = {
		.address = start,
		.length = end - start,
		.prot = prot,
		.offset = offset / PAGE_SIZE,
		.file = file,
	};

	if (!file->operations->map || file->operations->map(file, &request) || !request.object)
		return -ENODEV;
	return map(loader, &request);
}

static int zero(struct loader *loader, vaddr_t start, vaddr_t end)
{
	const void *zeros = direct_map((paddr_t)zero_frame_number << PAGE_SHIFT);
	int error = 0;

	while (start < end && !error) {
		size_t size = MIN(end - start, (vaddr_t)PAGE_SIZE);

		error = image_write(loader->space, start, zeros, size);
		start += size;
	}
	return error;
}

static int copy_from_file(struct loader *loader, const struct placement *at, vaddr_t start,
			  vaddr_t end)
{
	u8 *buffer;
	int error = 0;

	if (start >= end)
		return 0;
	buffer = kmalloc(PAGE_SIZE);
	if (!buffer)
		return -ENOMEM;
	while (start < end && !error) {
		size_t size = MIN(end - start, (vaddr_t)PAGE_SIZE);
		ssize_t got = file_read_kernel(loader->file, buffer, size,
					       (s64)(at->offset + (start - at->start)));

		if (got != (ssize_t)size)
			error = got < 0 ? (int)got : -ENOEXEC;
		else
			error = image_write(loader->space, start, buffer, size);
		start += size;
	}
	kfree(buffer);
	loader->wrote_code |= at->prot & PAGE_EXEC;
	return error;
}

/*
 * The page [page, page + PAGE_SIZE) is mapped for an earlier segment: add this one's bytes and
 * rights.
 */
static int join_page(struct loader *loader, const struct placement *at, vaddr_t page)
{
	vaddr_t stop = MIN(at->end, page + PAGE_SIZE), file_stop = MIN(at->file_end, stop);
	unsigned prot = loader->last_prot | at->prot;
	int error = 0;

	if (prot != loader->last_prot)
		error = space_protect(loader->space, page, PAGE_SIZE, prot);
	if (!error)
		error = copy_from_file(loader, at, at->start, file_stop);
	if (!error)
		error = zero(loader, MAX(at->start, file_stop), stop);
	loader->last_prot = prot;
	return error;
}

/*
 * [from, pages_end): whole pages that only this segment has so far; @from may lie before its start.
 */
static int map_pages(struct loader *loader, const struct placement *at, vaddr_t from,
		     vaddr_t pages_end)
{
	vaddr_t file_pages = MAX(ALIGN_UP(at->file_end, PAGE_SIZE), from);
	bool has_file = at->file_end > at->start && at->file_end > from;
	int error = -ENODEV;

	if (has_file && (at->start - at->offset) % PAGE_SIZE == 0)
		error = map_file(loader, from, file_pages, at->offset - at->start + from, at->prot);
	if (error == -ENODEV) {
		error = map_anonymous(loader, from, pages_end, at->prot);
		if (!error && has_file)
			error = copy_from_file(loader, at, MAX(at->start, from), at->file_end);
		return error;
	}
	if (!error)
		error = zero(loader, at->file_end, MIN(file_pages, at->end));
	if (!error)
		error = map_anonymous(loader, file_pages, pages_end, at->prot);
	return error;
}

static int map_segment(struct loader *loader, const struct elf_segment *segment, u64 bias)
{
	struct placement at = {
		.start = segment->vaddr + bias,
		.file_end = segment->vaddr + bias + segment->filesz,
		.end = segment->vaddr + bias + segment->memsz,
		.offset = segment->offset,
		.prot = segment->prot,
	};
	vaddr_t first = ALIGN_DOWN(at.start, PAGE_SIZE), pages_end = ALIGN_UP(at.end, PAGE_SIZE);
	int error = 0;

	if (first < loader->mapped_end) {
		error = join_page(loader, &at, first);
		first = loader->mapped_end;
	}
	if (error || first >= pages_end)
		return error;
	error = map_pages(loader, &at, first, pages_end);
	loader->mapped_end = pages_end;
	loader->last_prot = at.prot;
	return error;
}

int image_map_segments(struct space *space, struct file *file, const struct elf *elf, u64 bias,
		       u64 limit_pages)
{
	struct loader loader = { .space = space, .file = file, .limit_pages = limit_pages };
	int error = 0;

	for (unsigned i = 0; i < elf->count && !error; i++)
		error = map_segment(&loader, &elf->segments[i], bias);
	if (loader.wrote_code)
		icache_sync_all();
	/* A page that must be changed, but lies past the end of the file: there is none. */
	return error == -EFAULT ? -ENOEXEC : error;
}
