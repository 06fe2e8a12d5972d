#pragma once
/*
 * Places where it matters what other CPUs do in between. A test that runs several simulated CPUs
 * (tests/interleave) sets host_step, which may switch to another of them; then a step ends there
 * and the next one begins. All other tests leave it NULL: nothing happens.
 */
enum host_step_kind {
	HOST_ENTRY_READ,  /* of a page table, without its lock */
	HOST_ENTRY_WRITE, /* a walker may see it before or after */
	HOST_FLUSH,	  /* another CPU's TLB, for a shootdown */
	HOST_ACCESS,	  /* user mode; result 1: the TLB has dropped its old entry just before */
	HOST_SWITCH,	  /* of spaces */
	HOST_RELAX,	  /* busy waiting: nothing happens until another CPU does something */
	HOST_KINDS
};

/* @object: the entry, the CPU's number, the user address, … Called before it happens. */
extern unsigned (*host_step)(enum host_step_kind kind, const void *object);

static inline unsigned host_at(enum host_step_kind kind, const void *object)
{
	return __builtin_expect(host_step != NULL, 0) ? host_step(kind, object) : 0;
}
