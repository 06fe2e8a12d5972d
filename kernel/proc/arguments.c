#include <arch/mmu.h>
#include <arch/user.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <proc/arguments.h>
#include <proc/process.h>

void arguments_init(struct arguments *arguments, u64 stack_limit)
{
	*arguments = (struct arguments){
		.limit = CLAMP(stack_limit / 4, (u64)ARGUMENT_MIN, (u64)ARGUMENT_MAX),
	};
}

void arguments_free(struct arguments *arguments)
{
	for (unsigned i = 0; i < arguments->page_count; i++)
		kfree(arguments->pages[i]);
	kfree(arguments->pages);
	kfree(arguments->prefix);
}

static int more_room(struct arguments *arguments)
{
	unsigned room = arguments->page_room ? 2 * arguments->page_room : 8;
	u8 **pages = kmalloc(room * sizeof(*pages));

	if (!pages)
		return -ENOMEM;
	if (arguments->page_count)
		memcpy(pages, arguments->pages, arguments->page_count * sizeof(*pages));
	kfree(arguments->pages);
	arguments->pages = pages;
	arguments->page_room = room;
	return 0;
}

/* The place of the next byte and how many fit there. */
static int next_place(struct arguments *arguments, u8 **place, size_t *room)
{
	unsigned index = (unsigned)(arguments->used / PAGE_SIZE);
	size_t offset = arguments->used % PAGE_SIZE;

	if (index == arguments->page_count) {
		if (index == arguments->page_room && more_room(arguments))
			return -ENOMEM;
		arguments->pages[index] = kmalloc(PAGE_SIZE);
		if (!arguments->pages[index])
			return -ENOMEM;
		arguments->page_count++;
	}
	*place = arguments->pages[index] + offset;
	*room = PAGE_SIZE - offset;
	return 0;
}

/* Strings and pointers together; the terminating pointers are not Linux's to count either. */
static bool over_limit(const struct arguments *arguments)
{
	u64 pointers = ((u64)MAX(arguments->argument_count, 1u) + arguments->environment_count) * 8;

	return arguments->used + arguments->prefix_size + pointers > arguments->limit;
}

/* string_in() reports a string that does not fit; what was copied of it stays valid. */
static int add_user_string(struct arguments *arguments, vaddr_t from)
{
	u64 total = 0;

	for (;;) {
		u8 *place;
		size_t room;
		ssize_t length;
		int error = next_place(arguments, &place, &room);

		if (error)
			return error;
		length = string_in((char *)place, from, room);
		if (length >= 0) {
			arguments->used += (u64)length + 1;
			total += (u64)length + 1;
			break;
		}
		if (length != -ENAMETOOLONG)
			return (int)length;
		arguments->used += room;
		total += room;
		from += room;
		if (total >= ARGUMENT_STRING_MAX || over_limit(arguments))
			return -E2BIG;
	}
	return total > ARGUMENT_STRING_MAX || over_limit(arguments) ? -E2BIG : 0;
}

static int add_kernel_string(struct arguments *arguments, const char *string)
{
	size_t left = strlen(string) + 1;

	while (left) {
		u8 *place;
		size_t room;
		int error = next_place(arguments, &place, &room);

		if (error)
			return error;
		room = MIN(room, left);
		memcpy(place, string, room);
		string += room;
		left -= room;
		arguments->used += room;
	}
	return over_limit(arguments) ? -E2BIG : 0;
}

static int add_user_array(struct arguments *arguments, vaddr_t array, unsigned *count)
{
	u64 string;
	int error;

	for (; array; array += sizeof(string)) {
		if (copy_in(&string, array, sizeof(string)))
			return -EFAULT;
		if (!string)
			return 0;
		(*count)++;
		error = add_user_string(arguments, string);
		if (error)
			return error;
		if (thread_interrupted(WAIT_KILLABLE))
			return -EINTR;
	}
	return 0;
}

int arguments_copy_user(struct arguments *arguments, vaddr_t argv, vaddr_t envp)
{
	int error = add_user_array(arguments, argv, &arguments->argument_count);

	if (!error && !arguments->argument_count) {
		arguments->argument_count = 1;
		error = add_kernel_string(arguments, "");
	}
	arguments->environment_start = arguments->used;
	if (!error)
		error = add_user_array(arguments, envp, &arguments->environment_count);
	return error;
}

