#include <debug/panic.h>
#include <debug/symbols.h>

extern const char _text[], _etext[];

const char *symbol_lookup(vaddr_t pc, size_t *offset)
{
	const u32 *offsets = kernel_symbol_offsets;
	u32 low = 0, high = kernel_symbol_count, wanted;

	*offset = pc - (vaddr_t)_text;
	if (pc < (vaddr_t)_text || pc >= (vaddr_t)_etext)
		return NULL;
	wanted = (u32)*offset;
	/* The last symbol that does not begin behind @pc. */
	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (offsets[middle] <= wanted)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	*offset = wanted - offsets[low - 1];
	return kernel_symbol_names + kernel_symbol_name_offsets[low - 1];
}
