/* Disks and partitions: registering, finding, claiming. */
#include <arch/time.h>
#include <debug/log.h>
#include <dev/block_internal.h>
#include <fs/device_node.h>
#include <lib/ctype.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sched/wait.h>

enum { MINORS_PER_DISK = 16, SECTORS_DEFAULT = 2048 };

static struct spinlock devices_lock = SPINLOCK_INIT(RANK_TABLE);
static struct list_node devices = LIST_INIT(devices); /* [devices] */
static u32 generation;				      /* [devices; atomic read] */
static u32 extended_minors;			      /* [devices] */
static struct wait_queue appeared_wait = WAIT_QUEUE_INIT(appeared_wait);
void (*block_appeared)(struct block_device *device);

u32 block_generation(void)
{
	return read_acquire(&generation);
}

int block_wait(u32 seen, u64 deadline)
{
	return wait_event_mode(&appeared_wait, block_generation() != seen, deadline,
			       WAIT_UNINTERRUPTIBLE);
}

static bool number_taken_locked(u64 number, const char *name)
{
	struct block_device *device;

	list_for_each_entry(device, &devices, link)
		if (device->number == number || string_equal(device->name, name))
			return true;
	return false;
}

/* After its disk and the partitions that the disk has. */
static int device_add(struct block_device *device)
{
	struct list_node *after = devices.previous;
	struct block_device *other;

	spin_lock(&devices_lock);
	if (number_taken_locked(device->number, device->name)) {
		spin_unlock(&devices_lock);
		return -EBUSY;
	}
	after = devices.previous;
	list_for_each_entry(other, &devices, link)
		if (other->disk == device->disk)
			after = &other->link;
	list_add_after(&device->link, after);
	store_release(&generation, generation + 1);
	spin_unlock(&devices_lock);
	if (block_appeared)
		block_appeared(device);
	wait_wake_all(&appeared_wait);
	return 0;
}

/* The first 15 follow their disk's number; the rest, and disks without room, are "blkext". */
static u64 partition_number(const struct block_device *disk, unsigned partition)
{
	u32 minor;

	if (partition < MINORS_PER_DISK)
		return disk->number + partition;
	spin_lock(&devices_lock);
	minor = extended_minors++;
	spin_unlock(&devices_lock);
	return DEVICE_NUMBER(MAJOR_BLOCK_EXTENDED, minor);
}

static int partition_add(struct block_device *disk, const struct partition_entry *entry)
{
	struct block_device *device = kzalloc(sizeof(*device));
	bool digit = char_is_digit(disk->name[strlen(disk->name) - 1]);
	int error;

	if (!device)
		return -ENOMEM;
	snprintf(device->name, sizeof(device->name), "%s%s%u", disk->name, digit ? "p" : "",
		 entry->number);
	device->number = partition_number(disk, entry->number);
	device->size = entry->count << SECTOR_SHIFT;
	device->start = entry->start;
	device->disk = disk;
	device->sector_size = disk->sector_size;
	device->segments_max = disk->segments_max;
	device->sectors_max = disk->sectors_max;
	device->discard_max = disk->discard_max;
	device->features = disk->features;
	device->read_only = disk->read_only;
	device->driver = disk->driver;
	device->queue = disk->queue;
	device->partition = entry->number;
	strlcpy(device->partition_uuid, entry->uuid, sizeof(device->partition_uuid));
	strlcpy(device->partition_label, entry->label, sizeof(device->partition_label));
	error = device_add(device);
	if (error)
		kfree(device);
	return error;
}

struct block_device *block_next(struct block_device *device)
{
	struct list_node *next;

	spin_lock(&devices_lock);
	next = device ? device->link.next : devices.next;
	spin_unlock(&devices_lock);
	return next == &devices ? NULL : list_entry(next, struct block_device, link);
}

/* [devices] */
static struct block_device *partition_find_locked(struct block_device *disk, unsigned number)
{
	struct block_device *device;

	list_for_each_entry(device, &devices, link)
		if (device->disk == disk && device->partition == number)
			return device;
	return NULL;
}

