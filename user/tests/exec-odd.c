/*
 * ELF files that are odd but legal: each is written here, with a few instructions that look at their
 * own memory, and must run. The program begins with `code`, then a table of what it is to find.
 */
#include "check.h"
#include <elf.h>
#include <sys/resource.h>

enum {
	SEGMENTS_MAX = 104,
	FILE_MAX = 1 << 20,
	LOOKS_MAX = 128,
	CODE_SIZE = 256, /* the table is behind it */
	LOOK_SUM = 0,	 /* the bytes have this sum */
	LOOK_WRITE = 1,	 /* the same, and can be written */
	LOOK_ALIGN = 2,	 /* the address is a multiple of size */
	ARGUMENTS = 2 << 20,
	ARGUMENT = 100000,
	INTERPRETER_MAX = 4095,
};

/* Addresses are from `code` on, so that it may lie anywhere. Ends with size 0. */
struct look {
	int64_t offset;
	uint64_t size, expected, how;
};

#ifdef __riscv
/* exit(0), or exit(1 + number of the look that fails). */
__asm__(".pushsection .rodata\n"
	".balign 8\n"
	".option push\n.option norvc\n"
	"code: auipc s0, 0\n"
	"	addi s1, s0, 256\n"
	"	li s2, 1\n"
	"1:	ld a1, 0(s1)\n"
	"	ld a2, 8(s1)\n"
	"	ld a3, 16(s1)\n"
	"	ld a4, 24(s1)\n"
	"	beqz a2, 9f\n"
	"	add a1, a1, s0\n"
	"	li t0, 2\n"
	"	beq a4, t0, 5f\n"
	"	li a5, 0\n"
	"	li t2, 31\n"
	"2:	lbu t1, 0(a1)\n"
	"	beqz a4, 3f\n"
	"	sb t1, 0(a1)\n"
	"3:	mul a5, a5, t2\n"
	"	add a5, a5, t1\n"
	"	addi a1, a1, 1\n"
	"	addi a2, a2, -1\n"
	"	bnez a2, 2b\n"
	"	beq a5, a3, 8f\n"
	"4:	mv a0, s2\n"
	"	li a7, 93\n"
	"	ecall\n"
	"5:	addi a2, a2, -1\n"
	"	and a1, a1, a2\n"
	"	bnez a1, 4b\n"
	"8:	addi s1, s1, 32\n"
	"	addi s2, s2, 1\n"
	"	j 1b\n"
	"9:	li a0, 0\n"
	"	li a7, 93\n"
	"	ecall\n"
	".balign 8\n"
	"code_end:\n"
	".option pop\n"
	".popsection\n");
#endif
extern const unsigned char code[], code_end[];

static unsigned char file[FILE_MAX];
static size_t file_size;
static Elf64_Phdr heads[SEGMENTS_MAX];
static struct look looks[LOOKS_MAX];
static size_t head_count, look_count, code_offset;
static uint64_t code_address;

static void begin(void)
{
	memset(file, 0, sizeof(file));
	memset(looks, 0, sizeof(looks));
	head_count = look_count = 0;
	file_size = sizeof(Elf64_Ehdr) + sizeof(heads);
}

static Elf64_Phdr *head_add(uint32_t type, uint32_t rights, uint64_t offset, uint64_t address,
			    uint64_t size, uint64_t memory)
{
	heads[head_count] = (Elf64_Phdr){ .p_type = type,
					  .p_flags = rights,
					  .p_offset = offset,
					  .p_vaddr = address,
					  .p_paddr = address,
					  .p_filesz = size,
					  .p_memsz = memory,
					  .p_align = PAGE };
	if (offset + size > file_size)
		file_size = offset + size;
	return &heads[head_count++];
}

/* A segment with the code and the table at its start. */
static Elf64_Phdr *code_add(uint64_t offset, uint64_t address)
{
	size_t size = CODE_SIZE + sizeof(looks);
	code_offset = offset;
	code_address = address;
	return head_add(PT_LOAD, PF_R | PF_X, offset, address, size, size);
}

static void look_add(uint64_t address, uint64_t size, uint64_t expected, int how)
{
	looks[look_count++] = (struct look){ address - code_address, size, expected, how };
}

