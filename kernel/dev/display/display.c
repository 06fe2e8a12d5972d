/* Displays and the thread that shows what changed. */
#include <arch/time.h>
#include <boot/command_line.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <dev/display/display.h>
#include <fs/counter.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sched/thread.h>

const struct display_mode display_mode_xrgb8888 = {
	.bits = 32,
	.red = { 16, 8 },
	.green = { 8, 8 },
	.blue = { 0, 8 },
};

static struct spinlock displays_lock = SPINLOCK_INIT(RANK_WAIT);
static struct display *displays[DISPLAYS_MAX]; /* [displays_lock] to write; never removed */
static const struct display_listener *display_listener; /* [atomic] set once */
static u32 wanted_width, wanted_height; /* [const after boot] 0: the display's choice */
static struct counter frames = { .name = "display_frames" };
static struct counter flush_time = { .name = "display_flush_ns" };

/* video=1024x768, also with a connector in front and a depth or rate behind, as Linux has it. */
static int set_video(const char *value)
{
	const char *size = value ? strrchr(value, ':') : NULL, *end;
	u64 width, height;

	if (!value)
		return -EINVAL;
	size = size ? size + 1 : value;
	if (parse_u64(size, &end, 10, &width) || *end != 'x' ||
	    parse_u64(end + 1, &end, 10, &height) || (*end && *end != '-' && *end != '@') ||
	    width < 64 || height < 64 || width > DISPLAY_SIDE_MAX || height > DISPLAY_SIDE_MAX)
		return -EINVAL;
	wanted_width = width;
	wanted_height = height;
	return 0;
}
COMMAND_LINE("video", set_video);

void display_wanted_size(u32 *width, u32 *height)
{
	if (!wanted_width)
		return;
	*width = wanted_width;
	*height = wanted_height;
}

static u64 page_count(const struct display *display)
{
	return display->size >> PAGE_SHIFT;
}

static void damage_mark(struct display *display, u64 first, u64 last)
{
	for (u64 page = first; page <= last; page++)
		atomic64_or(&display->damage[page / 64], (u64)1 << page % 64);
	/* The bits before the question; the thread clears the flag before it looks at the bits. */
	atomic_fence();
	if (!atomic32_read(&display->damaged) && !atomic32_xchg(&display->damaged, 1))
		wait_wake_all(&display->damage_wait);
}

void display_damage(struct display *display, u64 offset, u64 size)
{
	if (display->flush && size && offset < display->size)
		damage_mark(display, offset >> PAGE_SHIFT,
			    (MIN(offset + size, display->size) - 1) >> PAGE_SHIFT);
}

static void page_dirtied(struct memory_object *object, u64 page)
{
	struct display *display = container_of(object, struct display, memory);

	/* Not registered yet, hence without a map, it is shown as a whole soon. */
	if (display->damage && page < page_count(display))
		damage_mark(display, page, page);
}

static void never_released(struct memory_object *object)
{
	panic("the pixels of %s lost their last reference",
	      container_of(object, struct display, memory)->name);
}

int display_create_pixels(struct display *display)
{
	static const struct object_operations operations = { .dirtied = page_dirtied,
							     .release = never_released };
	u64 size = (u64)display->mode.stride * display->mode.height;
	void *pixels;
	int error;

	display->size = ALIGN_UP(size, (u64)PAGE_SIZE);
	error = shown_object_init(&display->memory, page_count(display), &operations, &pixels);
	if (error)
		return error;
	display->object = &display->memory;
	display->pixels = pixels;
	display->frame = direct_unmap(pixels) >> PAGE_SHIFT;
	return 0;
}

int display_wait_shown(struct display *display)
{
	u64 target;

	if (!display->flush)
		return 0;
	spin_lock(&display->flush_lock);
	target = display->begun + atomic32_read(&display->damaged);
	spin_unlock(&display->flush_lock);
	return wait_event_interruptible(&display->shown_wait, READ_ONCE(display->shown) >= target);
}

/* The rows that pages [first, last] touch, as a rectangle behind those that are there. */
static void add_rows(const struct display *display, u64 first, u64 last,
		     struct display_rectangle *rectangles, unsigned *count)
{
	const struct display_mode *mode = &display->mode;
	u32 top = (first << PAGE_SHIFT) / mode->stride;
	u32 bottom =
		MIN((u32)DIV_ROUND_UP((last + 1) << PAGE_SHIFT, (u64)mode->stride), mode->height);
	struct display_rectangle *before = *count ? &rectangles[*count - 1] : NULL;

	if (top >= bottom)
		return;
	/* Runs that share a row, or too many of them, become one. */
	if (before && (top <= before->y + before->height || *count == DISPLAY_RECTANGLES)) {
		before->height = bottom - before->y;
		return;
	}
	rectangles[(*count)++] = (struct display_rectangle){ 0, top, mode->width, bottom - top };
}

