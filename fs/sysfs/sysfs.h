#pragma once
/*
 * /sys: a tree of directories, small text files and links that subsystems and drivers add to, at any time
 * after the allocator is up; it need not be mounted. Every function may sleep and may be called with no
 * lock of rank table or above held.
 *
 *	node = sysfs_device_add(NULL, "graphics", "fb0", S_IFCHR, DEVICE_NUMBER(MAJOR_FB, 0), NULL);
 *	sysfs_text(node, "bits_per_pixel", "32");
 *	sysfs_file(node, "virtual_size", 0444, show_size, NULL, framebuffer);
 */
#include <fs/text.h>
#include <fs/vnode.h>

struct sysfs_node;

/* What a file says; @context as it was added. The node stays while this runs. */
typedef void sysfs_show(struct text *text, void *context);
/* Takes what one write(2) wrote, with a NUL behind it: 0 or -errno. */
typedef int sysfs_store(void *context, const char *value);

/*
 * The directory at @path ("class/tty") below @parent (NULL: the root), made with all that is missing of it.
 * NULL: out of memory, or one of the names is no directory.
 */
struct sysfs_node *sysfs_directory(struct sysfs_node *parent, const char *path);
/* A file of @mode (permission bits). @show or @store may be NULL. -EEXIST, -ENOMEM; NULL @parent: -ENOMEM. */
int sysfs_file(struct sysfs_node *parent, const char *name, u32 mode, sysfs_show *show,
	       sysfs_store *store, void *context);
/* A file that always says @text and a newline; @text is copied. */
int sysfs_text(struct sysfs_node *parent, const char *name, const char *text);
/* A symbolic link, relative as on Linux. */
int sysfs_link(struct sysfs_node *parent, const char *name, struct sysfs_node *target);
/*
 * Take @node and all below it out of the tree. On return no show or store of it runs or will run. Links
 * to it are the caller's to remove first.
 */
void sysfs_remove(struct sysfs_node *node);

/*
 * A device as Linux shows it: the directory @name, below @parent (NULL: devices/virtual/@class; a parent of
 * the same class: directly, else in @class), with dev, uevent and subsystem; and links in class/@class,
 * in dev/char or dev/block, and for block devices in block. @type is S_IFCHR, S_IFBLK or 0 (no number). @node_name
 * is its name in /dev (NULL: @name). NULL: out of memory, or the name is taken.
 */
struct sysfs_node *sysfs_device_add(struct sysfs_node *parent, const char *class, const char *name,
				    u32 type, u64 number, const char *node_name);
/* Takes it and its links out again. */
void sysfs_device_remove(struct sysfs_node *device);

/* The device nodes of /dev whose class follows from their number: mem, tty, misc. Others are not shown. */
void sysfs_device_of_node(const char *node_name, u32 mode, u64 number);

/* vfs.c, once at boot. */
void sysfs_init(void);
