#pragma once
/* QEMU's fw_cfg device (its docs/specs/fw_cfg): files that the machine offers to the guest. */
#include <dev/device.h>

/* A file that was found: what a handler writes to. */
struct fw_cfg_file {
	u32 size; /* bytes */
	u16 selector;
};
/*
 * Who wants a file: called at boot when the machine has it, and DMA to write it with. 0 or -errno.
 */
struct fw_cfg_handler {
	const char *name; /* "etc/ramfb" */
	int (*found)(const struct fw_cfg_file *file);
};
/* Write @size bytes of kernel memory over the file. 0, -EIO. Boot time, one caller at a time. */
int fw_cfg_write(const struct fw_cfg_file *file, const void *data, u32 size);
/* ramfb.c */
extern const struct fw_cfg_handler ramfb_handler;
