#pragma once
/*
 * Atomic counters and words. Unless a comment says otherwise a function that returns what it read
 * and also writes is acquire and release at once; one that returns nothing is relaxed.
 * _dec_and_test is the exception that reference counts need: release on each drop, acquire on the
 * one that reaches zero.
 *
 * Every atomic word is 32 or 64 bits wide: narrower ones would need a library of the compiler's.
 */
#include <lib/types.h>

struct atomic32 {
	u32 v;
};

struct atomic64 {
	u64 v;
};

#define ATOMIC_INIT(value)                                                                         \
	{                                                                                          \
		(value)                                                                            \
	}

/* A plain scalar that another CPU reads or writes: pairs that publish and find data. */
#define read_acquire(pointer)	      __atomic_load_n(pointer, __ATOMIC_ACQUIRE)
#define store_release(pointer, value) __atomic_store_n(pointer, value, __ATOMIC_RELEASE)
/* Exchange in a plain scalar of 32 or 64 bits or a pointer; acquire and release. The old value. */
#define atomic_exchange_value(pointer, value) __atomic_exchange_n(pointer, value, __ATOMIC_ACQ_REL)
/* True when it held *@expected and now holds @value; else *@expected is what it holds. */
#define atomic_replace_value(pointer, expected, value)                                             \
	__atomic_compare_exchange_n(pointer, expected, value, false, __ATOMIC_ACQ_REL,             \
				    __ATOMIC_ACQUIRE)

/* Orders all earlier accesses to memory before all later ones, on every CPU. Not for devices. */
static inline void atomic_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/*
 * For BITS = 32 and 64, with word = u32 and u64:
 *   word atomicN_read(a)                    relaxed
 *   word atomicN_read_acquire(a)
 *   void atomicN_set(a, value)              relaxed
 *   void atomicN_set_release(a, value)
 *   void atomicN_inc/_dec(a), _add/_sub(a, n), _or/_and(a, mask)
 *   word atomicN_add_return/_sub_return(a, n), _inc_return/_dec_return(a)     the new value
 *   word atomicN_fetch_add/_fetch_or/_fetch_and(a, n), _xchg(a, value)        the old value
 *   word atomicN_cmpxchg(a, old, new)       the value found; it was exchanged when that is @old
 *   bool atomicN_dec_and_test(a)            true: it is 0 now
 *   bool atomicN_inc_not_zero(a)            false: it was 0 and still is; acquire when true
 */
