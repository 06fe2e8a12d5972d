// sources: kernel/dev/partition.c kernel/dev/block.c kernel/dev/block_sync.c kernel/lib/crc32.c
// sources: kernel/lib/strlcpy.c
// flags: -Iarch/host/include -Itests/host
/*
 * Partition tables: the first byte says which check sums are put right and whether the last sector of the input is the
 * disk's last; the rest is the disk from its start. Nothing that comes out lies outside of the disk.
 */
#include <dev/block_internal.h>
#include <lib/crc32.h>
#include <stdlib.h>
#include <string.h>

#include "disk_port.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SECTORS = 512, MEND_FIRST = 1, MEND_LAST = 2, BACKUP = 4, LARGE_BLOCKS = 8 };
enum { HEADER_SIZE = 12, HEADER_CRC = 16, TABLE_PLACE = 72, ENTRY_COUNT = 80, TABLE_CRC = 88 };

static u32 get32(const u8 *from)
{
	u32 value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static void put32(u8 *to, u32 value)
{
	memcpy(to, &value, sizeof(value));
}

/* Right check sums let the rest through. */
static void mend(u8 *header)
{
	u64 place, bytes = (u64)get32(header + ENTRY_COUNT) * get32(header + ENTRY_COUNT + 4);
	u32 size = get32(header + HEADER_SIZE);

	memcpy(&place, header + TABLE_PLACE, sizeof(place));
	if (place < SECTORS && bytes <= (SECTORS - place) * 512)
		put32(header + TABLE_CRC, crc32(0, disk_data + place * 512, bytes));
	put32(header + HEADER_CRC, 0);
	if (size <= 512)
		put32(header + HEADER_CRC, crc32(0, header, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct partition_entry entries[PARTITIONS_MAX];
	u8 how = size ? data[0] : 0, *last = disk_data + (SECTORS - 1) * 512;
	int count;

	size = MIN(size ? size - 1 : 0, (size_t)SECTORS * 512);
	memset(disk_data, 0, SECTORS * 512);
	if (size)
		memcpy(disk_data, data + 1, size);
	if (how & BACKUP && size >= 512)
		memcpy(last, data + 1 + size - 512, 512);
	if (how & MEND_FIRST)
		mend(disk_data + 512);
	if (how & MEND_LAST)
		mend(last);
	disk_init(SECTORS * 512);
	disk.sector_size = how & LARGE_BLOCKS ? 4096 : 512;
	count = partitions_read(&disk, entries);
	if (count > PARTITIONS_MAX)
		abort();
	for (int i = 0; i < count; i++)
		if (!entries[i].count || entries[i].start >= SECTORS ||
		    entries[i].count > SECTORS - entries[i].start ||
		    strnlen(entries[i].uuid, sizeof(entries[i].uuid)) >= sizeof(entries[i].uuid) ||
		    strnlen(entries[i].label, sizeof(entries[i].label)) >= sizeof(entries[i].label))
			abort();
	return 0;
}
