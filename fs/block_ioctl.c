/* ioctl(2) of block devices: sizes, flags, discarding, partitions. */
#include <arch/user.h>
#include <fs/block_file.h>
#include <fs/file.h>
#include <lib/errno.h>
#include <mm/object.h>
#include <mm/slab.h>
#include <sched/thread.h>

enum { /* ioctl_list(2), linux/fs.h, linux/hdreg.h, linux/blkpg.h */
       HDIO_GETGEO = 0x301,
       BLKROSET = 0x125d,
       BLKROGET = 0x125e,
       BLKRRPART = 0x125f,
       BLKGETSIZE = 0x1260,
       BLKFLSBUF = 0x1261,
       BLKRASET = 0x1262,
       BLKRAGET = 0x1263,
       BLKFRASET = 0x1264,
       BLKFRAGET = 0x1265,
       BLKSECTGET = 0x1267,
       BLKSSZGET = 0x1268,
       BLKPG = 0x1269,
       BLKDISCARD = 0x1277,
       BLKIOMIN = 0x1278,
       BLKIOOPT = 0x1279,
       BLKALIGNOFF = 0x127a,
       BLKPBSZGET = 0x127b,
       BLKDISCARDZEROES = 0x127c,
       BLKZEROOUT = 0x127f,
       BLKROTATIONAL = 0x127e,
};
#define BLKBSZGET     0x80081270u
#define BLKBSZSET     0x40081271u
#define BLKGETSIZE64  0x80081272u
#define BLKGETDISKSEQ 0x80081280u

static long put_u32(vaddr_t to, u32 value)
{
	return copy_out(to, &value, sizeof(value));
}

static long put_u64(vaddr_t to, u64 value)
{
	return copy_out(to, &value, sizeof(value));
}

static int zero_range(struct block_device *device, u64 offset, u64 size)
{
	size_t most = 64 << 10;
	u8 *zeros = kzalloc(most);
	int error = zeros ? 0 : -ENOMEM;

	while (size && !error) {
		size_t part = MIN(size, (u64)most);

		error = block_write(device, offset, zeros, part, 0);
		offset += part;
		size -= part;
		if (thread_signal_pending(thread_current()))
			error = error ? error : -EINTR;
	}
	kfree(zeros);
	return error;
}

static long discard(struct file *file, vaddr_t argument, bool zero)
{
	struct block_device *device = file->private;
	u64 range[2];

	if (!file_writable(file))
		return -EBADF;
	if (copy_in(range, argument, sizeof(range)))
		return -EFAULT;
	if ((range[0] | range[1]) & (device->sector_size - 1) || range[0] > device->size ||
	    range[1] > device->size - range[0] || (!range[1] && !zero))
		return -EINVAL;
	if (!zero && !(device->disk->features & BLOCK_HAS_DISCARD))
		return -EOPNOTSUPP;
	if (!range[1])
		return 0;
	block_file_forget(device, range[0], range[1]);
	return zero ? zero_range(device, range[0], range[1])
		    : block_discard(device, range[0], range[1]);
}

static long set_read_only(struct block_device *device, vaddr_t argument)
{
	u32 value;

	if (!fs_is_privileged())
		return -EACCES;
	if (copy_in(&value, argument, sizeof(value)))
		return -EFAULT;
	WRITE_ONCE(device->read_only, value != 0);
	return 0;
}

static long set_block_size(vaddr_t argument)
{
	u32 value;

	if (!fs_is_privileged())
		return -EACCES;
	if (copy_in(&value, argument, sizeof(value)))
		return -EFAULT;
	/* The size of pages in the cache is what it is. */
	return value < SECTOR_SIZE || value > PAGE_SIZE || value & (value - 1) ? -EINVAL : 0;
}

struct user_geometry {
	u8 heads, sectors;
	u16 cylinders;
	u64 start;
};

