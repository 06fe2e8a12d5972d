#include <lib/bits.h>
#include <lib/crc32.h>
#include <lib/errno.h>
#include <lib/inflate.h>
#include <lib/string.h>

enum {
	END_OF_BLOCK = 256,
	LITERAL_CODES = 286, /* that may occur; 288 have a fixed code */
	DISTANCE_CODES = 30,
	LENGTH_BITS_MAX = 15,
};

static int broken(struct inflate *state, const char *cause)
{
	state->cause = cause;
	return -EINVAL;
}

static const char cut_off[] = "the input ends early";

/* Make 56 bits available, or all that are left. */
static __force_inline void refill(struct inflate *state)
{
	while (state->bit_count <= 56 && state->in < state->end) {
		state->bits |= (u64)*state->in++ << state->bit_count;
		state->bit_count += 8;
	}
}

static __force_inline void drop_bits(struct inflate *state, unsigned count)
{
	state->bits >>= count;
	state->bit_count -= count;
}

/* At most 32 bits. Past the end: -EINVAL. */
static s64 take_bits(struct inflate *state, unsigned count)
{
	s64 value;

	refill(state);
	if (state->bit_count < count)
		return broken(state, cut_off);
	value = (s64)(state->bits & (((u64)1 << count) - 1));
	drop_bits(state, count);
	return value;
}

/* Send what the window holds and was not sent. It ends at state->filled. */
static int flush(struct inflate *state)
{
	size_t size = state->filled;

	if (!size)
		return 0;
	state->filled = 0;
	if (state->gzip)
		state->crc = crc32(state->crc, state->window, size);
	return state->sink(state->context, state->window, size);
}

static __force_inline int put_byte(struct inflate *state, u8 byte)
{
	state->window[state->filled++] = byte;
	state->total++;
	return state->filled == INFLATE_WINDOW ? flush(state) : 0;
}

static unsigned reverse(unsigned code, unsigned length)
{
	unsigned reversed = 0;

	for (; length; length--, code >>= 1)
		reversed = reversed << 1 | (code & 1);
	return reversed;
}

/* Codes of equal length count upwards in the order of the symbols (3.2.2). */
static void fill_fast(struct inflate_code *code)
{
	unsigned next = 0, index = 0;

	memset(code->fast, 0, sizeof(code->fast));
	for (unsigned length = 1; length <= INFLATE_FAST_BITS; length++) {
		for (unsigned i = 0; i < code->count[length]; i++) {
			unsigned entry = code->symbols[index++] << 4 | length;

			for (unsigned at = reverse(next, length); at < ARRAY_SIZE(code->fast);
			     at += 1u << length)
				code->fast[at] = (u16)entry;
			next++;
		}
		next <<= 1;
	}
}

/*
 * Build @code from the lengths of @count symbols. False: more codes than fit, or fewer than fill
 * the space, except for a @sparse code, which may have none, or one of one bit.
 */
static bool build_code(struct inflate_code *code, const u8 *lengths, unsigned count, bool sparse)
{
	u16 offsets[LENGTH_BITS_MAX + 1];
	unsigned used = 0;
	int left = 1;

	memset(code->count, 0, sizeof(code->count));
	for (unsigned i = 0; i < count; i++)
		code->count[lengths[i]]++;
	code->count[0] = 0;
	offsets[0] = 0;
	for (unsigned length = 1; length <= LENGTH_BITS_MAX; length++) {
		left = 2 * left - code->count[length];
		if (left < 0)
			return false;
		offsets[length] = (u16)used;
		used += code->count[length];
	}
	if (left > 0 && !(sparse && used == code->count[1]))
		return false;
	for (unsigned i = 0; i < count; i++)
		if (lengths[i])
			code->symbols[offsets[lengths[i]]++] = (u16)i;
	fill_fast(code);
	return true;
}

