/* Rows of processes and threads, from a small parent and from one with 64 MiB written (BENCH_LARGE_MIB= for another). */
#define _GNU_SOURCE
#include "../lib/selene_spawn.h"
#include "bench.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LARGE_MIB = 64 };

static char libc_program[] = "/bench", bare_program[] = "/tmp/bench-exit";
static char *program = libc_program, *arguments[] = { libc_program, "--child", NULL };
static char *const environment[] = { NULL };
static char *large;
static size_t large_size;

int child_main(void);

int child_main(void)
{
	return 0;
}

static void reap(pid_t child)
{
	int status;

	MUST(waitpid(child, &status, 0));
	if (status) {
		fprintf(stderr, "a child ended with status %#x\n", status);
		exit(1);
	}
}

static void run_fork(unsigned count)
{
	while (count--) {
		pid_t child = MUST(fork());

		if (child == 0)
			_exit(0);
		reap(child);
	}
}

static void run_fork_exec(unsigned count)
{
	while (count--) {
		pid_t child = MUST(fork());

		if (child == 0) {
			execve(program, arguments, environment);
			_exit(127);
		}
		reap(child);
	}
}

static void run_vfork_exec(unsigned count)
{
	while (count--) {
		pid_t child = vfork();

		if (child == 0) {
			execve(program, arguments, environment);
			_exit(127);
		}
		reap(MUST(child));
	}
}

static void run_posix_spawn(unsigned count)
{
	while (count--) {
		pid_t child;
		int error = posix_spawn(&child, program, NULL, NULL, arguments, environment);

		if (error) {
			errno = error;
			perror("posix_spawn");
			exit(1);
		}
		reap(child);
	}
}

/* Selene's own call; Linux has none, where posix_spawn stands in. */
static void run_spawn(unsigned count)
{
	struct selene_spawn_args call = {
		.path = (uintptr_t)program,
		.path_fd = -1,
		.argv = (uintptr_t)arguments,
		.envp = (uintptr_t)environment,
	};

	while (count--) {
		long child = syscall(SELENE_SYS_spawn, &call, sizeof(call));

		if (child < 0 && errno == ENOSYS) {
			run_posix_spawn(count + 1);
			return;
		}
		reap(MUST(child));
	}
}

static void *thread_main(void *argument)
{
	return argument;
}

static void run_thread(unsigned count)
{
	while (count--) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, thread_main, NULL))
			abort();
		pthread_join(thread, NULL);
	}
}

static void grow(void)
{
	const char *mib = getenv("BENCH_LARGE_MIB");

	large_size = (size_t)(mib ? atoi(mib) : LARGE_MIB) << 20;
	large = mmap(NULL, large_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (large == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	memset(large, 1, large_size);
}

static void shrink(void)
{
	munmap(large, large_size);
}

/* A program that only ends: what is left of starting one is the kernel's part. */
static const struct {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	uint32_t code[3];
} bare = {
	.header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_RISCV,
		.e_version = EV_CURRENT,
		.e_entry = 0x10000 + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
	},
	.segment = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_vaddr = 0x10000,
		.p_filesz = sizeof(bare),
		.p_memsz = sizeof(bare),
		.p_align = 0x1000,
	},
	/* li a7, 93 (exit); li a0, 0; ecall */
	.code = { 0x05d00893, 0x00000513, 0x00000073 },
};

static void bare_begin(void)
{
	int fd = MUST(open(bare_program, O_WRONLY | O_CREAT | O_TRUNC, 0755));

	if (write(fd, &bare, sizeof(bare)) != sizeof(bare)) {
		perror(bare_program);
		exit(1);
	}
	close(fd);
	program = arguments[0] = bare_program;
}

static void bare_end(void)
{
	unlink(bare_program);
	program = arguments[0] = libc_program;
}

static void large_bare_begin(void)
{
	grow();
	bare_begin();
}

static void large_bare_end(void)
{
	bare_end();
	shrink();
}

const struct row process_rows[] = {
	{ "fork_exit", NULL, 50, run_fork, NULL, NULL },
	{ "fork_exec", NULL, 30, run_fork_exec, NULL, NULL },
	{ "vfork_exec", NULL, 30, run_vfork_exec, NULL, NULL },
	{ "posix_spawn", NULL, 30, run_posix_spawn, NULL, NULL },
	{ "spawn", NULL, 30, run_spawn, NULL, NULL },
	{ "fork_exec_bare", NULL, 50, run_fork_exec, bare_begin, bare_end },
	{ "vfork_exec_bare", NULL, 50, run_vfork_exec, bare_begin, bare_end },
	{ "posix_spawn_bare", NULL, 50, run_posix_spawn, bare_begin, bare_end },
	{ "spawn_bare", NULL, 50, run_spawn, bare_begin, bare_end },
	{ "fork_exec_bare_64m", NULL, 5, run_fork_exec, large_bare_begin, large_bare_end },
	{ "spawn_bare_64m", NULL, 20, run_spawn, large_bare_begin, large_bare_end },
	{ "fork_exit_64m", NULL, 5, run_fork, grow, shrink },
	{ "fork_exec_64m", NULL, 5, run_fork_exec, grow, shrink },
	{ "vfork_exec_64m", NULL, 20, run_vfork_exec, grow, shrink },
	{ "posix_spawn_64m", NULL, 20, run_posix_spawn, grow, shrink },
	{ "spawn_64m", NULL, 20, run_spawn, grow, shrink },
	{ "thread_create_join", NULL, 100, run_thread, NULL, NULL },
	{ 0 },
};
