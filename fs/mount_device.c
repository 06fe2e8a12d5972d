#include <debug/log.h>
#include <fs/block_file.h>
#include <fs/buffer.h>
#include <fs/dentry.h>
#include <fs/mount.h>
#include <fs/mount_device.h>
#include <fs/writeback.h>
#include <lib/ctype.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>

static struct mutex device_mutex = MUTEX_INIT(device_mutex); /* one mount at a time */

/* Hexadecimal, in either case. */
static bool uuid_equal(const char *a, const char *b)
{
	while (*a && char_to_lower(*a) == char_to_lower(*b)) {
		a++;
		b++;
	}
	return char_to_lower(*a) == char_to_lower(*b);
}

/* Is what @device holds called @value? @label: its label, else its UUID. */
static bool system_is_called(struct block_device *device, bool label, const char *value)
{
	struct file_system_type *type = file_system_first();

	for (; type; type = type->next) {
		struct file_system_identity identity = { { 0 }, { 0 } };

		if (!type->identify || type->identify(device, &identity))
			continue;
		return label ? string_equal(identity.label, value)
			     : uuid_equal(identity.uuid, value);
	}
	return false;
}

static bool device_is_called(struct block_device *device, const char *key, const char *value)
{
	if (!device->size)
		return false;
	if (string_equal(key, "PARTUUID"))
		return uuid_equal(device->partition_uuid, value);
	if (string_equal(key, "PARTLABEL"))
		return string_equal(device->partition_label, value);
	return system_is_called(device, string_equal(key, "LABEL"), value);
}

/* The first in order of discovery; that there are more is worth a word. */
static int device_by_key(const char *key, const char *value, struct block_device **found)
{
	struct block_device *device = NULL, *first = NULL;

	while ((device = block_next(device))) {
		if (!device_is_called(device, key, value))
			continue;
		if (first)
			log_warning("%s=%s names both %s and %s: the first is taken\n", key, value,
				    first->name, device->name);
		else
			first = device;
	}
	*found = first;
	return first ? 0 : -ENODEV;
}

int device_by_name(const char *name, struct block_device **device)
{
	static const char *const keys[] = { "LABEL", "UUID", "PARTUUID", "PARTLABEL" };
	const char *value = strchr(name, '=');
	int error;

	for (size_t i = 0; value && i < ARRAY_SIZE(keys); i++) {
		size_t length = strlen(keys[i]);

		if ((size_t)(value - name) == length && !memcmp(name, keys[i], length))
			return device_by_key(keys[i], value + 1, device);
	}
	error = block_device_by_path(name, device);
	/* A root without /dev, as at boot. */
	if (error == -ENOENT && string_starts_with(name, "/dev/")) {
		*device = block_find_name(name + strlen("/dev/"));
		error = *device && (*device)->size ? 0 : -ENOENT;
	}
	return error;
}

static struct spinlock instances_lock = SPINLOCK_INIT(RANK_WAIT);
/* [instances] All that are on a device, mounted or (umount -l) only in use. Its address claims their devices. */
static struct list_node instances = LIST_INIT(instances);
static struct wait_queue device_free = WAIT_QUEUE_INIT(device_free);

/* The instance on @device with a reference; NULL: there is none, or (*@leaving) it is on its way out. */
static struct file_system *instance_get(struct block_device *device, bool *leaving)
{
	struct file_system *system, *found = NULL;

	*leaving = READ_ONCE(device->holder) == &instances;
	spin_lock(&instances_lock);
	list_for_each_entry(system, &instances, instance_link)
		if (system->block == device && atomic32_inc_not_zero(&system->references))
			found = system;
	spin_unlock(&instances_lock);
	return found;
}

/* [device_mutex] The same, once it is clear. */
static struct file_system *instance_find(struct block_device *device)
{
	struct file_system *found;
	bool leaving;

	wait_event(&device_free, (found = instance_get(device, &leaving)) || !leaving);
	return found;
}

struct file_system *device_system_next(struct file_system *previous)
{
	struct list_node *node;
	struct file_system *found = NULL;

	spin_lock(&instances_lock);
	node = previous ? previous->instance_link.next : instances.next;
	for (; node != &instances && !found; node = node->next) {
		struct file_system *system = list_entry(node, struct file_system, instance_link);

		if (atomic32_inc_not_zero(&system->references))
			found = system;
	}
	spin_unlock(&instances_lock);
	if (previous)
		file_system_put(previous);
	return found;
}