/* One that was there before takes the place that the new table gives it. */
static int partition_update(struct block_device *disk, const struct partition_entry *entry)
{
	struct block_device *device;

	spin_lock(&devices_lock);
	device = partition_find_locked(disk, entry->number);
	spin_unlock(&devices_lock);
	if (!device)
		return partition_add(disk, entry);
	device->start = entry->start;
	WRITE_ONCE(device->size, entry->count << SECTOR_SHIFT);
	strlcpy(device->partition_uuid, entry->uuid, sizeof(device->partition_uuid));
	strlcpy(device->partition_label, entry->label, sizeof(device->partition_label));
	if (block_appeared)
		block_appeared(device);
	return 0;
}

static void partitions_hide(struct block_device *disk)
{
	struct block_device *device = NULL;

	while ((device = block_next(device))) {
		if (device->disk != disk || device == disk)
			continue;
		WRITE_ONCE(device->size, 0);
		if (block_appeared)
			block_appeared(device);
	}
}

static int scan(struct block_device *disk)
{
	struct partition_entry *entries = kmalloc(PARTITIONS_MAX * sizeof(*entries));
	int count = entries ? partitions_read(disk, entries) : -ENOMEM, error = 0;

	for (int i = 0; i < count && !error; i++) {
		error = partition_update(disk, &entries[i]);
		if (!error)
			continue;
		log_warning("%s: partition %u: error %d\n", disk->name, entries[i].number, -error);
		error = error == -ENOMEM ? error : 0;
	}
	kfree(entries);
	return count < 0 ? count : error;
}

int block_register(struct block_device *disk)
{
	int error;

	disk->disk = disk;
	disk->segments_max = disk->segments_max ? disk->segments_max : 128;
	disk->sectors_max = disk->sectors_max ? disk->sectors_max : SECTORS_DEFAULT;
	disk->discard_max = disk->discard_max ? disk->discard_max : 1 << 20;
	disk->queue = kzalloc(sizeof(*disk->queue));
	if (!disk->queue)
		return -ENOMEM;
	disk->queue->disk = disk;
	spin_init(&disk->queue->lock, RANK_WAIT);
	list_init(&disk->queue->waiting);
	list_init(&disk->queue->in_flight);
	block_watch_init(disk->queue);
	error = device_add(disk);
	if (error) {
		kfree(disk->queue);
		return error;
	}
	log_info("%s: %llu MiB, blocks of %u bytes%s%s\n", disk->name,
		 (unsigned long long)(disk->size >> 20), disk->sector_size,
		 disk->read_only ? ", read-only" : "",
		 disk->features & BLOCK_HAS_CACHE ? ", with a write cache" : "");
	error = scan(disk);
	if (error)
		log_warning("%s: its partition table cannot be read: error %d\n", disk->name,
			    -error);
	return 0;
}

struct block_device *block_find(u64 number)
{
	struct block_device *device = NULL;

	while ((device = block_next(device)))
		if (device->number == number)
			break;
	return device;
}

struct block_device *block_find_name(const char *name)
{
	struct block_device *device = NULL;

	while ((device = block_next(device)))
		if (string_equal(device->name, name))
			break;
	return device;
}

/* [devices] */
static bool claimed_by_relative(const struct block_device *device, const void *holder)
{
	struct block_device *other;

	list_for_each_entry(other, &devices, link)
		if (other != device && other->disk == device->disk &&
		    (other == device->disk || device == device->disk) && other->holder &&
		    other->holder != holder)
			return true;
	return false;
}

int block_claim(struct block_device *device, void *holder)
{
	int error = 0;

	spin_lock(&devices_lock);
	if ((device->holder && device->holder != holder) || claimed_by_relative(device, holder))
		error = -EBUSY;
	else
		device->holder = holder;
	spin_unlock(&devices_lock);
	return error;
}

void block_release(struct block_device *device, void *holder)
{
	spin_lock(&devices_lock);
	if (device->holder == holder)
		device->holder = NULL;
	spin_unlock(&devices_lock);
}

