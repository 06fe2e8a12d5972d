#pragma once
/* For the start-up and /proc; drivers use fs/device_node.h. */
#include <fs/device_node.h>

int devtmpfs_init(void);
/* Each registered node until @visit returns false; a spinlock is held. */
void device_node_for_each(bool (*visit)(const char *name, u32 mode, u64 number, void *context),
			  void *context);
