/* Shared memory: mmap(2), memfd_create(2) and its seals, shm_open(3); who sees what, and when it is freed. */
#include "check.h"
#include <linux/futex.h>
#include <sys/resource.h>

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

enum { CHAIN = 1000, ROUNDS = 2000, LARGE = 4096, CHAIN_SECONDS = 110 };

static unsigned char *map_shared(int fd, size_t pages, off_t offset)
{
	int flags = MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0);
	return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, offset);
}

static long meminfo(const char *name)
{
	char text[4096], *line;
	if (file_read("/proc/meminfo", text, sizeof(text)) <= 0)
		return -1;
	line = strstr(text, name);
	return line ? atol(line + strlen(name) + 1) : -1;
}

static int memfd(size_t pages, unsigned flags)
{
	int fd = memfd_create("test", flags);
	if (fd >= 0)
		CHECK_OK(ftruncate(fd, pages * PAGE));
	return fd;
}

/* ---- mappings ---- */

static unsigned char *seen;

static void write_in_child(void *unused)
{
	(void)unused;
	CHECK_EQ(seen[0], 1);
	seen[0] = 2;
	seen[5 * PAGE] = 3;
}

static void test_fork_shares(void)
{
	seen = map_shared(-1, 8, 0);
	REQUIRE(seen != MAP_FAILED);
	seen[0] = 1;
	CHECK_EQ(run_child(write_in_child, NULL), 0);
	CHECK_EQ(seen[0], 2);
	CHECK_EQ(seen[5 * PAGE], 3);
	munmap(seen, 8 * PAGE);
}

/* Each link of the chain adds one, deepest first. */
static void chain(unsigned *counter, int depth)
{
	if (depth > 0) {
		pid_t pid = fork();
		if (pid == 0) {
			chain(counter, depth - 1);
			_exit(0);
		}
		int status = pid < 0 ? -1 : wait_status(pid);
		if (status)
			_exit(1);
	}
	if (*counter != (unsigned)depth)
		_exit(2);
	++*counter;
}

static void chain_start(void *counter)
{
	chain(counter, CHAIN - 1);
}

static void test_fork_chain(void)
{
	unsigned *counter = (unsigned *)map_shared(-1, 1, 0);
	REQUIRE((void *)counter != MAP_FAILED);
	check_timeout = CHAIN_SECONDS;
	alarm(check_timeout);
	CHECK_EQ(run_child(chain_start, counter), 0);
	CHECK_EQ(*counter, CHAIN);
	munmap(counter, PAGE);
}

