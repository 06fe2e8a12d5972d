#pragma once
/* A pointer or an error in one return value: the last 4095 addresses are no objects. */
#include <lib/errno.h>
#include <lib/types.h>

enum { ERR_MAX = 4095 };

/* @error: a negative errno. */
static inline void *ERR_PTR(long error)
{
	return (void *)error;
}

static inline long PTR_ERR(const void *pointer)
{
	return (long)pointer;
}

static inline bool IS_ERR(const void *pointer)
{
	return unlikely((uintptr_t)pointer >= (uintptr_t)-ERR_MAX);
}

static inline bool IS_ERR_OR_NULL(const void *pointer)
{
	return !pointer || IS_ERR(pointer);
}

/* 0 for a pointer, the error for an error. */
static inline int PTR_ERR_OR_ZERO(const void *pointer)
{
	return IS_ERR(pointer) ? (int)PTR_ERR(pointer) : 0;
}
