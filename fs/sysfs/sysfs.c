/* The file system: vnodes for the nodes of the tree, made as names are looked up. */
#include <fs/file.h>
#include <fs/sysfs/node.h>
#include <lib/err.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { SYSFS_MAGIC = 0x62656572, FILE_SIZE = 4096 };

static SLAB_CACHE(vnode_cache, struct vnode);
static const struct vnode_operations sysfs_operations;
static const struct file_operations sysfs_file_operations;

static u32 type_of(const struct sysfs_node *node)
{
	return node->kind == SYSFS_DIRECTORY ? S_IFDIR
	       : node->kind == SYSFS_LINK    ? S_IFLNK
					     : S_IFREG;
}

/* @node is counted by the caller, for the vnode. */
static struct vnode *vnode_make(struct file_system *system, struct sysfs_node *node)
{
	struct vnode *vnode = slab_alloc_zeroed(&vnode_cache);
	s64 now = vnode_time_now();

	if (!vnode)
		return NULL;
	vnode_init(vnode, system, type_of(node) | node->mode);
	vnode->private = node;
	vnode->operations = &sysfs_operations;
	vnode->file_operations = node->kind == SYSFS_FILE ? &sysfs_file_operations : NULL;
	vnode->ino = node->ino;
	vnode->links = node->kind == SYSFS_DIRECTORY ? 2 : 1;
	vnode->size = node->kind == SYSFS_FILE ? FILE_SIZE : 0;
	vnode->times = (struct vnode_times){ now, now, now };
	return vnode;
}

static void sysfs_release(struct vnode *vnode)
{
	sysfs_put(vnode->private);
	slab_free(&vnode_cache, vnode);
}

static int sysfs_lookup(struct vnode *directory, const char *name, size_t length,
			struct vnode **found)
{
	struct sysfs_node *node = sysfs_find(directory->private, name, length);

	if (!node)
		return -ENOENT;
	*found = vnode_make(directory->system, node);
	if (!*found)
		sysfs_put(node);
	return *found ? 0 : -ENOMEM;
}

/* Positions: 0 ".", 1 "..", then the numbers of the nodes, which grow as they are added. */
static int sysfs_readdir(struct vnode *vnode, s64 position, struct directory_sink *sink)
{
	struct sysfs_node *directory = vnode->private, *node;
	u64 parent = directory->parent ? directory->parent->ino : directory->ino;

	if (position == 0 && !sink->emit(sink, ".", 1, directory->ino, S_IFDIR >> 12, 1))
		return 0;
	if (position <= 1 && !sink->emit(sink, "..", 2, parent, S_IFDIR >> 12, 2))
		return 0;
	position = MAX(position, (s64)2);
	while ((node = sysfs_next(directory, (u64)position))) {
		bool room = sink->emit(sink, node->name, strlen(node->name), node->ino,
				       type_of(node) >> 12, (s64)node->ino + 1);

		position = (s64)node->ino + 1;
		sysfs_put(node);
		if (!room)
			break;
	}
	return 0;
}

static ssize_t sysfs_readlink(struct vnode *vnode, char *buffer, size_t size)
{
	char *text = kmalloc(1024);
	ssize_t length;

	if (!text)
		return -ENOMEM;
	length = sysfs_link_text(vnode->private, text, 1024);
	if (length > 0) {
		length = MIN(length, (ssize_t)size);
		memcpy(buffer, text, (size_t)length);
	}
	kfree(text);
	return length;
}

/* A name may be added where there was none, or be gone. */
static bool sysfs_revalidate(struct vnode *vnode)
{
	struct sysfs_node *node = vnode->private;

	return !READ_ONCE(node->removed);
}

static const struct vnode_operations sysfs_operations = {
	.lookup = sysfs_lookup,
	.readdir = sysfs_readdir,
	.readlink = sysfs_readlink,
	.revalidate = sysfs_revalidate,
	.release = sysfs_release,
};

static int attribute_open(struct vnode *vnode, struct file *file)
{
	struct sysfs_node *node = vnode->private;

	if (file_writable(file) && !node->store)
		return -EACCES;
	return text_file_open(file);
}

static int attribute_make(struct file *file, struct text *text)
{
	struct sysfs_node *node = file->vnode->private;
	int error = 0;

	read_lock(&node->use);
	if (node->removed)
		error = -ENODEV;
	else if (node->fixed)
		text_format(text, "%s\n", node->fixed);
	else if (node->show)
		node->show(text, node->context);
	else
		error = -EIO;
	read_unlock(&node->use);
	return error;
}

static ssize_t attribute_read(struct file *file, struct io_iterator *iterator, s64 *position)
{
	return text_file_read(file, iterator, position, attribute_make);
}

static ssize_t attribute_write(struct file *file, struct io_iterator *iterator, s64 *position)
{
	struct sysfs_node *node = file->vnode->private;
	size_t size = MIN(iterator->left, (size_t)FILE_SIZE - 1);
	char *value = kmalloc(size + 1);
	int error;

	if (!value)
		return -ENOMEM;
	error = io_copy(iterator, value, size) < size ? -EFAULT : 0;
	value[size] = '\0';
	if (!error) {
		read_lock(&node->use);
		error = node->removed ? -ENODEV : node->store(node->context, value);
		read_unlock(&node->use);
	}
	kfree(value);
	if (!error)
		*position += (s64)size;
	return error ? error : (ssize_t)size;
}

static const struct file_operations sysfs_file_operations = {
	.open = attribute_open,
	.release = text_file_release,
	.read = attribute_read,
	.write = attribute_write,
	.seekable = true,
};

static void sysfs_statfs(struct file_system *system, struct statfs_result *result)
{
	*result = (struct statfs_result){ .type = SYSFS_MAGIC,
					  .block_size = PAGE_SIZE,
					  .name_length = 255 };
}

static void sysfs_unmount(struct file_system *system)
{
	kfree(system);
}

static int sysfs_mount(const char *source, const char *data, struct file_system **made);
static struct file_system_type sysfs_type = { .name = "sysfs", .mount = sysfs_mount };

static int sysfs_mount(const char *source, const char *data, struct file_system **made)
{
	struct file_system *system = kzalloc(sizeof(*system));

	if (!system)
		return -ENOMEM;
	system->type = &sysfs_type;
	system->device = file_system_device();
	system->statfs = sysfs_statfs;
	system->unmount = sysfs_unmount;
	atomic32_set(&system->references, 1);
	sysfs_get(&sysfs_root);
	system->root = vnode_make(system, &sysfs_root);
	if (!system->root) {
		sysfs_put(&sysfs_root);
		kfree(system);
		return -ENOMEM;
	}
	*made = system;
	return 0;
}

void sysfs_init(void)
{
	rwlock_init(&sysfs_root.use, RANK_NONE);
	file_system_register(&sysfs_type);
}
