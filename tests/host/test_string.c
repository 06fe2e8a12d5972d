// sources: kernel/lib/memory.c kernel/lib/string.c kernel/lib/strlcpy.c kernel/lib/parse.c kernel/lib/page.c
// flags: -fno-builtin -Dmemcpy=our_memcpy -Dmemmove=our_memmove -Dmemset=our_memset -Dmemcmp=our_memcmp -Dmemchr=our_memchr -Dstrlen=our_strlen -Dstrnlen=our_strnlen -Dstrcmp=our_strcmp -Dstrncmp=our_strncmp -Dstrchr=our_strchr -Dstrrchr=our_strrchr -Dstrstr=our_strstr
/*
 * Our memory and string functions (renamed by the flags above) at every alignment, in buffers that
 * end where memory ends, against plain loops and the C library.
 */
#include <lib/errno.h>
#include <lib/string.h>
#include <sys/mman.h>

#include "check.h"

char *libc_strstr(const char *, const char *) __asm__("strstr");
int libc_strcmp(const char *, const char *) __asm__("strcmp");
int libc_strncmp(const char *, const char *, size_t) __asm__("strncmp");
char *libc_strrchr(const char *, int) __asm__("strrchr");
char *libc_strchr(const char *, int) __asm__("strchr");

enum { AREA = 4096, LONGEST = 200 };

/* A page between two that must not be touched. */
static u8 *guarded_page(void)
{
	u8 *pages = mmap(NULL, 3 * AREA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + AREA, AREA, PROT_READ | PROT_WRITE))
		abort();
	return pages + AREA;
}

static void fill(u8 *area, unsigned seed)
{
	for (unsigned i = 0; i < AREA; i++)
		area[i] = (u8)(i * 7 + seed + (i >> 8));
}

static void copy_everywhere(void)
{
	u8 *from = guarded_page(), *to = guarded_page();
	unsigned wrong = 0;

	fill(from, 3);
	for (unsigned size = 0; size < LONGEST; size++) {
		for (unsigned both = 0; both < 64 * 2; both++) {
			u8 *in = from + both / 8 % 8, *out = to + both % 8;

			if (both >= 64) {
				in = from + AREA - size - both / 8 % 8;
				out = to + AREA - size - both % 8;
			}
			fill(to, 100);
			wrong += memcpy(out, in, size) != out;
			for (unsigned i = 0; i < AREA; i++) {
				u8 expected = (u8)(i * 7 + 100 + (i >> 8));

				if (to + i >= out && to + i < out + size)
					expected = in[to + i - out];
				wrong += to[i] != expected;
			}
		}
	}
	EXPECT(wrong, 0);
}

static void move_overlapping(void)
{
	u8 *area = guarded_page(), copy[AREA];
	unsigned wrong = 0;

	for (int i = 0; i < 4000; i++) {
		unsigned size = check_random() % 300, start = check_random() % 40;
		unsigned from = start + check_random() % 90, to = start + check_random() % 90;

		if (check_random() % 2) {
			from = AREA - size - from;
			to = AREA - size - to;
		}
		fill(area, (unsigned)i);
		for (unsigned b = 0; b < AREA; b++)
			copy[b] = area[b];
		for (unsigned b = 0; b < size; b++)
			copy[to + b] = area[from + b];
		memmove(area + to, area + from, size);
		for (unsigned b = 0; b < AREA; b++)
			wrong += copy[b] != area[b];
	}
	EXPECT(wrong, 0);
}

static void set_compare_find(void)
{
	u8 *area = guarded_page(), *other = guarded_page();
	unsigned wrong = 0;

	for (unsigned size = 0; size < LONGEST; size++) {
		for (unsigned start = 0; start < 8; start++) {
			u8 *at = area + AREA - size - start;
			unsigned different = size ? check_random() % size : 0;

			fill(area, 9);
			memset(at, 0x1c7, size);
			for (unsigned i = 0; i < size; i++)
				wrong += at[i] != 0xc7;
			wrong += at[-1] != (u8)((at - 1 - area) * 7 + 9 + ((at - 1 - area) >> 8));
			for (unsigned i = 0; i < size; i++)
				other[i] = at[i];
			wrong += memcmp(at, other, size) != 0;
			wrong += memchr(at, 1, size) != NULL;
			if (!size)
				continue;
			at[different] = 1;
			wrong += memcmp(at, other, size) >= 0 || memcmp(other, at, size) <= 0;
			wrong += memchr(at, 0x101, size) != at + different;
		}
	}
	EXPECT(wrong, 0);
}

