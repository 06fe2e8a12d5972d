#pragma once

/*
 * Unpack boot_memory's initrd into the root and give its frames away; boot_failure() with the
 * cause.
 */
void initramfs_unpack(void);
