#pragma once
/* What the SD layer calls, for tests that link it: a clock that only the test moves, one disk, one thread. */
#include <arch/time.h>
#include <boot/initcall.h>
#include <debug/log.h>
#include <dev/device.h>
#include <dev/sd/sd.h>
#include <mm/slab.h>
#include <sched/thread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned (*host_step)(enum host_step_kind kind, const void *object);

static u64 now;
static struct block_device *disk;
static void (*thread_entry)(void *);
static void *thread_argument;
static jmp_buf thread_end;
static char log_text[4096];

u64 time_now(void)
{
	return now += 1000;
}

int thread_sleep_ns(u64 ns, enum wait_mode mode)
{
	now += ns;
	if (ns >= 1000000000) /* the host's thread has nothing to do for a second */
		longjmp(thread_end, 1);
	return 0;
}

struct thread *thread_create(const char *name, void (*entry)(void *), void *argument)
{
	thread_entry = entry;
	thread_argument = argument;
	return (struct thread *)&thread_entry;
}

void thread_start(struct thread *thread)
{
}

/* A turn of the host's thread, which looks for a card. */
static void host_turn(void)
{
	if (!setjmp(thread_end))
		thread_entry(thread_argument);
}

void mutex_init(struct mutex *mutex, enum lock_rank rank)
{
}

void mutex_lock(struct mutex *mutex)
{
}

void mutex_unlock(struct mutex *mutex)
{
}

int block_register(struct block_device *device)
{
	disk = device;
	return 0;
}

void block_vanish(struct block_device *device)
{
	device->gone = true;
}

void log_write(enum log_level level, const char *format, ...)
{
	size_t used = strlen(log_text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(log_text + used, sizeof(log_text) - used, format, arguments);
	va_end(arguments);
}

void *kzalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *data)
{
	free(data);
}

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0"; /* what drivers allocate at boot they keep */
}

/* ---- the work of a disk ---- */

static int transfer(bool write, u64 sector, void *data, u32 sectors)
{
	const struct block_segment segment = { data, sectors * SD_BLOCK };
	struct block_request request = {
		.device = disk,
		.operation = write ? BLOCK_WRITE : BLOCK_READ,
		.sector = sector,
		.disk_sector = sector,
		.sector_count = sectors,
		.segment_count = 1,
		.segments = &segment,
	};

	return disk->driver->transfer(disk, &request);
}
