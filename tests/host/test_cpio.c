// sources: kernel/lib/cpio.c
/* Archives in chunks of every size, several in a row, made by cpio(1), and broken in every place. */
#include <lib/cpio.h>
#include <lib/errno.h>
#include <string.h>

#include "check.h"

static u8 archive[65536];
static size_t archive_size;

/* What the handler saw, as text. */
static char seen[65536];
static size_t seen_size;
static int stop_at, calls;

static void see(const char *text, size_t size)
{
	if (size > sizeof(seen) - 1 - seen_size)
		size = sizeof(seen) - 1 - seen_size;
	memcpy(seen + seen_size, text, size);
	seen_size += size;
	seen[seen_size] = '\0';
}

static int on_entry(void *context, const struct cpio_entry *entry)
{
	char text[CPIO_NAME_MAX + 200];
	int size = snprintf(text, sizeof(text), "[%u %s %o %u:%u n%u i%u t%u d%u:%u r%u:%u s%u ",
			    entry->archive, entry->name, entry->mode, entry->uid, entry->gid,
			    entry->links, entry->inode, entry->mtime, entry->device_major,
			    entry->device_minor, entry->rdev_major, entry->rdev_minor, entry->size);

	see(text, (size_t)size);
	return ++calls == stop_at ? -ENOSPC : 0;
}

static int on_data(void *context, const void *data, size_t size)
{
	EXPECT_TRUE(size > 0);
	see(data, size);
	return ++calls == stop_at ? -ENOSPC : 0;
}

static int on_end(void *context)
{
	see("]", 1);
	return ++calls == stop_at ? -ENOSPC : 0;
}

static const struct cpio_handler handler = { on_entry, on_data, on_end };
static struct cpio_reader reader;

static int feed(const u8 *data, size_t size, size_t chunk)
{
	int error = 0;

	memset(&reader, 0xa5, sizeof(reader));
	cpio_init(&reader, &handler, NULL);
	seen_size = 0;
	calls = 0;
	while (size && !error) {
		size_t part = chunk ? chunk : 1 + check_random() % 50;
		u8 *exact;

		part = part < size ? part : size;
		exact = malloc(part);
		memcpy(exact, data, part);
		error = cpio_feed(&reader, exact, part);
		free(exact);
		data += part;
		size -= part;
	}
	if (!error)
		error = cpio_finish(&reader);
	EXPECT(error == -EINVAL, reader.cause != NULL);
	return error;
}

static void put(const void *data, size_t size)
{
	memcpy(archive + archive_size, data, size);
	archive_size += size;
}

static void pad(unsigned alignment)
{
	while (archive_size % alignment)
		archive[archive_size++] = 0;
}

static void put_entry(const char *name, unsigned mode, const char *data, bool checksummed)
{
	char header[CPIO_HEADER_SIZE + 1];
	unsigned sum = 0;

	for (const char *at = data; *at; at++)
		sum += (u8)*at;
	snprintf(header, sizeof(header),
		 "0707%02d%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08X",
		 checksummed ? 2 : 1, 7, mode, 1, 2, 3, 0xabcdef, (unsigned)strlen(data), 4, 5, 6,
		 8, (unsigned)strlen(name) + 1, checksummed ? sum : 0);
	put(header, CPIO_HEADER_SIZE);
	put(name, strlen(name) + 1);
	pad(4);
	put(data, strlen(data));
	pad(4);
}

static const char small_seen[] = "[0 a 100644 1:2 n3 i7 t11259375 d4:5 r6:8 s5 hello]"
				 "[0 dir/bb 40755 1:2 n3 i7 t11259375 d4:5 r6:8 s0 ]"
				 "[1 c 120777 1:2 n3 i7 t11259375 d4:5 r6:8 s2 to]";

/* Two archives with zeros before, between and behind. */
static void make_small(void)
{
	archive_size = 0;
	pad(1);
	memset(archive, 0, 8);
	archive_size = 8;
	put_entry("a", 0100644, "hello", true);
	put_entry("dir/bb", 040755, "", false);
	put_entry("TRAILER!!!", 0, "", false);
	pad(512);
	put_entry("c", 0120777, "to", false);
	put_entry("TRAILER!!!", 0, "", false);
	pad(512);
}

static void chunks(void)
{
	make_small();
	for (size_t chunk = 0; chunk < 600; chunk++) {
		EXPECT(feed(archive, archive_size, chunk), 0);
		EXPECT_STRING(seen, small_seen);
	}
	EXPECT(feed(archive, 0, 1), 0);
	EXPECT(cpio_is_archive(archive + 8, archive_size - 8), true);
	EXPECT(cpio_is_archive(archive, archive_size), false);
}