/* The sum over what the segment must show: the file's bytes as they are now, then zeros. */
static void segment_look(const Elf64_Phdr *head)
{
	uint64_t sum = 0;
	for (uint64_t i = 0; i < head->p_memsz; i++)
		sum = sum * 31 + (i < head->p_filesz ? file[head->p_offset + i] : 0);
	look_add(head->p_vaddr, head->p_memsz, sum, head->p_flags & PF_W ? LOOK_WRITE : LOOK_SUM);
}

static void fill(uint64_t offset, uint64_t size, int from)
{
	for (uint64_t i = 0; i < size; i++)
		file[offset + i] = from + i * 7;
}

static Elf64_Phdr *data_add(uint32_t rights, uint64_t offset, uint64_t address, uint64_t size,
			    uint64_t memory)
{
	Elf64_Phdr *head = head_add(PT_LOAD, rights, offset, address, size, memory);
	fill(offset, size, address >> 4);
	segment_look(head);
	return head;
}

static bool file_finish(const char *name, int type)
{
	Elf64_Ehdr *head = (Elf64_Ehdr *)file;
	*head = (Elf64_Ehdr){ .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					   ELFDATA2LSB, EV_CURRENT },
			      .e_type = type,
			      .e_machine = 243,
			      .e_version = EV_CURRENT,
			      .e_entry = code_address,
			      .e_phoff = sizeof(*head),
			      .e_flags = 5,
			      .e_ehsize = sizeof(*head),
			      .e_phentsize = sizeof(heads[0]),
			      .e_phnum = head_count };
	memcpy(file + sizeof(*head), heads, head_count * sizeof(heads[0]));
	if (!CHECK(code_end - code <= CODE_SIZE))
		return false;
	memcpy(file + code_offset, code, code_end - code);
	memcpy(file + code_offset + CODE_SIZE, looks, sizeof(looks));
	return file_write(name, file, file_size) && chmod(name, 0755) == 0;
}

static void program_run(const char *name, int type)
{
	char *argv[] = { "odd", NULL }, *envp[] = { NULL };
	REQUIRE(file_finish(name, type));
	pid_t pid = fork_child();
	if (pid == 0) {
		execve(name, argv, envp);
		_exit(200 + (errno & 31));
	}
	CHECK_EQ(wait_status(pid), 0);
	unlink(name);
}

static bool is_selene(void)
{
	return access("/proc/selene", F_OK) == 0;
}

#define BEGIN                                                                                      \
	do {                                                                                       \
		REQUIRE(scratch_enter());                                                          \
		begin();                                                                           \
	} while (0)

/* 0x50f50 + 0x200 is two pages. */
static void test_crossing(void)
{
	BEGIN;
	code_add(0x4000, 0x10000);
	data_add(PF_R, 0x2f50, 0x50f50, 0x200, 0x200);
	data_add(PF_R | PF_W, 0x8f50, 0x60f50, 0x200, 0x200);
	program_run("crossing", ET_EXEC);
}

/* Where the file ends inside a page the rest of it is zeros, though the file goes on. */
static void test_tail(void)
{
	BEGIN;
	code_add(0x4000, 0x10000);
	fill(0x8000, 0x8000, 1);
	data_add(PF_R | PF_W, 0x8010, 0x50010, 0x20, 0x100);
	data_add(PF_R | PF_W, 0xa800, 0x60800, 0x300, 0x5000);
	data_add(PF_R | PF_W, 0xc000, 0x70000, 0, 0x3456);
	data_add(PF_R | PF_W, 0xcfff, 0x80fff, 1, 2);
	program_run("tail", ET_EXEC);
}

/* As linkers lay them out: one page of the file, seen by both. */
static void test_shared_page(void)
{
	BEGIN;
	code_add(0x4000, 0x10000);
	data_add(PF_R, 0x8100, 0x50100, 0x300, 0x300);
	data_add(PF_R | PF_W, 0x8400, 0x50400, 0x200, 0x200);
	data_add(PF_R, 0xa100, 0x60100, 0xe00, 0xe00);
	data_add(PF_R | PF_W, 0xaf00, 0x60f00, 0x300, 0x4000);
	program_run("shared-page", ET_EXEC);
}