/* Holes and moved pieces of one object still show its pages. */
static void test_partial(void)
{
	int fd = memfd(16, 0);
	unsigned char *p = map_shared(fd, 16, 0), *q = map_shared(fd, 16, 0), *r;
	REQUIRE(fd >= 0 && p != MAP_FAILED && q != MAP_FAILED);
	for (int i = 0; i < 16; i++)
		p[i * PAGE] = i + 1;
	CHECK_OK(munmap(p + 4 * PAGE, 4 * PAGE));
	CHECK_OK(munmap(p + 12 * PAGE, 1 * PAGE));
	for (int i = 0; i < 16; i++)
		CHECK_EQ(q[i * PAGE], i + 1);
	r = mremap(p + 8 * PAGE, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
	REQUIRE(r != MAP_FAILED);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(r[i * PAGE], 8 + i + 1);
	r[5 * PAGE] = 99;
	CHECK_EQ(q[13 * PAGE], 99);
	/* A second view of a shared range: mremap with an old size of 0. */
	p = mremap(q + 2 * PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE);
	REQUIRE(p != MAP_FAILED);
	p[PAGE] = 77;
	CHECK_EQ(q[3 * PAGE], 77);
	munmap(p, 2 * PAGE);
	munmap(r, 6 * PAGE);
	munmap(q, 16 * PAGE);
	close(fd);
}

static void test_freed(void)
{
	/* Linux counts per CPU and adds up now and then. */
	enum { KIB = LARGE * 4, ABOUT = 2048 };
	long before = meminfo("Shmem:");
	unsigned char *p = map_shared(-1, LARGE, 0);
	REQUIRE(p != MAP_FAILED && before >= 0);
	memset(p, 1, LARGE * PAGE);
	CHECK_RANGE(meminfo("Shmem:") - before, KIB - ABOUT, KIB + ABOUT);
	/* One object, half unseen. */
	CHECK_OK(munmap(p, LARGE / 2 * PAGE));
	CHECK_RANGE(meminfo("Shmem:") - before, KIB - ABOUT, KIB + ABOUT);
	CHECK_OK(munmap(p + LARGE / 2 * PAGE, LARGE / 2 * PAGE));
	for (int i = 0; i < 100 && meminfo("Shmem:") - before > ABOUT; i++)
		sleep_ms(10);
	CHECK_RANGE(meminfo("Shmem:") - before, -ABOUT, ABOUT);
}

/* The last holder may be a mapping whose descriptor is gone, in another process. */
static void test_last_mapping(void)
{
	int ends[2], status;
	char byte;
	int fd = memfd(4, MFD_CLOEXEC);
	unsigned char *p = map_shared(fd, 4, 0);
	REQUIRE(fd >= 0 && p != MAP_FAILED && pipe(ends) == 0);
	p[PAGE] = 42;
	pid_t pid = fork_child();
	if (pid == 0) {
		close(ends[1]);
		(void)!read(ends[0], &byte, 1);
		CHECK_EQ(p[PAGE], 42);
		child_exit();
	}
	close(fd);
	munmap(p, 4 * PAGE);
	close(ends[0]);
	close(ends[1]);
	status = wait_status(pid);
	CHECK_EQ(status, 0);
}

/* Shmem comes to @wanted KiB within seconds: each of Linux's CPUs may keep 500 KiB to itself until then, and longer. */
static void check_shmem(long wanted)
{
	enum { ABOUT = 8192 };
	long now = meminfo("Shmem:");
	for (int i = 0; i < 300 && (now < wanted - ABOUT || now > wanted + ABOUT); i++) {
		sleep_ms(10);
		now = meminfo("Shmem:");
	}
	CHECK_RANGE(now, wanted - ABOUT, wanted + ABOUT);
}

/* @fd: of nothing that has another name, or -1: anonymous. A child's child has the last mapping. */
static void freed_elsewhere(int fd)
{
	long before = meminfo("Shmem:");
	int ends[2];
	char byte;
	unsigned char *p = map_shared(fd, LARGE, 0);
	REQUIRE(p != MAP_FAILED && pipe(ends) == 0);
	memset(p, 1, LARGE * PAGE);
	pid_t child = fork_child();
	if (child == 0) {
		close(ends[1]);
		if (fork())
			_exit(0);
		close(fd);
		(void)!read(ends[0], &byte, 1);
		_exit(munmap(p, LARGE / 2 * PAGE));
	}
	CHECK_EQ(wait_status(child), 0);
	close(ends[0]);
	CHECK_OK(munmap(p, LARGE * PAGE));
	if (fd >= 0)
		close(fd);
	sleep_ms(20);
	check_shmem(before + LARGE * 4);
	close(ends[1]);
	check_shmem(before);
}

static void test_freed_elsewhere(void)
{
	freed_elsewhere(-1);
	freed_elsewhere(memfd(LARGE, 0));
	int fd = shm_open("/freed", O_RDWR | O_CREAT | O_EXCL, 0600);
	REQUIRE(fd >= 0 && ftruncate(fd, LARGE * PAGE) == 0);
	CHECK_OK(shm_unlink("/freed"));
	freed_elsewhere(fd);
}

/* What no mapping can show any more goes at once, although the mappings stay. */
static void test_freed_part(void)
{
	long before = meminfo("Shmem:");
	int fd = memfd(LARGE, 0);
	unsigned char *p = map_shared(fd, LARGE, 0);
	REQUIRE(fd >= 0 && p != MAP_FAILED);
	memset(p, 1, LARGE * PAGE);
	CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, LARGE / 4 * PAGE));
	check_shmem(before + LARGE * 3);
	CHECK_EQ(p[0], 0);
	CHECK_OK(ftruncate(fd, LARGE / 2 * PAGE));
	check_shmem(before + LARGE);
	CHECK_OK(madvise(p + LARGE / 4 * PAGE, LARGE / 4 * PAGE, MADV_REMOVE));
	check_shmem(before);
	CHECK_EQ(p[LARGE / 2 * PAGE - 1], 0);
	munmap(p, LARGE * PAGE);
	close(fd);
}

/* ---- remapping, seen by relatives ---- */

enum { PIECES = 32 };

