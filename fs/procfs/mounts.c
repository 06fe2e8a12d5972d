/* /proc/PID/mounts, mountinfo and mountstats: proc_pid_mounts(5), proc_pid_mountinfo(5). */
#include <fs/dentry.h>
#include <fs/mount.h>
#include <fs/path.h>
#include <fs/procfs/procfs.h>
#include <fs/text.h>
#include <lib/err.h>
#include <lib/string.h>

/* The list is locked while a visitor runs, so the text is made there and may not sleep long. */
struct mounts_context {
	struct text *text;
	bool info;
};

/* Blanks, tabs, newlines, backslashes and hashes as \ooo. */
static void put_escaped(struct text *text, const char *name)
{
	for (; *name; name++) {
		if (strchr(" \t\n\\#", *name))
			text_format(text, "\\%03o", (unsigned)(u8)*name);
		else
			text_append(text, name, 1);
	}
}

static void put_place(struct text *text, const char *place)
{
	if (IS_ERR(place))
		text_format(text, "(unreachable)");
	else
		put_escaped(text, place);
}

static const char *sync_option(const struct file_system *system)
{
	return READ_ONCE(system->synchronous) ? ",sync" : "";
}

static void put_mount_options(struct text *text, const struct mount *mount)
{
	static const struct {
		u32 flag;
		const char *name;
	} options[] = { { MS_NOSUID, ",nosuid" },
			{ MS_NODEV, ",nodev" },
			{ MS_NOEXEC, ",noexec" },
			{ MS_NOATIME, ",noatime" },
			{ MS_NODIRATIME, ",nodiratime" } };

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (mount->flags & options[i].flag)
			text_format(text, "%s", options[i].name);
	if (!(mount->flags & (MS_NOATIME | MS_STRICTATIME)))
		text_format(text, ",relatime");
}

/* The file system's own, which all its mounts share. */
static void put_system_options(struct text *text, struct file_system *system)
{
	if (system->show_options)
		system->show_options(system, text);
}

static void show_info(struct text *text, struct mount *mount, const char *where)
{
	struct file_system *system = mount->system;
	char root[256];

	text_format(text, "%u %u %u:%u ", mount->id, mount->parent ? mount->parent->id : 0,
		    (unsigned)(system->device >> 8 & 0xfff), (unsigned)(system->device & 0xff));
	put_place(text, dentry_text(mount->root, root, sizeof(root)));
	text_format(text, " ");
	put_place(text, where);
	text_format(text, mount->flags & MS_RDONLY ? " ro" : " rw");
	put_mount_options(text, mount);
	text_format(text, " - %s ", system->type->name);
	put_escaped(text, mount->source);
	text_format(text, READ_ONCE(system->read_only) ? " ro%s" : " rw%s", sync_option(system));
	put_system_options(text, system);
	text_format(text, "\n");
}

static bool show_mount(struct mount *mount, void *context)
{
	struct mounts_context *mounts = context;
	struct text *text = mounts->text;
	char buffer[256];
	const char *where = mount_text(mount, buffer, sizeof(buffer));

	if (mounts->info) {
		show_info(text, mount, where);
		return true;
	}
	put_escaped(text, mount->source);
	text_format(text, " ");
	put_place(text, where);
	text_format(text, " %s %s%s", mount->system->type->name,
		    mount_is_read_only(mount) ? "ro" : "rw", sync_option(mount->system));
	put_mount_options(text, mount);
	put_system_options(text, mount->system);
	text_format(text, " 0 0\n");
	return true;
}

void proc_show_mounts(struct text *text, const struct proc_subject *subject)
{
	struct mounts_context context = { text, false };

	mount_for_each(show_mount, &context);
}

void proc_show_mountinfo(struct text *text, const struct proc_subject *subject)
{
	struct mounts_context context = { text, true };

	mount_for_each(show_mount, &context);
}

static bool show_statistics(struct mount *mount, void *context)
{
	char buffer[256];

	text_format(context, "device ");
	put_escaped(context, mount->source);
	text_format(context, " mounted on ");
	put_place(context, mount_text(mount, buffer, sizeof(buffer)));
	text_format(context, " with fstype %s\n", mount->system->type->name);
	return true;
}

void proc_show_mountstats(struct text *text, const struct proc_subject *subject)
{
	mount_for_each(show_statistics, text);
}
