// sources: kernel/lib/bitmap.c kernel/lib/sort.c
/* Bits, bitmaps, CPU sets, lists, atomics and sorting against the plainest code that does the same. */
#include <lib/atomic.h>
#include <lib/bitmap.h>
#include <lib/bits.h>
#include <lib/cpumask.h>
#include <lib/err.h>
#include <lib/list.h>
#include <lib/sort.h>

#include "check.h"

enum { BITS = 200 };

static void bits_count(void)
{
	for (int i = 0; i < 20000; i++) {
		u64 x = check_random() << 7 >> check_random() % 64 << check_random() % 64;

		EXPECT(popcount64(x), __builtin_popcountll(x));
		EXPECT(ffs64(x), __builtin_ffsll((long long)x));
		EXPECT(fls64(x), x ? 64 - __builtin_clzll(x) : 0);
		EXPECT_TRUE(swap64(x) == __builtin_bswap64(x));
		EXPECT_TRUE(swap32((u32)x) == __builtin_bswap32((u32)x));
		EXPECT_TRUE(load_be64(&x) == swap64(x) && load_le64(&x) == x);
		if (!x)
			continue;
		EXPECT(ctz64(x), __builtin_ctzll(x));
		EXPECT(ilog2(x), 63 - __builtin_clzll(x));
		EXPECT(is_power_of_two(x), __builtin_popcountll(x) == 1);
		if (x <= (u64)1 << 63) {
			u64 up = round_up_power_of_two(x);

			EXPECT_TRUE(is_power_of_two(up) && up >= x && (up == 1 || up / 2 < x));
		}
	}
}

static size_t model_next(const bool *model, size_t start, bool value)
{
	while (start < BITS && model[start] != value)
		start++;
	return start;
}

static size_t model_run(const bool *model, size_t start, size_t count)
{
	for (; start + count <= BITS; start++) {
		size_t length = 0;

		while (length < count && !model[start + length])
			length++;
		if (length == count)
			return start;
	}
	return BITS;
}

static void bitmap_random(void)
{
	u64 map[BITMAP_WORDS(BITS)] = { 0 };
	bool model[BITS] = { false };
	size_t bit;

	map[BITMAP_WORDS(BITS) - 1] = ~(u64)0 << BITS % 64;
	for (int i = 0; i < 20000; i++) {
		size_t start = check_random() % BITS, count = check_random() % (BITS - start + 1);
		bool value = check_random() % 2;
		size_t total = 0, seen = 0;

		if (check_random() % 2)
			count %= 5;
		if (value)
			bitmap_set_range(map, start, count);
		else
			bitmap_clear_range(map, start, count);
		for (size_t b = 0; b < count; b++)
			model[start + b] = value;
		bit = check_random() % BITS;
		if (value)
			bitmap_clear(map, bit);
		else
			bitmap_set(map, bit);
		model[bit] = !value;
		start = check_random() % (BITS + 2);
		EXPECT(bitmap_next_set(map, BITS, start),
		       MIN(model_next(model, start, true), BITS));
		EXPECT(bitmap_next_zero(map, BITS, start),
		       MIN(model_next(model, start, false), BITS));
		count = 1 + check_random() % 20;
		EXPECT(bitmap_next_zero_run(map, BITS, start, count),
		       MIN(model_run(model, start, count), BITS));
		for (size_t b = 0; b < BITS; b++) {
			EXPECT(bitmap_test(map, b), model[b]);
			total += model[b];
		}
		EXPECT(bitmap_count(map, BITS), total);
		bitmap_for_each(bit, map, BITS)
			seen += model[bit];
		EXPECT(seen, total);
	}
	EXPECT_TRUE(map[BITMAP_WORDS(BITS) - 1] >> BITS % 64 == ~(u64)0 >> BITS % 64);
}

static void cpumask(void)
{
	struct cpumask mask = { 0 };
	unsigned cpu, count = 0;

	EXPECT_TRUE(cpumask_empty(&mask));
	EXPECT(cpumask_first(&mask), CPU_MAX);
	cpumask_set(&mask, 0);
	cpumask_set(&mask, 63);
	cpumask_set(&mask, 5);
	cpumask_clear(&mask, 0);
	EXPECT_TRUE(cpumask_test(&mask, 5) && !cpumask_test(&mask, 0));
	EXPECT(cpumask_count(&mask), 2);
	cpumask_for_each(cpu, &mask)
		EXPECT(cpu, count++ ? 63 : 5);
	EXPECT(count, 2);
}

struct element {
	int value;
	struct list_node link;
};

