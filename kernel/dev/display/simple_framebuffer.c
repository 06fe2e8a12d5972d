/*
 * What a boot loader has lit already: a `simple-framebuffer` node (devicetree bindings, display)
 * says where its pixels lie. The memory must be outside of what the kernel gives out: reserved, or
 * no RAM at all.
 */
#include <debug/log.h>
#include <dev/device.h>
#include <dev/display/display.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>

static const struct format {
	const char *name;
	struct display_mode mode;
} formats[] = {
	{ "x8r8g8b8", { .bits = 32, .red = { 16, 8 }, .green = { 8, 8 }, .blue = { 0, 8 } } },
	{ "a8r8g8b8",
	  { .bits = 32,
	    .red = { 16, 8 },
	    .green = { 8, 8 },
	    .blue = { 0, 8 },
	    .alpha = { 24, 8 } } },
	{ "x8b8g8r8", { .bits = 32, .red = { 0, 8 }, .green = { 8, 8 }, .blue = { 16, 8 } } },
	{ "a8b8g8r8",
	  { .bits = 32,
	    .red = { 0, 8 },
	    .green = { 8, 8 },
	    .blue = { 16, 8 },
	    .alpha = { 24, 8 } } },
	{ "x2r10g10b10",
	  { .bits = 32, .red = { 20, 10 }, .green = { 10, 10 }, .blue = { 0, 10 } } },
	{ "a2r10g10b10",
	  { .bits = 32,
	    .red = { 20, 10 },
	    .green = { 10, 10 },
	    .blue = { 0, 10 },
	    .alpha = { 30, 2 } } },
	{ "r8g8b8", { .bits = 24, .red = { 16, 8 }, .green = { 8, 8 }, .blue = { 0, 8 } } },
	{ "r5g6b5", { .bits = 16, .red = { 11, 5 }, .green = { 5, 6 }, .blue = { 0, 5 } } },
	{ "x1r5g5b5", { .bits = 16, .red = { 10, 5 }, .green = { 5, 5 }, .blue = { 0, 5 } } },
};

static int read_mode(const struct fdt_node *node, struct display_mode *mode)
{
	const char *name = fdt_string(node->fdt, node->offset, "format");
	const struct format *format = NULL;

	for (unsigned i = 0; name && i < ARRAY_SIZE(formats); i++) {
		if (string_equal(formats[i].name, name))
			format = &formats[i];
	}
	if (!format)
		return -EINVAL;
	*mode = format->mode;
	if (fdt_u32(node->fdt, node->offset, "width", &mode->width) ||
	    fdt_u32(node->fdt, node->offset, "height", &mode->height) ||
	    fdt_u32(node->fdt, node->offset, "stride", &mode->stride))
		return -EINVAL;
	return mode->width <= DISPLAY_SIDE_MAX && mode->height <= DISPLAY_SIDE_MAX ? 0 : -EINVAL;
}

/* Where the pixels are: `reg`, or the reserved region that the node names. */
static int read_place(const struct fdt_node *node, u64 *address, u64 *size)
{
	int region = fdt_reference(node->fdt, node->offset, "memory-region", 0);

	if (region >= 0)
		return fdt_reg(node->fdt, region, 0, address, size);
	return fdt_reg(node->fdt, node->offset, 0, address, size);
}

static bool is_given_out(u64 address, u64 size)
{
	for (u64 number = address >> PAGE_SHIFT; number < (address + size) >> PAGE_SHIFT;
	     number++) {
		struct frame *frame = frame_of(number);

		if (frame && frame->kind != FRAME_RESERVED)
			return true;
	}
	return false;
}

static int simple_probe(const struct fdt_node *node)
{
	struct display *display = kzalloc(sizeof(*display));
	u64 address, size, needed;
	int error = display ? 0 : -ENOMEM;

	if (!error)
		error = read_mode(node, &display->mode);
	if (!error)
		error = read_place(node, &address, &size);
	if (error)
		goto out;
	needed = ALIGN_UP((u64)display->mode.stride * display->mode.height, (u64)PAGE_SIZE);
	error = -EINVAL;
	if (!needed || needed > size || !IS_ALIGNED(address, (u64)PAGE_SIZE) ||
	    address + needed < address)
		goto out;
	if (is_given_out(address, needed)) {
		log_warning(
			"simple-framebuffer: its memory at %lx is not reserved in the device tree, so "
			"it is not used\n",
			(unsigned long)address);
		goto out;
	}
	display->name = "simple";
	display->frame = address >> PAGE_SHIFT;
	display->size = needed;
	display->pixels = mmu_map_device(address, needed);
	error = display->pixels ? display_register(display) : -ENOMEM;
out:
	/* Once it is registered, even in part, others may know it. */
	if (error && (!display || !display->pixels))
		kfree(display);
	return error;
}

static const char *const compatible[] = { "simple-framebuffer", NULL };

DRIVER(simple_framebuffer_driver) = {
	.name = "simple-framebuffer",
	.compatible = compatible,
	.probe = simple_probe,
};
