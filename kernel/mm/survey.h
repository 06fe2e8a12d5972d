#pragma once
/* What the pages of a range are, counted or page by page: for /proc/PID/status, smaps and pagemap. */
#include <mm/space.h>

enum { SURVEY_FRACTION_SHIFT = 12 }; /* of a byte, in which shares are added up */

struct page_counts {
	u64 borrowed, owned, shared, cow; /* entries that hold a frame, by state */
	u64 dirty;
};
/* Count [start, end) by walking the tables; the space's lock is held in any mode. */
void space_count_pages(struct space *space, vaddr_t start, vaddr_t end, struct page_counts *counts);

struct page_survey {				 /* pages, but for the shares */
	u64 borrowed, owned, shared, cow;	 /* entries that hold a frame, by state */
	u64 private_clean, private_dirty;	 /* nobody else shows them */
	u64 shared_clean, shared_dirty;		 /* others do */
	u64 anonymous;				 /* of no object */
	u64 share, share_dirty, share_anonymous; /* each page divided by how many entries show it */
};
/*
 * Add up [start, end) of @space, whose lock is held in any mode. How many entries show a page is its count, so that
 * a moment's holder (a read that copies it out) may show in it.
 */
void space_survey(struct space *space, vaddr_t start, vaddr_t end, struct page_survey *survey);

struct page_description {
	bool present;
	bool of_object; /* not anonymous memory of the process; false for a borrowed page */
	bool alone;	/* no other entry shows it */
	u64 frame;
};
/* The @count pages from @address on; the space's lock is held in any mode. */
void space_describe_pages(struct space *space, vaddr_t address, unsigned count,
			  struct page_description *pages);
