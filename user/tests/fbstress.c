/*
 * Many processes map the framebuffer, draw, fork, exec, unmap and die at random, some killed. At
 * the end the screen holds what was drawn last. FBSTRESS="PROCESSES SECONDS" makes it longer (make
 * test-long).
 */
#include "check.h"
#include <linux/fb.h>
#include <sys/ioctl.h>

static struct fb_fix_screeninfo fixed;
static struct fb_var_screeninfo variable;

static uint32_t *map_screen(int *file, int flags)
{
	int fd = open("/dev/fb0", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return MAP_FAILED;
	if (ioctl(fd, FBIOGET_FSCREENINFO, &fixed) < 0 ||
	    ioctl(fd, FBIOGET_VSCREENINFO, &variable) < 0) {
		close(fd);
		return MAP_FAILED;
	}
	uint32_t *pixels = mmap(NULL, fixed.smem_len, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (file)
		*file = fd;
	else
		close(fd);
	return pixels;
}

static void scribble(uint32_t *pixels, uint64_t *random)
{
	size_t words = fixed.smem_len / 4;
	size_t at = random_next(random) % words, count = random_next(random) % 3000;
	uint32_t colour = random_next(random);
	for (; count && at < words; at++, count--)
		pixels[at] = colour;
}

static void quit(uint64_t *random)
{
	if (random_next(random) % 4 == 0)
		raise(SIGKILL);
	if (random_next(random) % 8 == 0)
		*(volatile int *)8 = 0;
	_exit(0);
}

/* One life: what it does is chance; it always ends. */
static void live(uint64_t random, int depth)
{
	uint32_t *shared = map_screen(NULL, MAP_SHARED), *mine = MAP_FAILED;
	if (shared == MAP_FAILED)
		_exit(1);
	for (int step = 0; step < 12; step++) {
		switch (random_next(&random) % 8) {
		case 0:
			if (depth < 2 && fork() == 0) {
				random ^= getpid() * 0x9e3779b97f4a7c15ULL;
				scribble(shared, &random);
				depth++;
				step = 6;
			}
			break;
		case 1:
			if (mine != MAP_FAILED)
				munmap(mine, fixed.smem_len);
			mine = map_screen(NULL, MAP_PRIVATE);
			break;
		case 2:
			if (mine != MAP_FAILED)
				scribble(mine, &random);
			break;
		case 3:
			munmap((char *)shared + PAGE * (random_next(&random) % 100),
			       PAGE * (1 + random_next(&random) % 20));
			munmap(shared, fixed.smem_len);
			shared = map_screen(NULL, MAP_SHARED);
			if (shared == MAP_FAILED)
				_exit(1);
			break;
		case 4:
			if (random_next(&random) % 3 == 0) {
				char seed[24];
				snprintf(seed, sizeof(seed), "%lu",
					 (unsigned long)random_next(&random) % 100000);
				setenv("FBSTRESS_LIFE", seed, 1);
				unsetenv("FBSTRESS");
				execl("/proc/self/exe", "fbstress", (char *)NULL);
			}
			break;
		case 5:
			mprotect(shared, fixed.smem_len / 2 / PAGE * PAGE, PROT_READ);
			mprotect(shared, fixed.smem_len / 2 / PAGE * PAGE, PROT_READ | PROT_WRITE);
			break;
		default:
			scribble(shared, &random);
		}
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	quit(&random);
}

static void test_lives(void)
{
	const char *wish = getenv("FBSTRESS");
	int processes = 24, seconds = 3, running = 0, file;
	uint64_t random = random_start(7);
	unsigned long lives = 0, odd = 0;
	uint32_t *pixels = map_screen(&file, MAP_SHARED);
	if (pixels == MAP_FAILED)
		SKIP("no framebuffer");
	if (wish)
		sscanf(wish, "%d %d", &processes, &seconds);
	signal(SIGCHLD, SIG_DFL);
	for (int64_t end = now_ms() + seconds * 1000; now_ms() < end;) {
		int status;
		while (running < processes) {
			pid_t pid = fork();
			if (pid == 0) {
				setpgid(0, 0);
				live(random ^ lives * 0x9e3779b97f4a7c15ULL, 0);
			}
			if (pid < 0)
				break;
			lives++;
			running++;
		}
		if (waitpid(-1, &status, 0) > 0)
			running--;
		if (WIFEXITED(status) && WEXITSTATUS(status))
			odd++;
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	check_print("# %lu lives, seed %lu", lives, (unsigned long)check_seed);
	CHECK_EQ(odd, 0);
	/*
	 * Grandchildren may still draw: what they did is over when nobody else has the screen open.
	 */
	sleep_ms(500);
	for (size_t i = 0; i < fixed.smem_len / 4; i++)
		pixels[i] = 0x00010203 * (i % 251);
	uint32_t *again = map_screen(NULL, MAP_SHARED);
	CHECK(again != MAP_FAILED && !memcmp(again, pixels, fixed.smem_len));
	uint32_t word = 0;
	CHECK_EQ(pread(file, &word, 4, 4 * 1000), 4);
	CHECK_EQ(word, 0x00010203 * (1000 % 251));
	if (getenv("FBSTRESS_STAY")) {
		char line[8];
		check_print("drawn");
		CHECK(read(0, line, sizeof(line)) > 0);
	}
}

static const struct check_case cases[] = { { "lives", test_lives } };

int main(int argc, char **argv)
{
	const char *life = getenv("FBSTRESS_LIFE");
	if (life) {
		check_seed = strtoul(life, NULL, 10);
		live(random_start(9), 1);
	}
	if (getenv("FBSTRESS"))
		check_timeout = 300;
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
