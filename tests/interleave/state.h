#pragma once
/*
 * The machine's state as a whole. A state is saved as what differs from the state after the
 * scenario's set-up; equal states have equal hashes, whatever way led to them.
 */
#include <lib/types.h>

struct state {
	u64 hash;
	u32 size; /* of data, bytes */
	u8 *data; /* allocated; NULL: only the hash was wanted */
};

u8 *machine_stack(unsigned number);
/* From now on states are what differs from the present one. */
void state_set_base(void);
/* After each step: free frames hold zeros (tables that are kept for use must; others may). */
void state_settle(void);
/* The present state; its data are the caller's to free(). */
struct state state_save(void);
void state_restore(const struct state *state);
/* Back to the base. */
void state_reset(void);
