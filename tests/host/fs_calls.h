#pragma once
/* System calls, roughly, on the mounted file system of fs_port.h: paths from its root, 0 or -errno. */
#include "fs_port.h"

/* The vnode of @path, counted. */
static inline int call_walk(const char *path, struct vnode **found)
{
	struct vnode *at = port_system->root;

	vnode_get(at);
	while (*path) {
		size_t length = strcspn(path, "/");
		struct vnode *next = NULL;
		int error = 0;

		if (length) {
			error = S_ISDIR(at->mode) ? at->operations->lookup(at, path, length, &next)
						  : -ENOTDIR;
			vnode_put(at);
			if (error)
				return error;
			at = next;
		}
		path += length + (path[length] == '/');
	}
	*found = at;
	return 0;
}

/* Its directory, counted, and its last name. */
static inline int call_parent(const char *path, struct vnode **directory, const char **name)
{
	const char *slash = strrchr(path, '/');
	char text[1024] = "";
	int error;

	*name = slash ? slash + 1 : path;
	if (slash)
		snprintf(text, sizeof(text), "%.*s", (int)(slash - path), path);
	error = call_walk(text, directory);
	if (!error && !S_ISDIR((*directory)->mode)) {
		vnode_put(*directory);
		return -ENOTDIR;
	}
	return error;
}

static inline int call_create(const char *path, u32 mode)
{
	struct vnode *directory, *made;
	const char *name;
	int error = call_parent(path, &directory, &name);

	if (error)
		return error;
	error = directory->operations->lookup(directory, name, strlen(name), &made);
	if (!error) {
		vnode_put(made);
		error = -EEXIST;
	} else if (error == -ENOENT) {
		error = directory->operations->create
				? directory->operations->create(directory, name, strlen(name), mode,
								0, &made)
				: -EPERM;
		if (!error)
			vnode_put(made);
	}
	vnode_put(directory);
	return error;
}

static inline int call_symlink(const char *target, const char *path)
{
	struct vnode *directory, *made;
	const char *name;
	int error = call_parent(path, &directory, &name);

	if (error)
		return error;
	error = directory->operations->symlink
			? directory->operations->symlink(directory, name, strlen(name), target,
							 &made)
			: -EPERM;
	if (!error)
		vnode_put(made);
	vnode_put(directory);
	return error;
}

static inline int call_link(const char *from, const char *to)
{
	struct vnode *directory, *target;
	const char *name;
	int error = call_walk(from, &target);

	if (error)
		return error;
	error = call_parent(to, &directory, &name);
	if (!error) {
		error = directory->operations->link
				? directory->operations->link(directory, name, strlen(name), target)
				: -EPERM;
		vnode_put(directory);
	}
	vnode_put(target);
	return error;
}

static inline int call_unlink(const char *path)
{
	struct vnode *directory, *victim;
	const char *name;
	int error = call_parent(path, &directory, &name);

	if (error)
		return error;
	error = directory->operations->lookup(directory, name, strlen(name), &victim);
	if (!error) {
		error = directory->operations->unlink(directory, name, strlen(name), victim);
		if (!error && !victim->links && victim->object)
			port_write_vnode(victim);
		vnode_put(victim);
	}
	vnode_put(directory);
	return error;
}

static inline int call_rename(const char *from, const char *to, bool exchange)
{
	struct vnode *source, *target = NULL, *moved = NULL, *victim = NULL;
	const char *from_name, *to_name;
	int error = call_parent(from, &source, &from_name);

	if (error)
		return error;
	error = call_parent(to, &target, &to_name);
	if (!error)
		error = source->operations->lookup(source, from_name, strlen(from_name), &moved);
	if (!error) {
		error = target->operations->lookup(target, to_name, strlen(to_name), &victim);
		error = error == -ENOENT && !exchange ? 0 : error;
	}
	if (!error && victim != moved)
		error = source->operations->rename(source, from_name, strlen(from_name), moved,
						   target, to_name, strlen(to_name), victim,
						   exchange);
	if (victim && !victim->links && victim->object)
		port_write_vnode(victim);
	if (victim)
		vnode_put(victim);
	if (moved)
		vnode_put(moved);
	if (target)
		vnode_put(target);
	vnode_put(source);
	return error;
}