/* [device_mutex] */
static int instance_make(struct file_system_type *type, struct block_device *device,
			 const char *data, unsigned flags, struct file_system **made)
{
	bool writable = !READ_ONCE(device->read_only) && !READ_ONCE(device->disk->read_only);
	int error;

	if (!(flags & MS_RDONLY) && !writable)
		return -EACCES;
	error = block_claim(device, &instances);
	if (error)
		return error;
	error = block_file_flush(device);
	if (!error)
		error = type->mount_device(device, data, flags & MS_RDONLY, made);
	if (error) {
		buffer_drop_device(device);
		block_release(device, &instances);
		return error;
	}
	(*made)->root_dentry = dentry_create(NULL, "/", 1, (*made)->root);
	if (!(*made)->root_dentry) {
		vnode_put((*made)->root);
		(*made)->unmount(*made);
		buffer_drop_device(device);
		block_release(device, &instances);
		return -ENOMEM;
	}
	(*made)->block = device;
	(*made)->device = device->number;
	if (flags & MS_RDONLY)
		WRITE_ONCE((*made)->read_only, true);
	WRITE_ONCE((*made)->synchronous, flags & MS_SYNCHRONOUS);
	spin_lock(&instances_lock);
	list_add_tail(&instances, &(*made)->instance_link);
	spin_unlock(&instances_lock);
	return 0;
}

int device_system_make(struct file_system_type *type, const char *source, const char *data,
		       unsigned flags, struct file_system **made)
{
	struct block_device *device;
	struct file_system *found;
	int error = device_by_name(source, &device);

	if (!error && type->check_options)
		error = type->check_options(device, data);
	if (error)
		return error;
	mutex_lock(&device_mutex);
	found = instance_find(device);
	if (!found) {
		error = instance_make(type, device, data, flags, made);
	} else if (found->type != type || found->read_only != ((flags & MS_RDONLY) != 0)) {
		error = -EBUSY;
	} else {
		*made = found;
		found = NULL;
	}
	mutex_unlock(&device_mutex);
	if (found)
		file_system_put(found);
	return error;
}

void device_system_finish(struct file_system *system)
{
	spin_lock(&instances_lock);
	list_remove_init(&system->instance_link);
	spin_unlock(&instances_lock);
	if (!READ_ONCE(system->read_only) && file_system_sync(system))
		log_error("%s: not everything could be written before the unmount\n",
			  system->block->name);
	writeback_drop_system(system);
}

void device_system_gone(struct block_device *device)
{
	buffer_sync(device);
	block_flush(device);
	buffer_drop_device(device);
	block_file_flush(device);
	block_release(device, &instances);
	wait_wake_all(&device_free);
}

static int make_read_only(struct file_system *system, const char *data)
{
	int error;

	if (atomic32_read(&system->writers))
		return -EBUSY;
	WRITE_ONCE(system->read_only, true);
	error = file_system_sync(system);
	if (!error && system->remount)
		error = system->remount(system, MS_RDONLY, data);
	if (error)
		WRITE_ONCE(system->read_only, false);
	return error;
}

int device_system_remount(struct file_system *system, unsigned flags, const char *data)
{
	bool read_only = flags & MS_RDONLY;
	int error = 0;

	mutex_lock(&device_mutex);
	if (read_only && !system->read_only) {
		error = make_read_only(system, data);
	} else if (!read_only && system->read_only) {
		if (system->block->read_only || system->block->disk->read_only)
			error = -EACCES;
		else
			error = system->remount ? system->remount(system, 0, data) : -EROFS;
		if (!error)
			WRITE_ONCE(system->read_only, false);
	} else if (system->remount) {
		error = system->remount(system, flags & MS_RDONLY, data);
	}
	if (!error)
		WRITE_ONCE(system->synchronous, flags & MS_SYNCHRONOUS);
	mutex_unlock(&device_mutex);
	return error;
}

void file_system_corrupt(struct file_system *system, const char *format, ...)
{
	const char *name = system->block ? system->block->name : system->type->name;
	char text[160];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_error("%s: %s: %s\n", name, system->type->name, text);
	if (!READ_ONCE(system->read_only)) {
		WRITE_ONCE(system->read_only, true);
		log_error("%s: read-only from now on; check it before the next mount\n", name);
	}
}
