#include "scenarios.h"

static const struct scenario *const lists[] = { fork_scenarios, map_scenarios, file_scenarios,
						disk_scenarios, lock_scenarios };
enum { LISTS = sizeof(lists) / sizeof(*lists) };

/* The first of list @list or the next one that has any. */
static const struct scenario *first_from(unsigned list)
{
	while (list < LISTS && !lists[list]->name)
		list++;
	return list < LISTS ? lists[list] : NULL;
}

const struct scenario *scenario_next(const struct scenario *scenario)
{
	if (!scenario)
		return first_from(0);
	for (unsigned list = 0; list < LISTS; list++) {
		for (const struct scenario *s = lists[list]; s->name; s++) {
			if (s == scenario)
				return s[1].name ? s + 1 : first_from(list + 1);
		}
	}
	return NULL;
}
