/* riscv_hwprobe(2): Linux's Documentation/arch/riscv/hwprobe.rst. */
#include "check.h"
#include <elf.h>
#include <sched.h>
#include <sys/auxv.h>

enum { SYS_HWPROBE = 258, WHICH_CPUS = 1 };
enum { KEY_BASE = 3, KEY_EXTENSIONS = 4, KEY_FREQUENCY = 8, BIT_FD = 1, BIT_C = 2 };

struct pair {
	int64_t key;
	uint64_t value;
};

static long probe(struct pair *pairs, size_t count, size_t size, void *cpus, unsigned flags)
{
	return syscall(SYS_HWPROBE, pairs, count, size, cpus, flags);
}

static void test_values(void)
{
	struct pair pairs[] = { { KEY_BASE, 7 }, { KEY_EXTENSIONS, 0 }, { 1 << 20, 5 }, { -5, 5 } };
	CHECK_OK(probe(pairs, 4, 0, NULL, 0));
	CHECK_EQ(pairs[0].key, KEY_BASE);
	CHECK_EQ(pairs[0].value, 1);
	CHECK_EQ(pairs[1].value & (BIT_FD | BIT_C), BIT_FD | BIT_C);
	CHECK_EQ(pairs[2].key, -1);
	CHECK_EQ(pairs[2].value, 0);
	CHECK_EQ(pairs[3].key, -1);
	CHECK_OK(probe(NULL, 0, 0, NULL, 0));
}

/* The counter of CLOCK_MONOTONIC runs as fast as it says. */
static void test_frequency(void)
{
	struct pair pair = { KEY_FREQUENCY, 0 };
	uint64_t first, last;
	CHECK_OK(probe(&pair, 1, 0, NULL, 0));
	__asm__ volatile("rdtime %0" : "=r"(first));
	int64_t start = now_ms();
	sleep_ms(200);
	__asm__ volatile("rdtime %0" : "=r"(last));
	uint64_t expected = pair.value * (uint64_t)(now_ms() - start) / 1000;
	CHECK(last - first > expected * 9 / 10 && last - first < expected * 12 / 10);
}

static void test_sets(void)
{
	struct pair pair = { KEY_BASE, 0 };
	cpu_set_t one, set;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK_OK(probe(&pair, 1, sizeof(one), &one, 0));
	CHECK_EQ(pair.value, 1);
	CPU_ZERO(&set);
	CHECK_ERRNO(probe(&pair, 1, sizeof(set), &set, 0), EINVAL);
	/* Which CPUs are like that? An empty set asks about all of them. */
	CHECK_OK(probe(&pair, 1, sizeof(set), &set, WHICH_CPUS));
	CHECK_EQ(CPU_COUNT(&set), sysconf(_SC_NPROCESSORS_ONLN));
	pair = (struct pair){ KEY_EXTENSIONS, BIT_FD };
	set = one;
	CHECK_OK(probe(&pair, 1, sizeof(set), &set, WHICH_CPUS));
	CHECK(CPU_EQUAL(&set, &one));
	pair.value = 1UL << 63;
	CHECK_OK(probe(&pair, 1, sizeof(set), &set, WHICH_CPUS));
	CHECK_EQ(CPU_COUNT(&set), 0);
	pair = (struct pair){ 12345, 0 };
	set = one;
	CHECK_OK(probe(&pair, 1, sizeof(set), &set, WHICH_CPUS));
	CHECK_EQ(pair.key, -1);
	CHECK_EQ(CPU_COUNT(&set), 0);
}

static void test_errors(void)
{
	struct pair pair = { KEY_BASE, 0 };
	cpu_set_t set;
	CHECK_ERRNO(probe(&pair, 1, 0, NULL, 2), EINVAL);
	CHECK_ERRNO(probe(&pair, 1, 0, NULL, WHICH_CPUS), EINVAL);
	CHECK_ERRNO(probe(&pair, 1, 0, &set, WHICH_CPUS), EINVAL);
	CHECK_ERRNO(probe((struct pair *)8, 1, 0, NULL, 0), EFAULT);
	CHECK_ERRNO(probe(&pair, 1, sizeof(set), (void *)8, 0), EFAULT);
}

/* Address of a function of the vDSO, by the tables that its dynamic section names. */
static void *vdso_function(const char *wanted)
{
	const Elf64_Ehdr *elf = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	const char *base = (const char *)elf, *strings = NULL;
	const Elf64_Sym *symbols = NULL;
	uint32_t count = 0;
	if (!elf)
		return NULL;
	const Elf64_Phdr *segments = (const Elf64_Phdr *)(base + elf->e_phoff);
	for (int i = 0; i < elf->e_phnum; i++) {
		if (segments[i].p_type != PT_DYNAMIC)
			continue;
		const Elf64_Dyn *entry = (const Elf64_Dyn *)(base + segments[i].p_vaddr);
		for (; entry->d_tag != DT_NULL; entry++) {
			if (entry->d_tag == DT_STRTAB)
				strings = base + entry->d_un.d_ptr;
			else if (entry->d_tag == DT_SYMTAB)
				symbols = (const Elf64_Sym *)(base + entry->d_un.d_ptr);
			else if (entry->d_tag == DT_HASH)
				count = ((const uint32_t *)(base + entry->d_un.d_ptr))[1];
		}
	}
	for (uint32_t i = 0; symbols && strings && i < count; i++)
		if (strcmp(strings + symbols[i].st_name, wanted) == 0)
			return (void *)(base + symbols[i].st_value);
	return NULL;
}

static void test_vdso(void)
{
	int (*function)(struct pair *, size_t, size_t, void *, unsigned) =
		vdso_function("__vdso_riscv_hwprobe");
	struct pair pairs[20], same[20];
	REQUIRE(function);
	for (int i = 0; i < 20; i++)
		pairs[i] = same[i] = (struct pair){ i - 2, 77 };
	CHECK_OK(probe(pairs, 20, 0, NULL, 0));
	CHECK_EQ(function(same, 20, 0, NULL, 0), 0);
	CHECK(!memcmp(pairs, same, sizeof(pairs)));
	CHECK_EQ(function(same, 1, 0, NULL, 2), -EINVAL);
}

static const struct check_case cases[] = {
	{ "values", test_values }, { "frequency", test_frequency }, { "sets", test_sets },
	{ "errors", test_errors }, { "vdso", test_vdso },
};

CHECK_MAIN(cases)
