// sources: kernel/lib/inflate.c kernel/lib/crc32.c
/*
 * Decompression: what gzip makes of data of many kinds comes back; members made by hand for the rare
 * cases; and everything cut off, with flipped bits, or random, is an answer and not an accident.
 */
#include <lib/bits.h>
#include <lib/crc32.h>
#include <lib/errno.h>
#include <lib/inflate.h>
#include <string.h>

#include "check.h"

struct collected {
	u8 *data;
	size_t size, limit;
	int stop_after; /* calls; 0: never */
};

static struct inflate state;

static int collect(void *context, const void *data, size_t size)
{
	struct collected *to = context;

	if (to->stop_after && !--to->stop_after)
		return -EIO;
	EXPECT_TRUE(size > 0 && size <= INFLATE_WINDOW);
	if (to->size + size > to->limit)
		return -EFBIG;
	memcpy(to->data + to->size, data, size);
	to->size += size;
	return 0;
}

/* An exact copy on the heap, so that the sanitizer sees one byte too many. */
static int inflate_copy(const void *data, size_t size, struct collected *to, size_t *used)
{
	u8 *exact = malloc(size ? size : 1);
	int result;

	memcpy(exact, data, size);
	memset(&state, 0xa5, sizeof(state));
	to->size = 0;
	result = inflate_gzip(&state, exact, size, collect, to, used);
	EXPECT(result == -EINVAL, state.cause != NULL);
	free(exact);
	return result;
}

static void make_data(u8 *data, size_t size, unsigned kind)
{
	for (size_t i = 0; i < size; i++) {
		if (kind == 0)
			data[i] = (u8)check_random();
		else if (kind == 1)
			data[i] = 0;
		else if (kind == 2)
			data[i] = "abcdefgh"[check_random() % 8 & check_random() % 8];
		else if (kind == 3 && i > 5000 && check_random() % 50)
			data[i] = data[i - 5000 + i / 5000 % 7];
		else
			data[i] = (u8)(check_random() % 64 * (check_random() % 3));
	}
}

static void crc(void)
{
	u8 data[100];
	u32 whole;

	EXPECT(crc32(0, "123456789", 9), 0xcbf43926);
	EXPECT(crc32(0, "", 0), 0);
	make_data(data, sizeof(data), 0);
	whole = crc32(0, data, sizeof(data));
	for (size_t at = 0; at <= sizeof(data); at++)
		EXPECT(crc32(crc32(0, data, at), data + at, sizeof(data) - at), whole);
}

static void gzip_round_trip(void)
{
	static const size_t sizes[] = { 0, 1, 300, 32767, 32768, 32769, 200000, 1000000 };
	static const char *levels[] = { "-1", "-6", "-9" };
	struct collected out = { .limit = 1000000 };
	u8 *data = malloc(out.limit);

	out.data = malloc(out.limit);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes) * 5 * 3; i++) {
		const char *arguments[] = { "gzip", "-c", levels[i / 5 % 3], NULL };
		size_t size = sizes[i / 15], packed_size, used;
		u8 *packed;

		make_data(data, size, i % 5);
		packed = check_filter(arguments, data, size, &packed_size);
		if (!packed) {
			printf("# gzip cannot be run\n");
			break;
		}
		EXPECT(inflate_is_gzip(packed, packed_size), true);
		EXPECT(inflate_copy(packed, packed_size, &out, &used), 0);
		EXPECT(used, packed_size);
		EXPECT(out.size, size);
		EXPECT(memcmp(out.data, data, size), 0);
		free(packed);
	}
	free(data);
	free(out.data);
}

/* Bits in deflate's order: numbers from their lowest bit, codes from their highest. */
static u8 made[4096];
static size_t made_bits;

static void put_number(u32 value, unsigned count)
{
	for (unsigned i = 0; i < count; i++, made_bits++)
		if (value >> i & 1)
			made[made_bits / 8] |= (u8)(1 << made_bits % 8);
}

static void put_code(u32 value, unsigned count)
{
	while (count--)
		put_number(value >> count & 1, 1);
}

