#pragma once
/* A file system as it should be: names, contents, links; and random operations on it and on the real one. */
#include "fs_calls.h"

enum { MODEL_FILES = 160, MODEL_SIZE_MAX = 600000 };

struct model_data {
	u8 *bytes;
	size_t size;
	unsigned links;
	u8 *synced; /* as of the last fsync; NULL: never */
	size_t synced_size;
};

struct model_entry {
	char path[400];
	enum { MODEL_NONE, MODEL_FILE, MODEL_DIRECTORY, MODEL_LINK } kind;
	struct model_data *data;
	char target[1000];
};

static struct model_entry model[MODEL_FILES];
static bool model_symlinks = true, model_links = true, model_holes = true;

static inline struct model_entry *model_find(const char *path)
{
	for (unsigned i = 0; i < MODEL_FILES; i++)
		if (model[i].kind && !strcmp(model[i].path, path))
			return &model[i];
	return NULL;
}

static inline struct model_entry *model_pick(int kind)
{
	unsigned start = check_random() % MODEL_FILES;

	for (unsigned i = 0; i < MODEL_FILES; i++) {
		struct model_entry *entry = &model[(start + i) % MODEL_FILES];

		if (kind == MODEL_NONE
			    ? entry->kind == MODEL_NONE
			    : entry->kind != MODEL_NONE && (kind < 0 || entry->kind == kind))
			return entry;
	}
	return NULL;
}

static inline bool model_has_children(const char *path)
{
	size_t length = strlen(path);

	for (unsigned i = 0; i < MODEL_FILES; i++)
		if (model[i].kind && !strncmp(model[i].path, path, length) &&
		    model[i].path[length] == '/')
			return true;
	return false;
}

/* A fresh path in a random directory: short names, long names, names that collide in nothing. */
static inline bool model_new_path(char *path)
{
	struct model_entry *directory = check_random() % 3 ? model_pick(MODEL_DIRECTORY) : NULL;
	unsigned length = check_random() % 12 ? 1 + check_random() % 20
					      : 100 + check_random() % 155;
	size_t used;

	if (directory && strlen(directory->path) > 100)
		directory = NULL;
	used = (size_t)sprintf(path, "%s%s", directory ? directory->path : "",
			       directory ? "/" : "");
	for (unsigned i = 0; i < length; i++)
		path[used++] = "abcdefghijklmnopqrstuvwxyz0123456789_-"[check_random() % 38];
	path[used] = '\0';
	return !model_find(path);
}

static inline void model_data_put(struct model_data *data)
{
	if (data && !--data->links) {
		free(data->bytes);
		free(data->synced);
		free(data);
	}
}

static inline void model_remove(struct model_entry *entry)
{
	if (entry->kind == MODEL_FILE)
		model_data_put(entry->data);
	entry->kind = MODEL_NONE;
}

static inline void model_reset(void)
{
	for (unsigned i = 0; i < MODEL_FILES; i++)
		model_remove(&model[i]);
}

static inline void model_create(void)
{
	struct model_entry *entry = model_pick(MODEL_NONE);
	bool directory = check_random() % 5 == 0;
	int error;

	if (!entry || !model_new_path(entry->path))
		return;
	error = call_create(entry->path, directory ? S_IFDIR | 0755 : S_IFREG | 0644);
	if (error == -ENOSPC)
		return;
	EXPECT(error, 0);
	entry->kind = directory ? MODEL_DIRECTORY : MODEL_FILE;
	entry->data = directory ? NULL : calloc(1, sizeof(*entry->data));
	if (entry->data)
		entry->data->links = 1;
}

static inline void model_symlink(void)
{
	struct model_entry *entry = model_pick(MODEL_NONE);
	unsigned length = check_random() % 2 ? 1 + check_random() % 59 : 60 + check_random() % 800;
	int error;

	if (!entry || !model_symlinks || !model_new_path(entry->path))
		return;
	memset(entry->target, 'x', length);
	entry->target[length] = '\0';
	error = call_symlink(entry->target, entry->path);
	if (error == -ENOSPC)
		return;
	EXPECT(error, 0);
	entry->kind = MODEL_LINK;
}

static inline void model_write(void)
{
	static u8 data[200000];
	struct model_entry *entry = model_pick(MODEL_FILE);
	size_t size, at;
	ssize_t done;

	if (!entry)
		return;
	size = check_random() % 8 ? check_random() % 9000 : check_random() % sizeof(data);
	at = check_random() % 3 && model_holes ? check_random() % MODEL_SIZE_MAX
					       : entry->data->size;
	at = check_random() % 2 ? at % (entry->data->size + 1) : at;
	if (at + size > MODEL_SIZE_MAX)
		return;
	for (size_t i = 0; i < size; i++)
		data[i] = (u8)(check_random() >> 3);
	done = call_write(entry->path, at, data, size);
	if (done == -ENOSPC || !size)
		return;
	if (done < 0)
		EXPECT(done, 0);
	else if (done > 0) {
		if (at + (size_t)done > entry->data->size) {
			entry->data->bytes = realloc(entry->data->bytes, at + (size_t)done);
			if (at > entry->data->size)
				memset(entry->data->bytes + entry->data->size, 0,
				       at - entry->data->size);
			entry->data->size = at + (size_t)done;
		}
		memcpy(entry->data->bytes + at, data, (size_t)done);
	}
}

