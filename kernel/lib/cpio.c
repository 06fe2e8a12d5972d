#include <lib/cpio.h>
#include <lib/ctype.h>
#include <lib/errno.h>
#include <lib/string.h>

/* newc: a magic of six characters, then 13 numbers of eight hexadecimal digits each. */
enum { MAGIC_SIZE = 6, FIELD_SIZE = 8, FIELDS = 13 };

/* Of the mode. */
enum { TYPE_MASK = 0170000, TYPE_REGULAR = 0100000 };

static_assert(MAGIC_SIZE + FIELDS * FIELD_SIZE == CPIO_HEADER_SIZE, "header");

static const char magic_plain[] = "070701", magic_checksum[] = "070702";
static const char trailer[] = "TRAILER!!!";

static int fail(struct cpio_reader *reader, int error, const char *cause)
{
	reader->stage = CPIO_FAILED;
	reader->error = error;
	reader->cause = cause;
	reader->error_offset = reader->header_start;
	return error;
}

void cpio_init(struct cpio_reader *reader, const struct cpio_handler *handler, void *context)
{
	memset(reader, 0, sizeof(*reader));
	reader->handler = handler;
	reader->context = context;
	reader->stage = CPIO_PADDING;
}

bool cpio_is_archive(const void *data, size_t size)
{
	return size >= CPIO_HEADER_SIZE && (!memcmp(data, magic_plain, MAGIC_SIZE) ||
					    !memcmp(data, magic_checksum, MAGIC_SIZE));
}

/* Names and contents begin at a multiple of 4 from the start of their archive. */
static u32 padding(const struct cpio_reader *reader)
{
	return (u32)(-(reader->offset - reader->archive_start) & 3);
}

static bool parse_fields(const char *header, u32 *fields)
{
	for (unsigned i = 0; i < FIELDS; i++) {
		const char *digits = header + MAGIC_SIZE + i * FIELD_SIZE;

		fields[i] = 0;
		for (unsigned d = 0; d < FIELD_SIZE; d++) {
			unsigned value = char_digit_value(digits[d]);

			if (value >= 16)
				return false;
			fields[i] = fields[i] << 4 | value;
		}
	}
	return true;
}

static int header_complete(struct cpio_reader *reader)
{
	struct cpio_entry *entry = &reader->entry;
	u32 f[FIELDS], name_size;

	if (!cpio_is_archive(reader->header, CPIO_HEADER_SIZE))
		return fail(reader, -EINVAL, "no magic number where a header should be");
	if (!parse_fields(reader->header, f))
		return fail(reader, -EINVAL, "a header with other characters than hex digits");
	name_size = f[11];
	if (!name_size || name_size > CPIO_NAME_MAX)
		return fail(reader, -EINVAL, "an empty name, or one that is too long");
	*entry = (struct cpio_entry){
		.name = reader->name,
		.archive = entry->archive,
		.inode = f[0],
		.mode = f[1],
		.uid = f[2],
		.gid = f[3],
		.links = f[4],
		.mtime = f[5],
		.size = f[6],
		.device_major = f[7],
		.device_minor = f[8],
		.rdev_major = f[9],
		.rdev_minor = f[10],
	};
	reader->checksummed = !memcmp(reader->header, magic_checksum, MAGIC_SIZE);
	reader->expected_checksum = f[12];
	reader->checksum = 0;
	reader->in_archive = true;
	reader->stage = CPIO_NAME;
	reader->filled = 0;
	reader->left = name_size;
	return 0;
}

static int name_complete(struct cpio_reader *reader)
{
	if (strnlen(reader->name, reader->filled) != reader->filled - 1)
		return fail(reader, -EINVAL, "a name that does not end where its length says");
	reader->stage = CPIO_NAME_PAD;
	reader->left = padding(reader);
	return 0;
}

