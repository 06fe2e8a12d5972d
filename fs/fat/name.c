/* Names: UTF-8 and UTF-16, upper and lower case, 8.3 and its aliases. */
#include <fs/fat/fat.h>
#include <lib/errno.h>
#include <lib/string.h>

/* One character of UTF-8: its bytes, 0 when it is none. */
static size_t decode(const u8 *text, size_t length, u32 *character)
{
	static const u32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t bytes = text[0] < 0x80	      ? 1
		       : text[0] >> 5 == 0x6  ? 2
		       : text[0] >> 4 == 0xe  ? 3
		       : text[0] >> 3 == 0x1e ? 4
					      : 0;

	if (!bytes || bytes > length)
		return 0;
	*character = bytes == 1 ? text[0] : text[0] & (0x7fu >> bytes);
	for (size_t i = 1; i < bytes; i++) {
		if (text[i] >> 6 != 2)
			return 0;
		*character = *character << 6 | (text[i] & 0x3f);
	}
	if (*character < least[bytes] || *character > 0x10ffff ||
	    (*character >= 0xd800 && *character < 0xe000))
		return 0;
	return bytes;
}

int fat_to_units(const char *name, size_t length, u16 *units)
{
	size_t at = 0;
	int count = 0;

	while (at < length) {
		u32 character;
		size_t bytes = decode((const u8 *)name + at, length - at, &character);

		if (!bytes)
			return -EINVAL;
		if (count + 1 + (character > 0xffff) > FAT_LONG_MAX)
			return -ENAMETOOLONG;
		if (character > 0xffff) {
			units[count++] = (u16)(0xd800 + ((character - 0x10000) >> 10));
			units[count++] = (u16)(0xdc00 + ((character - 0x10000) & 0x3ff));
		} else {
			units[count++] = (u16)character;
		}
		at += bytes;
	}
	return count;
}

