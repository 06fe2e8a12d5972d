#pragma once
#include "search.h"

/* Ends with one without a name. */
extern const struct scenario scenarios[];