static inline void model_truncate(void)
{
	struct model_entry *entry = model_pick(MODEL_FILE);
	size_t size;
	int error;

	if (!entry)
		return;
	size = check_random() % 2 ? check_random() % (entry->data->size + 1)
				  : check_random() % MODEL_SIZE_MAX;
	if (!model_holes && size > entry->data->size)
		return;
	error = call_truncate(entry->path, size);
	if (error == -ENOSPC)
		return;
	EXPECT(error, 0);
	entry->data->bytes = realloc(entry->data->bytes, size + 1);
	if (size > entry->data->size)
		memset(entry->data->bytes + entry->data->size, 0, size - entry->data->size);
	entry->data->size = size;
}

static inline void model_allocate(void)
{
	struct model_entry *entry = model_pick(MODEL_FILE);
	size_t at = check_random() % MODEL_SIZE_MAX, size = 1 + check_random() % 60000;
	static const int modes[] = { 0, 1, 3, 16, 17 };
	int mode = modes[check_random() % 5], error;

	if (!entry || at + size > MODEL_SIZE_MAX)
		return;
	error = call_allocate(entry->path, mode, at, size);
	if (error == -EOPNOTSUPP || error == -ENOSPC)
		return;
	EXPECT(error, 0);
	if (!(mode & 1) && at + size > entry->data->size) {
		entry->data->bytes = realloc(entry->data->bytes, at + size);
		memset(entry->data->bytes + entry->data->size, 0, at + size - entry->data->size);
		entry->data->size = at + size;
	}
	if (mode & 18 && at < entry->data->size)
		memset(entry->data->bytes + at, 0, MIN(size, entry->data->size - at));
}

/* Blocks in the middle go, or a hole comes between them. */
static inline void model_shift(void)
{
	enum { COLLAPSE = 8, INSERT = 32, UNIT = 1024 };
	struct model_entry *entry = model_pick(MODEL_FILE);
	int mode = check_random() % 2 ? COLLAPSE : INSERT, error;
	struct model_data *data;
	size_t at, size, end;

	if (!entry || !entry->data->size)
		return;
	data = entry->data;
	at = check_random() % data->size / UNIT * UNIT;
	size = (1 + check_random() % 40) * UNIT;
	end = at + size;
	if (mode == INSERT && data->size + size > MODEL_SIZE_MAX)
		return;
	error = call_allocate(entry->path, mode, at, size);
	if (error == -EOPNOTSUPP || error == -ENOSPC)
		return;
	/* Blocks of 4096 bytes; the end of the file cannot go. */
	if ((at | size) % 4096 && error == -EINVAL)
		return;
	EXPECT(error, mode == COLLAPSE && end >= data->size ? -EINVAL : 0);
	if (error)
		return;
	if (mode == COLLAPSE) {
		memmove(data->bytes + at, data->bytes + end, data->size - end);
		data->size -= size;
		return;
	}
	data->bytes = realloc(data->bytes, data->size + size);
	memmove(data->bytes + end, data->bytes + at, data->size - at);
	memset(data->bytes + at, 0, size);
	data->size += size;
}

static inline void model_unlink(void)
{
	struct model_entry *entry = model_pick(-1);
	int error;

	if (!entry)
		return;
	error = call_unlink(entry->path);
	if (entry->kind == MODEL_DIRECTORY && model_has_children(entry->path)) {
		EXPECT(error, -ENOTEMPTY);
		return;
	}
	EXPECT(error, 0);
	model_remove(entry);
}

static inline void model_link(void)
{
	struct model_entry *from = model_pick(MODEL_FILE), *entry = model_pick(MODEL_NONE);
	int error;

	if (!from || !entry || !model_links || !model_new_path(entry->path))
		return;
	error = call_link(from->path, entry->path);
	if (error == -ENOSPC)
		return;
	EXPECT(error, 0);
	entry->kind = MODEL_FILE;
	entry->data = from->data;
	entry->data->links++;
}

/* Everything below @from is now below @to. */
static inline void model_move(const char *from, const char *to)
{
	size_t length = strlen(from);

	for (unsigned i = 0; i < MODEL_FILES; i++) {
		char rest[400], path[800];

		if (!model[i].kind || strncmp(model[i].path, from, length) ||
		    (model[i].path[length] && model[i].path[length] != '/'))
			continue;
		strcpy(rest, model[i].path + length);
		snprintf(path, sizeof(path), "%s%s", to, rest);
		memcpy(model[i].path, path, sizeof(model[i].path));
	}
}

