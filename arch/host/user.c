/* User copies: the accesses of user mode, made by the kernel. */
#include "host.h"
#include <arch/user.h>
#include <lib/errno.h>
#include <lib/string.h>

static size_t copy_in_some(void *to, vaddr_t from, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (host_load(from + i, (u8 *)to + i, 1))
			return size - i;
	}
	return 0;
}

size_t copy_in_partial(void *to, vaddr_t from, size_t size)
{
	return copy_in_some(to, from, size);
}

size_t copy_out_partial(vaddr_t to, const void *from, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (host_store(to + i, (const u8 *)from + i, 1))
			return size - i;
	}
	return 0;
}

int copy_in(void *to, vaddr_t from, size_t size)
{
	return copy_in_some(to, from, size) ? -EFAULT : 0;
}

int copy_out(vaddr_t to, const void *from, size_t size)
{
	return copy_out_partial(to, from, size) ? -EFAULT : 0;
}

int user_store16(vaddr_t to, u16 value)
{
	return copy_out(to, &value, sizeof(value));
}

int user_clear(vaddr_t to, size_t size)
{
	static const u8 zero;

	for (size_t i = 0; i < size; i++) {
		if (host_store(to + i, &zero, 1))
			return -EFAULT;
	}
	return 0;
}

ssize_t string_in(char *to, vaddr_t from, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (host_load(from + i, to + i, 1))
			return -EFAULT;
		if (!to[i])
			return (ssize_t)i;
	}
	return -ENAMETOOLONG;
}

int user_load32(u32 *value, vaddr_t from)
{
	return from % 4 ? -EFAULT : copy_in(value, from, 4);
}

int user_cmpxchg32(vaddr_t at, u32 expected, u32 value, u32 *found)
{
	if (at % 4 || copy_in(found, at, 4))
		return -EFAULT;
	return *found == expected ? copy_out(at, &value, 4) : 0;
}
