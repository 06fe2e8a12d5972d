// sources: kernel/dev/partition.c kernel/dev/block.c kernel/dev/block_sync.c kernel/lib/crc32.c
// sources: kernel/lib/strlcpy.c
// flags: -Iarch/host/include
/*
 * Partition tables of disks in memory: whole ones, and a great many that were damaged at random: nothing
 * outside of a disk may come of any.
 */
#include <dev/block_internal.h>
#include <lib/bits.h>
#include <lib/crc32.h>
#include <lib/errno.h>
#include <string.h>

#include "disk_port.h"

enum { SECTORS = 256, ENTRY = 128 };

static struct partition_entry entries[PARTITIONS_MAX];

static int read_table(void)
{
	int count = partitions_read(&disk, entries);

	for (int i = 0; i < count; i++) {
		EXPECT_TRUE(entries[i].count > 0);
		EXPECT_TRUE(entries[i].start < disk.size / 512);
		EXPECT_TRUE(entries[i].count <= disk.size / 512 - entries[i].start);
		EXPECT_TRUE(strnlen(entries[i].uuid, sizeof(entries[i].uuid)) < 40);
		EXPECT_TRUE(strnlen(entries[i].label, sizeof(entries[i].label)) < 80);
	}
	return count;
}

static void put32(u8 *to, u32 value)
{
	for (int i = 0; i < 4; i++)
		to[i] = value >> 8 * i;
}

static void put64(u8 *to, u64 value)
{
	put32(to, value);
	put32(to + 4, value >> 32);
}

static void mbr_entry(u8 *sector, unsigned index, u8 type, u32 start, u32 count)
{
	u8 *entry = sector + 446 + 16 * index;

	entry[4] = type;
	put32(entry + 8, start);
	put32(entry + 12, count);
	sector[510] = 0x55;
	sector[511] = 0xaa;
}

static void gpt_header(u8 *at, u64 here, u64 other, u64 table, u32 entries_crc)
{
	memcpy(at, "EFI PART", 8);
	put32(at + 8, 0x10000);
	put32(at + 12, 92);
	put32(at + 16, 0);
	put64(at + 24, here);
	put64(at + 32, other);
	put64(at + 40, 34);
	put64(at + 48, SECTORS - 34);
	put64(at + 72, table);
	put32(at + 80, 128);
	put32(at + 84, ENTRY);
	put32(at + 88, entries_crc);
	put32(at + 16, crc32(0, at, 92));
}

static void gpt_entry(u8 *table, unsigned index, u64 first, u64 last, const char *name)
{
	u8 *entry = table + index * ENTRY;

	memset(entry, 0x10 + index, 32);
	put64(entry + 32, first);
	put64(entry + 40, last);
	for (int i = 0; name[i]; i++)
		entry[56 + 2 * i] = name[i];
}

static void gpt_make(void)
{
	u8 *table = disk_data + 2 * 512, *backup = disk_data + (SECTORS - 33) * 512;
	u32 crc;

	memset(disk_data, 0, DISK_SIZE);
	mbr_entry(disk_data, 0, 0xee, 1, SECTORS - 1);
	gpt_entry(table, 0, 40, 99, "boot");
	gpt_entry(table, 2, 100, 199, "root");
	memcpy(backup, table, 32 * 512);
	crc = crc32(0, table, 128 * ENTRY);
	gpt_header(disk_data + 512, 1, SECTORS - 1, 2, crc);
	gpt_header(disk_data + (SECTORS - 1) * 512, SECTORS - 1, 1, SECTORS - 33, crc);
}

static void expect_gpt(int count)
{
	EXPECT(count, 2);
	EXPECT(entries[0].number, 1);
	EXPECT(entries[0].start, 40);
	EXPECT(entries[0].count, 60);
	EXPECT_TRUE(!strcmp(entries[0].label, "boot"));
	EXPECT_TRUE(!strcmp(entries[0].uuid, "10101010-1010-1010-1010-101010101010"));
	EXPECT(entries[1].number, 3);
	EXPECT(entries[1].start, 100);
}

static void gpt(void)
{
	disk_init(SECTORS * 512);
	gpt_make();
	expect_gpt(read_table());
	/* A damaged entry, a damaged header: the backup. */
	disk_data[2 * 512 + 60] ^= 1;
	expect_gpt(read_table());
	gpt_make();
	disk_data[512 + 20] ^= 1;
	disk_data[512 + 24] ^= 1;
	expect_gpt(read_table());
	/* Both. */
	disk_data[(SECTORS - 1) * 512 + 30] ^= 1;
	EXPECT(read_table(), 0);
	/* The first cannot be read. */
	gpt_make();
	disk_bad_sector = 1;
	expect_gpt(read_table());
	disk_bad_sector = 0;
	EXPECT(read_table(), -EIO);
	disk_bad_sector = ~0ull;
}

static void mbr(void)
{
	disk_init(SECTORS * 512);
	memset(disk_data, 0, DISK_SIZE);
	EXPECT(read_table(), 0);
	mbr_entry(disk_data, 0, 0x83, 8, 20);
	mbr_entry(disk_data, 1, 0x0c, 30, 20);
	mbr_entry(disk_data, 3, 0x0f, 100, 100);
	put32(disk_data + 440, 0x12345678);
	mbr_entry(disk_data + 100 * 512, 0, 0x83, 1, 9);
	mbr_entry(disk_data + 100 * 512, 1, 0x05, 50, 50);
	mbr_entry(disk_data + 150 * 512, 0, 0x83, 2, 10);
	EXPECT(read_table(), 4 + 1);
	EXPECT(entries[0].start, 8);
	EXPECT_TRUE(!strcmp(entries[0].uuid, "12345678-01"));
	EXPECT(entries[3].number, 5);
	EXPECT(entries[3].start, 101);
	EXPECT(entries[3].count, 9);
	EXPECT(entries[4].number, 6);
	EXPECT(entries[4].start, 152);
	/* A chain that leads back to itself. */
	mbr_entry(disk_data + 150 * 512, 1, 0x05, 50, 50);
	EXPECT_TRUE(read_table() > 4);
	/* Past the end of the disk. */
	mbr_entry(disk_data, 0, 0x83, 8, SECTORS);
	EXPECT_TRUE(read_table() > 3);
	EXPECT(entries[0].number, 2);
}

static void damaged(void)
{
	for (unsigned i = 0; i < 200000; i++) {
		unsigned changes = 1 + check_random() % 6;

		if (i % 64 == 0) {
			disk_init(SECTORS * 512 - (i % 128 ? 512 * (check_random() % 200) : 0));
			if (check_random() % 2)
				gpt_make();
			else
				mbr();
		}
		while (changes--) {
			static const unsigned interesting[] = { 0, 1, 2, SECTORS - 1, 100, 150 };
			unsigned sector = interesting[check_random() % 6];
			u8 *at = disk_data + sector * 512;
			unsigned offset = sector == 1 || sector == SECTORS - 1
						  ? check_random() % 96
						  : 440 + check_random() % 72;

			at[offset] = check_random();
			/* A right check sum lets the rest through. */
			if (check_random() % 2 && !memcmp(at, "EFI PART", 8)) {
				put32(at + 16, 0);
				put32(at + 16, crc32(0, at, 92));
			}
		}
		read_table();
	}
}

int main(void)
{
	RUN(gpt);
	RUN(mbr);
	RUN(damaged);
	return CHECK_RESULT;
}
