#include <fs/file.h>
#include <fs/seal.h>
#include <lib/errno.h>
#include <mm/space.h>

enum { X_ANY = 0111 };

static bool is_mapped_writable(struct memory_object *object)
{
	struct mapping *mapping;
	bool found = false;

	mutex_lock(&object->lock);
	list_for_each_entry(mapping, &object->mappings, object_link)
		found |= mapping->flags & MAPPING_SHARED && mapping->prot_max & PAGE_WRITE;
	mutex_unlock(&object->lock);
	return found;
}

int seal_add(struct file *file, u32 seals)
{
	struct vnode *vnode = file->vnode;
	int error = 0;

	if (!file_writable(file))
		return -EPERM;
	if (seals & ~(u32)F_SEAL_ALL || !vnode || !(vnode->seals & SEALABLE))
		return -EINVAL;
	write_lock(&vnode->lock);
	/* What is executable and shall stay so cannot be written any more either. */
	if (seals & F_SEAL_EXEC && vnode->mode & X_ANY)
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	if (vnode->seals & F_SEAL_SEAL)
		error = -EPERM;
	else if (seals & F_SEAL_WRITE && !(vnode->seals & F_SEAL_WRITE) &&
		 is_mapped_writable(vnode->object))
		error = -EBUSY;
	else
		vnode->seals |= seals;
	write_unlock(&vnode->lock);
	return error;
}

int seal_get(struct file *file)
{
	u32 seals = file->vnode ? READ_ONCE(file->vnode->seals) : 0;

	return seals & SEALABLE ? (int)(seals & F_SEAL_ALL) : -EINVAL;
}

int seal_check_size(const struct vnode *vnode, u64 size)
{
	if (vnode->seals & F_SEAL_SHRINK && size < vnode->size)
		return -EPERM;
	return vnode->seals & F_SEAL_GROW && size > vnode->size ? -EPERM : 0;
}

s64 seal_write_room(const struct vnode *vnode, u64 position, u64 size)
{
	u64 whole = ALIGN_DOWN(vnode->size, PAGE_SIZE);

	if (vnode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if (!(vnode->seals & F_SEAL_GROW) || position + size <= vnode->size)
		return size;
	return position < whole ? (s64)(whole - position) : -EPERM;
}
