/* The start of everything in fs/. */
#include <boot/initcall.h>
#include <debug/panic.h>
#include <fs/dentry.h>
#include <fs/devpts/devpts.h>
#include <fs/devtmpfs/devtmpfs.h>
#include <fs/file.h>
#include <fs/initramfs.h>
#include <fs/mqueue/mqueue.h>
#include <fs/names.h>
#include <fs/procfs/procfs.h>
#include <fs/sysfs/sysfs.h>
#include <fs/tmpfs/tmpfs.h>
#include <lib/errno.h>
#include <mm/space.h>

static int rootfs_mount(const char *source, const char *data, struct file_system **made);
static struct file_system_type rootfs_type = { .name = "rootfs", .mount = rootfs_mount };

static struct tmpfs *root;

/* Its limit is set when it is filled; until then the pages are counted only. */
static int rootfs_mount(const char *source, const char *data, struct file_system **made)
{
	struct tmpfs *tmpfs = tmpfs_create(&rootfs_type);

	if (!tmpfs)
		return -ENOMEM;
	root = tmpfs;
	root->pages_max = ~0ull;
	*made = &tmpfs->system;
	return 0;
}

static void hook_get(struct file *file)
{
	file_get(file);
}

static int hook_sync(struct file *file)
{
	return file_sync(file, true);
}

static int vfs_start(void)
{
	mapping_file_hooks = (struct mapping_file_hooks){ hook_get, file_put, hook_sync };
	dentry_cache_init();
	rename_init();
	tmpfs_memfd_init();
	procfs_init();
	sysfs_init();
	devpts_init();
	mqueue_init();
	if (mount_root(&rootfs_type) || devtmpfs_init())
		boot_failure("no memory for the root file system");
	initramfs_unpack();
	tmpfs_limit(root);
	return 0;
}
INITCALL_FS(vfs_start);