static void pages(void)
{
	u8 *area = guarded_page(), *other = guarded_page();

	fill(area, 1);
	page_copy(other, area);
	EXPECT(memcmp(area, other, AREA), 0);
	page_zero(other);
	for (unsigned i = 0; i < AREA; i++)
		EXPECT(other[i], 0);
}

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

static void strings(void)
{
	for (int i = 0; i < 20000; i++) {
		char a[12], b[6];
		unsigned length = check_random() % 11, part = check_random() % 5;
		int c = 'a' + (int)(check_random() % 3);

		for (unsigned at = 0; at < length; at++)
			a[at] = (char)('a' + check_random() % 2);
		for (unsigned at = 0; at < part; at++)
			b[at] = (char)('a' + check_random() % 2);
		a[length] = b[part] = '\0';
		EXPECT(strlen(a), length);
		EXPECT(strnlen(a, part), length < part ? length : part);
		EXPECT(sign(strcmp(a, b)), sign(libc_strcmp(a, b)));
		EXPECT(sign(strncmp(a, b, 3)), sign(libc_strncmp(a, b, 3)));
		EXPECT_TRUE(strchr(a, c) == libc_strchr(a, c));
		EXPECT_TRUE(strchr(a, 0) == a + length);
		EXPECT_TRUE(strrchr(a, c) == libc_strrchr(a, c));
		EXPECT_TRUE(strrchr(a, 0) == a + length);
		EXPECT_TRUE(strstr(a, b) == libc_strstr(a, b));
	}
	EXPECT_TRUE(strcmp("\xff", "a") > 0);
}

static void bounded(void)
{
	char to[6] = "xxxxx";

	EXPECT(strlcpy(to, "abc", 0), 3);
	EXPECT_STRING(to, "xxxxx");
	EXPECT(strlcpy(to, "abc", sizeof(to)), 3);
	EXPECT_STRING(to, "abc");
	EXPECT(strlcat(to, "defg", sizeof(to)), 7);
	EXPECT_STRING(to, "abcde");
	EXPECT(strlcpy(to, "abcdefg", 3), 7);
	EXPECT_STRING(to, "ab");
	EXPECT(strlcat(to, "x", 2), 3);
	EXPECT_STRING(to, "ab");
}

static void parse_one(const char *text, unsigned base, int result, u64 expected, size_t used)
{
	const char *end;
	u64 value = 77;

	EXPECT(parse_u64(text, &end, base, &value), result);
	EXPECT_TRUE(value == (result ? 77 : expected));
	EXPECT(end - text, used);
}

static void parse(void)
{
	parse_one("123x", 10, 0, 123, 3);
	parse_one("0x1Fg", 0, 0, 31, 4);
	parse_one("0x", 0, 0, 0, 1);
	parse_one("0xg", 16, 0, 0, 1);
	parse_one("0x1f", 16, 0, 31, 4);
	parse_one("1f", 16, 0, 31, 2);
	parse_one("0755", 0, 0, 0755, 4);
	parse_one("0", 0, 0, 0, 1);
	parse_one("08", 0, 0, 0, 1);
	parse_one("z", 36, 0, 35, 1);
	parse_one("", 10, -EINVAL, 0, 0);
	parse_one("-1", 10, -EINVAL, 0, 0);
	parse_one("18446744073709551615", 10, 0, ~(u64)0, 20);
	parse_one("18446744073709551616", 10, -ERANGE, 0, 20);
	parse_one("184467440737095516150", 10, -ERANGE, 0, 21);
}

int main(void)
{
	RUN(copy_everywhere);
	RUN(move_overlapping);
	RUN(set_compare_find);
	RUN(pages);
	RUN(strings);
	RUN(bounded);
	RUN(parse);
	return CHECK_RESULT;
}
