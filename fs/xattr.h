#pragma once
/*
 * Extended attributes: xattr(7). Names are "user.", "trusted." or "security." with a rest; file systems store
 * them (vnode_operations.xattr_*), who may do what is decided here.
 */
#include <fs/path.h>

enum { XATTR_NAME_MAX = 255, XATTR_SIZE_MAX = 65536, XATTR_LIST_MAX = 65536 };
enum { XATTR_CREATE = 1, XATTR_REPLACE = 2 };

/* All may sleep and want no lock held; errors as the calls of these names. Kernel memory. */
/* @value NULL: remove the attribute. */
int xattr_set(const struct path *path, const char *name, const void *value, size_t size, int flags);
/* The length of the value; @size 0: nothing is stored. -ERANGE: it is longer. */
ssize_t xattr_get(const struct path *path, const char *name, void *value, size_t size);
/* The names, each ended by NUL: their length in all. @size 0: that alone. -ERANGE. */
ssize_t xattr_list(const struct path *path, char *names, size_t size);
