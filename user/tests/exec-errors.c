/* execve(2) that fails: the errno, and a caller that is unharmed. */
#include "check.h"
#include <elf.h>
#include <sys/resource.h>

static char *argv_plain[] = { "x", NULL };
static char *envp_empty[] = { NULL };
static char self[PATH_MAX];

/* The canary: everything an exec replaces must be as before. */
static volatile int canary = 77;
static volatile int canary_signals;

static void canary_handler(int sig)
{
	canary_signals += sig;
}

#define CHECK_EXEC(path, number)                                                                   \
	do {                                                                                       \
		CHECK_ERRNO(execve((path), argv_plain, envp_empty), (number));                     \
		CHECK_EQ(canary, 77);                                                              \
	} while (0)

static bool program_write(const char *name, const void *data, size_t size, mode_t mode)
{
	return file_write(name, data, size) && chmod(name, mode) == 0;
}

static void test_paths(void)
{
	char name[PATH_MAX + 100];
	REQUIRE(scratch_enter());
	REQUIRE(program_write("plain", "x", 1, 0755));
	CHECK_EXEC("", ENOENT);
	CHECK_EXEC("nothing", ENOENT);
	CHECK_EXEC("nothing/at/all", ENOENT);
	CHECK_EXEC("plain/sub", ENOTDIR);
	CHECK_EXEC(".", EACCES);
	CHECK_EXEC("/dev/null", EACCES);
	CHECK_OK(symlink("loop", "loop"));
	CHECK_EXEC("loop", ELOOP);
	memset(name, 'n', sizeof(name));
	name[300] = 0;
	CHECK_EXEC(name, ENAMETOOLONG);
	for (int i = 0; i < PATH_MAX + 50; i++)
		name[i] = i % 2 ? '/' : '.';
	name[PATH_MAX + 50] = 0;
	CHECK_EXEC(name, ENAMETOOLONG);
	CHECK_ERRNO(execve(NULL, argv_plain, envp_empty), EFAULT);
	CHECK_ERRNO(execve((void *)(~0UL << 20), argv_plain, envp_empty), EFAULT);
}

static void test_permission(void)
{
	REQUIRE(scratch_enter());
	REQUIRE(program_write("none", "#!/bin/sh\n", 10, 0644));
	CHECK_EXEC("none", EACCES); /* root as well: no x bit at all */
	CHECK_OK(mkdir("closed", 0700));
	REQUIRE(program_write("closed/inside", "#!/bin/sh\n", 10, 0755));
	pid_t pid = fork_child();
	if (pid == 0) {
		chmod(".", 0755);
		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		CHECK_EXEC("closed/inside", EACCES);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	unlink("closed/inside"), rmdir("closed");
}

static void test_format(void)
{
	static char zeros[8192];
	REQUIRE(scratch_enter());
	REQUIRE(program_write("empty", "", 0, 0755));
	CHECK_EXEC("empty", ENOEXEC);
	REQUIRE(program_write("text", "echo hello\n", 11, 0755));
	CHECK_EXEC("text", ENOEXEC);
	REQUIRE(program_write("zeros", zeros, sizeof(zeros), 0755));
	CHECK_EXEC("zeros", ENOEXEC);
	REQUIRE(program_write("magic", "\177ELF", 4, 0755));
	CHECK_EXEC("magic", ENOEXEC);
}

/* Damage one field of a right ELF header. */
static Elf64_Ehdr elf_header(void)
{
	Elf64_Ehdr header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_RISCV,
		.e_version = EV_CURRENT,
		.e_entry = 0x10000,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
	};
	return header;
}

static bool elf_write(const Elf64_Ehdr *header, const Elf64_Phdr *segment)
{
	static char file[8192];
	memset(file, 0, sizeof(file));
	memcpy(file, header, sizeof(*header));
	memcpy(file + sizeof(*header), segment, sizeof(*segment));
	return program_write("elf", file, sizeof(file), 0755);
}

static void test_elf_header(void)
{
	Elf64_Phdr segment = { .p_type = PT_LOAD,
			       .p_flags = PF_R | PF_X,
			       .p_vaddr = 0x10000,
			       .p_filesz = 4096,
			       .p_memsz = 4096,
			       .p_align = 4096 };
	Elf64_Ehdr header;
	REQUIRE(scratch_enter());
	header = elf_header();
	header.e_machine = EM_X86_64;
	REQUIRE(elf_write(&header, &segment));
	CHECK_EXEC("elf", ENOEXEC);
	header = elf_header();
	header.e_type = ET_REL;
	REQUIRE(elf_write(&header, &segment));
	CHECK_EXEC("elf", ENOEXEC);
	header = elf_header();
	header.e_phentsize = 32;
	REQUIRE(elf_write(&header, &segment));
	CHECK_EXEC("elf", ENOEXEC);
	header = elf_header();
	header.e_phnum = 0;
	REQUIRE(elf_write(&header, &segment));
	CHECK_EXEC("elf", ENOEXEC);
	header = elf_header();
	header.e_phnum = 65535; /* more than 64 KiB of them */
	REQUIRE(elf_write(&header, &segment));
	CHECK_EXEC("elf", ENOEXEC);
}

/*
 * A bad segment fails before or after the point of no return: an errno, or death by a signal in
 * the child; never a running program, never a hang.
 */