/* Bit by bit, for codes that are not in the fast table. */
static int decode_slow(struct inflate *state, const struct inflate_code *code)
{
	unsigned value = 0, first = 0, index = 0;

	for (unsigned length = 1; length <= LENGTH_BITS_MAX; length++) {
		unsigned count = code->count[length];

		value |= state->bits >> (length - 1) & 1;
		if (value - first < count) {
			if (length > state->bit_count)
				return broken(state, cut_off);
			drop_bits(state, length);
			return code->symbols[index + value - first];
		}
		index += count;
		first = (first + count) << 1;
		value <<= 1;
	}
	return broken(state, state->bit_count < LENGTH_BITS_MAX ? cut_off : "not a code");
}

/* The next symbol. The caller has called refill(). */
static __force_inline int decode(struct inflate *state, const struct inflate_code *code)
{
	unsigned entry = code->fast[state->bits & ((1 << INFLATE_FAST_BITS) - 1)];

	if (!entry || (entry & 15) > state->bit_count)
		return decode_slow(state, code);
	drop_bits(state, entry & 15);
	return entry >> 4;
}

/* 3.2.5: the smallest length or distance of each code, and the extra bits that are added. */
static const u16 length_base[29] = { 3,	 4,  5,	 6,   7,   8,	9,   10,  11, 13,
				     15, 17, 19, 23,  27,  31,	35,  43,  51, 59,
				     67, 83, 99, 115, 131, 163, 195, 227, 258 };
static const u8 length_extra[29] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
				     2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 };
static const u16 distance_base[DISTANCE_CODES] = { 1,	 2,    3,    4,	    5,	   7,	 9,    13,
						   17,	 25,   33,   49,    65,	   97,	 129,  193,
						   257,	 385,  513,  769,   1025,  1537, 2049, 3073,
						   4097, 6145, 8193, 12289, 16385, 24577 };

static int copy_match(struct inflate *state, unsigned length, unsigned distance)
{
	size_t from = (state->filled - distance) % INFLATE_WINDOW;

	if (distance > state->total)
		return broken(state, "a distance before the start");
	for (; length; length--) {
		int error = put_byte(state, state->window[from]);

		if (error)
			return error;
		from = (from + 1) % INFLATE_WINDOW;
	}
	return 0;
}

/* The rest of a match whose length code is @symbol. 56 bits suffice for all of it (15+5+15+13). */
static int inflate_match(struct inflate *state, unsigned symbol)
{
	unsigned extra, length, distance;
	int code;

	symbol -= END_OF_BLOCK + 1;
	if (symbol >= ARRAY_SIZE(length_base))
		return broken(state, "not a length");
	extra = length_extra[symbol];
	if (extra > state->bit_count)
		return broken(state, cut_off);
	length = length_base[symbol] + (state->bits & (BIT(extra) - 1));
	drop_bits(state, extra);
	code = decode(state, &state->distances);
	if (code < 0)
		return code;
	if (code >= DISTANCE_CODES)
		return broken(state, "not a distance");
	extra = code < 2 ? 0 : code / 2 - 1;
	if (extra > state->bit_count)
		return broken(state, cut_off);
	distance = distance_base[code] + (state->bits & (BIT(extra) - 1));
	drop_bits(state, extra);
	return copy_match(state, length, distance);
}

static int inflate_codes(struct inflate *state)
{
	for (;;) {
		int symbol, error;

		refill(state);
		symbol = decode(state, &state->literals);
		if (symbol < 0)
			return symbol;
		if (symbol == END_OF_BLOCK)
			return 0;
		if (symbol < END_OF_BLOCK)
			error = put_byte(state, (u8)symbol);
		else
			error = inflate_match(state, (unsigned)symbol);
		if (error)
			return error;
	}
}