static void test_alignment(void)
{
	BEGIN;
	code_add(0, 0)->p_align = 2 << 20;
	heads[0].p_offset = code_offset = 0x4000 - 0;
	heads[0].p_vaddr = heads[0].p_paddr = code_address = 0x4000;
	if (is_selene()) /* Linux minds the alignment only where there is an interpreter */
		look_add(0, 2 << 20, 0, LOOK_ALIGN);
	data_add(PF_R | PF_W, 0x8123, 0x200000 + 0x8123, 0x777, 0x3000);
	program_run("aligned", ET_DYN);
	BEGIN;
	code_add(0x4000, 0x4000)->p_align = 0;
	data_add(PF_R, 0x8000, 0x8000, 10, 10)->p_align = 1;
	program_run("unaligned", ET_DYN);
}

static void test_many(void)
{
	BEGIN;
	code_add(0x10000, 0x10000);
	/* Linux takes as many as a page has room for. */
	for (int i = 0; i < (is_selene() ? 100 : 70); i++)
		data_add(i % 3 ? PF_R : PF_R | PF_W, 0x20000 + i * 0x1000 + i * 3,
			 0x100000 + i * 0x2000 + i * 3, 0x100 + i, i % 3 ? 0x100 + i : 0x800);
	program_run("many", ET_EXEC);
}

/* The interpreter is what runs; the program that names it is only mapped. */
static void test_interpreter(void)
{
	char cwd[200], path[INTERPRETER_MAX];
	BEGIN;
	REQUIRE(getcwd(cwd, sizeof(cwd)) != NULL);
	code_add(0x4000, 0x4000);
	data_add(PF_R | PF_W, 0x8000, 0x8000, 100, 0x2000);
	REQUIRE(file_finish("interpreter", ET_DYN));
	begin();
	int length = strlen(cwd) + strlen("/interpreter");
	memset(path, '/', sizeof(path));
	snprintf(path + sizeof(path) - length - 1, length + 1, "%s/interpreter", cwd);
	head_add(PT_INTERP, PF_R, 0x6000, 0x6000, sizeof(path), sizeof(path))->p_align = 1;
	memcpy(file + 0x6000, path, sizeof(path));
	code_add(0x4000, 0x4000);
	code_address = 0x12345678; /* nobody goes there */
	program_run("interpreted", ET_DYN);
	unlink("interpreter");
}

/* ---- arguments of 2 MiB ---- */

static int arguments_check(int argc, char **argv, char **envp)
{
	size_t total = 0;
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != 'a' + i % 20)
			return 3;
		total += strlen(argv[i]) + 1;
	}
	for (int i = 0; envp[i]; i++) {
		if (envp[i][0] != 'A' + i % 20)
			return 4;
		total += strlen(envp[i]) + 1;
	}
	return total >= ARGUMENTS ? 0 : 5;
}

static void exec_long(void *unused)
{
	enum { COUNT = ARGUMENTS / ARGUMENT / 2 + 1 };
	static char words[2][COUNT][ARGUMENT];
	static char *argv[COUNT + 2] = { "exec-odd-arguments" }, *envp[COUNT + 1];
	struct rlimit stack = { 64 << 20, RLIM_INFINITY };
	(void)unused;
	for (int i = 0; i < COUNT; i++) {
		memset(words[0][i], 'a' + (i + 1) % 20, ARGUMENT - 1);
		memset(words[1][i], 'A' + i % 20, ARGUMENT - 1);
		argv[i + 1] = words[0][i];
		envp[i] = words[1][i];
	}
	setrlimit(RLIMIT_STACK, &stack);
	execve("/proc/self/exe", argv, envp);
	check_fail(__LINE__, "execve with 2 MiB succeeds", check_errno_name(errno));
}

static void test_arguments(void)
{
	CHECK_EQ(run_child(exec_long, NULL), 0);
}

static const struct check_case cases[] = {
	{ "crossing", test_crossing },	 { "tail", test_tail }, { "shared-page", test_shared_page },
	{ "alignment", test_alignment }, { "many", test_many }, { "interpreter", test_interpreter },
	{ "arguments", test_arguments },
};

int main(int argc, char **argv, char **envp)
{
	if (!strcmp(argv[0], "exec-odd-arguments"))
		return arguments_check(argc, argv, envp);
	return check_main(cases, ARRAY_SIZE(cases), argc, argv);
}