int arguments_copy_kernel(struct arguments *arguments, char *const argv[], char *const envp[])
{
	int error = 0;

	for (; *argv && !error; argv++, arguments->argument_count++)
		error = add_kernel_string(arguments, *argv);
	arguments->environment_start = arguments->used;
	for (; envp && *envp && !error; envp++, arguments->environment_count++)
		error = add_kernel_string(arguments, *envp);
	return error;
}

/* argv[0] is the script's name as its caller knew it; the interpreter gets its path instead. */
static void drop_first(struct arguments *arguments)
{
	if (arguments->prefix_count) {
		u64 length = strlen(arguments->prefix) + 1;

		arguments->prefix_size -= length;
		arguments->prefix_count--;
		memmove(arguments->prefix, arguments->prefix + length, arguments->prefix_size);
		return;
	}
	while (arguments->pages[arguments->skipped / PAGE_SIZE][arguments->skipped % PAGE_SIZE])
		arguments->skipped++;
	arguments->skipped++;
	arguments->argument_count--;
}

int arguments_put_interpreter(struct arguments *arguments, const char *interpreter,
			      const char *option, const char *path)
{
	const char *strings[] = { interpreter, option, path };
	u64 size = 0;
	char *prefix, *to;

	drop_first(arguments);
	for (unsigned i = 0; i < ARRAY_SIZE(strings); i++)
		size += strings[i] ? strlen(strings[i]) + 1 : 0;
	prefix = kmalloc(size + arguments->prefix_size);
	if (!prefix)
		return -ENOMEM;
	to = prefix;
	for (unsigned i = 0; i < ARRAY_SIZE(strings); i++) {
		size_t length;

		if (!strings[i])
			continue;
		length = strlen(strings[i]) + 1;
		memcpy(to, strings[i], length);
		to += length;
		arguments->prefix_count++;
	}
	if (arguments->prefix_size)
		memcpy(to, arguments->prefix, arguments->prefix_size);
	kfree(arguments->prefix);
	arguments->prefix = prefix;
	arguments->prefix_size += size;
	return over_limit(arguments) ? -E2BIG : 0;
}

unsigned arguments_count(const struct arguments *arguments)
{
	return arguments->prefix_count + arguments->argument_count;
}

u64 arguments_size(const struct arguments *arguments)
{
	return arguments->prefix_size + arguments->used - arguments->skipped;
}

static int write_all(struct space *space, vaddr_t to, const void *from, size_t size)
{
	ssize_t done = space_write(space, to, from, size, false);

	if (done < 0)
		return (int)done;
	return (size_t)done == size ? 0 : -ENOMEM;
}

int arguments_write(const struct arguments *arguments, struct space *space, vaddr_t to)
{
	u64 at = arguments->skipped;
	int error = 0;

	if (arguments->prefix_size)
		error = write_all(space, to, arguments->prefix, arguments->prefix_size);
	to += arguments->prefix_size;
	while (!error && at < arguments->used) {
		size_t size = MIN(arguments->used - at, (u64)PAGE_SIZE - at % PAGE_SIZE);

		error = write_all(space, to, arguments->pages[at / PAGE_SIZE] + at % PAGE_SIZE,
				  size);
		at += size;
		to += size;
	}
	return error;
}

/* Length of the string at @at, with its NUL. */
static u64 string_size(const struct arguments *arguments, u64 at)
{
	u64 start = at;

	for (;;) {
		const u8 *page = arguments->pages[at / PAGE_SIZE] + at % PAGE_SIZE;
		size_t room = MIN(arguments->used - at, (u64)PAGE_SIZE - at % PAGE_SIZE);
		const u8 *end = memchr(page, 0, room);

		if (end)
			return at + (u64)(end - page) + 1 - start;
		at += room;
	}
}

int arguments_each(const struct arguments *arguments, vaddr_t base,
		   int (*put)(void *context, vaddr_t string, bool environment), void *context)
{
	const char *prefix = arguments->prefix;
	unsigned strings = arguments->argument_count + arguments->environment_count;
	u64 at = arguments->skipped;
	int error = 0;

	for (unsigned i = 0; i < arguments->prefix_count && !error; i++) {
		size_t size = strlen(prefix) + 1;

		error = put(context, base, false);
		base += size;
		prefix += size;
	}
	for (unsigned i = 0; i < strings && !error; i++) {
		u64 size = string_size(arguments, at);

		error = put(context, base, i >= arguments->argument_count);
		at += size;
		base += size;
	}
	return error;
}
