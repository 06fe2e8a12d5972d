// sources: fs/ext4/[a-hj-z]*.c fs/ext4/in[dlo]*.c kernel/lib/crc32c.c kernel/lib/bitmap.c kernel/lib/radix.c kernel/lib/rbtree.c
// sources: fs/vnode_table.c fs/mount_option.c kernel/lib/sort.c kernel/lib/strlcpy.c kernel/lib/parse.c
// flags: -Iarch/host/include -Wno-unused-function
/*
 * Power cuts: the writes of a busy while are recorded with their flushes, cut off anywhere; of those that were not
 * flushed, any may be missing. After the replay, ours or e2fsck's, e2fsck finds nothing, and all that was synced is there.
 * POWER_CUTS=1000 for more than the usual 120.
 */
#include <fs/ext4/ext4.h>

#include "fs_calls.h"

enum { KEPT_MAX = 4000, SLOTS = 24 };

/* A file that was synced when write @from had been done, and that nothing touched until write @to began. */
static struct kept {
	char path[64];
	size_t from, to, size;
	u8 *data;
} kept[KEPT_MAX];
static unsigned kept_count;

static struct slot { /* a file of the moment */
	char path[64];
	bool used;
	size_t size;
	u8 data[90000];
	int kept; /* its entry above, or -1 */
} slots[SLOTS];

static void touched(struct slot *slot)
{
	if (slot->kept >= 0)
		kept[slot->kept].to = port_write_count;
	slot->kept = -1;
}

static void sync_slot(struct slot *slot)
{
	struct kept *entry = &kept[kept_count];

	EXPECT(call_fsync(slot->path), 0);
	if (kept_count == KEPT_MAX)
		return;
	touched(slot);
	strcpy(entry->path, slot->path);
	entry->from = port_write_count;
	entry->to = ~(size_t)0;
	entry->size = slot->size;
	entry->data = malloc(slot->size + 1);
	memcpy(entry->data, slot->data, slot->size);
	slot->kept = (int)kept_count++;
}

static void append(struct slot *slot)
{
	size_t size = 1 + check_random() % (check_random() % 6 ? 3000 : 40000);

	if (slot->size + size > sizeof(slot->data))
		return;
	/* What was synced stays a part of it, but the file is not what it was. */
	touched(slot);
	for (size_t i = 0; i < size; i++)
		slot->data[slot->size + i] = (u8)(check_random() >> 5);
	EXPECT(call_write(slot->path, slot->size, slot->data + slot->size, size), size);
	slot->size += size;
}

static void step(unsigned number)
{
	struct slot *slot = &slots[check_random() % SLOTS];
	char path[64];

	if (!slot->used) {
		sprintf(slot->path, "%sf%u", check_random() % 2 ? "d/" : "", number);
		EXPECT(call_create(slot->path, S_IFREG | 0644), 0);
		slot->used = true;
		slot->size = 0;
		slot->kept = -1;
		return;
	}
	switch (check_random() % 12) {
	case 0:
		touched(slot);
		EXPECT(call_unlink(slot->path), 0);
		slot->used = false;
		break;
	case 1:
		touched(slot);
		sprintf(path, "%sr%u", check_random() % 2 ? "d/" : "", number);
		EXPECT(call_rename(slot->path, path, false), 0);
		strcpy(slot->path, path);
		break;
	case 2:
		touched(slot);
		slot->size = check_random() % (slot->size + 1);
		EXPECT(call_truncate(slot->path, slot->size), 0);
		break;
	case 3:
	case 4:
		sync_slot(slot);
		break;
	case 5:
		if (check_random() % 4 == 0)
			EXPECT(port_write_all(), 0);
		else if (check_random() % 4 == 0)
			EXPECT(port_system->sync(port_system), 0);
		break;
	default:
		append(slot);
	}
}

/* As the disk may be when the power fails before write @cut. */
static void cut_image(const u8 *before, size_t cut)
{
	size_t flushed = cut;

	memcpy(port_image, before, port_disk.size);
	while (flushed && port_writes[flushed - 1].size)
		flushed--;
	for (size_t i = 0; i < cut; i++) {
		const struct port_write *write = &port_writes[i];

		if (!write->size || (i >= flushed && !write->fua && check_random() % 2))
			continue;
		memcpy(port_image + write->offset, write->data, write->size);
	}
}

