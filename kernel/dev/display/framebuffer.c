/*
 * /dev/fbN: the framebuffer as Linux's programs know it (linux/fb.h), with the one mode that the
 * display has. Lent pixels are mapped BORROWED, shown ones SHARED; private mappings copy what they
 * write.
 */
#include <arch/time.h>
#include <arch/user.h>
#include <dev/display/display.h>
#include <fs/device_node.h>
#include <fs/sysfs/sysfs.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/space.h>

enum { /* linux/fb.h */
       FBIOGET_VSCREENINFO = 0x4600,
       FBIOPUT_VSCREENINFO,
       FBIOGET_FSCREENINFO,
       FBIOGETCMAP = 0x4604,
       FBIOPUTCMAP,
       FBIOPAN_DISPLAY,
       FBIOGET_CON2FBMAP = 0x460f,
       FBIOPUT_CON2FBMAP,
       FBIOBLANK,
       FBIO_WAITFORVSYNC = 0x40044620,
};
enum { FB_TYPE_PACKED_PIXELS = 0, FB_VISUAL_TRUECOLOR = 2, FB_BLANK_UNBLANK = 0, FB_BLANK_MAX = 4 };
enum { FB_ACTIVATE_MASK = 15, FB_ACTIVATE_TEST = 2, CONSOLES_MAX = 63 };

struct fb_bitfield {
	u32 offset, length, msb_right;
};

struct fb_variable {
	u32 width, height, virtual_width, virtual_height, x_offset, y_offset;
	u32 bits, grey;
	struct fb_bitfield red, green, blue, alpha;
	u32 not_standard, activate;
	u32 height_millimetres, width_millimetres;
	u32 acceleration_flags;
	u32 pixel_clock, left_margin, right_margin, upper_margin, lower_margin;
	u32 horizontal_sync, vertical_sync, sync, video_mode, rotate, color_space;
	u32 reserved[4];
};
static_assert(sizeof(struct fb_variable) == 160, "struct fb_var_screeninfo");

struct fb_fixed {
	char id[16];
	u64 start;
	u32 size, type, type_aux, visual;
	u16 x_pan_step, y_pan_step, y_wrap_step;
	u32 stride;
	u64 registers;
	u32 registers_size, acceleration;
	u16 capabilities, reserved[2];
};
static_assert(sizeof(struct fb_fixed) == 80, "struct fb_fix_screeninfo");

static struct display *display_of(struct file *file)
{
	return file->private;
}

/* What read and write see: the rows, without the rest of the last page. */
static u64 screen_size(const struct display *display)
{
	return (u64)display->mode.stride * display->mode.height;
}

static struct fb_bitfield bitfield(struct display_channel channel)
{
	return (struct fb_bitfield){ .offset = channel.offset, .length = channel.length };
}

static struct fb_variable variable_info(const struct display *display)
{
	const struct display_mode *mode = &display->mode;

	return (struct fb_variable){
		.width = mode->width,
		.height = mode->height,
		.virtual_width = mode->width,
		.virtual_height = mode->height,
		.bits = mode->bits,
		.red = bitfield(mode->red),
		.green = bitfield(mode->green),
		.blue = bitfield(mode->blue),
		.alpha = bitfield(mode->alpha),
		.height_millimetres = ~0u,
		.width_millimetres = ~0u,
	};
}

static long get_fixed(struct display *display, vaddr_t to)
{
	struct fb_fixed fixed = {
		.start = display->frame << PAGE_SHIFT,
		.size = display->size,
		.type = FB_TYPE_PACKED_PIXELS,
		.visual = FB_VISUAL_TRUECOLOR,
		.stride = display->mode.stride,
	};

	strlcpy(fixed.id, display->name, sizeof(fixed.id));
	return copy_out(to, &fixed, sizeof(fixed));
}

static long get_variable(struct display *display, vaddr_t to)
{
	struct fb_variable variable = variable_info(display);

	return copy_out(to, &variable, sizeof(variable));
}

