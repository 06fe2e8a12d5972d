// sources: kernel/proc/elf.c kernel/proc/image.c kernel/proc/image_segments.c kernel/proc/image_stack.c
// sources: kernel/proc/arguments.c kernel/proc/script.c kernel/lib/string.c
// sources: kernel/mm/*.c kernel/lib/radix.c kernel/lib/rbtree.c kernel/lib/printf.c
// sources: kernel/lib/format.c kernel/lib/page.c kernel/debug/lock_check.c arch/host/*.c
// sources: kernel/sched/spinlock.c kernel/sched/mutex.c kernel/sched/rwlock.c
// flags: -Iarch/host/include -DSELENE_DEBUG -Dsnprintf=our_snprintf -Dvsnprintf=our_vsnprintf
/*
 * ELF files: byte 0 has switches, bytes 1 and 2 where the interpreter starts in the rest. What is
 * built must show each segment's bytes and zeros; what is refused, or ends, must leave nothing.
 */
#include <mm/audit.h>
#include <proc/elf.h>
#include <string.h>

#include "exec_port.h"

enum {
	SWITCH_MAPPABLE = 1,
	SWITCH_INTERPRETER_MAPPABLE = 2,
	SWITCH_RANDOM = 4,
	SWITCH_SMALL = 8,
	SWITCH_FAIL = 16, /* an allocation fails: bits 5 to 7 say which */
	AT_ENTRY = 9,
	SAMPLES = 3,
};

static u64 auxv_value(const struct space *space, u64 which)
{
	for (unsigned i = 0; i + 1 < ARRAY_SIZE(space->auxv) && space->auxv[i]; i += 2) {
		if (space->auxv[i] == which)
			return space->auxv[i + 1];
	}
	abort();
}

static void expect_byte(vaddr_t at, u8 expected)
{
	u8 came = 0;
	int error = host_load(at, &came, 1);

	/* Another segment may have taken away the right to read; only a wrong byte is wrong. */
	if (!error && came != expected) {
		fprintf(stderr, "%lx: expected %02x, came %02x\n", (unsigned long)at, expected,
			came);
		abort();
	}
}

/* The first bytes, the last of the file, and around the start of the zeros. */
static void check_segment(const struct elf_segment *segment, u64 bias, const struct fuzz_file *file)
{
	const u64 offsets[] = {
		0, 1, segment->filesz - 1, segment->filesz, segment->filesz + 1, segment->memsz - 1
	};

	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
		u64 offset = offsets[i], at = segment->offset + offset;

		if (offset >= segment->memsz)
			continue;
		if (offset >= segment->filesz)
			expect_byte(segment->vaddr + bias + offset, 0);
		else if (at < file->size)
			expect_byte(segment->vaddr + bias + offset, file->data[at]);
	}
}

static void check_image(const struct image *image)
{
	struct elf elf;
	u64 bias;
	bool quiet = false;

	if (elf_read(&fuzz_files[0].file, &elf))
		abort();
	bias = auxv_value(image->space, AT_ENTRY) - elf.entry;
	mmu_switch(&image->space->mmu);
	for (unsigned i = 0; i < elf.count; i++)
		check_segment(&elf.segments[i], bias, &fuzz_files[0]);
	host_fetch(image->entry);
	elf_free(&elf);
	mmu_switch(NULL);
	if (audit_run(mm_put, &quiet))
		abort();
}

static void build(u8 switches)
{
	static const struct credentials credentials;
	static char *const argv[] = { "fuzz", NULL }, *const envp[] = { "A=B", NULL };
	struct arguments arguments;
	struct image image = { 0 };
	struct image_request request = {
		.file = &fuzz_files[0].file,
		.name = "/fuzz",
		.arguments = &arguments,
		.credentials = &credentials,
		.stack_limit = 8 << 20,
		.space_limit = switches & SWITCH_SMALL ? 16 << 20 : ~0ull,
		.randomise = switches & SWITCH_RANDOM,
	};
	int error;

	arguments_init(&arguments, request.stack_limit);
	if (arguments_copy_kernel(&arguments, argv, envp))
		abort();
	frame_fail_after(switches & SWITCH_FAIL ? 1 + (switches >> 5) * 4 : 0);
	error = image_build(&request, &image);
	frame_fail_after(0);
	if (!error) {
		check_image(&image);
		space_leave(image.space);
	} else if (error != -ENOEXEC && error != -ENOMEM && error != -ELIBBAD && error != -ENOENT) {
		fprintf(stderr, "error %d\n", error);
		abort();
	}
	arguments_free(&arguments);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct mm_level before = fuzz_level();
	size_t split;

	if (size < 3)
		return 0;
	split = MIN((size_t)(data[1] | data[2] << 8), size - 3);
	fuzz_file_open(&fuzz_files[0], data + 3, split, data[0] & SWITCH_MAPPABLE);
	fuzz_file_open(&fuzz_files[1], data + 3 + split, size - 3 - split,
		       data[0] & SWITCH_INTERPRETER_MAPPABLE);
	build(data[0]);
	fuzz_file_close(&fuzz_files[0]);
	fuzz_file_close(&fuzz_files[1]);
	mm_expect_level(before);
	if (check_failures_here)
		abort();
	return 0;
}