static void moves_pieces(void *fd)
{
	unsigned char *place[PIECES], *room;
	room = mmap(NULL, 2 * PIECES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(room != MAP_FAILED);
	/* Backwards, one by one, with a hole after each. */
	for (int i = 0; i < PIECES; i++) {
		place[i] = mremap(seen + i * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				  room + (2 * PIECES - 2 - 2 * i) * PAGE);
		REQUIRE(place[i] == room + (2 * PIECES - 2 - 2 * i) * PAGE);
		CHECK_EQ(place[i][0], i + 1);
		place[i][0] = 100 + i;
	}
	CHECK_EQ(munmap(room, PIECES * PAGE), 0); /* the second half of the pieces */
	for (int i = 0; i < PIECES / 2; i++)
		CHECK_EQ(place[i][0], 100 + i);
	unsigned char *again = map_shared((int)(long)fd, PIECES, 0);
	for (int i = 0; i < PIECES; i++)
		CHECK_EQ(again[i * PAGE], 100 + i);
}

static void test_pieces(void)
{
	int fd = memfd(PIECES, 0);
	seen = map_shared(fd, PIECES, 0);
	REQUIRE(fd >= 0 && seen != MAP_FAILED);
	for (int i = 0; i < PIECES; i++)
		seen[i * PAGE] = i + 1;
	CHECK_EQ(run_child(moves_pieces, (void *)(long)fd), 0);
	for (int i = 0; i < PIECES; i++)
		CHECK_EQ(seen[i * PAGE], 100 + i);
	munmap(seen, PIECES * PAGE);
	close(fd);
}

/* ---- names in /dev/shm ---- */

static void test_shm_open(void)
{
	struct stat st;
	if (access("/dev/shm", W_OK) != 0)
		SKIP("no /dev/shm");
	int fd = shm_open("/check-shared", O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		SKIP("shm_open does not work here");
	CHECK_OK(ftruncate(fd, 3 * PAGE));
	int other = shm_open("/check-shared", O_RDONLY, 0);
	REQUIRE(other >= 0);
	unsigned char *p = map_shared(fd, 3, 0);
	unsigned char *q = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, other, 0);
	REQUIRE(p != MAP_FAILED && q != MAP_FAILED);
	p[2 * PAGE] = 5;
	CHECK_EQ(q[2 * PAGE], 5);
	CHECK_ERRNO(mprotect(q, PAGE, PROT_READ | PROT_WRITE), EACCES);
	CHECK_OK(shm_unlink("/check-shared"));
	CHECK_ERRNO(shm_open("/check-shared", O_RDONLY, 0), ENOENT);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 3 * (off_t)PAGE);
	p[0] = 6;
	CHECK_EQ(q[0], 6);
	munmap(p, 3 * PAGE);
	munmap(q, 3 * PAGE);
	close(fd);
	close(other);
}

/* ---- futexes ---- */

static long futex(unsigned *word, int operation, unsigned value)
{
	struct timespec limit = { 10, 0 };
	return syscall(SYS_futex, word, operation, value, &limit, NULL, 0);
}

static void wait_until(unsigned *word, unsigned value)
{
	unsigned now;
	while ((now = __atomic_load_n(word, __ATOMIC_ACQUIRE)) != value)
		futex(word, FUTEX_WAIT, now);
}

/* Two processes and two mappings of the same file at different addresses: one word. */
static void test_futex_turns(void)
{
	int fd = memfd(2, 0);
	unsigned *word = (unsigned *)(map_shared(fd, 2, 0) + PAGE);
	REQUIRE(fd >= 0 && (void *)word != (char *)MAP_FAILED + PAGE);
	pid_t pid = fork_child();
	if (pid == 0) {
		unsigned *mine = (unsigned *)map_shared(fd, 1, PAGE);
		CHECK((void *)mine != MAP_FAILED && mine != word);
		for (unsigned i = 0; i < ROUNDS; i++) {
			wait_until(mine, 2 * i + 1);
			__atomic_store_n(mine, 2 * i + 2, __ATOMIC_RELEASE);
			futex(mine, FUTEX_WAKE, 1);
		}
		child_exit();
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		__atomic_store_n(word, 2 * i + 1, __ATOMIC_RELEASE);
		futex(word, FUTEX_WAKE, 1);
		wait_until(word, 2 * i + 2);
	}
	CHECK_EQ(wait_status(pid), 0);
	munmap((char *)word - PAGE, 2 * PAGE);
	close(fd);
}

/* ---- seals ---- */