static void hostile_run(Elf64_Phdr segment)
{
	Elf64_Ehdr header = elf_header();
	REQUIRE(elf_write(&header, &segment));
	pid_t pid = fork_child();
	if (pid == 0) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		execve("elf", argv_plain, envp_empty);
		_exit(55);
	}
	int status = wait_status(pid);
	CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 55) || WIFSIGNALED(status));
}

static void test_elf_hostile(void)
{
	Elf64_Phdr good = { .p_type = PT_LOAD,
			    .p_flags = PF_R | PF_X,
			    .p_vaddr = 0x10000,
			    .p_filesz = 4096,
			    .p_memsz = 4096,
			    .p_align = 4096 };
	Elf64_Phdr segment;
	REQUIRE(scratch_enter());
	/* clang-format off */
	static const uint64_t addresses[] = {
		0, 0x1000, 0x10001, ~0xfffUL, 1UL << 63, 0x3ffffff000, 0x4000000000, ~0UL,
		0xffffffff80200000,
	};
	/* clang-format on */
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		segment = good;
		segment.p_vaddr = addresses[i];
		hostile_run(segment);
	}
	static const uint64_t sizes[] = { 1, 4096, 1UL << 38, 1UL << 40, 1UL << 63, ~0UL };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		segment = good;
		segment.p_memsz = sizes[i];
		hostile_run(segment);
		segment.p_filesz = sizes[i];
		hostile_run(segment);
		segment.p_memsz = 4096;
		hostile_run(segment);
		segment = good;
		segment.p_offset = sizes[i];
		hostile_run(segment);
	}
	segment = good;
	segment.p_type = PT_INTERP;
	hostile_run(segment);
	segment.p_filesz = 1UL << 40;
	hostile_run(segment);
	segment = good;
	segment.p_align = 3;
	hostile_run(segment);
}

static void test_too_big(void)
{
	static char word[200 << 10];
	char *argv[] = { "x", word, NULL };
	memset(word, 'w', sizeof(word) - 1);
	CHECK_ERRNO(execve("/bin/sh", argv, envp_empty), E2BIG); /* one string > 128 KiB */
	static char *many[200];
	word[100 << 10] = 0;
	for (int i = 0; i < 199; i++)
		many[i] = word;
	CHECK_ERRNO(execve("/bin/sh", many, envp_empty), E2BIG); /* 20 MB in all */
	CHECK_ERRNO(execve("/bin/sh", argv_plain, many), E2BIG);
	CHECK_EQ(canary, 77);
}

static void test_bad_pointers(void)
{
	char *argv[] = { "x", (char *)8, NULL };
	char **bad = (char **)8;
	CHECK_ERRNO(execve("/bin/sh", argv, envp_empty), EFAULT);
	CHECK_ERRNO(execve("/bin/sh", bad, envp_empty), EFAULT);
	CHECK_ERRNO(execve("/bin/sh", argv_plain, argv), EFAULT);
	char **edge =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE((void *)edge != MAP_FAILED);
	munmap((char *)edge + PAGE, PAGE);
	edge[511] = "word"; /* no NULL before the end of memory */
	CHECK_ERRNO(execve("/bin/sh", edge + 511, envp_empty), EFAULT);
	char *string = (char *)edge + PAGE - 3;
	memcpy(string, "abc", 3); /* no NUL before the end of memory */
	CHECK_ERRNO(execve(string, argv_plain, envp_empty), EFAULT);
	munmap(edge, PAGE);
}

/* A running program's file cannot be written, and a file open for writing cannot be run. */
static void test_text_busy(void)
{
	REQUIRE(scratch_enter());
	REQUIRE(program_write("busy", "#!/bin/sh\nexit 0\n", 17, 0755));
	int fd = open("busy", O_WRONLY);
	REQUIRE(fd >= 0);
	pid_t pid = fork_child();
	if (pid == 0) {
		execve("./busy", argv_plain, envp_empty);
		_exit(errno == ETXTBSY ? 26 : 1);
	}
	int status = wait_status(pid);
	close(fd);
	/* Linux 6.11 and later allow it for scripts on some file systems: both are fine. */
	CHECK(WEXITSTATUS(status) == 26 || status == 0);
}

/* After all of these failures: descriptors, handlers, memory, threads work as before. */
static void test_unharmed(void)
{
	char name[32];
	REQUIRE(scratch_enter());
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	signal_set(SIGUSR1, canary_handler, 0);
	canary_signals = 0;
	for (int i = 0; i < 300; i++) {
		CHECK_EXEC("nothing", ENOENT);
		CHECK_EXEC("/dev/null", EACCES);
	}
	CHECK_OK(fcntl(fd, F_GETFD));
	raise(SIGUSR1);
	CHECK_EQ(canary_signals, SIGUSR1);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	CHECK_OK(access(name, F_OK));
	CHECK(readlink("/proc/self/exe", self, sizeof(self)) > 0);
	signal_set(SIGUSR1, SIG_DFL, 0);
	close(fd);
}

static const struct check_case cases[] = {
	{ "paths", test_paths },
	{ "permission", test_permission },
	{ "format", test_format },
	{ "elf-header", test_elf_header },
	{ "elf-hostile", test_elf_hostile },
	{ "too-big", test_too_big },
	{ "bad-pointers", test_bad_pointers },
	{ "text-busy", test_text_busy },
	{ "unharmed", test_unharmed },
};

CHECK_MAIN(cases)
