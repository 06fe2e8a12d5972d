#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum { BLOCK = 64, FRAME_BLOCKS = PAGE_SIZE / BLOCK, DATA_MAX = 2 << 20 };

/* The kernel's variables, and ours that are part of the state. */
extern u8 __data_start[], _end[];

struct base {
	u8 *globals, *globals_copy;
	size_t globals_size;
	u8 *ram_copy; /* of frames that were in use */
	bool *in_use, *cleared;
	u64 frames;
	struct state state;
	u8 *buffer;
	size_t filled;
};
static struct base *base;

static const u8 zeros[PAGE_SIZE];

static inline bool is_free(u64 frame)
{
	u8 kind = frame_banks[0].frames[frame].kind;

	return kind == FRAME_FREE || kind == FRAME_CACHED;
}

/* What frame @frame is compared with. */
static const u8 *reference(u64 frame)
{
	return base->in_use[frame] ? base->ram_copy + frame * PAGE_SIZE : zeros;
}

void state_settle(void)
{
	const struct frame *frame = frame_banks[0].frames, *end = frame + base->frames;

	for (bool *cleared = base->cleared; frame < end; frame++, cleared++) {
		bool free = frame->kind == FRAME_FREE || frame->kind == FRAME_CACHED;

		if (likely(free == *cleared))
			continue;
		*cleared = free;
		if (free)
			memset(host_ram + (frame - frame_banks[0].frames) * PAGE_SIZE, 0,
			       PAGE_SIZE);
	}
}

void state_set_base(void)
{
	base = calloc(1, sizeof(*base));
	base->globals = (u8 *)ALIGN_DOWN((uintptr_t)__data_start, BLOCK);
	base->globals_size = ALIGN_UP((uintptr_t)_end - (uintptr_t)base->globals, BLOCK);
	base->globals_copy = malloc(base->globals_size);
	base->frames = frame_banks[0].count;
	base->ram_copy = malloc(base->frames * PAGE_SIZE);
	base->in_use = calloc(base->frames, 1);
	base->cleared = calloc(base->frames, 1);
	base->buffer = malloc(DATA_MAX);
	state_settle();
	for (u64 i = 0; i < base->frames; i++)
		base->in_use[i] = !is_free(i);
	memcpy(base->ram_copy, host_ram, base->frames * PAGE_SIZE);
	memcpy(base->globals_copy, base->globals, base->globals_size);
	base->state = state_save();
}

static inline __attribute__((always_inline)) bool same(const u8 *a, const u8 *b)
{
	const u64 *x = (const u64 *)a, *y = (const u64 *)b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4]) |
		 (x[5] ^ y[5]) | (x[6] ^ y[6]) | (x[7] ^ y[7]));
}

static void put(const void *data, size_t size)
{
	if (base->filled + size > DATA_MAX)
		abort();
	memcpy(base->buffer + base->filled, data, size);
	base->filled += size;
}

/* Most of the time goes here: on processors that have it, with wide registers. */
#define WIDE __attribute__((target_clones("avx2", "default")))

/* The blocks of [now, now + size) that differ from @before; they are numbered from @number. */
WIDE static void put_changes(const u8 *now, const u8 *before, size_t size, u64 number)
{
	for (size_t at = 0; at < size; at += BLOCK, number++) {
		if (same(now + at, before + at))
			continue;
		put(&number, sizeof(number));
		put(now + at, BLOCK);
	}
}

static u64 hash_of(const u8 *data, size_t size)
{
	const u64 factor = 0x9e3779b97f4a7c15;
	u64 lanes[4] = { 1, 2, 3, 4 }, result = size;
	const u64 *words = (const u64 *)data;
	size_t count = size / 8, i = 0;

	for (; i + 4 <= count; i += 4) {
		for (unsigned lane = 0; lane < 4; lane++) {
			lanes[lane] = (lanes[lane] ^ words[i + lane]) * factor;
			lanes[lane] ^= lanes[lane] >> 29;
		}
	}
	for (; i < count; i++)
		lanes[i % 4] = (lanes[i % 4] ^ words[i]) * factor + i;
	for (unsigned lane = 0; lane < 4; lane++) {
		result = (result ^ lanes[lane]) * factor;
		result ^= result >> 32;
		result *= factor;
	}
	return result ^ result >> 31;
}

static const u64 END = ~(u64)0;

struct state state_save(void)
{
	struct state state;

	base->filled = 0;
	put_changes(base->globals, base->globals_copy, base->globals_size, 0);
	for (u64 i = 0; i < base->frames; i++) {
		if (!is_free(i))
			put_changes(host_ram + i * PAGE_SIZE, reference(i), PAGE_SIZE,
				    (1 << 20) + i * FRAME_BLOCKS);
	}
	put(&END, sizeof(END));
	for (unsigned i = 0; i < THREADS; i++) {
		u8 *from = machine.threads[i].stack_pointer;

		if (machine.threads[i].body && machine.threads[i].kind != STEP_DONE)
			put(from, machine_stack(i) + STACK_SIZE - from);
	}
	state.size = base->filled;
	state.hash = hash_of(base->buffer, base->filled);
	state.data = malloc(base->filled);
	memcpy(state.data, base->buffer, base->filled);
	return state;
}

/* Blocks of variables and of reserved frames (the array of struct frame), or all others. */
static const u8 *apply(const u8 *data, bool first)
{
	for (;; data += BLOCK) {
		u64 number;

		memcpy(&number, data, sizeof(number));
		data += sizeof(number);
		if (number == END)
			return data;
		if (number < 1 << 20) {
			if (first)
				memcpy(base->globals + number * BLOCK, data, BLOCK);
			continue;
		}
		number -= 1 << 20;
		if (first == (frame_of(number / FRAME_BLOCKS) == NULL ||
			      base->in_use[number / FRAME_BLOCKS]))
			memcpy(host_ram + number * BLOCK, data, BLOCK);
	}
}

void state_restore(const struct state *state)
{
	const u8 *data;

	memcpy(base->globals, base->globals_copy, base->globals_size);
	for (u64 i = 0; i < base->frames; i++) {
		if (base->in_use[i]) {
			memcpy(host_ram + i * PAGE_SIZE, reference(i), PAGE_SIZE);
			base->cleared[i] = false;
		}
	}
	apply(state->data, true);
	for (u64 i = 0; i < base->frames; i++) {
		if (!base->in_use[i] && !is_free(i))
			memset(host_ram + i * PAGE_SIZE, 0, PAGE_SIZE);
	}
	state_settle();
	data = apply(state->data, false);
	for (unsigned i = 0; i < THREADS; i++) {
		u8 *to = machine.threads[i].stack_pointer;
		size_t size;

		if (!machine.threads[i].body || machine.threads[i].kind == STEP_DONE)
			continue;
		size = machine_stack(i) + STACK_SIZE - to;
		memcpy(to, data, size);
		memset(to - 8192, 0, 8192);
		data += size;
	}
}

void state_reset(void)
{
	state_restore(&base->state);
}
