/* Accesses that are not aligned work (by hardware or by emulation), over page boundaries, too. */
#include "fault.h"

#define LOAD(name, type, instruction)                                                              \
	static type load_##name(const void *address)                                               \
	{                                                                                          \
		type value;                                                                        \
		__asm__ volatile(instruction " %0, 0(%1)"                                          \
				 : "=r"(value)                                                     \
				 : "r"(address)                                                    \
				 : "memory");                                                      \
		return value;                                                                      \
	}
#define STORE(name, type, instruction)                                                             \
	static void store_##name(void *address, type value)                                        \
	{                                                                                          \
		__asm__ volatile(instruction " %0, 0(%1)"                                          \
				 :                                                                 \
				 : "r"(value), "r"(address)                                        \
				 : "memory");                                                      \
	}

LOAD(half, long, "lh")
LOAD(half_unsigned, unsigned long, "lhu")
LOAD(word, long, "lw")
LOAD(word_unsigned, unsigned long, "lwu")
LOAD(double, long, "ld")
STORE(half, long, "sh")
STORE(word, long, "sw")
STORE(double, long, "sd")

static void check_all(unsigned char *at)
{
	for (int i = 0; i < 8; i++)
		at[i] = 0xf1 - i;
	CHECK_EQ(load_half(at), (int16_t)0xf0f1);
	CHECK_EQ(load_half_unsigned(at), 0xf0f1);
	CHECK_EQ(load_word(at), (int32_t)0xeeeff0f1);
	CHECK_EQ(load_word_unsigned(at), 0xeeeff0f1);
	CHECK_EQ(load_double(at), (long)0xeaebecedeeeff0f1);
	store_half(at, 0x1234);
	CHECK_EQ(at[0], 0x34);
	CHECK_EQ(at[1], 0x12);
	CHECK_EQ(at[2], 0xef);
	store_word(at, 0x55667788);
	CHECK_EQ(at[0], 0x88);
	CHECK_EQ(at[3], 0x55);
	CHECK_EQ(at[4], 0xed);
	store_double(at, 0x0102030405060708);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(at[i], 8 - i);
}

static void test_integers(void)
{
	static unsigned char buffer[64];
	for (int i = 0; i < 16; i++)
		check_all(buffer + i);
}

static void test_page_boundary(void)
{
	unsigned char *p =
		mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE((void *)p != MAP_FAILED);
	for (int i = 0; i < 8; i++)
		check_all(p + PAGE - i);
	/* The first touch of both pages, and a page of a fork. */
	CHECK_OK(madvise(p, 3 * PAGE, MADV_DONTNEED));
	store_double(p + PAGE - 3, 0x1122334455667788);
	CHECK_EQ(load_double(p + PAGE - 3), 0x1122334455667788);
	pid_t pid = fork_child();
	if (pid == 0) {
		store_double(p + PAGE - 5, -1);
		CHECK_EQ(load_double(p + PAGE - 5), -1);
		child_exit();
	}
	CHECK_EQ(wait_status(pid), 0);
	CHECK_EQ(load_double(p + PAGE - 3), 0x1122334455667788);
	munmap(p, 3 * PAGE);
}

static void test_floats(void)
{
	static unsigned char buffer[64];
	for (int i = 0; i < 8; i++) {
		double value = 3.25 + i, back = 0;
		float single = 1.5f + i, single_back = 0;
		__asm__ volatile("fsd %1, 0(%2)\nfld %0, 0(%2)"
				 : "=f"(back)
				 : "f"(value), "r"(buffer + i)
				 : "memory");
		CHECK(back == value);
		CHECK_EQ(memcmp(buffer + i, &value, 8), 0);
		__asm__ volatile("fsw %1, 0(%2)\nflw %0, 0(%2)"
				 : "=f"(single_back)
				 : "f"(single), "r"(buffer + i)
				 : "memory");
		CHECK(single_back == single);
	}
}

static void load_cross(void *address)
{
	load_double(address);
}

static void store_cross(void *address)
{
	store_double(address, 0);
}

/* Over the end of a mapping: a clean SIGSEGV; what was good is not torn by a failed store. */
static void test_fault(void)
{
	unsigned char *p =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE((void *)p != MAP_FAILED);
	munmap(p + PAGE, PAGE);
	for (int i = 1; i < 8; i++) {
		CHECK_EQ(fault_of(load_cross, p + PAGE - i).sig, SIGSEGV);
		CHECK_EQ(fault_of(store_cross, p + PAGE - i).sig, SIGSEGV);
	}
	munmap(p, PAGE);
}

static void atomic_misaligned(void *address)
{
	__asm__ volatile("amoadd.d zero, zero, (%0)" : : "r"(address) : "memory");
}

/* Atomic operations are not emulated: SIGBUS (or they work). */
static void test_atomic(void)
{
	static uint64_t words[4];
	struct fault came = fault_of(atomic_misaligned, (char *)words + 1);
	CHECK(came.sig == 0 || came.sig == SIGBUS || came.sig == SIGSEGV);
}

/* System calls take any address. */
static void test_kernel(void)
{
	static char buffer[128];
	struct timespec now;
	for (int i = 0; i < 8; i++) {
		memset(buffer, 0, sizeof(buffer));
		CHECK_OK(syscall(SYS_clock_gettime, CLOCK_REALTIME, buffer + i));
		memcpy(&now, buffer + i, sizeof(now));
		CHECK_RANGE(now.tv_nsec, 0, 999999999);
		CHECK_EQ(buffer[i + sizeof(now)], 0);
	}
}

static const struct check_case cases[] = {
	{ "integers", test_integers }, { "page-boundary", test_page_boundary },
	{ "floats", test_floats },     { "fault", test_fault },
	{ "atomic", test_atomic },     { "kernel", test_kernel },
};

CHECK_MAIN(cases)
