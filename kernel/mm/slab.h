#pragma once
/* Objects smaller than a page: one cache per type, with a free list per CPU. */
#include <lib/types.h>

struct slab_cache {
	const char *name;
	u32 size; /* bytes, as given */
	u32 align;
	void *private;		 /* mm/slab.c */
	struct slab_cache *next; /* all caches, for /proc/slabinfo and the audit */
};
#define SLAB_CACHE(symbol, type)                                                                   \
	struct slab_cache symbol = { .name = #type, .size = sizeof(type), .align = _Alignof(type) }

void slab_init(void);
/* One object, contents undefined / zeroed. NULL: out of memory. Does not sleep; any context. */
void *slab_alloc(struct slab_cache *cache);
void *slab_alloc_zeroed(struct slab_cache *cache);
void slab_free(struct slab_cache *cache, void *object);

/* Any size (above a page: whole frames). kfree(NULL) does nothing. Any context. */
void *kmalloc(size_t size);
void *kzalloc(size_t size);
void kfree(void *data);
char *kstrdup(const char *string);

/* Live objects and frames of each cache: call @visit until it returns false. */
void slab_for_each(bool (*visit)(const char *name, u32 size, u64 live, u64 frames, void *context),
		   void *context);
u64 slab_live_objects(void);
