#pragma once
/* What a space weighs: the memory that its end would give back. For the out-of-memory killer. */
#include <mm/space.h>

/*
 * Pages of @space that nobody else holds, its share of those that others hold too, and its page
 * tables. The pages of a shared mapping count when no file system can read them again. The space's
 * lock is only tried, since its holder may be the very thread that lacks memory: false, with *@pages
 * 0. Does not sleep.
 */
bool space_weigh(struct space *space, u64 *pages);
