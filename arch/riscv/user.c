#include <arch/mmu.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <machine/offsets.h>

size_t user_copy(void *to, const void *from, size_t size);
size_t user_zero(void *to, size_t size);
ssize_t user_string(char *to, const char *from, size_t size);
int user_load_word(u32 *value, const u32 *from);
int user_store_half(u16 *to, u16 value);
int user_exchange_word(u32 *at, u32 expected, u32 value, u32 *found);

static_assert(USER_END == 1ull << USER_END_SHIFT, "copy_in(), copy_out() in user_copy.S");

static bool range_valid(vaddr_t address, size_t size)
{
	return size <= USER_END && address <= USER_END - size;
}

static bool word_valid(vaddr_t address)
{
	return range_valid(address, sizeof(u32)) && !(address & (sizeof(u32) - 1));
}

size_t copy_in_partial(void *to, vaddr_t from, size_t size)
{
	return range_valid(from, size) ? user_copy(to, (const void *)from, size) : size;
}

size_t copy_out_partial(vaddr_t to, const void *from, size_t size)
{
	return range_valid(to, size) ? user_copy((void *)to, from, size) : size;
}

int user_clear(vaddr_t to, size_t size)
{
	if (!range_valid(to, size))
		return -EFAULT;
	return user_zero((void *)to, size) ? -EFAULT : 0;
}

ssize_t string_in(char *to, vaddr_t from, size_t size)
{
	size_t limit;
	ssize_t length;

	if (from >= USER_END)
		return -EFAULT;
	limit = MIN(size, USER_END - from);
	length = user_string(to, (const char *)from, limit);
	if (length < 0)
		return -EFAULT;
	if ((size_t)length < limit)
		return length;
	return limit < size ? -EFAULT : -ENAMETOOLONG;
}

int user_load32(u32 *value, vaddr_t from)
{
	if (!word_valid(from))
		return -EFAULT;
	return user_load_word(value, (const u32 *)from) ? -EFAULT : 0;
}

static __noinline int store_bytes(vaddr_t to, u16 value)
{
	return copy_out(to, &value, sizeof(value));
}

int user_store16(vaddr_t to, u16 value)
{
	if (unlikely(to & 1))
		return store_bytes(to, value);
	return to < USER_END ? user_store_half((u16 *)to, value) : -EFAULT;
}

int user_cmpxchg32(vaddr_t at, u32 expected, u32 value, u32 *found)
{
	if (!word_valid(at))
		return -EFAULT;
	return user_exchange_word((u32 *)at, expected, value, found) ? -EFAULT : 0;
}
