/*
 * What filling the screen costs, flush included, and that an idle screen costs nothing. Prints
 * `# fill N ns`; with instructions counted (scripts/run --icount) a nanosecond is one instruction.
 */
#include "check.h"
#include <linux/fb.h>
#include <sys/ioctl.h>

enum { ROUNDS = 8 };

/* A number of /proc/selene/counters, or 0. */
static unsigned long counter(const char *name)
{
	static char text[4096];
	size_t length = strlen(name);
	ssize_t size = file_read("/proc/selene/counters", text, sizeof(text) - 1);
	if (size < 0)
		return 0;
	for (char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL)
		if (!strncmp(line, name, length) && line[length] == ' ')
			return strtoul(line + length, NULL, 10);
	return 0;
}

static void test_fill(void)
{
	struct fb_fix_screeninfo fixed;
	struct fb_var_screeninfo variable;
	int fb = open("/dev/fb0", O_RDWR);
	if (fb < 0 || ioctl(fb, FBIOGET_FSCREENINFO, &fixed) < 0 ||
	    ioctl(fb, FBIOGET_VSCREENINFO, &variable) < 0)
		SKIP("no framebuffer");
	uint64_t *pixels = mmap(NULL, fixed.smem_len, PROT_READ | PROT_WRITE, MAP_SHARED, fb, 0);
	REQUIRE(pixels != MAP_FAILED);
	size_t words = (size_t)fixed.line_length * variable.yres / 8;
	int64_t spent = 0;
	/* The device's own time is not the guest's. */
	unsigned long flushes = counter("display_flush_ns") - counter("virtio_gpu_wait_ns");
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t colour = 0x0000000100000001 * (0x102030 * (round + 1));
		int64_t start = now_ns();
		for (size_t i = 0; i < words; i++)
			pixels[i] = colour;
		spent += now_ns() - start;
		CHECK_EQ(fsync(fb), 0);
	}
	flushes = counter("display_flush_ns") - counter("virtio_gpu_wait_ns") - flushes;
	check_print("# fill %ld ns", (long)(spent + flushes) / ROUNDS);
	unsigned long commands = counter("virtio_gpu_commands"), frames = counter("display_frames");
	sleep_ms(1000);
	CHECK_EQ(counter("virtio_gpu_commands"), commands);
	CHECK_EQ(counter("display_frames"), frames);
	munmap(pixels, fixed.smem_len);
	close(fb);
}

static const struct check_case cases[] = { { "fill", test_fill } };

CHECK_MAIN(cases)
