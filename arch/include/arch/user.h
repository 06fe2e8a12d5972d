#pragma once
/*
 * User memory. Addresses come unchecked from a program: each call checks them against USER_END and
 * returns -EFAULT where user mode could not have made the access. May fault, hence sleep, unless
 * faults are disabled (thread->faults_disabled), when a fault is -EFAULT at once.
 */
#include <lib/types.h>

int copy_in(void *to, vaddr_t from, size_t size);
int copy_out(vaddr_t to, const void *from, size_t size);
/* As above, but returns the number of bytes that could not be copied. */
size_t copy_in_partial(void *to, vaddr_t from, size_t size);
size_t copy_out_partial(vaddr_t to, const void *from, size_t size);
int user_clear(vaddr_t to, size_t size);
/* Copy a string of at most @size bytes with its NUL: its length, -EFAULT, or -ENAMETOOLONG. */
ssize_t string_in(char *to, vaddr_t from, size_t size);
/* copy_out() of two bytes, for the many small results of poll(2). */
int user_store16(vaddr_t to, u16 value);
/* One aligned 32-bit word, atomically. cmpxchg: *@found is the value before. */
int user_load32(u32 *value, vaddr_t from);
int user_cmpxchg32(vaddr_t at, u32 expected, u32 value, u32 *found);