/* The name and its padding are over. */
static int entry_begins(struct cpio_reader *reader)
{
	int error;

	if (string_equal(reader->name, trailer)) {
		if (reader->entry.size)
			return fail(reader, -EINVAL, "a trailer with content");
		reader->in_archive = false;
		reader->entry.archive++;
		reader->stage = CPIO_PADDING;
		return 0;
	}
	reader->stage = CPIO_DATA;
	reader->left = reader->entry.size;
	error = reader->handler->entry(reader->context, &reader->entry);
	return error ? fail(reader, error, NULL) : 0;
}

static int data_complete(struct cpio_reader *reader)
{
	int error;

	/* Writers sum up the content of regular files only, and of a hard link's once. */
	if (reader->checksummed && (reader->entry.mode & TYPE_MASK) == TYPE_REGULAR &&
	    reader->entry.size && reader->checksum != reader->expected_checksum)
		return fail(reader, -EINVAL, "a checksum that is wrong");
	reader->stage = CPIO_DATA_PAD;
	reader->left = padding(reader);
	error = reader->handler->end(reader->context);
	return error ? fail(reader, error, NULL) : 0;
}

static void expect_header(struct cpio_reader *reader)
{
	reader->stage = CPIO_HEADER;
	reader->header_start = reader->offset;
	reader->filled = 0;
	reader->left = CPIO_HEADER_SIZE;
}

/* What the stage was waiting for has come. */
static int stage_complete(struct cpio_reader *reader)
{
	switch (reader->stage) {
	case CPIO_HEADER:
		return header_complete(reader);
	case CPIO_NAME:
		return name_complete(reader);
	case CPIO_NAME_PAD:
		return entry_begins(reader);
	case CPIO_DATA:
		return data_complete(reader);
	case CPIO_DATA_PAD:
		expect_header(reader);
		return 0;
	default:
		return reader->error;
	}
}

/* @size bytes at @data belong to the stage. */
static int take(struct cpio_reader *reader, const u8 *data, size_t size)
{
	int error = 0;

	switch (reader->stage) {
	case CPIO_HEADER:
		memcpy(reader->header + reader->filled, data, size);
		break;
	case CPIO_NAME:
		memcpy(reader->name + reader->filled, data, size);
		break;
	case CPIO_DATA:
		if (reader->checksummed)
			for (size_t i = 0; i < size; i++)
				reader->checksum += data[i];
		error = reader->handler->data(reader->context, data, size);
		break;
	default:
		break;
	}
	reader->filled += (u32)size;
	reader->left -= (u32)size;
	reader->offset += size;
	return error ? fail(reader, error, NULL) : 0;
}

static size_t skip_zeros(struct cpio_reader *reader, const u8 *data, size_t size)
{
	size_t zeros = 0;

	while (zeros < size && !data[zeros])
		zeros++;
	reader->offset += zeros;
	if (zeros < size) {
		reader->archive_start = reader->offset;
		expect_header(reader);
	}
	return zeros;
}

int cpio_feed(struct cpio_reader *reader, const void *data, size_t size)
{
	const u8 *at = data;

	while (reader->stage != CPIO_FAILED) {
		size_t part;
		int error = 0;

		if (reader->stage == CPIO_PADDING) {
			part = skip_zeros(reader, at, size);
			at += part;
			size -= part;
			if (!size)
				return 0;
			continue;
		}
		part = MIN(size, (size_t)reader->left);
		if (part)
			error = take(reader, at, part);
		at += part;
		size -= part;
		if (!error && reader->left)
			return 0;
		if (!error)
			error = stage_complete(reader);
		if (error)
			return error;
	}
	return reader->error;
}

int cpio_finish(struct cpio_reader *reader)
{
	if (reader->stage == CPIO_FAILED)
		return reader->error;
	if (reader->stage == CPIO_PADDING)
		return 0;
	if (reader->stage == CPIO_HEADER && !reader->filled && reader->in_archive)
		return fail(reader, -EINVAL, "no trailer at the end");
	return fail(reader, -EINVAL, "an entry that is cut off");
}
