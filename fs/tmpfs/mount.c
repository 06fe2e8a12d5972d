/* Instances of tmpfs: mount options, statfs, memfd. */
#include <fs/file.h>
#include <fs/path.h>
#include <fs/seal.h>
#include <fs/tmpfs/tmpfs.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { TMPFS_MAGIC = 0x01021994 };

struct options {
	u64 pages_max, nodes_max;
	u32 mode, uid, gid;
};

static struct tmpfs *memfd_system;

static struct file_system_type tmpfs_type = { .name = "tmpfs", .mount = tmpfs_mount };

static void tmpfs_statfs(struct file_system *system, struct statfs_result *result)
{
	struct tmpfs *tmpfs = container_of(system, struct tmpfs, system);
	u64 used = atomic64_read(&tmpfs->pages_used), nodes = atomic64_read(&tmpfs->nodes);
	struct frame_statistics statistics;

	result->type = TMPFS_MAGIC;
	if (tmpfs->pages_max) {
		result->blocks = tmpfs->pages_max;
		result->blocks_free = used < result->blocks ? result->blocks - used : 0;
	} else {
		frame_statistics(&statistics);
		result->blocks = statistics.total;
		result->blocks_free = statistics.free;
	}
	result->files = tmpfs->nodes_max ? tmpfs->nodes_max : result->blocks;
	result->files_free = nodes < result->files ? result->files - nodes : 0;
}

static void tmpfs_unmount(struct file_system *system)
{
	kfree(container_of(system, struct tmpfs, system));
}

static struct tmpfs *instance(const struct file_system_type *type, const struct options *options)
{
	struct tmpfs *tmpfs = kzalloc(sizeof(*tmpfs));
	struct tmpfs_node *root;
	int error;

	if (!tmpfs)
		return NULL;
	tmpfs->system = (struct file_system){
		.type = type,
		.device = file_system_device(),
		.references = ATOMIC_INIT(1),
		.statfs = tmpfs_statfs,
		.unmount = tmpfs_unmount,
	};
	tmpfs->pages_max = options->pages_max;
	tmpfs->nodes_max = options->nodes_max;
	root = tmpfs_node_create(tmpfs, S_IFDIR | options->mode, &error);
	if (!root) {
		kfree(tmpfs);
		return NULL;
	}
	root->vnode.uid = options->uid;
	root->vnode.gid = options->gid;
	tmpfs->system.root = &root->vnode;
	return tmpfs;
}

struct tmpfs *tmpfs_create(const struct file_system_type *type)
{
	struct options options = { .mode = 0755 };

	return instance(type, &options);
}

void tmpfs_limit(struct tmpfs *tmpfs)
{
	struct frame_statistics memory;

	frame_statistics(&memory);
	WRITE_ONCE(tmpfs->pages_max, atomic64_read(&tmpfs->pages_used) + memory.free / 2);
}

/* "64k", "10m", "1g", "50%" (of RAM) in pages of @unit bytes, rounded up. */
static int parse_size(const char *text, u64 unit, u64 total, u64 *value)
{
	const char *end;
	u64 number;

	if (parse_u64(text, &end, 0, &number))
		return -EINVAL;
	if (*end == '%') {
		*value = number > 1000 ? total * 10 : total * number / 100;
		return end[1] ? -EINVAL : 0;
	}
	for (; *end; end++) {
		const char *suffixes = "kmgtKMGT", *suffix = strchr(suffixes, *end);
		unsigned shift = suffix ? ((suffix - suffixes) % 4 + 1) * 10 : 0;

		if (!suffix || end[1] || number >> (63 - shift))
			return -EINVAL;
		number <<= shift;
	}
	*value = number / unit + (number % unit != 0);
	return 0;
}

static int parse_number(const char *text, unsigned base, u32 max, u32 *value)
{
	const char *end;
	u64 number;

	if (parse_u64(text, &end, base, &number) || *end || number > max)
		return -EINVAL;
	*value = number;
	return 0;
}

static int parse_option(char *word, u64 total, struct options *options)
{
	char *value = strchr(word, '=');

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	if (string_equal(word, "size"))
		return parse_size(value, PAGE_SIZE, total, &options->pages_max);
	if (string_equal(word, "nr_blocks"))
		return parse_size(value, 1, total, &options->pages_max);
	if (string_equal(word, "nr_inodes"))
		return parse_size(value, 1, total, &options->nodes_max);
	if (string_equal(word, "mode"))
		return parse_number(value, 8, 07777, &options->mode);
	if (string_equal(word, "uid"))
		return parse_number(value, 10, ~0u - 1, &options->uid);
	if (string_equal(word, "gid"))
		return parse_number(value, 10, ~0u - 1, &options->gid);
	return -EINVAL;
}

static int parse_options(const char *data, u64 total, struct options *options)
{
	char *text = kstrdup(data), *word = text;
	int error = text ? 0 : -ENOMEM;

	while (!error && *word) {
		char *comma = strchr(word, ','), *next = comma ? comma + 1 : word + strlen(word);

		if (comma)
			*comma = '\0';
		if (*word)
			error = parse_option(word, total, options);
		word = next;
	}
	kfree(text);
	return error;
}

int tmpfs_mount(const char *source, const char *data, struct file_system **made)
{
	struct frame_statistics statistics;
	struct options options = { .mode = 01777 };
	struct tmpfs *tmpfs;
	int error;

	frame_statistics(&statistics);
	options.pages_max = options.nodes_max = statistics.total / 2;
	error = parse_options(data, statistics.total, &options);
	if (error)
		return error;
	tmpfs = instance(&tmpfs_type, &options);
	if (!tmpfs)
		return -ENOMEM;
	*made = &tmpfs->system;
	return 0;
}

void tmpfs_memfd_init(void)
{
	file_system_register(&tmpfs_type);
	memfd_system = tmpfs_create(&tmpfs_type);
}

struct file *tmpfs_create_memfd(const char *name, u32 flags, u32 mode, u32 seals)
{
	char text[NAME_MAX + 20];
	struct tmpfs_node *node;
	int error = -ENOMEM;

	if (!memfd_system)
		return ERR_PTR(-ENOMEM);
	node = tmpfs_node_create(memfd_system, S_IFREG | mode, &error);
	if (!node)
		return ERR_PTR(error);
	node->vnode.links = 0;
	node->vnode.seals = SEALABLE | seals;
	vnode_set_owner(&node->vnode, NULL);
	snprintf(text, sizeof(text), "/memfd:%s (deleted)", name);
	return file_create_anonymous(&node->vnode, text, &regular_file_operations, flags, NULL);
}
