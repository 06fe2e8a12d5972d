#pragma once
/*
 * Displays: what scans out (ramfb, virtio-gpu, simple-framebuffer) registers a mode and pixels
 * here; what draws (/dev/fbN, the text console) finds them here. A display that must be told what
 * changed has flush(): one thread gathers what was damaged and calls it at most once per frame,
 * never when nothing changed.
 */
#include <lib/atomic.h>
#include <lib/types.h>
#include <mm/shown.h>
#include <sched/wait.h>

enum { DISPLAYS_MAX = 4, DISPLAY_SIDE_MAX = 8192, DISPLAY_RECTANGLES = 16 };
#define DISPLAY_FRAME_NS 16666667ull /* 60 frames per second */

struct display_channel {
	u8 offset, length; /* bits in the pixel */
};

struct display_mode {
	u32 width, height; /* pixels */
	u32 stride;	   /* bytes from row to row */
	u32 bits;	   /* of a pixel: 16, 24 or 32 */
	struct display_channel red, green, blue, alpha;
};

struct display_rectangle {
	u32 x, y, width, height; /* pixels */
};

struct display {
	const char *name;	      /* [const] at most 15 characters, FBIOGET_FSCREENINFO's id */
	struct display_mode mode;     /* [const] */
	u8 *pixels;		      /* [const] the kernel's view, in one piece */
	u64 size;		      /* [const] bytes that may be mapped, whole pages */
	u64 frame;		      /* [const] the first frame's number */
	struct lent_memory lent;      /* set up by display_register(), where there is no object */
	struct memory_object *object; /* [const] &memory, of shown pixels; NULL: they are lent */
	struct memory_object memory;
	/*
	 * Show these rectangles, disjoint and inside the mode; returns when the device has read
	 * them. Called by one thread, may sleep. NULL: the device looks by itself.
	 */
	int (*flush)(struct display *display, const struct display_rectangle *rectangles,
		     unsigned count);
	/* Dark, or light again. May sleep. NULL: cannot. */
	int (*blank)(struct display *display, bool dark);

	unsigned index;		    /* [const after registration] of /dev/fbN */
	struct atomic32 users;	    /* open files of /dev/fbN; a mapping counts its file */
	struct atomic32 drawn;	    /* one of them has mapped it to draw */
	struct atomic64 *damage;    /* [atomic] a bit for each page that is not shown yet */
	struct atomic32 damaged;    /* some bit may be set */
	struct spinlock flush_lock; /* RANK_WAIT */
	u64 begun,
		shown; /* [flush_lock] frames that flush() began and ended; `shown` is also read */
	struct wait_queue damage_wait, shown_wait;
};

/* What most devices here have. */
extern const struct display_mode display_mode_xrgb8888;
/* What video= on the command line says, else the sizes that come in. */
void display_wanted_size(u32 *width, u32 *height);
/* From now on it is /dev/fbN, for good. -ENOSPC, -ENOMEM. May sleep. */
int display_register(struct display *display);
/* The @index-th, or NULL. */
struct display *display_get(unsigned index);
/* Bytes [offset, offset + size) of the pixels were changed, by the kernel. Any context. */
void display_damage(struct display *display, u64 offset, u64 size);
/*
 * Allocate shown pixels for the mode: object, pixels, size, frame. Its writers are noticed.
 * -ENOMEM. Boot time.
 */
int display_create_pixels(struct display *display);
/* Wait until what is damaged now is shown: 0 or -EINTR. At once where nothing need be told. */
int display_wait_shown(struct display *display);
/* A display came; the last user of its files and mappings is gone. Both may sleep. One listener. */
struct display_listener {
	void (*registered)(struct display *display);
	void (*released)(struct display *display,
			 bool drawn); /* one of them had mapped it to draw */
};
void display_listen(const struct display_listener *listener);
/* A file of the display was opened or released: for framebuffer.c. */
void display_open(struct display *display);
void display_close(struct display *display);
/* framebuffer.c: make /dev/fbN. 0 or -errno. */
int framebuffer_create(struct display *display);