/* 3.2.4 */
static int inflate_stored(struct inflate *state)
{
	s64 header;
	unsigned length;

	drop_bits(state, state->bit_count % 8);
	header = take_bits(state, 32);
	if (header < 0)
		return (int)header;
	length = header & 0xffff;
	if ((length ^ 0xffff) != header >> 16)
		return broken(state, "the length of a stored block and its complement differ");
	while (length) {
		s64 byte = take_bits(state, 8);
		int error = byte < 0 ? (int)byte : put_byte(state, (u8)byte);

		if (error)
			return error;
		length--;
	}
	return 0;
}

/* 3.2.6 */
static int inflate_fixed(struct inflate *state)
{
	u8 lengths[288];

	memset(lengths, 8, 144);
	memset(lengths + 144, 9, 112);
	memset(lengths + 256, 7, 24);
	memset(lengths + 280, 8, 8);
	build_code(&state->literals, lengths, 288, false);
	memset(lengths, 5, 32);
	build_code(&state->distances, lengths, 32, false);
	return inflate_codes(state);
}

/* The @total lengths of both codes, themselves coded in state->literals (3.2.7). */
static int read_lengths(struct inflate *state, u8 *lengths, unsigned total)
{
	/* Symbols 16, 17 and 18 repeat: extra bits, and the least number. */
	static const u8 extra[3] = { 2, 3, 7 }, least[3] = { 3, 3, 11 };
	unsigned filled = 0;

	while (filled < total) {
		u8 value = 0;
		int symbol;
		s64 repeat;

		refill(state);
		symbol = decode(state, &state->literals);
		if (symbol < 0)
			return symbol;
		if (symbol < 16) {
			lengths[filled++] = (u8)symbol;
			continue;
		}
		if (symbol == 16) {
			if (!filled)
				return broken(state, "nothing to repeat");
			value = lengths[filled - 1];
		}
		repeat = take_bits(state, extra[symbol - 16]);
		if (repeat < 0)
			return (int)repeat;
		repeat += least[symbol - 16];
		if (repeat > total - filled)
			return broken(state, "too many lengths");
		memset(lengths + filled, value, (size_t)repeat);
		filled += (unsigned)repeat;
	}
	return 0;
}

static int inflate_dynamic(struct inflate *state)
{
	static const u8 order[19] = { 16, 17, 18, 0, 8,	 7, 9,	6, 10, 5,
				      11, 4,  12, 3, 13, 2, 14, 1, 15 };
	u8 lengths[LITERAL_CODES + DISTANCE_CODES] = { 0 };
	s64 header = take_bits(state, 14);
	unsigned literals, distances, codes;
	int error;

	if (header < 0)
		return (int)header;
	literals = (header & 31) + 257;
	distances = (header >> 5 & 31) + 1;
	codes = (unsigned)(header >> 10) + 4;
	if (literals > LITERAL_CODES || distances > DISTANCE_CODES)
		return broken(state, "too many codes");
	for (unsigned i = 0; i < codes; i++) {
		s64 length = take_bits(state, 3);

		if (length < 0)
			return (int)length;
		lengths[order[i]] = (u8)length;
	}
	if (!build_code(&state->literals, lengths, 19, false))
		return broken(state, "a wrong code of lengths");
	error = read_lengths(state, lengths, literals + distances);
	if (error)
		return error;
	if (!lengths[END_OF_BLOCK])
		return broken(state, "a block without an end");
	if (!build_code(&state->literals, lengths, literals, true))
		return broken(state, "a wrong code of literals");
	if (!build_code(&state->distances, lengths + literals, distances, true))
		return broken(state, "a wrong code of distances");
	return inflate_codes(state);
}

static int inflate_blocks(struct inflate *state)
{
	s64 header;

	do {
		int error;

		header = take_bits(state, 3);
		if (header < 0)
			return (int)header;
		switch (header >> 1) {
		case 0:
			error = inflate_stored(state);
			break;
		case 1:
			error = inflate_fixed(state);
			break;
		case 2:
			error = inflate_dynamic(state);
			break;
		default:
			error = broken(state, "not a type of block");
			break;
		}
		if (error)
			return error;
	} while (!(header & 1));
	/* Whole bytes that were read ahead go back. */
	state->in -= state->bit_count / 8;
	state->bits = 0;
	state->bit_count = 0;
	return flush(state);
}

