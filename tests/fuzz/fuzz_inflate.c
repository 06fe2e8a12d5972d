// sources: kernel/lib/inflate.c kernel/lib/crc32.c
/* gzip members and bare deflate streams. */
#include <lib/errno.h>
#include <lib/inflate.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUT_MAX = 1 << 20 };

static int count(void *context, const void *data, size_t size)
{
	size_t *total = context;

	if (!size || size > INFLATE_WINDOW)
		abort();
	*total += size;
	return *total > OUTPUT_MAX ? -EFBIG : 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct inflate state;
	u8 *exact = malloc(size ? size : 1);
	size_t total = 0, used = 0;

	memcpy(exact, data, size);
	if (!inflate_gzip(&state, exact, size, count, &total, &used) && used > size)
		abort();
	total = 0;
	if (!inflate_raw(&state, exact, size, count, &total, &used) && used > size)
		abort();
	free(exact);
	return 0;
}
