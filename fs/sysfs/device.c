/* Devices in /sys, as Linux's driver core lays them out. */
#include <fs/device_node.h>
#include <fs/sysfs/node.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>

static void show_number(struct text *text, void *context)
{
	u64 number = ((struct sysfs_node *)context)->number;

	text_format(text, "%u:%u\n", (unsigned)(number >> 8 & 0xfff),
		    (unsigned)((number & 0xff) | (number >> 12 & ~0xffull)));
}

static void show_event(struct text *text, void *context)
{
	const struct sysfs_node *device = context;

	if (!device->type)
		return;
	text_format(text, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\n",
		    (unsigned)(device->number >> 8 & 0xfff),
		    (unsigned)((device->number & 0xff) | (device->number >> 12 & ~0xffull)),
		    device->device_name);
	if (device->type == S_IFBLK)
		text_format(text, "DEVTYPE=%s\n",
			    device->parent->class && string_equal(device->parent->class, "block")
				    ? "partition"
				    : "disk");
}

/* Writing asks for an event to be sent again: nobody listens to any. */
static int store_event(void *context, const char *value)
{
	static const char *const actions[] = { "add", "remove", "change" };

	for (unsigned i = 0; i < ARRAY_SIZE(actions); i++)
		if (string_starts_with(value, actions[i]))
			return 0;
	return -EINVAL;
}

static bool is_of_class(const struct sysfs_node *node, const char *class)
{
	return node->class && string_equal(node->class, class);
}

static struct sysfs_node *place_of(struct sysfs_node *parent, const char *class)
{
	char path[64];

	if (parent && is_of_class(parent, class))
		return parent;
	snprintf(path, sizeof(path), parent ? "%s" : "devices/virtual/%s", class);
	return sysfs_directory(parent, path);
}

static struct sysfs_node *class_directory(const char *class)
{
	char path[64];

	snprintf(path, sizeof(path), "class/%s", class);
	return sysfs_directory(NULL, path);
}

static void number_name(const struct sysfs_node *device, char *buffer, size_t size)
{
	snprintf(buffer, size, "%u:%u", (unsigned)(device->number >> 8 & 0xfff),
		 (unsigned)((device->number & 0xff) | (device->number >> 12 & ~0xffull)));
}

static struct sysfs_node *number_directory(const struct sysfs_node *device)
{
	return sysfs_directory(NULL, device->type == S_IFBLK ? "dev/block" : "dev/char");
}

/* A device below one of its own class is a part of it (a partition), and no disk. */
static bool is_disk(const struct sysfs_node *device)
{
	return device->type == S_IFBLK && !is_of_class(device->parent, device->class);
}

static int add_links(struct sysfs_node *device)
{
	struct sysfs_node *class = class_directory(device->class);
	char name[32];
	int error = sysfs_link(class, device->name, device);

	if (!error)
		error = sysfs_link(device, "subsystem", class);
	if (!error && device->type) {
		number_name(device, name, sizeof(name));
		error = sysfs_link(number_directory(device), name, device);
	}
	if (!error && is_disk(device))
		error = sysfs_link(sysfs_directory(NULL, "block"), device->name, device);
	return error;
}

struct sysfs_node *sysfs_device_add(struct sysfs_node *parent, const char *class, const char *name,
				    u32 type, u64 number, const char *node_name)
{
	struct sysfs_node like = { .kind = SYSFS_DIRECTORY,
				   .mode = 0755,
				   .class = class,
				   .type = type,
				   .number = number,
				   .device_name = node_name };
	struct sysfs_node *place = place_of(parent, class), *device;
	int error;

	like.fixed = kstrdup(node_name ? node_name : name);
	like.device_name = like.fixed;
	device = place && like.fixed ? sysfs_add(place, name, strlen(name), &like)
				     : ERR_PTR(-ENOMEM);
	if (IS_ERR(device)) {
		kfree(like.fixed);
		return NULL;
	}
	error = sysfs_file(device, "uevent", 0644, show_event, store_event, device);
	if (!error && type)
		error = sysfs_file(device, "dev", 0444, show_number, NULL, device);
	if (!error)
		error = add_links(device);
	if (!error)
		return device;
	sysfs_device_remove(device);
	return NULL;
}

static void remove_name(struct sysfs_node *directory, const char *name,
			const struct sysfs_node *device)
{
	struct sysfs_node *link = directory ? sysfs_find(directory, name, strlen(name)) : NULL;

	if (!link)
		return;
	if (link->target == device)
		sysfs_remove(link);
	sysfs_put(link);
}

void sysfs_device_remove(struct sysfs_node *device)
{
	char name[32];

	remove_name(class_directory(device->class), device->name, device);
	if (device->type) {
		number_name(device, name, sizeof(name));
		remove_name(number_directory(device), name, device);
	}
	if (is_disk(device))
		remove_name(sysfs_directory(NULL, "block"), device->name, device);
	sysfs_remove(device);
}

/* Linux's class of a character device's major number, where that says it. */
static const char *class_of(u32 mode, u64 number)
{
	if (!S_ISCHR(mode))
		return NULL;
	switch (number >> 8 & 0xfff) {
	case MAJOR_MEM:
		return "mem";
	case MAJOR_TTY:
	case MAJOR_CONSOLE:
	case MAJOR_HVC:
	case MAJOR_TTYSIF:
		return "tty";
	case MAJOR_MISC:
		return "misc";
	}
	return NULL;
}

void sysfs_device_of_node(const char *node_name, u32 mode, u64 number)
{
	const char *class = class_of(mode, number), *last = strrchr(node_name, '/');

	if (class)
		(void)sysfs_device_add(NULL, class, last ? last + 1 : node_name, S_IFCHR, number,
				       node_name);
}
