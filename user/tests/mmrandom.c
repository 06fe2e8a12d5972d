/*
 * Random operations on memory by several processes with several threads: mmap, munmap, mprotect,
 * writes, file writes, truncate, fork, spawn, exec, exit. Private memory is compared with a model in
 * every process that has a copy of it; shared files are torn at by all. On Selene the kernel's
 * counts afterwards must be exactly what they were.
 *
 *	mmrandom [-t SECONDS] [SEED [OPERATIONS]]
 */
#include "check.h"
#include <pthread.h>
#include <setjmp.h>
#include <spawn.h>
#include <sys/prctl.h>

#define AUDIT "/proc/selene/audit"

enum {
	PROCESSES = 8,
	THREADS = 4,
	REGIONS = 6,
	PAGES_MAX = 48,
	FILES = 4,
	FILE_PAGES = 40,
	DEPTH_MAX = 2,
	CHILD_STEPS = 12,
	PROCESS_STEPS = 1500, /* after which a process ends and another one takes its place */
	OPERATIONS = 8000,
	REPORT_MAX = 1 << 14,
};

/* What all processes share. */
static struct control {
	long left;     /* operations to do */
	long failures; /* checks that did not hold */
	long done[16]; /* by kind */
	uint64_t stream;
} * control;

struct region {
	unsigned char *start; /* NULL: none */
	size_t pages;
	int file; /* -1: anonymous */
	bool shared;
	unsigned char prot[PAGES_MAX];	   /* 255: unmapped */
	unsigned char expected[PAGES_MAX]; /* private anonymous: first and last byte of the page */
};

struct actor {
	struct region regions[REGIONS];
	uint64_t random;
	int depth;
};

static int files[FILES];
static long operations = OPERATIONS;
static char *self_path = "/proc/self/exe";
static __thread sigjmp_buf escape;
static __thread volatile int escaping;

static uint64_t next(struct actor *actor)
{
	return random_next(&actor->random) >> 16;
}

static size_t below(struct actor *actor, size_t limit)
{
	return next(actor) % limit;
}

static void report(struct actor *actor, const char *what, long expected, long came)
{
	if (__atomic_fetch_add(&control->failures, 1, __ATOMIC_RELAXED) < 10)
		check_print("  %s: expected %ld, came %ld (process %d, depth %d)", what, expected,
			    came, getpid(), actor->depth);
}

static void on_fault(int sig)
{
	if (!escaping)
		_exit(100 + sig);
	siglongjmp(escape, sig);
}

/* 0, or the signal of the access. */
static int touch(unsigned char *at, bool write, unsigned char *value)
{
	int sig = sigsetjmp(escape, 0);
	if (sig == 0) {
		escaping = 1;
		if (write)
			*(volatile unsigned char *)at = *value;
		else
			*value = *(volatile unsigned char *)at;
	}
	escaping = 0;
	return sig;
}

/* ---- memory ---- */

static bool is_model(const struct region *region)
{
	return region->file < 0 && !region->shared;
}

static void region_drop(struct region *region)
{
	if (region->start)
		munmap(region->start, region->pages * PAGE);
	region->start = NULL;
}

static void do_map(struct actor *actor)
{
	struct region *region = &actor->regions[below(actor, REGIONS)];
	int prot = PROT_READ | (below(actor, 4) ? PROT_WRITE : 0);
	region_drop(region);
	*region = (struct region){ .pages = 1 + below(actor, PAGES_MAX), .file = -1 };
	region->shared = below(actor, 3) == 0;
	if (below(actor, 2))
		region->file = below(actor, FILES);
	int flags = (region->shared ? MAP_SHARED : MAP_PRIVATE) |
		    (region->file < 0 ? MAP_ANONYMOUS : 0) | (below(actor, 8) ? 0 : MAP_POPULATE);
	int fd = region->file < 0 ? -1 : files[region->file];
	void *p = mmap(NULL, region->pages * PAGE, prot, flags, fd, 0);
	region->start = p == MAP_FAILED ? NULL : p;
	memset(region->prot, prot, sizeof(region->prot));
}

