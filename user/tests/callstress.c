/*
 * Stress: system calls with arguments of any value, from unprivileged children. They may fail,
 * block or die; the system, this process and what it owns must not notice.
 */
#include "health.h"
#include <grp.h>
#include <sys/resource.h>

enum { CHILDREN = 4, SECONDS = 6, CALLS = 400, LAST_CALL = 460 };

/* Calls that make processes, wait for tracers or leave objects behind. */
/* clang-format off */
static const short excluded[] = {
	SYS_clone, SYS_clone3, SYS_ptrace, SYS_unshare, SYS_setns, SYS_io_uring_setup,
	SYS_io_uring_enter, SYS_io_uring_register, SYS_io_setup, SYS_userfaultfd,
	SYS_mq_open, SYS_msgget, SYS_semget, SYS_shmget, SYS_add_key, SYS_request_key, SYS_keyctl,
	SYS_perf_event_open, SYS_bpf, SYS_reboot, SYS_kexec_load, SYS_vhangup, SYS_sync,
};
/* clang-format on */

static bool is_excluded(long number)
{
	for (size_t i = 0; i < ARRAY_SIZE(excluded); i++) {
		if (excluded[i] == number)
			return true;
	}
	return false;
}

static unsigned char *buffer, *edge; /* edge: the last bytes before unmapped memory */

static long argument_make(uint64_t *random)
{
	/* clang-format off */
	static const long plain[] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 64, 100, 128, 1000, 4095, 4096, 4097, 65536,
		-1, -2, -100, -4096, INT_MAX, INT_MIN, 1L << 31, 1L << 32, 1L << 40, LONG_MAX,
		LONG_MIN, 0x10000, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, O_CREAT | O_RDWR, SIGCHLD,
	};
	/* clang-format on */
	uint64_t draw = random_next(random);
	switch (draw % 8) {
	case 0:
	case 1:
	case 2:
		return plain[draw / 8 % ARRAY_SIZE(plain)];
	case 3:
		return draw / 8 % 24;
	case 4:
		return (long)buffer + draw / 8 % 8192;
	case 5:
		return (long)edge - draw / 8 % 64;
	case 6:
		return 1L << draw / 8 % 64;
	default:
		return (long)(~0UL << 38) + (long)(draw / 8 % (1L << 38));
	}
}

static void buffer_fill(uint64_t *random)
{
	uint64_t *words = (uint64_t *)buffer;
	for (int i = 0; i < 4; i++)
		words[random_next(random) % 1024] = argument_make(random);
	strcpy((char *)buffer, "callstress-file");
	memcpy(edge - 8, ".\0.\0.\0.", 8);
}

static void child_confine(void)
{
	struct rlimit memory = { 256 << 20, 256 << 20 }, file = { 1 << 20, 1 << 20 };
	struct rlimit none = { 0, 0 }, few = { 64, 64 };
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 8; fd++)
		dup2(null, fd);
	setsid();
	alarm(2);
	setrlimit(RLIMIT_AS, &memory);
	setrlimit(RLIMIT_FSIZE, &file);
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_NOFILE, &few);
	setgroups(0, NULL);
	if (setgid(1000) < 0 || setuid(1000) < 0)
		_exit(1);
}

static void child_run(uint64_t random)
{
	child_confine();
	for (int i = 0; i < CALLS; i++) {
		long args[6], number = random_next(&random) % LAST_CALL;
		if (is_excluded(number))
			continue;
		buffer_fill(&random);
		for (int a = 0; a < 6; a++)
			args[a] = argument_make(&random);
		syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
	}
	_exit(0);
}

static void children_reap(pid_t *pids)
{
	int64_t end = now_ms() + 4000;
	for (int i = 0; i < CHILDREN; i++) {
		int status;
		while (waitpid(pids[i], &status, WNOHANG) == 0) {
			if (now_ms() > end)
				kill(pids[i], SIGKILL);
			sleep_ms(1);
		}
	}
}

static void test_random(void)
{
	uint64_t random = random_start(3);
	REQUIRE(scratch_enter());
	buffer = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	edge = buffer + 2 * PAGE;
	munmap(edge, PAGE);
	CHECK_OK(mkdir("play", 0777));
	CHECK_OK(chmod("play", 0777));
	CHECK_OK(chmod(".", 0755));
	for (int64_t end = now_ms() + SECONDS * 1000; now_ms() < end;) {
		pid_t pids[CHILDREN];
		for (int i = 0; i < CHILDREN; i++) {
			uint64_t stream = random_next(&random);
			pids[i] = fork_child();
			if (pids[i] == 0)
				child_run(chdir("play") == 0 ? stream : 1);
			REQUIRE(pids[i] > 0);
		}
		children_reap(pids);
	}
	health_check();
	munmap(buffer, 2 * PAGE);
}

static const struct check_case cases[] = {
	{ "random", test_random },
};

CHECK_MAIN(cases)