static void make_start(void)
{
	memset(made, 0, sizeof(made));
	made_bits = 0;
}

/* Inflate what was made as a bare stream. */
static int made_result(struct collected *out)
{
	size_t used, size = (made_bits + 7) / 8;
	u8 *exact = malloc(size ? size : 1);
	int result;

	memcpy(exact, made, size);
	out->size = 0;
	result = inflate_raw(&state, exact, size, collect, out, &used);
	if (!result)
		EXPECT_TRUE(used > 0 && used <= size);
	free(exact);
	return result;
}

static void by_hand(void)
{
	u8 buffer[66000];
	struct collected out = { .data = buffer, .limit = sizeof(buffer) };

	make_start(); /* fixed: "a", then 258 more of it at distance 1, end */
	put_number(3, 3);
	put_code(0x30 + 'a', 8);
	put_code(0xc0 + 285 - 280, 8);
	put_code(0, 5);
	put_code(0, 7);
	EXPECT(made_result(&out), 0);
	EXPECT(out.size, 259);
	EXPECT(buffer[258], 'a');

	make_start(); /* a distance before the start */
	put_number(3, 3);
	put_code(0x30 + 'a', 8);
	put_code(1, 7);
	put_code(1, 5);
	put_code(0, 7);
	EXPECT(made_result(&out), -EINVAL);
	EXPECT_STRING(state.cause, "a distance before the start");

	for (unsigned code = 30; code < 32; code++) {
		make_start(); /* the two distance codes that never occur */
		put_number(3, 3);
		put_code(0x30 + 'a', 8);
		put_code(1, 7);
		put_code(code, 5);
		put_code(0, 7);
		EXPECT(made_result(&out), -EINVAL);
		EXPECT_STRING(state.cause, "not a distance");
		make_start(); /* and the two length codes */
		put_number(3, 3);
		put_code(0xc0 + code - 30 + 6, 8);
		put_number(0, 20);
		EXPECT(made_result(&out), -EINVAL);
		EXPECT_STRING(state.cause, "not a length");
	}
	make_start(); /* a block type that does not exist */
	put_number(7, 3);
	EXPECT(made_result(&out), -EINVAL);
	make_start(); /* stored, empty, not the last; then stored with "xy" */
	put_number(0, 8);
	put_number(0xffff0000, 32);
	put_number(1, 8);
	put_number(0xfffd0002, 32);
	put_number('x' | 'y' << 8, 16);
	EXPECT(made_result(&out), 0);
	EXPECT(out.size, 2);
	made[1] ^= 1;
	EXPECT(made_result(&out), -EINVAL);
}

/* A dynamic block: literal 'a' and the end have one bit each; @distances codes of @length bits. */
static int dynamic_block(struct collected *out, unsigned distances, unsigned length, bool end)
{
	make_start();
	put_number(5, 3);
	put_number(0, 5);
	put_number(distances - 1, 5);
	put_number(15, 4);
	/* Lengths 0 and 1 and the repetition 18 get codes of 1, 2 and 2 bits. */
	for (unsigned i = 0; i < 19; i++)
		put_number(i == 2 ? 2 : i == 3 ? 1 : i == 17 ? 2 : 0, 3);
	put_code(3, 2);
	put_number('a' - 11, 7);
	put_code(2, 2);
	put_code(3, 2);
	put_number(127, 7);
	put_code(3, 2);
	put_number(256 - 'a' - 1 - 138 - 11, 7);
	put_code(end ? 2 : 0, end ? 2 : 1);
	for (unsigned i = 0; i < distances; i++)
		put_code(length ? 2 : 0, length ? 2 : 1);
	put_code(0, 1);
	put_code(1, 1);
	return made_result(out);
}