static inline void model_rename(void)
{
	struct model_entry *from = model_pick(-1), *victim = NULL;
	char path[400], old[400];
	size_t length;
	int error;

	if (!from || !model_new_path(path))
		return;
	if (check_random() % 3 == 0)
		victim = model_pick(from->kind);
	if (victim)
		strcpy(path, victim->path);
	length = strlen(from->path);
	if (victim == from || strlen(path) > 250 ||
	    (!strncmp(path, from->path, length) && path[length] == '/'))
		return;
	if (victim && !strncmp(from->path, path, strlen(path)) && from->path[strlen(path)] == '/')
		return;
	if (victim && victim->data == from->data && from->kind == MODEL_FILE)
		return;
	for (unsigned i = 0; i < MODEL_FILES; i++)
		if (model[i].kind && !strncmp(model[i].path, from->path, length) &&
		    strlen(model[i].path) - length + strlen(path) > 380)
			return;
	error = call_rename(from->path, path, false);
	if (victim && victim->kind == MODEL_DIRECTORY && model_has_children(path)) {
		EXPECT(error, -ENOTEMPTY);
		return;
	}
	if (error == -ENOSPC)
		return;
	EXPECT(error, 0);
	if (victim)
		model_remove(victim);
	strcpy(old, from->path);
	model_move(old, path);
}

static inline void model_exchange(void)
{
	struct model_entry *a = model_pick(MODEL_FILE), *b = model_pick(MODEL_FILE);
	struct model_data *data;

	if (!a || a == b || a->data == b->data)
		return;
	EXPECT(call_rename(a->path, b->path, true), 0);
	data = a->data;
	a->data = b->data;
	b->data = data;
}

static inline void model_fsync(void)
{
	struct model_entry *entry = model_pick(MODEL_FILE);

	if (!entry)
		return;
	EXPECT(call_fsync(entry->path), 0);
	free(entry->data->synced);
	entry->data->synced = malloc(entry->data->size + 1);
	memcpy(entry->data->synced, entry->data->bytes ? entry->data->bytes : (u8 *)"",
	       entry->data->size);
	entry->data->synced_size = entry->data->size;
}

static inline void model_check_file(struct model_entry *entry)
{
	static u8 data[MODEL_SIZE_MAX + 1];
	ssize_t size = call_read(entry->path, 0, data, sizeof(data));

	EXPECT(size, entry->data->size);
	if (size == (ssize_t)entry->data->size && size &&
	    memcmp(data, entry->data->bytes, (size_t)size)) {
		size_t at = 0;

		while (data[at] == entry->data->bytes[at])
			at++;
		CHECK_FAIL("%.30s differs at %zu of %zd: %02x, not %02x", entry->path, at, size,
			   data[at], entry->data->bytes[at]);
	}
}

/* All that is in the model is there, and no more. */
static inline void model_check(void)
{
	unsigned top = 2;

	for (unsigned i = 0; i < MODEL_FILES; i++) {
		struct model_entry *entry = &model[i];
		struct vnode *vnode;
		int error = entry->kind ? call_walk(entry->path, &vnode) : 0;

		if (!entry->kind)
			continue;
		top += !strchr(entry->path, '/');
		EXPECT(error, 0);
		if (error)
			continue;
		if (entry->kind == MODEL_LINK) {
			char text[1000];
			ssize_t length = vnode->operations->readlink(vnode, text, sizeof(text));

			EXPECT(length, strlen(entry->target));
		} else if (entry->kind == MODEL_FILE && model_links) {
			EXPECT(vnode->links, entry->data->links);
		} else if (entry->kind == MODEL_DIRECTORY) {
			unsigned names = 2;

			for (unsigned j = 0; j < MODEL_FILES; j++) {
				size_t length = strlen(entry->path);

				names += model[j].kind &&
					 !strncmp(model[j].path, entry->path, length) &&
					 model[j].path[length] == '/' &&
					 !strchr(model[j].path + length + 1, '/');
			}
			EXPECT(call_list(entry->path, 1 + check_random() % 7, NULL, NULL), names);
		}
		vnode_put(vnode);
		if (entry->kind == MODEL_FILE)
			model_check_file(entry);
	}
}

/* The free blocks are of no use to anybody: what is in them now must never be seen. */
static inline void model_trim(void)
{
	u64 trimmed = 0;

	if (port_system->trim)
		EXPECT(port_system->trim(port_system, 0, ~(u64)0, 0, &trimmed), 0);
}

static inline void model_step(void)
{
	switch (check_random() % 20) {
	case 0 ... 4:
		model_create();
		break;
	case 5 ... 9:
		model_write();
		break;
	case 10:
		model_symlink();
		break;
	case 11:
		model_link();
		break;
	case 12:
	case 13:
		model_unlink();
		break;
	case 14:
		model_rename();
		break;
	case 15:
		model_truncate();
		break;
	case 16:
		if (check_random() % 3 == 0)
			model_shift();
		else
			model_allocate();
		break;
	case 17:
		model_fsync();
		break;
	case 18:
		if (model_links)
			model_exchange();
		break;
	default:
		if (check_random() % 4 == 0)
			EXPECT(port_write_all(), 0);
		else if (check_random() % 8 == 0)
			EXPECT(port_system->sync(port_system), 0);
		else if (check_random() % 4 == 0)
			model_trim();
	}
}

static inline void model_run(unsigned steps)
{
	while (steps-- && check_failures_here < 10)
		model_step();
}