static void test_seal_rules(void)
{
	int fd = memfd(2, 0);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	close(fd);
	fd = memfd(2, MFD_ALLOW_SEALING);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, 0x100), EINVAL);
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW);
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int reader = open(path, O_RDONLY);
	CHECK_EQ(fcntl(reader, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
	CHECK_ERRNO(fcntl(reader, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	close(reader);
	close(fd);
	int null = open("/dev/null", O_RDWR);
	CHECK_ERRNO(fcntl(null, F_GET_SEALS), EINVAL);
	CHECK_ERRNO(fcntl(null, F_ADD_SEALS, F_SEAL_WRITE), EINVAL);
	close(null);
}

static void test_seal_size(void)
{
	int fd = memfd(2, MFD_ALLOW_SEALING);
	char byte = 1;
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	CHECK_ERRNO(ftruncate(fd, PAGE), EPERM);
	CHECK_OK(ftruncate(fd, 2 * PAGE));
	CHECK_OK(ftruncate(fd, 3 * PAGE));
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	CHECK_ERRNO(ftruncate(fd, 4 * PAGE), EPERM);
	CHECK_ERRNO(pwrite(fd, &byte, 1, 3 * PAGE), EPERM);
	CHECK_ERRNO(fallocate(fd, 0, 2 * PAGE, 2 * PAGE), EPERM);
	CHECK_EQ(pwrite(fd, &byte, 1, 3 * PAGE - 1), 1);
	CHECK_OK(fallocate(fd, 0, 0, 3 * PAGE));
	close(fd);
}

static void test_seal_write(void)
{
	int fd = memfd(2, MFD_ALLOW_SEALING);
	char byte = 1;
	unsigned char *p = map_shared(fd, 2, 0);
	REQUIRE(p != MAP_FAILED);
	p[0] = 9;
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	munmap(p, 2 * PAGE);
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	CHECK_ERRNO(pwrite(fd, &byte, 1, 0), EPERM);
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM);
	CHECK_ERRNO(map_shared(fd, 2, 0), EPERM);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	REQUIRE(p != MAP_FAILED);
	CHECK_EQ(p[0], 9);
	p[0] = 1;
	munmap(p, PAGE);
	CHECK_EQ(pread(fd, &byte, 1, 0), 1);
	CHECK_EQ(byte, 9);
	close(fd);
}

static void test_seal_future(void)
{
	int fd = memfd(2, MFD_ALLOW_SEALING);
	char byte = 1;
	unsigned char *p = map_shared(fd, 2, 0), *q;
	REQUIRE(p != MAP_FAILED);
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	p[0] = 9; /* what was mapped before stays writable */
	CHECK_ERRNO(pwrite(fd, &byte, 1, 0), EPERM);
	CHECK_ERRNO(map_shared(fd, 1, 0), EPERM);
	q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	REQUIRE(q != MAP_FAILED);
	CHECK_EQ(q[0], 9);
	CHECK_ERRNO(mprotect(q, PAGE, PROT_READ | PROT_WRITE), EACCES);
	munmap(q, PAGE);
	munmap(p, 2 * PAGE);
	close(fd);
}

static void test_seal_exec(void)
{
	struct stat st;
	int fd = memfd_create("noexec", MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		SKIP("no MFD_NOEXEC_SEAL");
	CHECK(fstat(fd, &st) == 0 && (st.st_mode & 0111) == 0);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_EXEC);
	CHECK_ERRNO(fchmod(fd, 0777), EPERM);
	CHECK_OK(fchmod(fd, 0600));
	close(fd);
}

/* ---- locked memory ---- */

static void test_lock_all(void)
{
	struct rlimit limit;
	unsigned char resident[8];
	getrlimit(RLIMIT_MEMLOCK, &limit);
	CHECK_ERRNO(mlockall(0), EINVAL);
	CHECK_ERRNO(mlockall(0x100), EINVAL);
	CHECK_ERRNO(mlockall(4), EINVAL);
	unsigned char *p =
		mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(p != MAP_FAILED);
	CHECK_OK(mlockall(MCL_CURRENT));
	CHECK_OK(mincore(p, 8 * PAGE, resident));
	for (int i = 0; i < 8; i++)
		CHECK_EQ(resident[i] & 1, 1);
	CHECK_OK(munlockall());
	CHECK_OK(mlockall(MCL_FUTURE));
	unsigned char *q =
		mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(q != MAP_FAILED);
	CHECK_OK(mincore(q, 8 * PAGE, resident));
	for (int i = 0; i < 8; i++)
		CHECK_EQ(resident[i] & 1, 1);
	CHECK_OK(munlockall());
	munmap(p, 8 * PAGE);
	munmap(q, 8 * PAGE);
}

static void lock_all(void *unused)
{
	(void)unused;
	test_lock_all();
}

static void test_lock_all_child(void)
{
	CHECK_EQ(run_child(lock_all, NULL), 0);
}

static const struct check_case cases[] = {
	{ "fork-shares", test_fork_shares },
	{ "fork-chain", test_fork_chain },
	{ "partial", test_partial },
	{ "freed", test_freed },
	{ "freed-elsewhere", test_freed_elsewhere },
	{ "freed-part", test_freed_part },
	{ "pieces", test_pieces },
	{ "last-mapping", test_last_mapping },
	{ "shm-open", test_shm_open },
	{ "futex-turns", test_futex_turns },
	{ "seal-rules", test_seal_rules },
	{ "seal-size", test_seal_size },
	{ "seal-write", test_seal_write },
	{ "seal-future", test_seal_future },
	{ "seal-exec", test_seal_exec },
	{ "lock-all", test_lock_all_child },
};

CHECK_MAIN(cases)
