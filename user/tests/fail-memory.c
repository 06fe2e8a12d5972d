/* Processes, threads and memory when an allocation fails: fail.h. */
#include "fail.h"
#include <pthread.h>
#include <selene_spawn.h>
#include <spawn.h>

static int wait_all(pid_t pid)
{
	int status = wait_status(pid);
	return WIFSIGNALED(status) ? KILLED : WEXITSTATUS(status);
}

static int try_fork(void)
{
	pid_t pid = FAILING(fork());
	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : wait_all(pid);
}

static int try_vfork(void)
{
	fail_begin();
	pid_t pid = vfork();
	if (pid == 0)
		_exit(0);
	fail_end();
	return pid < 0 ? errno : wait_all(pid);
}

static void *thread_nothing(void *argument)
{
	return argument;
}

static int try_thread(void)
{
	pthread_t thread;
	int error = FAILING(pthread_create(&thread, NULL, thread_nothing, NULL));
	if (!error)
		pthread_join(thread, NULL);
	return error;
}

/* The child sets the knob and becomes this program again, which says whether it failed. */
static int exec_status(pid_t pid)
{
	int status = wait_all(pid);
	failed = status != 0;
	/* 2: the allocation failed, but the program runs; 127: its start in the C library gave up. */
	return status == 2 || status == 127 ? 0 : status;
}

static int try_exec(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		fail_begin();
		execl("/proc/self/exe", "fail-memory", "--executed", NULL);
		int error = errno;
		fail_end();
		_exit(error);
	}
	return pid < 0 ? errno : exec_status(pid);
}

static int try_exec_script(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		fail_begin();
		execl("./script", "script", NULL);
		int error = errno;
		fail_end();
		_exit(error);
	}
	return pid < 0 ? errno : exec_status(pid);
}

static int try_spawn(void)
{
	char *argv[] = { "true", NULL }, *envp[] = { "A=B", NULL };
	struct selene_spawn_action actions[] = {
		{ .kind = SELENE_SPAWN_OPEN,
		  .fd = 70,
		  .oflag = O_RDWR | O_CREAT,
		  .mode = 0600,
		  .path = (uintptr_t) "spawned" },
		{ .kind = SELENE_SPAWN_DUP2, .fd = 70, .newfd = 300 },
		{ .kind = SELENE_SPAWN_CHDIR, .path = (uintptr_t) "/tmp" },
	};
	struct selene_spawn_args args = { .path = (uintptr_t) "/bin/true",
					  .path_fd = -1,
					  .argv = (uintptr_t)argv,
					  .envp = (uintptr_t)envp,
					  .actions = (uintptr_t)actions,
					  .action_count = ARRAY_SIZE(actions),
					  .flags = SELENE_SPAWN_SETSIGDEF,
					  .sigdefault = 1 };
	pid_t pid = FAILING(syscall(SELENE_SYS_spawn, &args, sizeof(args)));
	int error = pid < 0 ? errno : wait_all(pid);
	unlink("spawned");
	return error;
}

static int try_posix_spawn(void)
{
	char *argv[] = { "true", NULL };
	pid_t pid;
	int error = FAILING(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, NULL));
	return error ? error : wait_all(pid);
}

