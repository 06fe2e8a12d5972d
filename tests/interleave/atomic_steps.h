#pragma once
/*
 * Included before everything (-include) when kernel/mm and the locks are compiled for the search: each
 * atomic operation of the kernel is a place where another CPU may come in between. The code is the
 * kernel's own; only the builtins have a step before them. step_atomic() says which ones matter.
 */
void step_atomic(const void *word);

#define STEP_(pointer, operation)                                                                  \
	({                                                                                         \
		step_atomic(pointer);                                                              \
		operation;                                                                         \
	})
#define __atomic_load_n(p, ...)		    STEP_(p, __atomic_load_n(p, __VA_ARGS__))
#define __atomic_store_n(p, ...)	    STEP_(p, __atomic_store_n(p, __VA_ARGS__))
#define __atomic_exchange_n(p, ...)	    STEP_(p, __atomic_exchange_n(p, __VA_ARGS__))
#define __atomic_compare_exchange_n(p, ...) STEP_(p, __atomic_compare_exchange_n(p, __VA_ARGS__))
#define __atomic_add_fetch(p, ...)	    STEP_(p, __atomic_add_fetch(p, __VA_ARGS__))
#define __atomic_sub_fetch(p, ...)	    STEP_(p, __atomic_sub_fetch(p, __VA_ARGS__))
#define __atomic_fetch_add(p, ...)	    STEP_(p, __atomic_fetch_add(p, __VA_ARGS__))
#define __atomic_fetch_sub(p, ...)	    STEP_(p, __atomic_fetch_sub(p, __VA_ARGS__))
#define __atomic_fetch_or(p, ...)	    STEP_(p, __atomic_fetch_or(p, __VA_ARGS__))
#define __atomic_fetch_and(p, ...)	    STEP_(p, __atomic_fetch_and(p, __VA_ARGS__))
