#include <fs/dentry.h>
#include <fs/file.h>
#include <fs/inotify.h>
#include <fs/notify.h>
#include <lib/string.h>

u32 notify_watch_count;

/* A name as it was a moment ago: renaming goes on without us. */
struct name_copy {
	struct dentry *parent; /* counted, or NULL: it is in no directory */
	bool unlinked;
	size_t length;
	char text[NAME_MAX + 1];
};

static void name_copy(struct dentry *dentry, struct name_copy *copy)
{
	copy->parent = NULL;
	spin_lock(&dentry_tree_lock);
	if (dentry->parent != dentry) {
		copy->parent = dentry->parent;
		dentry_get(copy->parent);
		copy->unlinked = dentry->unhashed;
		copy->length = MIN((size_t)dentry->name_length, (size_t)NAME_MAX);
		memcpy(copy->text, dentry->name, copy->length);
	}
	spin_unlock(&dentry_tree_lock);
}

static u32 directory_bit(const struct vnode *vnode)
{
	return S_ISDIR(vnode->mode) ? IN_ISDIR : 0;
}

static void tell_self(struct vnode *vnode, u32 event)
{
	struct watched what = { .vnode = vnode, .event = event | directory_bit(vnode) };

	if (vnode->watches)
		inotify_tell(&what);
}

void notify_dentry_slow(struct dentry *dentry, u32 event)
{
	struct vnode *vnode = dentry->vnode;
	struct name_copy name;

	name_copy(dentry, &name);
	if (name.parent) {
		struct watched what = { .vnode = name.parent->vnode,
					.event = event | directory_bit(vnode),
					.name = name.text,
					.length = name.length,
					.unlinked = name.unlinked };

		if (what.vnode && what.vnode->watches)
			inotify_tell(&what);
		dentry_put(name.parent);
	}
	tell_self(vnode, event);
}

void notify_file_slow(struct file *file, u32 event)
{
	if (file->path.dentry && file->path.dentry->vnode && !(file->flags & O_PATH))
		notify_dentry_slow(file->path.dentry, event);
}

void notify_change_slow(struct dentry *dentry, const struct vnode_change *change)
{
	u32 which = change->which, times = which & (ATTR_ATIME | ATTR_MTIME), event = 0;

	if (which & (ATTR_UID | ATTR_GID | ATTR_MODE) || times == (ATTR_ATIME | ATTR_MTIME))
		event |= IN_ATTRIB;
	else if (times)
		event |= times == ATTR_ATIME ? IN_ACCESS : IN_MODIFY;
	if (which & ATTR_SIZE)
		event |= IN_MODIFY;
	if (event)
		notify_dentry_slow(dentry, event);
}

void notify_name_slow(struct dentry *directory, struct dentry *dentry, u32 event)
{
	struct watched what = { .vnode = directory->vnode,
				.event = event | directory_bit(dentry->vnode),
				.name = dentry->name,
				.length = dentry->name_length };

	if (what.vnode->watches)
		inotify_tell(&what);
}

void notify_links(struct vnode *vnode)
{
	if (notify_wanted())
		tell_self(vnode, IN_ATTRIB);
}

void notify_gone_slow(struct vnode *vnode)
{
	if (!vnode->watches)
		return;
	tell_self(vnode, IN_DELETE_SELF);
	inotify_end(vnode);
}

void notify_removed_slow(struct dentry *directory, struct dentry *dentry)
{
	struct vnode *vnode = dentry->vnode;

	if (!S_ISDIR(vnode->mode))
		tell_self(vnode, IN_ATTRIB);
	/* Whoever has the file open keeps it for now: dentry_put() comes back to it. */
	if (!vnode->links && atomic32_read(&dentry->references) == 1)
		notify_gone_slow(vnode);
	notify_name_slow(directory, dentry, IN_DELETE);
}

void notify_moved(struct dentry *from, const char *name, size_t length, struct dentry *to,
		  struct dentry *dentry, struct vnode *victim)
{
	static struct atomic32 last_cookie;
	struct watched what;
	u32 cookie;

	if (!notify_wanted())
		return;
	cookie = atomic32_inc_return(&last_cookie);
	what = (struct watched){ .vnode = from->vnode,
				 .event = IN_MOVED_FROM | directory_bit(dentry->vnode),
				 .cookie = cookie,
				 .name = name,
				 .length = length };
	if (from->vnode->watches)
		inotify_tell(&what);
	what.vnode = to->vnode;
	what.event = IN_MOVED_TO | directory_bit(dentry->vnode);
	what.name = dentry->name;
	what.length = dentry->name_length;
	if (to->vnode->watches)
		inotify_tell(&what);
	if (victim)
		tell_self(victim, IN_ATTRIB);
	tell_self(dentry->vnode, IN_MOVE_SELF);
}

void notify_unmounted(struct file_system *system)
{
	if (notify_wanted())
		inotify_end_system(system);
}
