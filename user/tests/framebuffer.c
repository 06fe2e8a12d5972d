/* /dev/fb0: linux/fb.h's calls with their errors, read and write, shared and private mappings. */
#include "check.h"
#include <linux/fb.h>
#include <sys/ioctl.h>
#include <termios.h>

static int fb = -1;
static struct fb_fix_screeninfo fixed;
static struct fb_var_screeninfo variable;
static size_t pages;
static void *gone = (void *)16;

static bool have_screen(void)
{
	if (fb < 0)
		fb = open("/dev/fb0", O_RDWR | O_CLOEXEC);
	pages = 0;
	if (fb < 0 || ioctl(fb, FBIOGET_FSCREENINFO, &fixed) < 0 ||
	    ioctl(fb, FBIOGET_VSCREENINFO, &variable) < 0)
		return false;
	pages = (fixed.smem_len + PAGE - 1) / PAGE;
	return true;
}

#define NEED_SCREEN()                                                                              \
	do {                                                                                       \
		if (!have_screen())                                                                \
			SKIP("no framebuffer");                                                    \
	} while (0)

static uint32_t *map(size_t size, int prot, int flags, off_t offset)
{
	return mmap(NULL, size, prot, flags, fb, offset);
}

static void test_information(void)
{
	NEED_SCREEN();
	CHECK_RANGE(variable.xres, 64, 8192);
	CHECK_RANGE(variable.yres, 64, 8192);
	CHECK(variable.bits_per_pixel == 16 || variable.bits_per_pixel == 32);
	CHECK(fixed.line_length >= variable.xres * variable.bits_per_pixel / 8);
	CHECK(fixed.smem_len >= fixed.line_length * variable.yres);
	CHECK_EQ(fixed.type, FB_TYPE_PACKED_PIXELS);
	CHECK_EQ(fixed.visual, FB_VISUAL_TRUECOLOR);
	CHECK_EQ(variable.green.msb_right, 0);
	CHECK_ERRNO(ioctl(fb, FBIOGET_FSCREENINFO, gone), EFAULT);
	CHECK_ERRNO(ioctl(fb, FBIOGET_VSCREENINFO, gone), EFAULT);
	CHECK_ERRNO(ioctl(fb, FBIOPUT_VSCREENINFO, gone), EFAULT);
}

static void test_modes(void)
{
	struct fb_var_screeninfo wanted;
	NEED_SCREEN();
	wanted = variable;
	CHECK_EQ(ioctl(fb, FBIOPUT_VSCREENINFO, &wanted), 0);
	CHECK_EQ(wanted.xres, variable.xres);
	wanted.xres += 8;
	CHECK_ERRNO(ioctl(fb, FBIOPUT_VSCREENINFO, &wanted), EINVAL);
	wanted = variable;
	wanted.yres_virtual *= 4;
	CHECK_ERRNO(ioctl(fb, FBIOPUT_VSCREENINFO, &wanted), EINVAL);
	wanted = variable;
	CHECK_EQ(ioctl(fb, FBIOPAN_DISPLAY, &wanted), 0);
	wanted.yoffset = 100000;
	CHECK_ERRNO(ioctl(fb, FBIOPAN_DISPLAY, &wanted), EINVAL);
	CHECK_ERRNO(ioctl(fb, FBIOPAN_DISPLAY, gone), EFAULT);
	CHECK_EQ(ioctl(fb, FBIOGET_VSCREENINFO, &wanted), 0);
	CHECK(memcmp(&wanted, &variable, sizeof(wanted)) == 0);
}

static void test_unknown_ioctls(void)
{
	NEED_SCREEN();
	CHECK_ERRNO(ioctl(fb, 0x4699, 0), ENOTTY);
	CHECK_ERRNO(ioctl(fb, TCGETS, 0), ENOTTY);
	CHECK_ERRNO(ioctl(fb, _IOW('F', 0x20, uint32_t), gone), EFAULT);
	uint64_t random = random_start(1);
	for (unsigned i = 0; i < 2000; i++) {
		unsigned command = random_next(&random);
		if (i % 2)
			command = (command & 0xff) | 0x4600;
		if (command != FBIOBLANK)
			ioctl(fb, command, i % 4 < 2 ? (unsigned long)gone : random_next(&random));
	}
	CHECK_EQ(ioctl(fb, FBIOGET_VSCREENINFO, &variable), 0);
}

static void test_read_write(void)
{
	NEED_SCREEN();
	uint32_t line[64], back[64];
	off_t end = (off_t)fixed.line_length * variable.yres;
	for (unsigned i = 0; i < 64; i++)
		line[i] = 0x00010203 * (i + 1);
	CHECK_EQ(lseek(fb, 4096, SEEK_SET), 4096);
	CHECK_EQ(write(fb, line, sizeof(line)), sizeof(line));
	CHECK_EQ(lseek(fb, 0, SEEK_CUR), 4096 + sizeof(line));
	CHECK_EQ(pread(fb, back, sizeof(back), 4096), sizeof(back));
	CHECK(memcmp(line, back, sizeof(line)) == 0);
	CHECK_EQ(pread(fb, back, sizeof(back), end - 16), 16);
	CHECK_EQ(pread(fb, back, sizeof(back), end + PAGE), 0);
	CHECK_EQ(pwrite(fb, line, sizeof(line), end - 16), 16);
	CHECK_ERRNO(pwrite(fb, line, 16, end), ENOSPC);
	CHECK_ERRNO(pwrite(fb, line, 16, end + PAGE), EFBIG);
	CHECK_ERRNO(pwrite(fb, gone, 16, 0), EFAULT);
	CHECK_ERRNO(pread(fb, gone, 16, 0), EFAULT);
	CHECK_ERRNO(lseek(fb, -1, SEEK_SET), EINVAL);
}

