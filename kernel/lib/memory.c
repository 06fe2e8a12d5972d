/*
 * Copying and filling. A CPU may trap on a misaligned access and emulate it in firmware, a hundred
 * times slower; so words are only touched where they are aligned. Compilers like to recognise such
 * loops and call memcpy and memset for them, which would be these functions again.
 */
#include <lib/string.h>

#if defined(__clang__)
#define NO_IDIOM __attribute__((no_builtin))
#else
#define NO_IDIOM __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

/* May alias anything. */
typedef u64 __attribute__((may_alias)) word;

enum { WORD = sizeof(word), SMALL = 16 };

static __force_inline bool word_aligned(const void *pointer)
{
	return IS_ALIGNED((uintptr_t)pointer, WORD);
}

/* Forwards, both aligned. Returns how far it got: all but the last size % 8 bytes. */
NO_IDIOM
static size_t copy_words(u8 *to, const u8 *from, size_t size)
{
	size_t at = 0;

	for (; size - at >= 8 * WORD; at += 8 * WORD) {
		word *out = (word *)(to + at);
		const word *in = (const word *)(from + at);
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
	if (size - at >= 4 * WORD) {
		word *out = (word *)(to + at);
		const word *in = (const word *)(from + at);
		word a = in[0], b = in[1], c = in[2], d = in[3];

		out[0] = a;
		out[1] = b;
		out[2] = c;
		out[3] = d;
		at += 4 * WORD;
	}
	for (; size - at >= WORD; at += WORD)
		*(word *)(to + at) = *(const word *)(from + at);
	return at;
}

/*
 * Forwards, @to aligned and @from not: each word out is made of two words in. Reads only words that
 * hold a byte of [from, from + size): their other bytes may be another object's, which is as harmless
 * as it is alarming to an address sanitizer.
 */
NO_IDIOM __attribute__((no_sanitize("address"))) static size_t copy_shifted(u8 *to, const u8 *from,
									    size_t size)
{
	unsigned right = (uintptr_t)from % WORD * 8, left = 64 - right;
	const word *in = (const word *)ALIGN_DOWN((uintptr_t)from, WORD);
	word low = *in++;
	size_t at = 0;

	for (; size - at >= 4 * WORD; at += 4 * WORD, in += 4) {
		word *out = (word *)(to + at);
		word a = in[0], b = in[1], c = in[2], d = in[3];

		out[0] = low >> right | a << left;
		out[1] = a >> right | b << left;
		out[2] = b >> right | c << left;
		out[3] = c >> right | d << left;
		low = d;
	}
	for (; size - at >= WORD; at += WORD) {
		word high = *in++;

		*(word *)(to + at) = low >> right | high << left;
		low = high;
	}
	return at;
}

NO_IDIOM
static void copy_forwards(u8 *to, const u8 *from, size_t size)
{
	if (size >= SMALL) {
		size_t done;

		for (; !word_aligned(to); size--)
			*to++ = *from++;
		if (word_aligned(from))
			done = copy_words(to, from, size);
		else
			done = copy_shifted(to, from, size);
		to += done;
		from += done;
		size -= done;
	}
	while (size--)
		*to++ = *from++;
}

NO_IDIOM
static void copy_backwards(u8 *to, const u8 *from, size_t size)
{
	if (size >= SMALL && (uintptr_t)to % WORD == (uintptr_t)from % WORD) {
		for (; !word_aligned(to + size); size--)
			to[size - 1] = from[size - 1];
		for (; size >= WORD; size -= WORD)
			*(word *)(to + size - WORD) = *(const word *)(from + size - WORD);
	}
	for (; size; size--)
		to[size - 1] = from[size - 1];
}

NO_IDIOM
void *memcpy(void *to, const void *from, size_t size)
{
	copy_forwards(to, from, size);
	return to;
}

NO_IDIOM
void *memmove(void *to, const void *from, size_t size)
{
	uintptr_t distance = (uintptr_t)to - (uintptr_t)from;

	/* Below @from, or clear of it: what is read lies always above what was written. */
	if (distance >= size)
		copy_forwards(to, from, size);
	else
		copy_backwards(to, from, size);
	return to;
}

NO_IDIOM
void *memset(void *to, int byte, size_t size)
{
	u8 *at = to;

	if (size >= SMALL) {
		word value = (u8)byte * (word)0x0101010101010101;

		for (; !word_aligned(at); size--)
			*at++ = (u8)byte;
		for (; size >= 8 * WORD; at += 8 * WORD, size -= 8 * WORD) {
			word *out = (word *)at;

			out[0] = value;
			out[1] = value;
			out[2] = value;
			out[3] = value;
			out[4] = value;
			out[5] = value;
			out[6] = value;
			out[7] = value;
		}
		for (; size >= WORD; at += WORD, size -= WORD)
			*(word *)at = value;
	}
	while (size--)
		*at++ = (u8)byte;
	return to;
}

NO_IDIOM
int memcmp(const void *a, const void *b, size_t size)
{
	const u8 *left = a, *right = b;

	if (word_aligned(left) && word_aligned(right)) {
		for (; size >= WORD; left += WORD, right += WORD, size -= WORD)
			if (*(const word *)left != *(const word *)right)
				break;
	}
	for (; size; left++, right++, size--)
		if (*left != *right)
			return *left - *right;
	return 0;
}

NO_IDIOM
void *memchr(const void *in, int byte, size_t size)
{
	const u8 *at = in;

	for (; size; at++, size--)
		if (*at == (u8)byte)
			return (void *)at;
	return NULL;
}
