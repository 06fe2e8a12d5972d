#include "parts.h"
const struct scenario disk_scenarios[] = {
	{ 0 },
};
