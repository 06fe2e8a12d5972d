#pragma once
/*
 * Free blocks of 2^order frames, below the caches of single frames (frame.c). All functions: buddy_lock held,
 * interrupts off.
 */
#include <boot/memory.h>
#include <mm/frame.h>
#include <sched/lock.h>

extern struct spinlock buddy_lock; /* RANK_BUDDY, interrupts off */
extern u64 buddy_frames_free;	   /* [buddy; atomic read] frames on the lists */
extern u64 buddy_frames_total;	   /* [buddy] frames that were ever added */
extern unsigned frame_bank_count;  /* [const after boot] */

/* No list has a block; frame_init() only, without the lock. */
void buddy_init(void);
/* A block of exactly @order, its frames still marked free; or NULL. */
struct frame *buddy_take(unsigned order);
/* @blocks blocks of the largest order, one behind the other, still marked free: the first, or NULL. */
struct frame *buddy_take_run(u64 blocks);
/* The block at frame @number, marked free, goes on its list, joined with its free buddies. */
void buddy_insert(u64 number, unsigned order);
/* The same for a block whose frames are still marked used. */
void buddy_free_block(struct frame *frame, unsigned order);
/* Frames on the lists, counted one by one: for the audit. */
u64 buddy_count_lists(void);