/* Nothing spins: numbers that programs of old divide by. */
static long geometry_out(const struct block_device *device, vaddr_t to)
{
	enum { HEADS = 16, SECTORS = 63 };
	u64 cylinders = (device->disk->size >> SECTOR_SHIFT) / (HEADS * SECTORS);
	struct user_geometry geometry = { HEADS, SECTORS, (u16)MIN(cylinders, 65535ull),
					  device->start };

	return copy_out(to, &geometry, sizeof(geometry));
}

struct user_partition_call {
	s32 operation, flags, size;
	u64 data;
};
struct user_partition {
	s64 start, size; /* bytes */
	s32 number;
	char names[128];
};
enum { BLKPG_ADD = 1, BLKPG_REMOVE = 2, BLKPG_RESIZE = 3 };

static long change_partition(struct block_device *disk, vaddr_t argument)
{
	struct user_partition_call call;
	struct user_partition partition;
	u64 first, count;

	if (!fs_is_privileged())
		return -EACCES;
	if (copy_in(&call, argument, sizeof(call)) ||
	    copy_in(&partition, call.data, sizeof(partition)))
		return -EFAULT;
	if (disk->partition || partition.number <= 0)
		return -EINVAL;
	if (call.operation == BLKPG_REMOVE)
		return block_partition_remove(disk, (unsigned)partition.number);
	if (partition.start < 0 || partition.size <= 0 ||
	    (partition.start | partition.size) & (disk->sector_size - 1))
		return -EINVAL;
	first = (u64)partition.start >> SECTOR_SHIFT;
	count = (u64)partition.size >> SECTOR_SHIFT;
	if (call.operation == BLKPG_ADD)
		return block_partition_add(disk, (unsigned)partition.number, first, count);
	if (call.operation == BLKPG_RESIZE)
		return block_partition_resize(disk, (unsigned)partition.number, first, count);
	return -EINVAL;
}

/* Reading ahead is the page cache's business: @value is heard and means nothing. */
static long set_read_ahead(void)
{
	return fs_is_privileged() ? 0 : -EACCES;
}

long block_ioctl(struct file *file, unsigned command, unsigned long argument)
{
	struct block_device *device = file->private;

	switch (command) {
	case BLKROSET:
		return set_read_only(device, argument);
	case BLKROGET:
		return put_u32(argument, !block_is_writable(device));
	case BLKRRPART:
		return fs_is_privileged() ? block_rescan(device) : -EACCES;
	case BLKGETSIZE:
		return put_u64(argument, device->size >> SECTOR_SHIFT);
	case BLKFLSBUF:
		return fs_is_privileged() ? block_file_flush(device) : -EACCES;
	case BLKRAGET:
	case BLKFRAGET:
		return put_u64(argument, (u64)OBJECT_RUN_MAX * PAGE_SIZE >> SECTOR_SHIFT);
	case BLKRASET:
	case BLKFRASET:
		return set_read_ahead();
	case BLKSECTGET:
		return copy_out(argument, &(u16){ (u16)MIN(device->sectors_max, 65535u) },
				sizeof(u16));
	case BLKPG:
		return change_partition(device, argument);
	case HDIO_GETGEO:
		return geometry_out(device, argument);
	case BLKALIGNOFF:
		return put_u32(argument, 0);
	case BLKSSZGET:
		return put_u32(argument, device->sector_size);
	case BLKPBSZGET:
	case BLKIOMIN:
		return put_u32(argument, device->sector_size);
	case BLKIOOPT:
	case BLKDISCARDZEROES:
		return put_u32(argument, 0);
	case BLKROTATIONAL:
		return copy_out(argument, &(u16){ 0 }, sizeof(u16));
	case BLKBSZGET:
		return put_u32(argument, PAGE_SIZE);
	case BLKBSZSET:
		return set_block_size(argument);
	case BLKGETSIZE64:
		return put_u64(argument, device->size);
	case BLKGETDISKSEQ:
		return put_u64(argument, 1 + device->disk->number);
	case BLKDISCARD:
	case BLKZEROOUT:
		return discard(file, argument, command == BLKZEROOUT);
	default:
		return -ENOTTY;
	}
}
