/* Partition tables: GPT (UEFI 2.10, chapter 5) and MBR with its chain of logical partitions. */
#include <debug/log.h>
#include <dev/block_internal.h>
#include <lib/bits.h>
#include <lib/crc32.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>

enum {
	MBR_SIGNATURE = 0xaa55,
	MBR_ENTRIES = 446,
	MBR_DISK_ID = 440,
	TYPE_EXTENDED = 0x05,
	TYPE_EXTENDED_LBA = 0x0f,
	TYPE_EXTENDED_LINUX = 0x85,
	TYPE_GPT = 0xee,
	LOGICAL_FIRST = 5,
	EXTENDED_SHOWN = 2,
	GPT_HEADER_LEAST = 92,
	GPT_ENTRY_LEAST = 128,
	GPT_ENTRY_MOST = 4096,
	GPT_NAME_UNITS = 36,
};

struct table {
	struct block_device *disk;
	struct partition_entry *entries;
	unsigned count;
	u8 *sector; /* one logical block */
};

/* One logical block of the disk. */
static int read_block(struct table *table, u64 number)
{
	u32 size = table->disk->sector_size;

	return block_read(table->disk, number * size, table->sector, size);
}

/* False: it does not lie inside the disk, or there are too many. */
static bool add(struct table *table, unsigned number, u64 start, u64 count)
{
	u32 sectors = table->disk->sector_size / SECTOR_SIZE;
	u64 blocks = table->disk->size / table->disk->sector_size;
	struct partition_entry *entry = &table->entries[table->count];

	if (!count || start >= blocks || count > blocks - start || table->count == PARTITIONS_MAX)
		return false;
	*entry = (struct partition_entry){
		.start = start * sectors,
		.count = count * sectors,
		.number = number,
	};
	table->count++;
	return true;
}

static bool is_extended(u8 type)
{
	return type == TYPE_EXTENDED || type == TYPE_EXTENDED_LBA || type == TYPE_EXTENDED_LINUX;
}

/*
 * Each logical partition has a table of its own, whose second entry leads to the next. A chain that
 * runs in a circle ends at the number of partitions.
 */
static int read_logical(struct table *table, u32 extended, u64 extended_count, u32 disk_id)
{
	unsigned number = LOGICAL_FIRST;
	u64 at = extended;

	for (unsigned i = 0; i < PARTITIONS_MAX; i++) {
		const u8 *entry = table->sector + MBR_ENTRIES;
		u32 start, count, next = 0;
		int error = read_block(table, at);

		if (error)
			return error;
		if (load_le16(table->sector + 510) != MBR_SIGNATURE)
			return 0;
		start = load_le32(entry + 8);
		count = load_le32(entry + 12);
		if (entry[4] && !is_extended(entry[4]) && add(table, number, at + start, count)) {
			struct partition_entry *made = &table->entries[table->count - 1];

			snprintf(made->uuid, sizeof(made->uuid), "%08x-%02x", disk_id, number);
			number++;
		}
		if (is_extended(entry[16 + 4]))
			next = load_le32(entry + 16 + 8);
		if (!next || next >= extended_count)
			return 0;
		at = (u64)extended + next;
	}
	return 0;
}

static int read_mbr(struct table *table)
{
	u8 entries[4 * 16];
	u32 disk_id = load_le32(table->sector + MBR_DISK_ID);
	int error = 0;

	memcpy(entries, table->sector + MBR_ENTRIES, sizeof(entries));
	for (unsigned i = 0; i < 4; i++) {
		const u8 *entry = entries + 16 * i;
		struct partition_entry *made;
		u32 count;

		/* A boot sector of FAT has the signature, too, and text where the table is. */
		if (entry[0] & 0x7f)
			return 0;
		/* Of a container just enough for a boot loader is shown, as Linux does. */
		count = load_le32(entry + 12);
		if (is_extended(entry[4]))
			count = MIN(count, EXTENDED_SHOWN);
		if (!entry[4] || !add(table, i + 1, load_le32(entry + 8), count))
			continue;
		made = &table->entries[table->count - 1];
		snprintf(made->uuid, sizeof(made->uuid), "%08x-%02x", disk_id, i + 1);
	}
	for (unsigned i = 0; i < 4 && !error; i++) {
		const u8 *entry = entries + 16 * i;

		if (is_extended(entry[4]))
			error = read_logical(table, load_le32(entry + 8), load_le32(entry + 12),
					     disk_id);
	}
	return error;
}