static bool judge(const char *image, bool theirs)
{
	char command[256];

	port_disk_save(image);
	if (theirs) {
		snprintf(command, sizeof(command), "e2fsck -fy %s >build/host/e2fsck.log 2>&1",
			 image);
		if (system(command) > 256)
			return false;
		port_disk_load(image);
	}
	snprintf(command, sizeof(command), "e2fsck -fn %s >build/host/e2fsck.log 2>&1", image);
	return !system(command);
}

static void check_kept(size_t cut)
{
	static u8 data[100000];

	for (unsigned i = 0; i < kept_count; i++) {
		struct kept *entry = &kept[i];
		ssize_t size;

		if (entry->from > cut || entry->to < cut)
			continue;
		size = call_read(entry->path, 0, data, sizeof(data));
		if (size != (ssize_t)entry->size || memcmp(data, entry->data, entry->size))
			CHECK_FAIL("cut at %zu: %s, synced at %zu: %zd of %zu bytes", cut,
				   entry->path, entry->from, size, entry->size);
	}
}

static void one_cut(const char *image, const u8 *before, bool theirs)
{
	size_t cut = check_random() % (port_write_count + 1);
	int error;

	cut_image(before, cut);
	if (theirs && !judge(image, true))
		CHECK_FAIL("cut at %zu: e2fsck's replay leaves errors", cut);
	error = port_mount("ext4", 0);
	EXPECT(error, 0);
	if (error)
		return;
	check_kept(cut);
	port_unmount();
	if (!judge(image, false)) {
		CHECK_FAIL("cut at %zu: e2fsck after our replay:", cut);
		if (system("head -12 build/host/e2fsck.log"))
			return;
	}
	EXPECT(port_errors, 0);
}

static void run_cuts(const char *format, unsigned cuts)
{
	const char *image = "build/host/ext4-power.img";
	char command[256];
	u8 *before;

	snprintf(command, sizeof(command), "rm -f %s; mke2fs -q -F %s %s 16M >/dev/null 2>&1",
		 image, format, image);
	if (system(command))
		return;
	port_disk_load(image);
	before = malloc(port_disk.size);
	memcpy(before, port_image, port_disk.size);
	port_errors = kept_count = 0;
	port_write_count = 0;
	memset(slots, 0, sizeof(slots));
	EXPECT(port_mount("ext4", 0), 0);
	EXPECT(call_create("d", S_IFDIR | 0755), 0);
	EXPECT(call_sync(), 0);
	memcpy(before, port_image, port_disk.size);
	port_recording = true;
	for (unsigned i = 0; i < 1500 && !check_failures_here; i++)
		step(i);
	port_recording = false;
	port_crash();
	for (unsigned i = 0; i < cuts && check_failures_here < 5; i++)
		one_cut(image, before, i % 4 == 3);
	for (size_t i = 0; i < port_write_count; i++)
		free(port_writes[i].data);
	free(before);
}

static unsigned cuts(void)
{
	const char *text = getenv("POWER_CUTS");

	return text ? (unsigned)atoi(text) / 4 : 30;
}

static void power_small_blocks(void)
{
	run_cuts("-t ext4 -b 1024 -J size=1 -O ^resize_inode -E root_owner=0:0", cuts());
}

static void power_large_blocks(void)
{
	run_cuts("-t ext4 -b 4096 -J size=4", cuts());
}

static void power_ext3(void)
{
	run_cuts("-t ext3 -b 1024 -J size=1", cuts());
}

/* Blocks are discarded once nothing can bring their file back. */
static void power_discard(void)
{
	port_options = "discard";
	run_cuts("-t ext4 -b 1024 -J size=1", cuts());
	port_options = "";
}

int main(int count, char **arguments)
{
	ext4_register();
	check_random_seed();
	port_quiet = count > 1;
	RUN(power_small_blocks);
	RUN(power_large_blocks);
	RUN(power_ext3);
	RUN(power_discard);
	return CHECK_RESULT;
}

/* What memory held when the power failed is lost, and so leaked, on purpose. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
