#pragma once
/*
 * Seals of files in memory: fcntl(2), "File sealing". They are bits of vnode->seals, guarded by the
 * vnode's lock; what makes a shared writable mapping holds that lock shared until the mapping is in.
 */
#include <fs/vnode.h>
#include <lib/errno.h>

enum {
	F_SEAL_SEAL = 1,
	F_SEAL_SHRINK = 2,
	F_SEAL_GROW = 4,
	F_SEAL_WRITE = 8,
	F_SEAL_FUTURE_WRITE = 16,
	F_SEAL_EXEC = 32,
	F_SEAL_ALL = 63,
	SEALABLE = 1 << 16, /* the file knows seals at all */
};

struct file;

/* F_ADD_SEALS: 0, -EINVAL (no such file, or seals), -EPERM, -EBUSY. May sleep. */
int seal_add(struct file *file, u32 seals);
/* F_GET_SEALS: the seals, or -EINVAL. */
int seal_get(struct file *file);
/* [vnode] May its size become @size? 0 or -EPERM. */
int seal_check_size(const struct vnode *vnode, u64 size);
/* [vnode] May its contents change? */
static inline int seal_check_write(const struct vnode *vnode)
{
	return vnode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) ? -EPERM : 0;
}
/* [vnode] How much of a write of @size bytes at @position does not grow the file page-wise. */
s64 seal_write_room(const struct vnode *vnode, u64 position, u64 size);
