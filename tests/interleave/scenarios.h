#pragma once
#include "search.h"

/* Each list ends with one without a name. */
extern const struct scenario fork_scenarios[], map_scenarios[], file_scenarios[], disk_scenarios[],
	lock_scenarios[];

/* All of them, one after the other: NULL gives the first, the last gives NULL. */
const struct scenario *scenario_next(const struct scenario *scenario);