static void start(struct inflate *state, const void *data, size_t size, inflate_sink sink,
		  void *context)
{
	state->in = data;
	state->end = state->in + size;
	state->bits = 0;
	state->bit_count = 0;
	state->sink = sink;
	state->context = context;
	state->filled = 0;
	state->total = 0;
	state->crc = 0;
	state->gzip = false;
	state->cause = NULL;
}

int inflate_raw(struct inflate *state, const void *data, size_t size, inflate_sink sink,
		void *context, size_t *used)
{
	int error;

	start(state, data, size, sink, context);
	error = inflate_blocks(state);
	if (used)
		*used = (size_t)(state->in - (const u8 *)data);
	return error;
}

/* RFC 1952 */
enum {
	GZIP_HEADER = 10,
	GZIP_TRAILER = 8,
	GZIP_DEFLATE = 8,
	GZIP_HEADER_CRC = 2,
	GZIP_EXTRA = 4,
	GZIP_NAME = 8,
	GZIP_COMMENT = 16,
	GZIP_RESERVED = 0xe0,
};

bool inflate_is_gzip(const void *data, size_t size)
{
	const u8 *bytes = data;

	return size >= GZIP_HEADER && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

static bool skip_bytes(struct inflate *state, size_t count)
{
	if ((size_t)(state->end - state->in) < count)
		return false;
	state->in += count;
	return true;
}

static bool skip_string(struct inflate *state)
{
	const u8 *nul = memchr(state->in, 0, (size_t)(state->end - state->in));

	if (nul)
		state->in = nul + 1;
	return nul;
}

static int read_gzip_header(struct inflate *state)
{
	const u8 *header = state->in;
	u8 flags;

	if (!inflate_is_gzip(header, (size_t)(state->end - header)))
		return broken(state, "not gzip");
	if (header[2] != GZIP_DEFLATE)
		return broken(state, "not deflated");
	flags = header[3];
	if (flags & GZIP_RESERVED)
		return broken(state, "reserved flags");
	state->in += GZIP_HEADER;
	if (flags & GZIP_EXTRA) {
		const u8 *length = state->in;

		if (!skip_bytes(state, 2) || !skip_bytes(state, load_le16(length)))
			return broken(state, cut_off);
	}
	if ((flags & GZIP_NAME) && !skip_string(state))
		return broken(state, cut_off);
	if ((flags & GZIP_COMMENT) && !skip_string(state))
		return broken(state, cut_off);
	if (flags & GZIP_HEADER_CRC) {
		const u8 *crc = state->in;

		if (!skip_bytes(state, 2))
			return broken(state, cut_off);
		if (load_le16(crc) != (u16)crc32(0, header, (size_t)(crc - header)))
			return broken(state, "the checksum of the header is wrong");
	}
	return 0;
}

static int check_gzip_trailer(struct inflate *state)
{
	const u8 *trailer = state->in;

	if (!skip_bytes(state, GZIP_TRAILER))
		return broken(state, cut_off);
	if (load_le32(trailer) != state->crc)
		return broken(state, "the checksum is wrong");
	if (load_le32(trailer + 4) != (u32)state->total)
		return broken(state, "the size is wrong");
	return 0;
}

int inflate_gzip(struct inflate *state, const void *data, size_t size, inflate_sink sink,
		 void *context, size_t *used)
{
	int error;

	start(state, data, size, sink, context);
	state->gzip = true;
	error = read_gzip_header(state);
	if (!error)
		error = inflate_blocks(state);
	if (!error)
		error = check_gzip_trailer(state);
	if (used)
		*used = (size_t)(state->in - (const u8 *)data);
	return error;
}
