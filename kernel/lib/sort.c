#include <lib/sort.h>

static void swap(u8 *a, u8 *b, size_t size)
{
	for (; size; a++, b++, size--) {
		u8 byte = *a;

		*a = *b;
		*b = byte;
	}
}

typedef int (*comparison)(const void *, const void *);

/* Let the element at @root sink until the heap [0, count) is one again below it. */
static void sink(u8 *base, size_t root, size_t count, size_t size, comparison compare)
{
	while (2 * root + 1 < count) {
		size_t child = 2 * root + 1;

		if (child + 1 < count &&
		    compare(base + child * size, base + (child + 1) * size) < 0)
			child++;
		if (compare(base + root * size, base + child * size) >= 0)
			return;
		swap(base + root * size, base + child * size, size);
		root = child;
	}
}

void sort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	for (size_t root = count / 2; root-- > 0;)
		sink(base, root, count, size, compare);
	for (size_t last = count; last-- > 1;) {
		swap(base, (u8 *)base + last * size, size);
		sink(base, 0, last, size, compare);
	}
}