/* Take the damage; what comes from now on is the next frame's. */
static unsigned take_damage(struct display *display, struct display_rectangle *rectangles)
{
	u64 pages = page_count(display), first = 0;
	unsigned count = 0;
	bool run = false;

	for (u64 page = 0; page < pages;) {
		u64 bits = page % 64 ? 0 : atomic64_xchg(&display->damage[page / 64], 0);
		u64 end = MIN(page + 64, pages);

		for (; page < end; page++, bits >>= 1) {
			bool set = bits & 1;

			if (set && !run)
				first = page;
			if (!set && run) {
				if (display->object)
					object_clean_pages(display->object, first, page - 1);
				add_rows(display, first, page - 1, rectangles, &count);
			}
			run = set;
		}
	}
	if (run) {
		if (display->object)
			object_clean_pages(display->object, first, pages - 1);
		add_rows(display, first, pages - 1, rectangles, &count);
	}
	return count;
}

static void show_damage(struct display *display)
{
	struct display_rectangle rectangles[DISPLAY_RECTANGLES];
	u64 start = time_now();
	unsigned count;

	spin_lock(&display->flush_lock);
	display->begun++;
	atomic32_set(&display->damaged, 0);
	spin_unlock(&display->flush_lock);
	atomic_fence();
	count = take_damage(display, rectangles);
	if (count) {
		counter_add(&frames, 1);
		(void)display->flush(display, rectangles, count);
	}
	counter_add(&flush_time, time_now() - start);
	spin_lock(&display->flush_lock);
	WRITE_ONCE(display->shown, display->begun);
	spin_unlock(&display->flush_lock);
	wait_wake_all(&display->shown_wait);
}

/* What is drawn within one frame's time of the first change is shown together. */
static void flush_thread(void *argument)
{
	struct display *display = argument;

	for (;;) {
		wait_event(&display->damage_wait, atomic32_read(&display->damaged));
		(void)thread_sleep_ns(DISPLAY_FRAME_NS, WAIT_UNINTERRUPTIBLE);
		show_damage(display);
	}
}

static int start_flushing(struct display *display)
{
	struct thread *thread;

	display->damage = kzalloc(DIV_ROUND_UP(page_count(display), 64) * sizeof(struct atomic64));
	thread = display->damage ? thread_create("display", flush_thread, display) : NULL;
	if (!thread) {
		kfree(display->damage);
		return -ENOMEM;
	}
	if (!display_get(0))
		counter_register(&frames), counter_register(&flush_time);
	thread_start(thread);
	display_damage(display, 0, display->size);
	return 0;
}

static bool is_sensible(const struct display *display)
{
	const struct display_mode *mode = &display->mode;

	return mode->width && mode->height && mode->width <= DISPLAY_SIDE_MAX &&
	       mode->height <= DISPLAY_SIDE_MAX &&
	       (mode->bits == 16 || mode->bits == 24 || mode->bits == 32) &&
	       mode->stride >= mode->width * (mode->bits / 8) &&
	       display->size >= (u64)mode->stride * mode->height &&
	       IS_ALIGNED(display->size, (u64)PAGE_SIZE);
}

static int take_index(struct display *display)
{
	int error = -ENOSPC;

	spin_lock(&displays_lock);
	for (unsigned i = 0; error && i < DISPLAYS_MAX; i++) {
		if (displays[i])
			continue;
		display->index = i;
		store_release(&displays[i], display);
		error = 0;
	}
	spin_unlock(&displays_lock);
	return error;
}

int display_register(struct display *display)
{
	const struct display_mode *mode = &display->mode;
	const struct display_listener *listener;
	int error;

	if (!is_sensible(display))
		return -EINVAL;
	spin_init(&display->flush_lock, RANK_WAIT);
	wait_queue_init(&display->damage_wait);
	wait_queue_init(&display->shown_wait);
	if (!display->object) {
		display->lent.start = display->frame;
		display->lent.count = page_count(display);
		display->lent.data = display->pixels;
		lent_memory_register(&display->lent);
	}
	error = display->flush ? start_flushing(display) : 0;
	if (!error)
		error = take_index(display);
	if (!error)
		error = framebuffer_create(display);
	if (error)
		return error;
	log_info("display: fb%u is %s, %ux%u, %u bits\n", display->index, display->name,
		 mode->width, mode->height, mode->bits);
	listener = read_acquire(&display_listener);
	if (listener)
		listener->registered(display);
	return 0;
}

struct display *display_get(unsigned index)
{
	return index < DISPLAYS_MAX ? read_acquire(&displays[index]) : NULL;
}

void display_listen(const struct display_listener *listener)
{
	store_release(&display_listener, listener);
	for (unsigned i = 0; i < DISPLAYS_MAX && display_get(i); i++)
		listener->registered(display_get(i));
}

void display_open(struct display *display)
{
	atomic32_inc(&display->users);
}

void display_close(struct display *display)
{
	const struct display_listener *listener = read_acquire(&display_listener);

	if (atomic32_dec_and_test(&display->users) && listener)
		listener->released(display, atomic32_xchg(&display->drawn, 0));
}