static size_t encode(u32 character, char *to)
{
	if (character < 0x80) {
		to[0] = (char)character;
		return 1;
	}
	if (character < 0x800) {
		to[0] = (char)(0xc0 | character >> 6);
		to[1] = (char)(0x80 | (character & 0x3f));
		return 2;
	}
	if (character < 0x10000) {
		to[0] = (char)(0xe0 | character >> 12);
		to[1] = (char)(0x80 | (character >> 6 & 0x3f));
		to[2] = (char)(0x80 | (character & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | character >> 18);
	to[1] = (char)(0x80 | (character >> 12 & 0x3f));
	to[2] = (char)(0x80 | (character >> 6 & 0x3f));
	to[3] = (char)(0x80 | (character & 0x3f));
	return 4;
}

size_t fat_from_units(const u16 *units, unsigned count, char *name)
{
	size_t length = 0;

	for (unsigned i = 0; i < count; i++) {
		u32 character = units[i];
		char bytes[4];
		size_t size;

		if (character >= 0xd800 && character < 0xdc00 && i + 1 < count &&
		    units[i + 1] >= 0xdc00 && units[i + 1] < 0xe000)
			character = 0x10000 + ((character - 0xd800) << 10) + (units[++i] - 0xdc00u);
		/* What no name may hold is replaced, half a pair included. */
		if (character == '/' || character < 32 ||
		    (character >= 0xd800 && character < 0xe000))
			character = '_';
		size = encode(character, bytes);
		if (length + size > FAT_LONG_MAX)
			return 0;
		memcpy(name + length, bytes, size);
		length += size;
	}
	return length;
}

/* Simple folding of the alphabets that have cases and are common in names. */
static u16 upper(u16 unit)
{
	if (unit < 0x80)
		return unit >= 'a' && unit <= 'z' ? unit - 32 : unit;
	if ((unit >= 0xe0 && unit <= 0xfe && unit != 0xf7) ||
	    (unit >= 0x3b1 && unit <= 0x3c9 && unit != 0x3c2) || (unit >= 0x430 && unit <= 0x44f))
		return unit - 32;
	if (unit >= 0x450 && unit <= 0x45f)
		return unit - 80;
	if ((unit >= 0x100 && unit <= 0x137) || (unit >= 0x14a && unit <= 0x177))
		return unit & ~1;
	return unit;
}

bool fat_units_equal(const u16 *a, unsigned a_count, const u16 *b, unsigned b_count)
{
	if (a_count != b_count)
		return false;
	for (unsigned i = 0; i < a_count; i++)
		if (upper(a[i]) != upper(b[i]))
			return false;
	return true;
}

u8 fat_short_checksum(const u8 *name)
{
	u8 sum = 0;

	for (unsigned i = 0; i < 11; i++)
		sum = (u8)((sum >> 1 | sum << 7) + name[i]);
	return sum;
}

static char lower_if(u8 byte, bool lower)
{
	return (char)(lower && byte >= 'A' && byte <= 'Z' ? byte + 32 : byte);
}

size_t fat_short_text(const struct fat_entry *entry, char *text)
{
	unsigned base = 8, extension = 3;
	size_t length = 0;

	while (base && entry->name[base - 1] == ' ')
		base--;
	while (extension && entry->name[8 + extension - 1] == ' ')
		extension--;
	for (unsigned i = 0; i < base; i++) {
		u8 byte = entry->name[i];

		/* The mark of deleted entries stands for itself in this disguise. */
		if (i == 0 && byte == 0x05)
			byte = FAT_DELETED;
		text[length++] = lower_if(byte, entry->case_flags & FAT_LOWER_BASE);
	}
	if (extension)
		text[length++] = '.';
	for (unsigned i = 0; i < extension; i++)
		text[length++] =
			lower_if(entry->name[8 + i], entry->case_flags & FAT_LOWER_EXTENSION);
	/* Other code pages are not known: bytes above 127 are no UTF-8. */
	for (size_t i = 0; i < length; i++)
		if ((u8)text[i] >= 0x80 || (u8)text[i] < 32 || text[i] == '/')
			text[i] = '_';
	return length;
}

int fat_check_name(const u16 *units, int count)
{
	while (count > 0 && (units[count - 1] == '.' || units[count - 1] == ' '))
		count--;
	for (int i = 0; i < count; i++)
		if (units[i] < 32 || (units[i] < 128 && strchr("*?<>|\":/\\", units[i])))
			return -EINVAL;
	return count ? count : -EINVAL;
}

static bool is_short_character(u16 unit)
{
	return (unit >= 'A' && unit <= 'Z') || (unit >= '0' && unit <= '9') ||
	       (unit && unit < 128 && strchr("$%'-_@~`!(){}^#&", unit));
}

bool fat_make_short(const u16 *units, unsigned count, u8 *name)
{
	unsigned dot = count, used = 0, extension = 0;
	bool exact = true;

	memset(name, ' ', 11);
	for (unsigned i = 1; i < count; i++)
		if (units[i] == '.')
			dot = i;
	for (unsigned i = 0; i < count; i++) {
		u16 unit = upper(units[i]);

		if (i == dot)
			continue;
		exact = exact && unit == units[i] && is_short_character(unit);
		if (unit == '.' || unit == ' ')
			continue;
		unit = is_short_character(unit) ? unit : '_';
		if (i < dot ? used < 8 : extension < 3)
			name[i < dot ? used++ : 8 + extension++] = (u8)unit;
		else
			exact = false;
	}
	if (!used)
		name[0] = '_';
	return exact && used;
}

void fat_number_short(const u8 *stem, unsigned number, u8 *name)
{
	char digits[8];
	unsigned length = 0, at = 0;

	memcpy(name, stem, 11);
	for (; number; number /= 10)
		digits[length++] = (char)('0' + number % 10);
	while (at < 8 - length - 1 && stem[at] != ' ')
		at++;
	name[at++] = '~';
	while (length)
		name[at++] = (u8)digits[--length];
	while (at < 8)
		name[at++] = ' ';
}