static void dynamic_by_hand(void)
{
	u8 buffer[100];
	struct collected out = { .data = buffer, .limit = sizeof(buffer) };

	/* No distance code, or one of one bit, is allowed; three of one bit are too many. */
	EXPECT(dynamic_block(&out, 1, 0, true), 0);
	EXPECT(out.size, 1);
	EXPECT(dynamic_block(&out, 1, 1, true), 0);
	EXPECT(dynamic_block(&out, 2, 1, true), 0);
	EXPECT(dynamic_block(&out, 3, 1, true), -EINVAL);
	EXPECT_STRING(state.cause, "a wrong code of distances");
	EXPECT(dynamic_block(&out, 1, 0, false), -EINVAL);
	EXPECT_STRING(state.cause, "a block without an end");
	EXPECT(dynamic_block(&out, 31, 0, true), -EINVAL);
	EXPECT_STRING(state.cause, "too many codes");
}

/* "hello\n" with every optional field of the header. */
static size_t full_header(u8 *member)
{
	static const u8 start[] = { 0x1f, 0x8b, 8,   0x1f, 0,	0,   0, 0,   0, 3,
				    3,	  0,	'x', 'y',  'z', 'n', 0, 'c', 0 };
	static const u8 body[] = { 1, 6, 0, 0xf9, 0xff, 'h', 'e', 'l', 'l', 'o', '\n' };
	size_t size = sizeof(start);
	u32 sum;

	memcpy(member, start, sizeof(start));
	sum = crc32(0, member, size);
	member[size++] = (u8)sum;
	member[size++] = (u8)(sum >> 8);
	memcpy(member + size, body, sizeof(body));
	size += sizeof(body);
	store_le32(member + size, crc32(0, "hello\n", 6));
	store_le32(member + size + 4, 6);
	return size + 8;
}

static void headers_and_trailers(void)
{
	u8 member[80], buffer[100];
	struct collected out = { .data = buffer, .limit = sizeof(buffer) };
	size_t size = full_header(member), used;

	EXPECT(inflate_copy(member, size + 5, &out, &used), 0);
	EXPECT(used, size);
	EXPECT(out.size, 6);
	for (size_t cut = 0; cut < size; cut++)
		EXPECT(inflate_copy(member, cut, &out, NULL), -EINVAL);
	for (size_t bit = 0; bit < size * 8; bit++) {
		member[bit / 8] ^= (u8)(1 << bit % 8);
		/* Only its padding, 5 bits, may change unseen. */
		if (!(bit / 8 == 21 && bit % 8 > 2))
			EXPECT(inflate_copy(member, size, &out, NULL), -EINVAL);
		member[bit / 8] ^= (u8)(1 << bit % 8);
	}
	out.stop_after = 1;
	EXPECT(inflate_copy(member, size, &out, NULL), -EIO);
}

static void hostile(void)
{
	const char *arguments[] = { "gzip", "-9c", NULL };
	struct collected out = { .limit = 200000 };
	u8 data[3000];
	size_t size, accepted = 0;
	u8 *packed;

	out.data = malloc(out.limit);
	make_data(data, sizeof(data), 2);
	packed = check_filter(arguments, data, sizeof(data), &size);
	for (size_t cut = 0; packed && cut < size; cut++)
		EXPECT(inflate_copy(packed, cut, &out, NULL), -EINVAL);
	for (size_t bit = 0; packed && bit < size * 8; bit++) {
		int result;

		packed[bit / 8] ^= (u8)(1 << bit % 8);
		result = inflate_copy(packed, size, &out, NULL);
		EXPECT_TRUE(result == 0 || result == -EINVAL || result == -EFBIG);
		if (!result)
			EXPECT(memcmp(out.data, data, sizeof(data)), 0);
		packed[bit / 8] ^= (u8)(1 << bit % 8);
	}
	for (int i = 0; i < 20000; i++) {
		make_start();
		put_number((u32)check_random() % 6, 3);
		while (made_bits < 8 * (20 + check_random() % 300))
			put_number((u32)check_random(), 1 + check_random() % 20);
		accepted += made_result(&out) == 0;
	}
	printf("# %zu random streams were accepted\n", accepted);
	free(packed);
	free(out.data);
}

int main(void)
{
	RUN(crc);
	RUN(gzip_round_trip);
	RUN(by_hand);
	RUN(dynamic_by_hand);
	RUN(headers_and_trailers);
	RUN(hostile);
	return CHECK_RESULT;
}
