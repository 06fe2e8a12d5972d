/* /proc/partitions and /proc/diskstats: proc(5) and Linux's Documentation/admin-guide/iostats. */
#include <arch/time.h>
#include <dev/block.h>
#include <fs/procfs/procfs.h>

enum { KIB_SHIFT = 10, NS_PER_MS = 1000000 };

static unsigned number_major(u64 number)
{
	return number >> 8 & 0xfff;
}

static unsigned number_minor(u64 number)
{
	return (number & 0xff) | (number >> 12 & ~0xffull);
}

void proc_show_partitions(struct text *text, const struct proc_subject *subject)
{
	struct block_device *device = NULL;

	text_format(text, "major minor  #blocks  name\n\n");
	while ((device = block_next(device))) {
		if (device->size)
			text_format(text, "%4u %7u %10llu %s\n", number_major(device->number),
				    number_minor(device->number),
				    (unsigned long long)(device->size >> KIB_SHIFT), device->name);
	}
}

static void show_operation(struct text *text, const struct block_statistics *statistics,
			   enum block_operation operation)
{
	text_format(text, " %llu %llu %llu %llu",
		    (unsigned long long)READ_ONCE(statistics->count[operation]),
		    (unsigned long long)READ_ONCE(statistics->merged[operation]),
		    (unsigned long long)READ_ONCE(statistics->sectors[operation]),
		    (unsigned long long)(READ_ONCE(statistics->time[operation]) / NS_PER_MS));
}

void proc_show_diskstats(struct text *text, const struct proc_subject *subject)
{
	struct block_device *device = NULL;

	while ((device = block_next(device))) {
		const struct block_statistics *statistics = &device->statistics;
		unsigned in_flight = READ_ONCE(statistics->in_flight);
		u64 waited = 0, busy = READ_ONCE(statistics->busy_time);

		if (!device->size)
			continue;
		for (unsigned i = 0; i < BLOCK_OPERATIONS; i++)
			waited += READ_ONCE(statistics->time[i]);
		if (in_flight)
			busy += time_now() - READ_ONCE(statistics->busy_since);
		text_format(text, "%4u %7u %s", number_major(device->number),
			    number_minor(device->number), device->name);
		show_operation(text, statistics, BLOCK_READ);
		show_operation(text, statistics, BLOCK_WRITE);
		text_format(text, " %u %llu %llu", in_flight,
			    (unsigned long long)(busy / NS_PER_MS),
			    (unsigned long long)(waited / NS_PER_MS));
		show_operation(text, statistics, BLOCK_DISCARD);
		text_format(
			text, " %llu %llu\n",
			(unsigned long long)READ_ONCE(statistics->count[BLOCK_FLUSH]),
			(unsigned long long)(READ_ONCE(statistics->time[BLOCK_FLUSH]) / NS_PER_MS));
	}
}