#define ATOMIC_DEFINE_(BITS, word)                                                                 \
	static inline word atomic##BITS##_read(const struct atomic##BITS *a)                       \
	{                                                                                          \
		return __atomic_load_n(&a->v, __ATOMIC_RELAXED);                                   \
	}                                                                                          \
	static inline word atomic##BITS##_read_acquire(const struct atomic##BITS *a)               \
	{                                                                                          \
		return __atomic_load_n(&a->v, __ATOMIC_ACQUIRE);                                   \
	}                                                                                          \
	static inline void atomic##BITS##_set(struct atomic##BITS *a, word value)                  \
	{                                                                                          \
		__atomic_store_n(&a->v, value, __ATOMIC_RELAXED);                                  \
	}                                                                                          \
	static inline void atomic##BITS##_set_release(struct atomic##BITS *a, word value)          \
	{                                                                                          \
		__atomic_store_n(&a->v, value, __ATOMIC_RELEASE);                                  \
	}                                                                                          \
	static inline void atomic##BITS##_add(struct atomic##BITS *a, word n)                      \
	{                                                                                          \
		__atomic_fetch_add(&a->v, n, __ATOMIC_RELAXED);                                    \
	}                                                                                          \
	static inline void atomic##BITS##_sub(struct atomic##BITS *a, word n)                      \
	{                                                                                          \
		__atomic_fetch_sub(&a->v, n, __ATOMIC_RELAXED);                                    \
	}                                                                                          \
	static inline void atomic##BITS##_inc(struct atomic##BITS *a)                              \
	{                                                                                          \
		atomic##BITS##_add(a, 1);                                                          \
	}                                                                                          \
	static inline void atomic##BITS##_dec(struct atomic##BITS *a)                              \
	{                                                                                          \
		atomic##BITS##_sub(a, 1);                                                          \
	}                                                                                          \
	static inline void atomic##BITS##_or(struct atomic##BITS *a, word mask)                    \
	{                                                                                          \
		__atomic_fetch_or(&a->v, mask, __ATOMIC_RELAXED);                                  \
	}                                                                                          \
	static inline void atomic##BITS##_and(struct atomic##BITS *a, word mask)                   \
	{                                                                                          \
		__atomic_fetch_and(&a->v, mask, __ATOMIC_RELAXED);                                 \
	}                                                                                          \
	static inline word atomic##BITS##_add_return(struct atomic##BITS *a, word n)               \
	{                                                                                          \
		return __atomic_add_fetch(&a->v, n, __ATOMIC_ACQ_REL);                             \
	}                                                                                          \
	static inline word atomic##BITS##_sub_return(struct atomic##BITS *a, word n)               \
	{                                                                                          \
		return __atomic_sub_fetch(&a->v, n, __ATOMIC_ACQ_REL);                             \
	}                                                                                          \
	static inline word atomic##BITS##_inc_return(struct atomic##BITS *a)                       \
	{                                                                                          \
		return atomic##BITS##_add_return(a, 1);                                            \
	}                                                                                          \
	static inline word atomic##BITS##_dec_return(struct atomic##BITS *a)                       \
	{                                                                                          \
		return atomic##BITS##_sub_return(a, 1);                                            \
	}                                                                                          \
	static inline word atomic##BITS##_fetch_add(struct atomic##BITS *a, word n)                \
	{                                                                                          \
		return __atomic_fetch_add(&a->v, n, __ATOMIC_ACQ_REL);                             \
	}                                                                                          \
	static inline word atomic##BITS##_fetch_or(struct atomic##BITS *a, word mask)              \
	{                                                                                          \
		return __atomic_fetch_or(&a->v, mask, __ATOMIC_ACQ_REL);                           \
	}                                                                                          \
	static inline word atomic##BITS##_fetch_and(struct atomic##BITS *a, word mask)             \
	{                                                                                          \
		return __atomic_fetch_and(&a->v, mask, __ATOMIC_ACQ_REL);                          \
	}                                                                                          \
	static inline word atomic##BITS##_xchg(struct atomic##BITS *a, word value)                 \
	{                                                                                          \
		return __atomic_exchange_n(&a->v, value, __ATOMIC_ACQ_REL);                        \
	}                                                                                          \
	static inline word atomic##BITS##_cmpxchg(struct atomic##BITS *a, word old, word new)      \
	{                                                                                          \
		__atomic_compare_exchange_n(&a->v, &old, new, false, __ATOMIC_ACQ_REL,             \
					    __ATOMIC_ACQUIRE);                                     \
		return old;                                                                        \
	}                                                                                          \
	static inline bool atomic##BITS##_dec_and_test(struct atomic##BITS *a)                     \
	{                                                                                          \
		if (__atomic_sub_fetch(&a->v, 1, __ATOMIC_RELEASE))                                \
			return false;                                                              \
		__atomic_thread_fence(__ATOMIC_ACQUIRE);                                           \
		return true;                                                                       \
	}                                                                                          \
	static inline bool atomic##BITS##_inc_not_zero(struct atomic##BITS *a)                     \
	{                                                                                          \
		word old = atomic##BITS##_read(a);                                                 \
                                                                                                   \
		while (old && !__atomic_compare_exchange_n(&a->v, &old, old + 1, true,             \
							   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))    \
			;                                                                          \
		return old != 0;                                                                   \
	}

ATOMIC_DEFINE_(32, u32)
ATOMIC_DEFINE_(64, u64)