/* There is one mode: what asks for another one fails, and what asks for it hears it again. */
static long put_variable(struct display *display, vaddr_t at)
{
	const struct display_mode *mode = &display->mode;
	struct fb_variable wanted;
	int error = copy_in(&wanted, at, sizeof(wanted));

	if (error)
		return error;
	if (wanted.width != mode->width || wanted.height != mode->height ||
	    (wanted.bits && wanted.bits != mode->bits) || wanted.virtual_width > mode->width ||
	    wanted.virtual_height > mode->height || wanted.x_offset || wanted.y_offset ||
	    wanted.grey || wanted.rotate)
		return -EINVAL;
	return get_variable(display, at);
}

static long pan(struct display *display, vaddr_t at)
{
	struct fb_variable wanted;
	int error = copy_in(&wanted, at, sizeof(wanted));

	if (error)
		return error;
	if (wanted.x_offset || wanted.y_offset)
		return -EINVAL;
	return get_variable(display, at);
}

/*
 * The display has no line that tells; frames are counted by the clock, and what is drawn is shown
 * first.
 */
static long wait_for_frame(struct display *display, vaddr_t from)
{
	u64 now = time_now();
	u64 next = (now / DISPLAY_FRAME_NS + 1) * DISPLAY_FRAME_NS;
	u32 output;
	int error = copy_in(&output, from, sizeof(output));

	if (error)
		return error;
	if (output)
		return -ENODEV;
	error = display_wait_shown(display);
	now = time_now();
	if (!error && now < next)
		error = thread_sleep_ns(next - now, WAIT_INTERRUPTIBLE);
	return error == -EINTR ? -ERESTARTSYS : error;
}

static long blank(struct display *display, unsigned long how)
{
	if (!display->blank)
		return -EINVAL;
	return display->blank(display, MIN(how, (unsigned long)FB_BLANK_MAX) != FB_BLANK_UNBLANK);
}

/* Which framebuffer a text console is on: the first. */
static long console_map(vaddr_t at, bool put)
{
	u32 map[2];
	int error = copy_in(map, at, sizeof(map));

	if (error)
		return error;
	if (map[0] < 1 || map[0] > CONSOLES_MAX)
		return -EINVAL;
	if (put)
		return map[1] ? -EINVAL : 0;
	map[1] = 0;
	return copy_out(at, map, sizeof(map));
}

static long framebuffer_ioctl(struct file *file, unsigned command, unsigned long argument)
{
	struct display *display = display_of(file);

	switch (command) {
	case FBIOGET_VSCREENINFO:
		return get_variable(display, argument);
	case FBIOPUT_VSCREENINFO:
		return put_variable(display, argument);
	case FBIOGET_FSCREENINFO:
		return get_fixed(display, argument);
	case FBIOPAN_DISPLAY:
		return pan(display, argument);
	case FBIOBLANK:
		return blank(display, argument);
	case FBIO_WAITFORVSYNC:
		return wait_for_frame(display, argument);
	case FBIOGET_CON2FBMAP:
	case FBIOPUT_CON2FBMAP:
		return console_map(argument, command == FBIOPUT_CON2FBMAP);
	case FBIOGETCMAP:
	case FBIOPUTCMAP:
		return -EINVAL; /* true colour has no palette */
	}
	return -ENOTTY;
}

static ssize_t framebuffer_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct display *display = display_of(file);
	u64 size = screen_size(display), start = *position, done;

	if (start >= size)
		return 0;
	done = io_copy(iterator, display->pixels + start, MIN(iterator->left, size - start));
	*position += done;
	return done || !iterator->left ? (ssize_t)done : -EFAULT;
}

