#pragma once
/*
 * The root from a disk: root=, rootfstype=, rootflags=, rootwait, ro and rw on the command line. As on
 * Linux an initramfs with an /init has the first word, and mounts the root itself.
 */
#include <lib/types.h>

/* The command line has a root=. */
bool root_is_named(void);
/* Mount what root= names, if it is the kernel's to do, and choose the first program from it; or
 * boot_failure(), which says what disks there are. Called once, after the drivers. */
void root_mount(void);
