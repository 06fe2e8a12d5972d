/* Whole pages, the inner loops of a page fault: long runs of words, so the loop costs little. */
#include <lib/string.h>

enum { PAGE_BYTES = 4096 };

/* May alias anything. */
typedef u64 __attribute__((may_alias)) word;

void page_zero(void *page)
{
	word *out = page, *end = (word *)((u8 *)page + PAGE_BYTES);

#define CLEAR_8(i)                                                                                 \
	out[i] = out[i + 1] = out[i + 2] = out[i + 3] = out[i + 4] = out[i + 5] = out[i + 6] =     \
		out[i + 7] = 0
	for (; out != end; out += 32) {
		CLEAR_8(0);
		CLEAR_8(8);
		CLEAR_8(16);
		CLEAR_8(24);
	}
}

/* Eight loads before eight stores: a CPU that works in order need not wait for each load. */
static __force_inline void copy_8(word *out, const word *in)
{
	word a = in[0], b = in[1], c = in[2], d = in[3];
	word e = in[4], f = in[5], g = in[6], h = in[7];

	out[0] = a;
	out[1] = b;
	out[2] = c;
	out[3] = d;
	out[4] = e;
	out[5] = f;
	out[6] = g;
	out[7] = h;
}

void page_copy(void *to, const void *from)
{
	word *out = to;
	const word *in = from, *end = (const word *)((const u8 *)from + PAGE_BYTES);

	for (; in != end; out += 32, in += 32) {
		copy_8(out, in);
		copy_8(out + 8, in + 8);
		copy_8(out + 16, in + 16);
		copy_8(out + 24, in + 24);
	}
}