static void handler_stops(void)
{
	make_small();
	for (stop_at = 1; stop_at <= 8; stop_at++) {
		EXPECT(feed(archive, archive_size, archive_size), -ENOSPC);
		EXPECT(calls, stop_at);
		EXPECT(cpio_feed(&reader, archive, 8), -ENOSPC);
	}
	stop_at = 0;
}

static void cut(void)
{
	/* The sizes at which the first archive, its padding, and the second one are over. */
	const size_t first =
		8 + (112 + 8) + (CPIO_HEADER_SIZE + 7 + 3) + (CPIO_HEADER_SIZE + 11 + 3);
	const size_t second = 512 + 112 + 4 + (CPIO_HEADER_SIZE + 11 + 3);

	make_small();
	for (size_t size = 0; size < archive_size; size++) {
		bool whole = size <= 8 || (size >= first && size <= 512) || size >= second;

		EXPECT(feed(archive, size, 64), whole ? 0 : -EINVAL);
	}
	/* Without a trailer. */
	archive_size = 0;
	put_entry("a", 0100644, "hello", false);
	EXPECT(feed(archive, archive_size, 64), -EINVAL);
	EXPECT_STRING(reader.cause, "no trailer at the end");
	EXPECT(reader.error_offset, archive_size);
}

static void expect_refusal(const char *cause, u64 offset)
{
	EXPECT(feed(archive, archive_size, 0), -EINVAL);
	EXPECT_STRING(reader.cause, cause);
	EXPECT(reader.error_offset, offset);
}

static void malformed(void)
{
	make_small();
	archive[8 + 5] = '7';
	expect_refusal("no magic number where a header should be", 8);
	make_small();
	archive[8 + 30] = 'g';
	expect_refusal("a header with other characters than hex digits", 8);
	make_small();
	archive[8 + 110] = 0;
	expect_refusal("a name that does not end where its length says", 8);
	make_small();
	archive[8 + 112] ^= 1;
	expect_refusal("a checksum that is wrong", 8);
	make_small();
	memcpy(archive + 8 + 6 + 11 * 8, "00001001", 8);
	expect_refusal("an empty name, or one that is too long", 8);
	make_small();
	memcpy(archive + 8 + 6 + 11 * 8, "00000000", 8);
	expect_refusal("an empty name, or one that is too long", 8);
	archive_size = 0;
	put_entry("TRAILER!!!", 0, "content", false);
	expect_refusal("a trailer with content", 0);
	/* Longer than all that follows. */
	make_small();
	memcpy(archive + 8 + 6 + 6 * 8, "ffffffff", 8);
	memcpy(archive + 8, "070701", 6);
	expect_refusal("an entry that is cut off", 8);
}

static void flips(void)
{
	make_small();
	for (size_t bit = 0; bit < archive_size * 8; bit++) {
		int error;

		archive[bit / 8] ^= (u8)(1 << bit % 8);
		error = feed(archive, archive_size, 0);
		EXPECT_TRUE(!error || error == -EINVAL);
		archive[bit / 8] ^= (u8)(1 << bit % 8);
	}
	for (int i = 0; i < 20000; i++) {
		make_small();
		for (u64 changes = check_random() % 5; changes; changes--)
			archive[check_random() % archive_size] = "0f@\0T"[check_random() % 5];
		feed(archive, archive_size, 0);
	}
}

static void from_cpio(void)
{
	static const char *formats[] = { "newc", "crc" };
	static const char names[] = "/etc/passwd\n/etc\n/etc/group\n";

	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
		const char *arguments[] = { "cpio", "--quiet", "-o", "-H", formats[i], NULL };
		size_t size;
		u8 *made = check_filter(arguments, names, strlen(names), &size);

		if (!made) {
			printf("# cpio cannot be run\n");
			return;
		}
		EXPECT(feed(made, size, 0), 0);
		EXPECT_TRUE(strstr(seen, "[0 /etc/passwd 100644 0:0 n1 "));
		EXPECT_TRUE(strstr(seen, "root:x:0:0:root"));
		EXPECT_TRUE(strstr(seen, "[0 /etc 40755 "));
		free(made);
	}
}

int main(void)
{
	RUN(chunks);
	RUN(handler_stops);
	RUN(cut);
	RUN(malformed);
	RUN(flips);
	RUN(from_cpio);
	return CHECK_RESULT;
}
