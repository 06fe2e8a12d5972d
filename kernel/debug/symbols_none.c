/*
 * The empty table of the first link; scripts/symbols makes the one of the second. In a file of its own, as a
 * compiler that sees these values takes them for the final ones, weak or not.
 */
#include <debug/symbols.h>

__attribute__((weak)) const u32 kernel_symbol_count = 0;
__attribute__((weak)) const u32 kernel_symbol_offsets[1] = { 0 };
__attribute__((weak)) const u32 kernel_symbol_name_offsets[1] = { 0 };
__attribute__((weak)) const char kernel_symbol_names[1] = { 0 };
