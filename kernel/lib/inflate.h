#pragma once
/*
 * Decompression of deflate (RFC 1951) and gzip (RFC 1952). The input lies in memory; the output
 * goes out in chunks of at most 32 KiB. Any input is safe; one that breaks the format is -EINVAL.
 */
#include <lib/types.h>

enum { INFLATE_WINDOW = 32768, INFLATE_FAST_BITS = 9 };

/* The next bytes of output. Not 0 ends the decompression, which returns it. */
typedef int (*inflate_sink)(void *context, const void *data, size_t size);

/* A prefix code. Codes of up to INFLATE_FAST_BITS bits are looked up, longer ones are counted. */
struct inflate_code {
	u16 fast[1 << INFLATE_FAST_BITS]; /* symbol << 4 | length; 0: longer, or none */
	u16 count[16];			  /* of codes by length */
	u16 symbols[288];		  /* in the order of their codes */
};

/* About 37 KiB, of the caller, of any content; it is of use only during a call. */
struct inflate {
	const u8 *in, *end;
	u64 bits;
	unsigned bit_count;
	inflate_sink sink;
	void *context;
	size_t filled; /* bytes of the window that are not sent yet end here */
	u64 total;
	u32 crc;
	bool gzip;
	const char *cause; /* of -EINVAL: words for a message */
	struct inflate_code literals, distances;
	u8 window[INFLATE_WINDOW];
};

/*
 * One gzip member at @data. *@used (may be NULL) is its length: what follows may be another one, or
 * padding. -EINVAL: state->cause says why, and the sink has had part of the output.
 */
int inflate_gzip(struct inflate *state, const void *data, size_t size, inflate_sink sink,
		 void *context, size_t *used);
/* The same for a bare deflate stream. */
int inflate_raw(struct inflate *state, const void *data, size_t size, inflate_sink sink,
		void *context, size_t *used);
/* Does @data start as a gzip member? */
bool inflate_is_gzip(const void *data, size_t size);