static inline ssize_t vnode_write_at(struct vnode *vnode, u64 at, const void *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t offset = (at + done) % PAGE_SIZE, part = PAGE_SIZE - offset;
		bool whole = false;
		struct frame *frame;
		int error;

		part = part < size - done ? part : size - done;
		error = object_page_write(vnode->object, (at + done) / PAGE_SIZE, &whole, &frame);
		if (error)
			return done ? (ssize_t)done : error;
		memcpy((u8 *)frame_data(frame) + offset, (const u8 *)data + done, part);
		/* A write-back may come before the file has grown. */
		if (check_random() % 16 == 0)
			object_write_back(vnode->object, 0, ~0ull, OBJECT_START);
		done += part;
		if (at + done > vnode->size) {
			object_set_size(vnode->object, at + done);
			vnode->size = at + done;
		}
		object_page_dirty(vnode->object, frame);
		frame_put(frame);
	}
	vnode_touch(vnode, false, true, true);
	return (ssize_t)done;
}

static inline ssize_t vnode_read_at(struct vnode *vnode, u64 at, void *data, size_t size)
{
	size_t done = 0;

	if (!vnode->object || at >= vnode->size)
		return 0;
	size = size < vnode->size - at ? size : vnode->size - at;
	while (done < size) {
		size_t offset = (at + done) % PAGE_SIZE, part = PAGE_SIZE - offset;
		struct frame *frame;
		int error = object_page(vnode->object, (at + done) / PAGE_SIZE, true, &frame);

		if (error)
			return error;
		part = part < size - done ? part : size - done;
		memcpy((u8 *)data + done, (u8 *)frame_data(frame) + offset, part);
		frame_put(frame);
		done += part;
	}
	return (ssize_t)done;
}

static inline ssize_t call_write(const char *path, u64 at, const void *data, size_t size)
{
	struct vnode *vnode;
	ssize_t result = call_walk(path, &vnode);

	if (result)
		return result;
	result = vnode->object ? vnode_write_at(vnode, at, data, size) : -EISDIR;
	vnode_put(vnode);
	return result;
}

static inline ssize_t call_read(const char *path, u64 at, void *data, size_t size)
{
	struct vnode *vnode;
	ssize_t result = call_walk(path, &vnode);

	if (result)
		return result;
	result = vnode_read_at(vnode, at, data, size);
	vnode_put(vnode);
	return result;
}

static inline int call_truncate(const char *path, u64 size)
{
	struct vnode_change change = { .which = ATTR_SIZE, .size = size };
	struct vnode *vnode;
	int error = call_walk(path, &vnode);

	if (error)
		return error;
	error = vnode->object && vnode->operations->change
			? vnode->operations->change(vnode, &change)
			: -EINVAL;
	vnode_put(vnode);
	return error;
}

static inline int call_fsync(const char *path)
{
	struct vnode *vnode;
	int error = call_walk(path, &vnode);

	if (error)
		return error;
	if (vnode->object)
		error = port_write_vnode(vnode);
	if (!error && vnode->operations->sync)
		error = vnode->operations->sync(vnode, false);
	vnode_put(vnode);
	return error;
}

static inline int call_allocate(const char *path, int mode, u64 start, u64 size)
{
	struct vnode *vnode;
	int error = call_walk(path, &vnode);

	if (error)
		return error;
	error = vnode->operations->allocate ? vnode->operations->allocate(vnode, mode, start, size)
					    : -EOPNOTSUPP;
	vnode_put(vnode);
	return error;
}

struct call_listing {
	struct directory_sink sink;
	unsigned count, room;
	s64 next;
	void (*visit)(const char *name, size_t length, u64 ino, u32 type, void *context);
	void *context;
};

static inline bool call_emit(struct directory_sink *sink, const char *name, size_t length, u64 ino,
			     u32 type, s64 next)
{
	struct call_listing *listing = (struct call_listing *)sink;

	if (!listing->room)
		return false;
	listing->room--;
	listing->count++;
	listing->next = next;
	if (listing->visit)
		listing->visit(name, length, ino, type, listing->context);
	return true;
}

/* All names, @step at a time: how many, "." and ".." included. */
static inline int call_list(const char *path, unsigned step,
			    void (*visit)(const char *, size_t, u64, u32, void *), void *context)
{
	struct call_listing listing = { { call_emit }, 0, 0, 0, visit, context };
	struct vnode *vnode;
	int error = call_walk(path, &vnode);

	if (error)
		return error;
	for (unsigned before = ~0u; !error && listing.count != before;) {
		before = listing.count;
		listing.room = step;
		error = vnode->operations->readdir
				? vnode->operations->readdir(vnode, listing.next, &listing.sink)
				: -ENOTDIR;
	}
	vnode_put(vnode);
	return error ? error : (int)listing.count;
}

static inline int call_sync(void)
{
	int error = port_write_all();

	return error ? error : port_system->sync(port_system);
}
