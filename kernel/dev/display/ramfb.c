/* QEMU's ramfb: it scans out guest memory whose address and mode one fw_cfg file says. */
#include <dev/display/display.h>
#include <dev/display/fw_cfg.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/frame.h>

enum { WIDTH = 1024, HEIGHT = 768 };
#define FOURCC_XRGB8888 0x34325258u

struct ramfb_configuration { /* big endian */
	u64 address;
	u32 fourcc, flags, width, height, stride;
} __packed;

static struct display ramfb = { .name = "ramfb" };

static int ramfb_found(const struct fw_cfg_file *file)
{
	struct ramfb_configuration configuration;
	u32 width = WIDTH, height = HEIGHT;
	struct frame *frames;
	u64 size;
	int error;

	if (file->size != sizeof(configuration))
		return -EINVAL;
	display_wanted_size(&width, &height);
	ramfb.mode = display_mode_xrgb8888;
	ramfb.mode.width = width;
	ramfb.mode.height = height;
	ramfb.mode.stride = width * 4;
	size = ALIGN_UP((u64)ramfb.mode.stride * height, (u64)PAGE_SIZE);
	frames = frame_alloc_run(FRAME_DISPLAY, size >> PAGE_SHIFT);
	if (!frames)
		return -ENOMEM;
	ramfb.frame = frame_number(frames);
	ramfb.pixels = frame_data(frames);
	ramfb.size = size;
	memset(ramfb.pixels, 0, size);
	configuration = (struct ramfb_configuration){
		.address = __builtin_bswap64(frame_address(frames)),
		.fourcc = __builtin_bswap32(FOURCC_XRGB8888),
		.width = __builtin_bswap32(width),
		.height = __builtin_bswap32(height),
		.stride = __builtin_bswap32(ramfb.mode.stride),
	};
	error = fw_cfg_write(file, &configuration, sizeof(configuration));
	/* After an error nobody knows what the device does with the frames: they stay its own. */
	return error ? error : display_register(&ramfb);
}

const struct fw_cfg_handler ramfb_handler = { .name = "etc/ramfb", .found = ramfb_found };