/* A part of a region, or false when there is none. */
static struct region *part(struct actor *actor, size_t *first, size_t *count)
{
	struct region *region = &actor->regions[below(actor, REGIONS)];
	if (!region->start)
		return NULL;
	*first = below(actor, region->pages);
	*count = 1 + below(actor, region->pages - *first);
	return region;
}

static void do_unmap(struct actor *actor)
{
	size_t first, count;
	struct region *region = part(actor, &first, &count);
	if (!region)
		return;
	/* The addresses stay ours: nobody else may map something there. */
	void *p = region->start + first * PAGE;
	if (mmap(p, count * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != p)
		return;
	memset(region->prot + first, 255, count);
}

static void do_protect(struct actor *actor)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
				     PROT_READ | PROT_WRITE };
	size_t first, count;
	struct region *region = part(actor, &first, &count);
	int prot = prots[below(actor, ARRAY_SIZE(prots))];
	if (!region)
		return;
	for (size_t i = 0; i < count; i++) {
		if (region->prot[first + i] == 255)
			return;
	}
	if (mprotect(region->start + first * PAGE, count * PAGE, prot) == 0)
		memset(region->prot + first, prot, count);
}

static void check_page(struct actor *actor, struct region *region, size_t page)
{
	unsigned char *at = region->start + page * PAGE, first = 0, last = 0;
	int sig = touch(at, false, &first);
	bool readable = region->prot[page] != 255 && region->prot[page] & PROT_READ;
	if (sig == 0)
		sig = touch(at + PAGE - 1, false, &last);
	if (!readable) {
		if (sig != SIGSEGV)
			report(actor, "read of what is not readable", SIGSEGV, sig);
		return;
	}
	if (!is_model(region))
		return; /* a file may have been cut off */
	if (sig)
		report(actor, "read of private memory", 0, sig);
	else if (first != region->expected[page] || last != region->expected[page])
		report(actor, "private memory", region->expected[page],
		       first != region->expected[page] ? first : last);
}

static void do_write(struct actor *actor)
{
	size_t first, count;
	struct region *region = part(actor, &first, &count);
	unsigned char tag = 1 + below(actor, 255);
	for (size_t i = first; region && i < first + count; i++) {
		unsigned char *at = region->start + i * PAGE;
		bool writable = region->prot[i] != 255 && region->prot[i] & PROT_WRITE;
		int sig = touch(at, true, &tag);
		if (!writable && sig != SIGSEGV)
			report(actor, "write to what is not writable", SIGSEGV, sig);
		if (sig == 0)
			sig = touch(at + PAGE - 1, true, &tag);
		if (writable && region->file < 0 && sig)
			report(actor, "write to memory", 0, sig);
		if (sig == 0)
			region->expected[i] = tag;
	}
}

static void do_check(struct actor *actor)
{
	for (size_t i = 0; i < REGIONS; i++) {
		struct region *region = &actor->regions[i];
		for (size_t page = 0; region->start && page < region->pages; page++)
			check_page(actor, region, page);
	}
}

/* ---- files ---- */

static void do_file_write(struct actor *actor)
{
	static const char bytes[3 * PAGE] = { 1, 2, 3 };
	off_t at = below(actor, FILE_PAGES * PAGE);
	size_t size = 1 + below(actor, sizeof(bytes));
	if (pwrite(files[below(actor, FILES)], bytes, size, at) < 0)
		report(actor, "pwrite", 0, errno);
}

static void do_truncate(struct actor *actor)
{
	if (ftruncate(files[below(actor, FILES)], below(actor, FILE_PAGES * PAGE)) < 0)
		report(actor, "ftruncate", 0, errno);
}

/* ---- processes ---- */