static int try_map(void)
{
	void *p = (void *)FAILING(
		mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	if (p == MAP_FAILED)
		return errno;
	munmap(p, MIB);
	return 0;
}

static int try_map_populate(void)
{
	void *p = (void *)FAILING(mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
	if (p == MAP_FAILED)
		return errno;
	munmap(p, 64 * PAGE);
	return 0;
}

static int try_map_file(void)
{
	int fd = open("data", O_RDWR);
	char *p = (char *)FAILING(mmap(NULL, 16 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
	int error = p == MAP_FAILED ? errno : 0;
	if (!error)
		munmap(p, 16 * PAGE);
	close(fd);
	return error;
}

/* Three mappings of one: pieces that need structures of their own. */
static int try_split(int how)
{
	char *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, 64 * PAGE);
	fail_begin();
	long result = how == 0	 ? munmap(p + 8 * PAGE, 8 * PAGE)
		      : how == 1 ? mprotect(p + 8 * PAGE, 8 * PAGE, PROT_READ)
		      : how == 2 ? madvise(p + 8 * PAGE, 8 * PAGE, MADV_DONTFORK)
		      : how == 3 ? (long)mremap(p + 8 * PAGE, 8 * PAGE, 4096 * PAGE, MREMAP_MAYMOVE)
		      : how == 4 ? mlock(p + 8 * PAGE, 8 * PAGE)
				 : (long)mmap(p + 8 * PAGE, 8 * PAGE, PROT_READ,
					      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	fail_end();
	int error = result_of(result);
	if (error && how != 5) {
		CHECK_EQ(p[9 * PAGE], 1);
		p[9 * PAGE] = 2;
	}
	if (!error && how == 3)
		munmap((void *)result, 4096 * PAGE);
	munmap(p, 64 * PAGE);
	return error;
}

static int try_unmap(void)
{
	return try_split(0);
}

static int try_protect(void)
{
	return try_split(1);
}

static int try_advise(void)
{
	return try_split(2);
}

static int try_remap(void)
{
	return try_split(3);
}

static int try_lock(void)
{
	return try_split(4);
}

static int try_map_fixed(void)
{
	return try_split(5);
}

static int try_brk(void)
{
	char *end = sbrk(0);
	fail_begin();
	char *now = (char *)syscall(SYS_brk, end + 64 * PAGE);
	if (now != end)
		memset(end, 1, 64 * PAGE);
	fail_end();
	syscall(SYS_brk, end);
	return now == end ? ENOMEM : 0;
}

/* A fault tries again: memory is there, only this allocation was refused. */
static int try_fault(int flags, int fd)
{
	char *p = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (p == MAP_FAILED)
		return errno;
	char seen = FAILING(((volatile char *)p)[5 * PAGE]);
	int first_failed = failed;
	FAILING((p[5 * PAGE] = 7, p[4 * MIB] = 8));
	failed |= first_failed;
	CHECK_EQ(p[5 * PAGE], 7);
	CHECK_EQ(seen, fd < 0 ? 0 : 'd');
	munmap(p, 8 * MIB);
	return 0;
}

static int try_fault_anonymous(void)
{
	return try_fault(MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static int try_fault_shared(void)
{
	return try_fault(MAP_SHARED | MAP_ANONYMOUS, -1);
}

static int try_fault_file(void)
{
	int fd = open("large", O_RDWR);
	int error = try_fault(MAP_PRIVATE, fd);
	close(fd);
	return error;
}

/* Copy-on-write: the parent's write to what a child shows too. */
static int try_fault_cow(void)
{
	static char *p;
	int ends[2];
	char byte;
	p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, 16 * PAGE);
	if (pipe(ends) < 0)
		return errno;
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[1]);
		(void)!read(ends[0], &byte, 1);
		_exit(p[0] == 1 && p[3 * PAGE] == 1 ? 0 : 1);
	}
	FAILING((p[0] = 2, p[3 * PAGE] = 2));
	close(ends[0]);
	close(ends[1]);
	CHECK_EQ(wait_all(pid), 0);
	CHECK_EQ(p[0], 2);
	munmap(p, 16 * PAGE);
	return 0;
}

/* The kernel's own access to missing pages. */
static int try_fault_kernel(void)
{
	int fd = open("large", O_RDONLY);
	char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long done = FAILING(read(fd, p + 100 * PAGE, 3 * PAGE));
	int error = done == 3 * (long)PAGE ? 0 : done < 0 ? errno : ENOMEM;
	CHECK(done < 0 || p[100 * PAGE] == 'd');
	munmap(p, MIB);
	close(fd);
	return error;
}

static const struct try all[] = {
	{ "fork", try_fork, false },
	{ "vfork", try_vfork, false },
	{ "thread", try_thread, false },
	{ "exec", try_exec, false },
	{ "exec-script", try_exec_script, false },
	{ "spawn", try_spawn, false },
	{ "posix-spawn", try_posix_spawn, false },
	{ "map", try_map, false },
	{ "map-populate", try_map_populate, false },
	{ "map-file", try_map_file, false },
	{ "map-fixed", try_map_fixed, false },
	{ "unmap", try_unmap, false },
	{ "protect", try_protect, false },
	{ "advise", try_advise, false },
	{ "remap", try_remap, false },
	{ "mlock", try_lock, false },
	{ "brk", try_brk, false },
	{ "fault-anonymous", try_fault_anonymous, false },
	{ "fault-shared", try_fault_shared, false },
	{ "fault-file", try_fault_file, false },
	{ "fault-cow", try_fault_cow, false },
	{ "fault-kernel", try_fault_kernel, false },
	{ NULL, NULL, false },
};

int main(int argc, char **argv)
{
	return fail_main(all, argc, argv);
}
