#pragma once
/* The rules of mm-hazards, and in which scenarios breaking one must show. */
#include <mm/hazard.h>

struct rule {
	enum mm_rule rule;
	const char *name; /* without RULE_ */
	const char *text;
	const char *scenarios; /* separated by spaces; the first that shows it is enough */
	bool harmless;	       /* breaking it is only waste */
};
/* Ends with one without a name. */
extern const struct rule rules[];