static void step(struct actor *actor);

static void wait_for(struct actor *actor, pid_t pid, const char *what)
{
	int status = pid < 0 ? -1 : wait_status(pid);
	if (pid < 0 && errno == EAGAIN)
		return;
	if (status)
		report(actor, what, 0, status);
}

/* The child sees what the parent saw, whatever either writes afterwards. */
static void do_fork(struct actor *actor)
{
	if (actor->depth >= DEPTH_MAX)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		actor->depth++;
		actor->random ^= (uint64_t)getpid() << 20;
		do_check(actor);
		for (int i = 0; i < CHILD_STEPS; i++)
			step(actor);
		do_check(actor);
		_exit(0);
	}
	for (int i = 0; i < 3; i++)
		do_write(actor);
	wait_for(actor, pid, "child of fork");
	do_check(actor);
}

static void do_exec(struct actor *actor)
{
	char *argv[] = { "mmrandom", "--nothing", NULL }, *envp[] = { NULL };
	pid_t pid = fork();
	if (pid == 0) {
		do_write(actor);
		execve(self_path, argv, envp);
		_exit(99);
	}
	wait_for(actor, pid, "program of exec");
}

static void do_spawn(struct actor *actor)
{
	char *argv[] = { "mmrandom", "--nothing", NULL }, *envp[] = { NULL };
	pid_t pid = -1;
	int error = posix_spawn(&pid, self_path, NULL, NULL, argv, envp);
	if (error)
		report(actor, "posix_spawn", 0, error);
	else
		wait_for(actor, pid, "program of spawn");
}

/* A child that dies in the middle of what it does. */
static void do_kill(struct actor *actor)
{
	if (actor->depth >= DEPTH_MAX)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		actor->depth = DEPTH_MAX;
		for (;;)
			step(actor);
	}
	if (pid < 0)
		return;
	usleep(below(actor, 3000));
	kill(pid, SIGKILL);
	int status = wait_status(pid);
	/* It may have found a failure, or what it did may be at its end. */
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		report(actor, "killed child", SIGKILL, status);
}

enum { COMMON_WEIGHT = 1000 };

static const struct {
	const char *name;
	void (*run)(struct actor *);
	unsigned weight; /* of COMMON_WEIGHT in all */
} kinds[] = {
	{ "map", do_map, 200 },		 { "unmap", do_unmap, 120 },
	{ "protect", do_protect, 150 },	 { "write", do_write, 250 },
	{ "check", do_check, 40 },	 { "file-write", do_file_write, 120 },
	{ "truncate", do_truncate, 70 }, { "fork", do_fork, 20 },
	{ "exec", do_exec, 10 },	 { "spawn", do_spawn, 15 },
	{ "kill", do_kill, 5 },
};

static void step(struct actor *actor)
{
	size_t choice = below(actor, COMMON_WEIGHT), kind = 0;
	while (choice >= kinds[kind].weight)
		choice -= kinds[kind++].weight;
	kinds[kind].run(actor);
	__atomic_fetch_add(&control->done[kind], 1, __ATOMIC_RELAXED);
}

/* ---- threads and processes of the test ---- */

static void *thread_run(void *unused)
{
	struct actor actor = { 0 };
	uint64_t stream = __atomic_add_fetch(&control->stream, 1, __ATOMIC_RELAXED);
	(void)unused;
	actor.random = random_start(stream);
	for (int i = 0; i < PROCESS_STEPS; i++) {
		if (__atomic_fetch_sub(&control->left, 1, __ATOMIC_RELAXED) <= 0)
			break;
		step(&actor);
	}
	do_check(&actor);
	/* Half of them leave their memory to the end of the process. */
	for (size_t i = 0; i < REGIONS && actor.random & 1; i++)
		region_drop(&actor.regions[i]);
	return NULL;
}