static void list(void)
{
	struct list_node head = LIST_INIT(head), other = LIST_INIT(other);
	struct element e[5], *entry, *following;
	int sum = 0;

	for (int i = 0; i < 5; i++)
		e[i].value = i;
	EXPECT_TRUE(list_empty(&head));
	EXPECT_TRUE(!list_first_entry_or_null(&head, struct element, link));
	list_add_tail(&head, &e[1].link);
	list_add_tail(&head, &e[2].link);
	list_add_head(&head, &e[0].link);
	list_add_tail(&other, &e[3].link);
	list_splice_tail(&head, &other);
	EXPECT_TRUE(list_empty(&other));
	list_splice_tail(&head, &other);
	EXPECT(list_length(&head), 4);
	list_for_each_entry(entry, &head, link)
		sum = sum * 10 + entry->value;
	EXPECT(sum, 123);
	list_for_each_entry_reverse(entry, &head, link)
		sum = sum * 10 + entry->value;
	EXPECT(sum, 1233210);
	list_replace(&e[3].link, &e[4].link);
	EXPECT(list_last_entry(&head, struct element, link)->value, 4);
	EXPECT(list_next_entry(&e[0], link)->value, 1);
	EXPECT(list_previous_entry(&e[4], link)->value, 2);
	list_remove_init(&e[1].link);
	list_remove_init(&e[1].link);
	EXPECT_TRUE(list_empty(&e[1].link));
	list_for_each_entry_safe(entry, following, &head, link)
		list_remove(&entry->link);
	EXPECT_TRUE(list_empty(&head));
}

static void atomics(void)
{
	struct atomic32 a = ATOMIC_INIT(1);
	struct atomic64 b = ATOMIC_INIT(0);
	u32 scalar = 7, expected = 8;

	EXPECT(atomic32_add_return(&a, 4), 5);
	EXPECT(atomic32_fetch_or(&a, 8), 5);
	EXPECT(atomic32_fetch_and(&a, 9), 13);
	EXPECT(atomic32_xchg(&a, 2), 9);
	EXPECT(atomic32_cmpxchg(&a, 3, 4), 2);
	EXPECT(atomic32_cmpxchg(&a, 2, 1), 2);
	EXPECT(atomic32_inc_not_zero(&a), true);
	EXPECT(atomic32_dec_and_test(&a), false);
	EXPECT(atomic32_dec_and_test(&a), true);
	EXPECT(atomic32_inc_not_zero(&a), false);
	EXPECT(atomic32_read(&a), 0);
	atomic64_sub(&b, 1);
	EXPECT_TRUE(atomic64_read(&b) == ~(u64)0);
	EXPECT(atomic64_inc_return(&b), 0);
	EXPECT(atomic_replace_value(&scalar, &expected, 9), false);
	EXPECT(expected, 7);
	EXPECT(atomic_replace_value(&scalar, &expected, 9), true);
	EXPECT(atomic_exchange_value(&scalar, 3), 9);
	EXPECT(read_acquire(&scalar), 3);
}

static int compare_triples(const void *a, const void *b)
{
	const u8 *left = a, *right = b;

	return left[0] != right[0] ? left[0] - right[0] : left[1] - right[1];
}

static void sorting(void)
{
	for (size_t count = 0; count < 200; count++) {
		u8 *triples = malloc(3 * count + 1);
		unsigned sum = 0;

		for (size_t i = 0; i < 3 * count; i++)
			sum += triples[i] = (u8)(check_random() % (count + 1));
		sort(triples, count, 3, compare_triples);
		for (size_t i = 1; i < count; i++)
			EXPECT_TRUE(compare_triples(triples + 3 * i - 3, triples + 3 * i) <= 0);
		for (size_t i = 0; i < 3 * count; i++)
			sum -= triples[i];
		EXPECT(sum, 0);
		free(triples);
	}
}

static void errors_and_macros(void)
{
	unsigned long wide = 1UL << 40;
	int small = -3;
	u8 byte = 200;

	EXPECT_TRUE(IS_ERR(ERR_PTR(-ENOMEM)) && PTR_ERR(ERR_PTR(-ENOMEM)) == -ENOMEM);
	EXPECT_TRUE(!IS_ERR(&wide) && !IS_ERR(NULL) && IS_ERR_OR_NULL(NULL));
	EXPECT(MIN(wide, 5), 5);
	EXPECT(MAX(small, MIN(4, 2)), 2);
	EXPECT(MAX(byte, small), 200);
	EXPECT(CLAMP(small, 0, 9), 0);
	EXPECT(ALIGN_UP(wide + 1, 4096), wide + 4096);
	EXPECT(ALIGN_DOWN(wide - 1, 4096), wide - 4096);
	EXPECT(DIV_ROUND_UP(9, 4), 3);
}

int main(void)
{
	RUN(bits_count);
	RUN(bitmap_random);
	RUN(cpumask);
	RUN(list);
	RUN(atomics);
	RUN(sorting);
	RUN(errors_and_macros);
	return CHECK_RESULT;
}
