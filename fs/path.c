/* Places: references, the working directory and the root of a process, and places as text. */
#include <fs/file.h>
#include <fs/mount.h>
#include <fs/walk.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/process.h>

static SLAB_CACHE(context_cache, struct directory_context);

void path_get(const struct path *path)
{
	atomic32_inc(&path->mount->references);
	dentry_get(path->dentry);
}

void path_put(const struct path *path)
{
	dentry_put(path->dentry);
	mount_put(path->mount);
}

struct directory_context *directory_context_create(void)
{
	struct directory_context *context = slab_alloc(&context_cache);

	if (!context)
		return NULL;
	atomic32_set(&context->references, 1);
	spin_init(&context->lock, RANK_PROCESS);
	path_get_system_root(&context->root);
	path_get(&context->root);
	context->cwd = context->root;
	context->umask = 022;
	return context;
}

struct directory_context *directory_context_copy(struct directory_context *from)
{
	struct directory_context *context = slab_alloc(&context_cache);

	if (!context)
		return NULL;
	atomic32_set(&context->references, 1);
	spin_init(&context->lock, RANK_PROCESS);
	spin_lock(&from->lock);
	context->cwd = from->cwd;
	context->root = from->root;
	context->umask = from->umask;
	path_get(&context->cwd);
	path_get(&context->root);
	spin_unlock(&from->lock);
	return context;
}

void directory_context_get(struct directory_context *context)
{
	atomic32_inc(&context->references);
}

void directory_context_put(struct directory_context *context)
{
	if (!atomic32_dec_and_test(&context->references))
		return;
	path_put(&context->cwd);
	path_put(&context->root);
	slab_free(&context_cache, context);
}

static bool replace_place(struct path *place, const struct path *old, const struct path *new)
{
	if (place->mount != old->mount || place->dentry != old->dentry)
		return false;
	path_get(new);
	*place = *new;
	return true;
}

void directory_context_replace(struct directory_context *context, const struct path *old,
			       const struct path *new)
{
	bool root, cwd;

	spin_lock(&context->lock);
	root = replace_place(&context->root, old, new);
	cwd = replace_place(&context->cwd, old, new);
	spin_unlock(&context->lock);
	if (root)
		path_put(old);
	if (cwd)
		path_put(old);
}

/* NULL: a kernel thread, which lives at the root of all. */
static struct directory_context *context_current(void)
{
	struct process *process = process_current();

	return process ? process->directory : NULL;
}

static void get_place(struct path *path, bool root)
{
	struct directory_context *context = context_current();

	if (!context) {
		path_get_system_root(path);
		return;
	}
	spin_lock(&context->lock);
	*path = root ? context->root : context->cwd;
	path_get(path);
	spin_unlock(&context->lock);
}

void path_get_cwd(struct path *path)
{
	get_place(path, false);
}

void path_get_root(struct path *path)
{
	get_place(path, true);
}

static void set_place(const struct path *path, bool root)
{
	struct directory_context *context = context_current();
	struct path *place = root ? &context->root : &context->cwd, old;

	spin_lock(&context->lock);
	old = *place;
	*place = *path;
	spin_unlock(&context->lock);
	path_put(&old);
}

void path_set_cwd(const struct path *path)
{
	set_place(path, false);
}

void path_set_root(const struct path *path)
{
	set_place(path, true);
}

/* Text that grows towards its start. */
struct text {
	char *start, *limit;
};

static bool text_put(struct text *text, const char *string, size_t length)
{
	if ((size_t)(text->start - text->limit) < length)
		return false;
	text->start -= length;
	memcpy(text->start, string, length);
	return true;
}

/* [mount lock, tree lock] */
static bool text_put_path(struct text *text, struct path at, const struct path *root)
{
	bool any = false;

	while (at.dentry != root->dentry || at.mount != root->mount) {
		if (at.dentry == at.mount->root) {
			/*
			 * Nothing leads here from the root: outside of a chroot, or unmounted
			 * lazily.
			 */
			if (!at.mount->parent)
				return (any || text_put(text, "/", 1)) &&
				       text_put(text, "(unreachable)", 13);
			at = (struct path){ at.mount->parent, at.mount->mountpoint };
			continue;
		}
		if (!text_put(text, at.dentry->name, at.dentry->name_length) ||
		    !text_put(text, "/", 1))
			return false;
		any = true;
		at.dentry = at.dentry->parent;
	}
	return any || text_put(text, "/", 1);
}

static bool anonymous_text(struct text *text, struct dentry *dentry)
{
	char name[32];

	if (S_ISFIFO(dentry->vnode->mode))
		return text_put(text, name,
				scnprintf(name, sizeof(name), "pipe:[%llu]",
					  (unsigned long long)dentry->vnode->ino));
	return text_put(text, dentry->name, dentry->name_length);
}

static char *text_of(const struct path *path, char *buffer, size_t size, bool mounts_locked)
{
	struct text text = { buffer + size, buffer };
	struct path root;
	bool fits;

	if (!text_put(&text, "", 1))
		return ERR_PTR(-ENAMETOOLONG);
	if (path->mount == &anonymous_mount)
		return anonymous_text(&text, path->dentry) ? text.start : ERR_PTR(-ENAMETOOLONG);
	if (mounts_locked) {
		/* References are not put under a spinlock: the root of all cannot go away. */
		root = system_root;
	} else {
		path_get_root(&root);
		spin_lock(&mount_lock);
	}
	spin_lock(&dentry_tree_lock);
	fits = !path->dentry->unhashed || text_put(&text, " (deleted)", 10);
	fits = fits && text_put_path(&text, *path, &root);
	spin_unlock(&dentry_tree_lock);
	if (!mounts_locked) {
		spin_unlock(&mount_lock);
		path_put(&root);
	}
	return fits ? text.start : ERR_PTR(-ENAMETOOLONG);
}

char *dentry_text(struct dentry *dentry, char *buffer, size_t size)
{
	struct text text = { buffer + size, buffer };
	bool fits = text_put(&text, "", 1);

	spin_lock(&dentry_tree_lock);
	if (!dentry->parent || dentry->parent == dentry)
		fits = fits && text_put(&text, "/", 1);
	for (; fits && dentry->parent && dentry->parent != dentry; dentry = dentry->parent)
		fits = text_put(&text, dentry->name, dentry->name_length) &&
		       text_put(&text, "/", 1);
	spin_unlock(&dentry_tree_lock);
	return fits ? text.start : ERR_PTR(-ENAMETOOLONG);
}

char *path_text(const struct path *path, char *buffer, size_t size)
{
	return text_of(path, buffer, size, false);
}

char *mount_text(struct mount *mount, char *buffer, size_t size)
{
	struct path path = { mount, mount->root };

	return text_of(&path, buffer, size, true);
}
