#include <lib/string.h>
#include <mm/mapping.h>
#include <mm/object_internal.h>
#include <mm/survey.h>

/* How many entries show the page; 0: it is not ours to count. */
static u32 holders(pte_t pte, struct frame *frame)
{
	u32 references;

	switch (pte_state(pte)) {
	case PAGE_BORROWED:
		return 0;
	case PAGE_OWNED:
		return 1;
	default:
		references = frame_references(frame);
		/* The index of an object holds one. */
		if (frame->kind == FRAME_OBJECT && references)
			references--;
		return MAX(references, 1u);
	}
}

/* Would something be lost with the page? Memory of no file counts as soon as it was written to. */
static bool is_dirty(pte_t pte, struct frame *frame)
{
	return frame->kind == FRAME_USER || pte_prot(pte) & PAGE_WRITE ||
	       frame_has(frame, FRAME_DIRTY);
}

/* [table] */
static void survey_entry(vaddr_t address, pte_t pte, void *context)
{
	struct page_survey *survey = context;
	struct frame *frame;
	u64 share;
	u32 others;
	bool dirty;

	survey->borrowed += pte_state(pte) == PAGE_BORROWED;
	if (pte_state(pte) == PAGE_BORROWED)
		return;
	frame = frame_of(pte_frame(pte));
	dirty = is_dirty(pte, frame);
	others = holders(pte, frame) - 1;
	share = ((u64)PAGE_SIZE << SURVEY_FRACTION_SHIFT) / (others + 1);
	survey->owned += pte_state(pte) == PAGE_OWNED;
	survey->shared += pte_state(pte) == PAGE_SHARED;
	survey->cow += pte_state(pte) == PAGE_COW;
	survey->share += share;
	if (dirty)
		survey->share_dirty += share;
	if (frame->kind == FRAME_USER) {
		survey->anonymous++;
		survey->share_anonymous += share;
	}
	if (others)
		dirty ? survey->shared_dirty++ : survey->shared_clean++;
	else
		dirty ? survey->private_dirty++ : survey->private_clean++;
}

/* Calls @visit for each page that is present from @start to @end, with the lock of its table held. */
static void each_page(struct space *space, vaddr_t start, vaddr_t end,
		      void (*visit)(vaddr_t address, pte_t pte, void *context), void *context)
{
	pte_t *entry;

	while (start < end && (entry = mmu_find(&space->mmu, &start, end))) {
		vaddr_t stop = MIN(end, ALIGN_DOWN(start, MMU_TABLE_SPAN) + MMU_TABLE_SPAN);
		struct spinlock *lock = pte_lock(entry);

		spin_lock(lock);
		for (; start < stop; start += PAGE_SIZE, entry++) {
			pte_t pte = pte_get(entry);

			if (!pte_empty(pte))
				visit(start, pte, context);
		}
		spin_unlock(lock);
	}
}

/* [table] */
static void count_entry(vaddr_t address, pte_t pte, void *context)
{
	struct page_counts *counts = context;
	struct frame *frame;

	switch (pte_state(pte)) {
	case PAGE_BORROWED:
		counts->borrowed++;
		return;
	case PAGE_OWNED:
		counts->owned++;
		counts->dirty++;
		return;
	case PAGE_SHARED:
		counts->shared++;
		counts->dirty += (pte_prot(pte) & PAGE_WRITE) != 0;
		return;
	case PAGE_COW:
		frame = frame_of(pte_frame(pte));
		counts->cow++;
		counts->dirty += frame->kind == FRAME_USER;
		return;
	}
}

void space_count_pages(struct space *space, vaddr_t start, vaddr_t end, struct page_counts *counts)
{
	*counts = (struct page_counts){ 0 };
	each_page(space, start, end, count_entry, counts);
}

void space_survey(struct space *space, vaddr_t start, vaddr_t end, struct page_survey *survey)
{
	each_page(space, start, end, survey_entry, survey);
}

struct describing {
	vaddr_t start;
	struct page_description *pages;
};

/* [table] */
static void describe_entry(vaddr_t address, pte_t pte, void *context)
{
	const struct describing *describing = context;
	struct page_description *page =
		&describing->pages[(address - describing->start) / PAGE_SIZE];
	bool ours = pte_state(pte) != PAGE_BORROWED;

	page->present = true;
	page->frame = pte_frame(pte);
	page->of_object = ours && frame_of(page->frame)->kind != FRAME_USER;
	page->alone = ours && holders(pte, frame_of(page->frame)) == 1;
}

void space_describe_pages(struct space *space, vaddr_t address, unsigned count,
			  struct page_description *pages)
{
	struct describing describing = { address, pages };

	memset(pages, 0, count * sizeof(*pages));
	each_page(space, address, address + (vaddr_t)count * PAGE_SIZE, describe_entry,
		  &describing);
}
