#pragma once
/* The types and the small macros that every file uses. No state, no functions. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef long ssize_t;
typedef u64 paddr_t;	   /* physical address */
typedef uintptr_t vaddr_t; /* virtual address, of the kernel or of a program */

#ifndef static_assert
#define static_assert _Static_assert
#endif

#define __packed	      __attribute__((packed))
#define __aligned_to(n)	      __attribute__((aligned(n)))
#define __noreturn	      __attribute__((noreturn))
#define __fallthrough	      __attribute__((fallthrough))
#define __must_check	      __attribute__((warn_unused_result))
#define __printf(text, first) __attribute__((format(printf, text, first)))
#define __force_inline	      inline __attribute__((always_inline))
#define __noinline	      __attribute__((noinline))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define BIT(n) (1UL << (n))
#define ARRAY_SIZE(array)                                                                          \
	(sizeof(array) / sizeof((array)[0]) +                                                      \
	 0 * sizeof(char[1 -                                                                       \
			 2 * __builtin_types_compatible_p(typeof(array), typeof(&(array)[0]))]))

/* The structure whose field @member @pointer points at. */
#define container_of(pointer, type, member)                                                        \
	((type *)((char *)(uintptr_t)(const typeof(((type *)0)->member) *){ pointer } -            \
		  offsetof(type, member)))

/* @alignment is a power of two; the result has the type of @x. */
#define ALIGN_DOWN(x, alignment) ((x) & ~((typeof(x))(alignment)-1))
#define ALIGN_UP(x, alignment)	 (((x) + ((typeof(x))(alignment)-1)) & ~((typeof(x))(alignment)-1))
#define IS_ALIGNED(x, alignment) (((x) & ((typeof(x))(alignment)-1)) == 0)
#define DIV_ROUND_UP(x, divisor) (((x) + (divisor)-1) / (divisor))

/*
 * Each argument is evaluated once. Both must be signed or both unsigned, so that no negative number
 * turns large; a literal (of type int) goes with either.
 */
#define MIN(a, b)	    EXTREME_(a, b, <, __COUNTER__)
#define MAX(a, b)	    EXTREME_(a, b, >, __COUNTER__)
#define CLAMP(x, low, high) MIN(MAX(x, low), high)

#define IS_SIGNED_(x)		      ((typeof(x))-1 < (typeof(x))1)
#define IS_LITERAL_(x)		      (__builtin_constant_p(x) && __builtin_types_compatible_p(typeof(x), int))
#define EXTREME_(a, b, order, unique) EXTREME_NAMED_(a, b, order, unique)
#define EXTREME_NAMED_(a, b, order, unique)                                                        \
	({                                                                                         \
		typeof(a) a_##unique = (a);                                                        \
		typeof(b) b_##unique = (b);                                                        \
		static_assert(IS_SIGNED_(a_##unique) == IS_SIGNED_(b_##unique) ||                  \
				      IS_SIGNED_(a_##unique + 0) == IS_SIGNED_(b_##unique + 0) ||  \
				      IS_LITERAL_(a) || IS_LITERAL_(b),                            \
			      "signed and unsigned compared");                                     \
		a_##unique order b_##unique ? a_##unique : b_##unique;                             \
	})

/* One access of full width, neither repeated nor left out by the compiler. No memory order. */
#define READ_ONCE(x)	     (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x) *)&(x) = (value))