static void test_shared(void)
{
	NEED_SCREEN();
	uint32_t *one = map(fixed.smem_len, PROT_READ | PROT_WRITE, MAP_SHARED, 0), word;
	uint32_t *two = map(PAGE, PROT_READ, MAP_SHARED, PAGE);
	REQUIRE(one != MAP_FAILED && two != MAP_FAILED);
	one[1024] = 0x00c0ffee;
	CHECK_EQ(two[0], 0x00c0ffee);
	CHECK_EQ(pread(fb, &word, 4, PAGE), 4);
	CHECK_EQ(word, 0x00c0ffee);
	pid_t pid = fork_child();
	if (pid == 0) {
		one[1025] = one[1024] + 1;
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(two[1], 0x00c0ffef);
	CHECK_EQ(msync(one, PAGE, MS_ASYNC), 0);
	CHECK_EQ(munmap(one, fixed.smem_len), 0);
	CHECK_EQ(two[1], 0x00c0ffef);
	CHECK_EQ(munmap(two, PAGE), 0);
}

static void test_private(void)
{
	NEED_SCREEN();
	uint32_t *shared = map(fixed.smem_len, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	uint32_t *mine = map(fixed.smem_len, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	REQUIRE(shared != MAP_FAILED && mine != MAP_FAILED);
	shared[5] = 7;
	CHECK_EQ(mine[5], 7);
	mine[5] = 8;
	CHECK_EQ(shared[5], 7);
	shared[6] = 9;
	CHECK_EQ(mine[5], 8);
	CHECK_EQ(mine[6] == 9, 0); /* the page is mine since I wrote to it */
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(mine[5], 8);
		mine[5] = 10;
		mine[3 * 1024] = 11;
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(mine[5], 8);
	CHECK_EQ(shared[3 * 1024] == 11, 0);
	munmap(shared, fixed.smem_len), munmap(mine, fixed.smem_len);
}

static void test_bad_mappings(void)
{
	NEED_SCREEN();
	CHECK_ERRNO(map((pages + 1) * PAGE, PROT_READ, MAP_SHARED, 0), EINVAL);
	CHECK_ERRNO(map(2 * PAGE, PROT_READ, MAP_SHARED, (pages - 1) * PAGE), EINVAL);
	CHECK_ERRNO(map(PAGE, PROT_READ, MAP_SHARED, pages * PAGE), EINVAL);
	CHECK_ERRNO(map(PAGE, PROT_READ, MAP_SHARED, (off_t)1 << 50), EINVAL);
	CHECK_ERRNO(map(PAGE, PROT_READ, MAP_SHARED, 100), EINVAL);
	char *last = (char *)map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, (pages - 1) * PAGE);
	REQUIRE(last != MAP_FAILED);
	last[PAGE - 1] = 1;
	munmap(last, PAGE);
	int reader = CHECK_OK(open("/dev/fb0", O_RDONLY));
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, reader, 0), EACCES);
	last = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 0);
	CHECK_ERRNO(mprotect(last, PAGE, PROT_READ | PROT_WRITE), EACCES);
	munmap(last, PAGE);
	close(reader);
}

/* Selene alone refuses to execute the screen. */
static void test_never_executable(void)
{
	NEED_SCREEN();
	if (access("/proc/selene", F_OK) < 0)
		SKIP("Linux lets programs execute it");
	CHECK_ERRNO(map(PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, 0), EPERM);
	void *at = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	CHECK_ERRNO(mprotect(at, PAGE, PROT_READ | PROT_EXEC), EACCES);
	CHECK_EQ(madvise(at, PAGE, MADV_REMOVE), -1);
	munmap(at, PAGE);
}

/* What is unmapped piece by piece, protected and moved is still the screen. */
static void test_pieces(void)
{
	NEED_SCREEN();
	char *at = (char *)map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	REQUIRE(at != MAP_FAILED);
	at[5 * PAGE] = 42;
	CHECK_EQ(munmap(at + 2 * PAGE, PAGE), 0);
	CHECK_EQ(mprotect(at + 4 * PAGE, 2 * PAGE, PROT_READ), 0);
	CHECK_EQ(at[5 * PAGE], 42);
	CHECK_EQ(mprotect(at + 4 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE), 0);
	at[5 * PAGE] = 43;
	char *moved = mremap(at + 5 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE);
	CHECK(moved != MAP_FAILED && moved[0] == 43);
	munmap(at, 8 * PAGE);
}

static const struct check_case cases[] = {
	{ "information", test_information },
	{ "modes", test_modes },
	{ "unknown-ioctls", test_unknown_ioctls },
	{ "read-write", test_read_write },
	{ "shared", test_shared },
	{ "private", test_private },
	{ "bad-mappings", test_bad_mappings },
	{ "never-executable", test_never_executable },
	{ "pieces", test_pieces },
};

CHECK_MAIN(cases)
