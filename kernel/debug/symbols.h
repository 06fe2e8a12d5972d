#pragma once
/*
 * Names of the kernel's functions. scripts/symbols makes the tables out of the linked kernel and links it again
 * with them; in the first link there are none. Sorted by offset from _text.
 */
#include <lib/types.h>

extern const u32 kernel_symbol_count;
extern const u32 kernel_symbol_offsets[];      /* of the functions, from _text */
extern const u32 kernel_symbol_name_offsets[]; /* of their names, in kernel_symbol_names */
extern const char kernel_symbol_names[];       /* each ends with a 0 */