static void process_run(uint64_t stream)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	pthread_t threads[THREADS];
	int count = stream % THREADS;
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	for (int i = 0; i < count; i++) {
		if (pthread_create(&threads[i], NULL, thread_run, NULL))
			count = i;
	}
	thread_run(NULL);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

static pid_t workers[PROCESSES];

/* Takes it out of the list. */
static bool is_worker(pid_t pid)
{
	for (int i = 0; i < PROCESSES; i++) {
		if (workers[i] != pid)
			continue;
		memmove(&workers[i], &workers[i + 1], (PROCESSES - 1 - i) * sizeof(workers[0]));
		workers[PROCESSES - 1] = 0;
		return true;
	}
	return false;
}

static void processes_run(void)
{
	int running = 0;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	memset(workers, 0, sizeof(workers));
	for (uint64_t stream = 0;; stream++) {
		bool more = __atomic_load_n(&control->left, __ATOMIC_RELAXED) > 0;
		pid_t pid;
		if (more && running < PROCESSES) {
			pid = fork();
			if (pid == 0)
				process_run(stream);
			if (CHECK(pid > 0))
				workers[running++] = pid;
			continue;
		}
		if (!running)
			break;
		int status;
		pid = wait(&status);
		if (!is_worker(pid))
			continue; /* left behind by one that was killed */
		running--;
		if (status)
			check_print("  process %d: status %#x", pid, status);
		CHECK_EQ(status, 0);
	}
	while (wait(NULL) > 0)
		;
}

static long report_value(const char *text, const char *name)
{
	size_t length = strlen(name);
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, length) && line[length] == ' ')
			return atol(line + length);
	}
	return 0;
}

static char before[REPORT_MAX], after[REPORT_MAX];

/*
 * Tables of kernel stacks stay; and the objects that are left, as many as before, may lie in other
 * slabs.
 */
static long pages_free(const char *text)
{
	return report_value(text, "free") + report_value(text, "stack_tables") +
	       report_value(text, "slab");
}

static void compare_counts(void)
{
	static const char *const counts[] = { "kernel", "user",	    "object",
					      "spaces", "mappings", "slab_objects" };
	CHECK(!strncmp(after, "audit: clean", 12));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		check_equal(report_value(after, counts[i]), report_value(before, counts[i]),
			    counts[i], __LINE__);
	CHECK_EQ(pages_free(after), pages_free(before));
}

static bool prepare(void)
{
	control = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if ((void *)control == MAP_FAILED)
		return false;
	memset(before, ' ', sizeof(before));
	memset(after, ' ', sizeof(after));
	for (int i = 0; i < FILES; i++)
		files[i] = memfd_create("mmrandom", MFD_CLOEXEC);
	return files[FILES - 1] >= 0;
}

static void run(long count)
{
	memset(control, 0, sizeof(*control));
	control->left = count;
	processes_run();
	CHECK_EQ(control->failures, 0);
	for (int i = 0; i < FILES; i++)
		CHECK_OK(ftruncate(files[i], 0));
}

static void test_random(void)
{
	REQUIRE(prepare());
	check_timeout = operations > OPERATIONS ? 3600 : check_timeout;
	alarm(check_timeout);
	run(200); /* so that this process has touched what it will touch */
	bool audited = file_read(AUDIT, before, sizeof(before)) > 0;
	if (!audited && operations == OPERATIONS)
		operations /= 10; /* another kernel */
	audited = audited && file_read(AUDIT, before, sizeof(before)) > 0;
	run(operations);
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && operations > OPERATIONS; i++)
		check_print("# %s %ld", kinds[i].name, control->done[i]);
	if (audited && CHECK(file_read(AUDIT, after, sizeof(after)) > 0))
		compare_counts();
}

static const struct check_case cases[] = { { "random", test_random } };

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--nothing"))
		return 0;
	if (argc > 2 && argv[argc - 2][0] != '-') {
		operations = atol(argv[argc - 1]);
		argc--;
	}
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
