#include <arch/time.h>
#include <boot/command_line.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <dev/block.h>
#include <fs/mount_device.h>
#include <fs/path.h>
#include <fs/root.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>

#define WAIT_NS (1000ull * 1000 * 1000)

static const char *root_name, *root_type, *root_data = "";
static bool root_wait;
static unsigned root_flags = MS_RDONLY; /* as Linux: until init, or rw, says otherwise */

static int set_root(const char *value)
{
	root_name = value;
	return value && *value ? 0 : -EINVAL;
}
COMMAND_LINE("root", set_root);

static int set_type(const char *value)
{
	root_type = value;
	return value && *value ? 0 : -EINVAL;
}
COMMAND_LINE("rootfstype", set_type);

static int set_data(const char *value)
{
	root_data = value;
	return value ? 0 : -EINVAL;
}
COMMAND_LINE("rootflags", set_data);

static int set_wait(const char *value)
{
	root_wait = true;
	return value ? -EINVAL : 0;
}
COMMAND_LINE("rootwait", set_wait);

static int set_read_only(const char *value)
{
	root_flags = MS_RDONLY;
	return value ? -EINVAL : 0;
}
COMMAND_LINE("ro", set_read_only);

static int set_read_write(const char *value)
{
	root_flags = 0;
	return value ? -EINVAL : 0;
}
COMMAND_LINE("rw", set_read_write);

bool root_is_named(void)
{
	return root_name != NULL;
}

static bool exists(const char *name)
{
	struct path path;

	if (path_lookup(AT_FDCWD, name, LOOKUP_FOLLOW, &path))
		return false;
	path_put(&path);
	return true;
}

/* What a device calls itself, as far as the file systems here know. */
static void describe_contents(struct block_device *device, char *text, size_t size)
{
	for (struct file_system_type *type = file_system_first(); type; type = type->next) {
		struct file_system_identity identity = { { 0 }, { 0 } };

		if (!type->identify || type->identify(device, &identity))
			continue;
		snprintf(text, size, ", %s%s%s%s%s", type->name, identity.label[0] ? " LABEL=" : "",
			 identity.label, identity.uuid[0] ? " UUID=" : "", identity.uuid);
		return;
	}
	text[0] = '\0';
}

static void list_devices(char *text, size_t size)
{
	struct block_device *device = NULL;
	char line[320], contents[200];

	strlcpy(text, block_next(NULL) ? "" : " none at all", size);
	while ((device = block_next(device))) {
		if (!device->size)
			continue;
		describe_contents(device, contents, sizeof(contents));
		snprintf(line, sizeof(line), "\n  /dev/%s  %llu MiB%s%s%s", device->name,
			 (unsigned long long)(device->size >> 20),
			 device->partition_uuid[0] ? ", PARTUUID=" : "", device->partition_uuid,
			 contents);
		strlcat(text, line, size);
	}
}

static __noreturn void fail(const char *why)
{
	static char devices[2048];

	list_devices(devices, sizeof(devices));
	boot_failure("root=%s: %s. The disks that there are:%s", root_name, why, devices);
}

static const char *reason(int error)
{
	switch (error) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		return "there is no such disk or partition (rootwait waits for one)";
	case -EINVAL:
		return "no file system that this kernel knows is on it";
	case -EACCES:
		return "it is write-protected; add ro to the command line";
	case -EIO:
		return "it cannot be read";
	default:
		return "it cannot be mounted; the messages above say why";
	}
}

static void wait_for_device(void)
{
	struct block_device *device;
	bool told = false;

	for (;;) {
		u32 seen = block_generation();

		if (!device_by_name(root_name, &device))
			return;
		if (!root_wait)
			return;
		if (block_wait(seen, time_now() + WAIT_NS) == -ETIMEDOUT && !told) {
			log_warning("waiting for root=%s\n", root_name);
			told = true;
		}
	}
}

/* Each type that knows the device, or just the one that was named. */
static int mount_any(void)
{
	struct file_system_type *type;
	int error = -EINVAL;

	if (root_type) {
		type = file_system_find(root_type);
		return type && type->needs_device
			       ? mount_new_root(type, root_name, root_data, root_flags)
			       : -EINVAL;
	}
	for (type = file_system_first(); type && error == -EINVAL; type = type->next)
		if (type->needs_device)
			error = mount_new_root(type, root_name, root_data, root_flags);
	return error;
}

static void choose_init(void)
{
	static const char *const programs[] = { "/sbin/init", "/etc/init", "/bin/init", "/init",
						"/bin/sh" };

	if (command_line_init_given)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		if (exists(programs[i])) {
			command_line_init = programs[i];
			return;
		}
	}
	fail("it has no /sbin/init, /etc/init, /bin/init or /bin/sh; name one with init=");
}

static void mount_devices(void)
{
	struct file_system_type *type = file_system_find("devtmpfs");
	struct path path;
	int error = path_lookup(AT_FDCWD, "/dev", LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (!error) {
		error = mount_at(&path, type, "devtmpfs", "", 0);
		path_put(&path);
	}
	if (error)
		log_warning("the root has no /dev to mount the devices on: error %d\n", -error);
}

void root_mount(void)
{
	int error;

	if (!root_name || exists(command_line_init_given ? "/init" : command_line_init))
		return;
	wait_for_device();
	error = mount_any();
	if (error)
		fail(reason(error));
	log_info("root: %s, %s\n", root_name, root_flags & MS_RDONLY ? "read-only" : "read-write");
	mount_devices();
	choose_init();
}