/*
 * Partitions are never freed, for anybody may hold a pointer; those that a new table does not have shrink
 * to nothing, and the ones it has take their places.
 */
int block_rescan(struct block_device *disk)
{
	struct block_device *other;
	int error = 0;

	if (disk->partition)
		return -EINVAL;
	spin_lock(&devices_lock);
	list_for_each_entry(other, &devices, link)
		if (other->disk == disk && other != disk && (other->holder || other->openers))
			error = -EBUSY;
	spin_unlock(&devices_lock);
	if (error)
		return error;
	partitions_hide(disk);
	return scan(disk);
}

bool block_opened(struct block_device *device)
{
	bool first;

	spin_lock(&devices_lock);
	first = !device->openers++;
	spin_unlock(&devices_lock);
	return first;
}

bool block_closed(struct block_device *device)
{
	bool last;

	spin_lock(&devices_lock);
	last = !--device->openers;
	spin_unlock(&devices_lock);
	return last;
}

/* [devices] Does a partition of @disk other than @number lie in [start, start + count)? */
static bool overlaps_locked(const struct block_device *disk, unsigned number, u64 start, u64 count)
{
	struct block_device *other;

	list_for_each_entry(other, &devices, link)
		if (other->disk == disk && other->partition && other->partition != number &&
		    other->start < start + count &&
		    start < other->start + (other->size >> SECTOR_SHIFT))
			return true;
	return false;
}

static bool fits(const struct block_device *disk, u64 start, u64 count)
{
	u64 sectors = disk->size >> SECTOR_SHIFT;

	return count && start < sectors && count <= sectors - start;
}

int block_partition_add(struct block_device *disk, unsigned number, u64 start, u64 count)
{
	struct partition_entry entry = { .start = start, .count = count, .number = number };
	struct block_device *there;
	bool taken;

	if (number > PARTITIONS_MAX || !fits(disk, start, count))
		return -EINVAL;
	spin_lock(&devices_lock);
	there = partition_find_locked(disk, number);
	taken = (there && there->size) || overlaps_locked(disk, number, start, count);
	spin_unlock(&devices_lock);
	return taken ? -EBUSY : partition_update(disk, &entry);
}

/* [devices] One that is there, and that nobody uses when @unused is asked for. */
static int partition_there_locked(struct block_device *disk, unsigned number, bool unused,
				  struct block_device **found)
{
	*found = partition_find_locked(disk, number);
	if (!*found || !(*found)->size)
		return -ENXIO;
	return unused && ((*found)->holder || (*found)->openers) ? -EBUSY : 0;
}

int block_partition_remove(struct block_device *disk, unsigned number)
{
	struct block_device *device;
	int error;

	spin_lock(&devices_lock);
	error = partition_there_locked(disk, number, true, &device);
	if (!error)
		WRITE_ONCE(device->size, 0);
	spin_unlock(&devices_lock);
	if (!error && block_appeared)
		block_appeared(device);
	return error;
}

int block_partition_resize(struct block_device *disk, unsigned number, u64 start, u64 count)
{
	struct block_device *device;
	int error;

	if (!fits(disk, start, count))
		return -EINVAL;
	spin_lock(&devices_lock);
	error = partition_there_locked(disk, number, false, &device);
	if (!error && device->start != start)
		error = -EINVAL;
	if (!error && overlaps_locked(disk, number, start, count))
		error = -EBUSY;
	if (!error)
		WRITE_ONCE(device->size, count << SECTOR_SHIFT);
	spin_unlock(&devices_lock);
	if (!error && block_appeared)
		block_appeared(device);
	return error;
}

void block_make_name(char name[32], const char *prefix, unsigned index)
{
	char letters[8];
	unsigned at = sizeof(letters);

	letters[--at] = '\0';
	index++;
	while (index) {
		index--;
		letters[--at] = (char)('a' + index % 26);
		index /= 26;
	}
	snprintf(name, 32, "%s%s", prefix, &letters[at]);
}
