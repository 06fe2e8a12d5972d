#pragma once
/* The root at boot: newc archives, plain or gzip, one behind the other. */
#include <lib/types.h>

/* Unpack @data into the root. 0; -EINVAL (the cause and the offset are logged), -ENOMEM. May sleep. */
int initramfs_unpack(const void *data, size_t size);