/* The mixed byte order of GUIDs (UEFI, appendix A), in lower case as blkid(8) prints them. */
static void format_guid(char *to, size_t size, const u8 *guid)
{
	snprintf(to, size, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", load_le32(guid),
		 load_le16(guid + 4), load_le16(guid + 6), guid[8], guid[9], guid[10], guid[11],
		 guid[12], guid[13], guid[14], guid[15]);
}

/* UTF-16 to ASCII, which is what people and root=PARTLABEL= use. */
static void format_name(char *to, size_t size, const u8 *name)
{
	size_t i;

	for (i = 0; i < GPT_NAME_UNITS && i + 1 < size; i++) {
		u16 unit = load_le16(name + 2 * i);

		if (!unit)
			break;
		to[i] = unit >= 0x20 && unit < 0x7f ? (char)unit : '?';
	}
	to[i] = '\0';
}

static void add_gpt_entry(struct table *table, unsigned number, const u8 *data)
{
	static const u8 unused[16];
	u64 first = load_le64(data + 32), last = load_le64(data + 40);
	struct partition_entry *entry;

	if (!memcmp(data, unused, sizeof(unused)) || last < first || last == ~(u64)0 ||
	    !add(table, number, first, last - first + 1))
		return;
	entry = &table->entries[table->count - 1];
	format_guid(entry->uuid, sizeof(entry->uuid), data + 16);
	format_name(entry->label, sizeof(entry->label), data + 56);
}

/* The header at @block is in table->sector. 0: it is good and so are its entries; -EINVAL. */
static int read_gpt(struct table *table, u64 block)
{
	u32 block_size = table->disk->sector_size, crc, size, count, entry_size;
	u64 blocks = table->disk->size / block_size, start, bytes;
	u8 *data;
	int error = read_block(table, block);

	if (error)
		return error;
	size = load_le32(table->sector + 12);
	if (memcmp(table->sector, "EFI PART", 8) || size < GPT_HEADER_LEAST || size > block_size)
		return -EINVAL;
	crc = load_le32(table->sector + 16);
	memset(table->sector + 16, 0, 4);
	if (crc32(0, table->sector, size) != crc || load_le64(table->sector + 24) != block)
		return -EINVAL;
	start = load_le64(table->sector + 72);
	count = load_le32(table->sector + 80);
	entry_size = load_le32(table->sector + 84);
	crc = load_le32(table->sector + 88);
	if (entry_size < GPT_ENTRY_LEAST || entry_size > GPT_ENTRY_MOST ||
	    !IS_ALIGNED(entry_size, 8) || !count || count > PARTITIONS_MAX * 8u)
		return -EINVAL;
	bytes = (u64)count * entry_size;
	if (start >= blocks || ALIGN_UP(bytes, (u64)block_size) / block_size > blocks - start)
		return -EINVAL;
	data = kmalloc(ALIGN_UP(bytes, (u64)block_size));
	if (!data)
		return -ENOMEM;
	error = block_read(table->disk, start * block_size, data, ALIGN_UP(bytes, (u64)block_size));
	if (!error && crc32(0, data, bytes) != crc)
		error = -EINVAL;
	for (u32 i = 0; i < count && !error; i++)
		add_gpt_entry(table, i + 1, data + (u64)i * entry_size);
	kfree(data);
	return error;
}

/* The backup lies in the last block. */
static int read_either_gpt(struct table *table)
{
	u64 last = table->disk->size / table->disk->sector_size - 1;
	int error = read_gpt(table, 1);

	if (error != -EINVAL && error != -EIO)
		return error;
	table->count = 0;
	error = read_gpt(table, last);
	if (!error)
		log_warning("%s: the partition table is damaged; its backup is used\n",
			    table->disk->name);
	else if (error == -EINVAL)
		log_warning("%s: the partition table is damaged, and so is its backup\n",
			    table->disk->name);
	return error == -EINVAL ? 0 : error;
}

static bool is_protective(const u8 *sector)
{
	for (unsigned i = 0; i < 4; i++)
		if (sector[MBR_ENTRIES + 16 * i + 4] == TYPE_GPT)
			return true;
	return false;
}

int partitions_read(struct block_device *disk, struct partition_entry entries[PARTITIONS_MAX])
{
	struct table table = { .disk = disk, .entries = entries };
	int error;

	if (disk->size / disk->sector_size < 2)
		return 0;
	table.sector = kmalloc(disk->sector_size);
	if (!table.sector)
		return -ENOMEM;
	error = read_block(&table, 0);
	if (!error && load_le16(table.sector + 510) == MBR_SIGNATURE)
		error = is_protective(table.sector) ? read_either_gpt(&table) : read_mbr(&table);
	kfree(table.sector);
	return error ? error : (int)table.count;
}
