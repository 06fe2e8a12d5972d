// sources: kernel/lib/cpio.c
/*
 * Archives: the first two bytes say in which pieces the rest is fed. The same bytes in one piece must
 * end in the same way, with the same content.
 */
#include <lib/cpio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
	u64 entries, bytes, hash;
	u32 left; /* of the current entry */
};

static int see_entry(void *context, const struct cpio_entry *entry)
{
	struct seen *seen = context;

	if (strlen(entry->name) >= CPIO_NAME_MAX)
		abort();
	seen->entries++;
	seen->hash = seen->hash * 31 + strlen(entry->name) + entry->mode + entry->archive;
	seen->left = entry->size;
	return 0;
}

static int see_data(void *context, const void *data, size_t size)
{
	struct seen *seen = context;

	if (size > seen->left)
		abort();
	seen->left -= size;
	seen->bytes += size;
	for (size_t i = 0; i < size; i++)
		seen->hash = seen->hash * 31 + ((const u8 *)data)[i];
	return 0;
}

static int see_end(void *context)
{
	struct seen *seen = context;

	if (seen->left)
		abort();
	return 0;
}

static const struct cpio_handler handler = { see_entry, see_data, see_end };

static int read_in_pieces(const u8 *data, size_t size, size_t piece, struct seen *seen)
{
	static struct cpio_reader reader;
	int error = 0;

	*seen = (struct seen){ 0 };
	cpio_init(&reader, &handler, seen);
	for (size_t at = 0; at < size && !error; at += piece) {
		size_t part = size - at < piece ? size - at : piece;
		u8 *exact = malloc(part);

		memcpy(exact, data + at, part);
		error = cpio_feed(&reader, exact, part);
		free(exact);
	}
	return error ? error : cpio_finish(&reader);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct seen whole, pieces;
	size_t piece;

	if (size < 2)
		return 0;
	piece = 1 + (data[0] | data[1] << 8) % 600;
	if (read_in_pieces(data + 2, size - 2, size, &whole) !=
	    read_in_pieces(data + 2, size - 2, piece, &pieces))
		abort();
	if (whole.entries != pieces.entries || whole.hash != pieces.hash)
		abort();
	return 0;
}