static ssize_t framebuffer_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct display *display = display_of(file);
	u64 size = screen_size(display), start = *position, done;

	if (!iterator->left)
		return 0;
	if (start > size)
		return -EFBIG;
	if (start == size)
		return -ENOSPC;
	done = io_copy(iterator, display->pixels + start, MIN(iterator->left, size - start));
	display_damage(display, start, done);
	*position += done;
	return done ? (ssize_t)done : -EFAULT;
}

/* Never beyond the end, nor executable, now or by mprotect. */
static int framebuffer_map(struct file *file, struct map_request *request)
{
	struct display *display = display_of(file);
	u64 pages = display->size >> PAGE_SHIFT;
	u64 wanted = DIV_ROUND_UP(request->length, (u64)PAGE_SIZE);

	if (request->offset > pages || wanted > pages - request->offset)
		return -EINVAL;
	if (request->prot & PAGE_EXEC)
		return -EPERM;
	request->prot_max &= ~(unsigned)PAGE_EXEC;
	if (request->flags & MAPPING_SHARED && request->prot & PAGE_WRITE)
		atomic32_set(&display->drawn, 1);
	if (display->object) {
		request->object = display->object;
	} else {
		request->flags |= MAPPING_DEVICE;
		request->frame_base = display->frame + request->offset;
	}
	return 0;
}

static int framebuffer_sync(struct file *file, bool data_only)
{
	int error = display_wait_shown(display_of(file));

	return error == -EINTR ? -ERESTARTSYS : error;
}

static int framebuffer_open(struct vnode *vnode, struct file *file)
{
	display_open(display_of(file));
	return 0;
}

static void framebuffer_release(struct file *file)
{
	display_close(display_of(file));
}

static s64 framebuffer_seek(struct file *file, s64 offset, int whence)
{
	enum { SEEK_SET, SEEK_CUR, SEEK_END };
	s64 base = whence == SEEK_CUR ? file->position : 0;
	s64 position;

	if (whence == SEEK_END)
		base = screen_size(display_of(file));
	else if (whence != SEEK_SET && whence != SEEK_CUR)
		return -EINVAL;
	if (__builtin_add_overflow(base, offset, &position) || position < 0)
		return -EINVAL;
	file->position = position;
	return position;
}

static const struct file_operations framebuffer_operations = {
	.open = framebuffer_open,
	.release = framebuffer_release,
	.read = framebuffer_read,
	.write = framebuffer_write,
	.seek = framebuffer_seek,
	.ioctl = framebuffer_ioctl,
	.map = framebuffer_map,
	.sync = framebuffer_sync,
	.seekable = true,
};

/* /sys/class/graphics/fbN as far as programs read it. */
static void show_in_sysfs(struct display *display, const char *name)
{
	const struct display_mode *mode = &display->mode;
	struct sysfs_node *node = sysfs_device_add(NULL, "graphics", name, S_IFCHR,
						   DEVICE_NUMBER(MAJOR_FB, display->index), NULL);
	char text[32];

	sysfs_text(node, "name", display->name);
	snprintf(text, sizeof(text), "%u", mode->bits);
	sysfs_text(node, "bits_per_pixel", text);
	snprintf(text, sizeof(text), "%u", mode->stride);
	sysfs_text(node, "stride", text);
	snprintf(text, sizeof(text), "%u,%u", mode->width, mode->height);
	sysfs_text(node, "virtual_size", text);
	snprintf(text, sizeof(text), "U:%ux%up-0", mode->width, mode->height);
	sysfs_text(node, "modes", text);
	sysfs_text(node, "mode", text);
	sysfs_text(node, "pan", "0,0");
	sysfs_text(node, "rotate", "0");
	sysfs_text(node, "state", "0");
}

int framebuffer_create(struct display *display)
{
	char name[8];
	int error;

	snprintf(name, sizeof(name), "fb%u", display->index);
	error = device_node_register(name, S_IFCHR | 0660, DEVICE_NUMBER(MAJOR_FB, display->index),
				     &framebuffer_operations, display);
	if (!error)
		show_in_sysfs(display, name);
	return error;
}
