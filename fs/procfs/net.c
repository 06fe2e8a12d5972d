/* /proc/net: the sockets there are. */
#include <fs/procfs/procfs.h>
#include <net/unix.h>

/* Zeros in an abstract name, and in front of it, are shown as '@'. */
static void show_name(struct text *text, const struct socket_name *name)
{
	u32 length = name->size - sizeof(name->family);
	bool abstract = length && !name->path[0];

	if (!length)
		return;
	text_append(text, " ", 1);
	if (!abstract)
		length--;
	for (u32 i = 0; i < length; i++)
		text_append(text, name->path[i] ? &name->path[i] : "@", 1);
}

static bool show_socket(const struct unix_description *socket, void *context)
{
	struct text *text = context;

	text_format(text, "%016lx: %08X %08X %08X %04X %02X %5lu", 0ul, socket->references, 0,
		    socket->flags, socket->type, socket->state, (unsigned long)socket->ino);
	show_name(text, &socket->name);
	text_append(text, "\n", 1);
	return !text->failed;
}

static void show_unix(struct text *text, const struct proc_subject *subject)
{
	text_format(text, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	unix_for_each(show_socket, text);
}

const struct proc_entry proc_net_entries[] = {
	{ .name = "unix", .mode = S_IFREG | 0444, .show = show_unix },
	{ 0 },
};
