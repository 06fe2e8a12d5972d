// sources: kernel/proc/elf.c kernel/proc/image.c kernel/proc/image_segments.c kernel/proc/image_stack.c
// sources: kernel/proc/arguments.c kernel/proc/script.c kernel/lib/string.c
// sources: kernel/mm/*.c kernel/lib/radix.c kernel/lib/rbtree.c kernel/lib/printf.c
// sources: kernel/lib/format.c kernel/lib/page.c kernel/debug/lock_check.c arch/host/*.c
// sources: kernel/sched/spinlock.c kernel/sched/mutex.c kernel/sched/rwlock.c
// flags: -Iarch/host/include -DSELENE_DEBUG -Dsnprintf=our_snprintf -Dvsnprintf=our_vsnprintf
/*
 * Arguments, `#!` lines and the first stack. The input: a byte of switches, counts of argv and envp,
 * their offsets (two bytes each) into user memory that holds the rest, of which the first 255 bytes
 * are also the head of a script. What the stack shows is read back and compared.
 */
#include <string.h>

#include "exec_port.h"

enum { USER_AT = 0x10000, TEXT_MAX = 16384, COUNT_MAX = 64, SCRIPTS_MAX = 5 };

static u64 read_word(struct space *space, vaddr_t at)
{
	u64 word = 0;

	if (space_read(space, at, &word, sizeof(word)) != sizeof(word))
		abort();
	return word;
}

/* The array at @at, with @count strings (all of them within the stack) and a NULL. */
static vaddr_t check_array(struct space *space, vaddr_t at, u64 count, vaddr_t low, vaddr_t high)
{
	for (u64 i = 0; i < count; i++, at += sizeof(u64)) {
		u64 string = read_word(space, at);
		char last = 1;

		if (string < low || string >= high)
			abort();
		if (string > low && i && (space_read(space, string - 1, &last, 1) != 1 || last))
			abort(); /* each begins behind another one's NUL */
	}
	if (read_word(space, at))
		abort();
	return at + sizeof(u64);
}

static void check_stack(struct space *space, const struct arguments *arguments, vaddr_t pointer)
{
	vaddr_t at;

	if (pointer % 16 || read_word(space, pointer) != arguments_count(arguments))
		abort();
	at = check_array(space, pointer + 8, arguments_count(arguments), space->argument_start,
			 space->argument_end);
	at = check_array(space, at, arguments->environment_count, space->environment_start,
			 space->environment_end);
	if (read_word(space, at) != space->auxv[0])
		abort();
}

static void fill_stack(const struct arguments *arguments, bool small)
{
	static const struct credentials credentials;
	struct image_request request = { .name = "/fuzz",
					 .arguments = arguments,
					 .credentials = &credentials,
					 .stack_limit = 8 << 20,
					 .space_limit = small ? 1 << 20 : ~0ull };
	struct space *space = space_create();
	struct image_stack stack = { .top = USER_END - PAGE_SIZE };
	vaddr_t pointer;
	int error;

	if (!space)
		abort();
	space->stack_top = stack.top;
	space->stack_limit = request.stack_limit;
	error = image_fill_stack(&request, space, &stack, &pointer);
	if (!error)
		check_stack(space, arguments, pointer);
	else if (error != -ENOMEM)
		abort();
	space_leave(space);
}

/* The caller's memory: the texts, behind them both arrays. */
static struct space *caller_make(const u8 *text, size_t size, const u64 *pointers, size_t count)
{
	struct space *space = space_create();
	struct map_request request = { .address = USER_AT,
				       .length = TEXT_MAX + 2 * (COUNT_MAX + 1) * sizeof(u64),
				       .prot = PAGE_READ | PAGE_WRITE,
				       .fixed = true,
				       .limit_pages = ~0ull };

	if (!space || space_map(space, &request) < 0 ||
	    space_write(space, USER_AT, text, size, false) != (ssize_t)size ||
	    space_write(space, USER_AT + TEXT_MAX, pointers, count * sizeof(u64), false) < 0)
		abort();
	mmu_switch(&space->mmu);
	return space;
}

static int apply_scripts(struct arguments *arguments, const u8 *text, size_t size)
{
	static char heads[SCRIPTS_MAX][SCRIPT_HEAD_SIZE];
	int error = 0;

	for (unsigned i = 0; i < SCRIPTS_MAX && size && !error; i++) {
		size_t part = MIN(size, (size_t)SCRIPT_HEAD_SIZE);
		char *interpreter, *option;

		memset(heads[i], 'x', sizeof(heads[i]));
		memcpy(heads[i], text, part);
		if (script_parse(heads[i], part, &interpreter, &option))
			break;
		if (!*interpreter || strlen(interpreter) >= SCRIPT_HEAD_SIZE ||
		    (option && !*option))
			abort();
		error = arguments_put_interpreter(arguments, interpreter, option, "/a/script");
		text += part;
		size -= part;
	}
	return error;
}

static void run(const u8 *data, size_t size)
{
	static u64 pointers[2 * (COUNT_MAX + 1)];
	unsigned argc = data[1] % COUNT_MAX, envc = data[2] % COUNT_MAX, count = 0;
	struct arguments arguments;
	struct space *caller;
	int error;

	memset(pointers, 0, sizeof(pointers));
	data += 3;
	size -= 3;
	for (unsigned i = 0; i < argc + envc && size >= 2; i++, data += 2, size -= 2) {
		if (i == argc)
			count++; /* the NULL between them */
		pointers[count++] = USER_AT + (data[0] | data[1] << 8) % (TEXT_MAX + 8192);
	}
	size = MIN(size, (size_t)TEXT_MAX);
	caller = caller_make(data, size, pointers, ARRAY_SIZE(pointers));
	arguments_init(&arguments, 1 << 20);
	error = arguments_copy_user(&arguments, USER_AT + TEXT_MAX,
				    USER_AT + TEXT_MAX + (argc + 1) * sizeof(u64));
	mmu_switch(NULL);
	space_leave(caller);
	if (!error)
		error = apply_scripts(&arguments, data, size);
	if (!error)
		fill_stack(&arguments, size % 7 == 0);
	else if (error != -EFAULT && error != -E2BIG && error != -ENOMEM)
		abort();
	arguments_free(&arguments);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct mm_level before = fuzz_level();

	if (size < 3)
		return 0;
	run(data, size);
	mm_expect_level(before);
	if (check_failures_here)
		abort();
	return 0;
}
