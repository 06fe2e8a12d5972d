/* Mount options: those that are obeyed, hints that change nothing here, and a refusal by name of all others. */
#include <debug/log.h>
#include <fs/ext4/ext4.h>
#include <fs/mount_option.h>
#include <fs/text.h>
#include <lib/errno.h>

enum { COMMIT_SECONDS = 5, COMMIT_SECONDS_MOST = 900 };
#define SECOND_NS 1000000000ull

/* Linux's ways of being faster, and what is always so here. */
static const char *const hints[] = {
	"barrier",	   "delalloc",	  "nodelalloc",	      "auto_da_alloc",
	"noauto_da_alloc", "user_xattr",  "block_validity",   "noblock_validity",
	"stripe",	   "init_itable", "noinit_itable",    "inode_readahead_blks",
	"max_batch_time",  "i_version",	  "min_batch_time",   "journal_ioprio",
	"dioread_lock",	   "noquota",	  "journal_checksum", "nojournal_checksum",
	"dioread_nolock",  "nombcache",	  "no_mbcache",	      "max_dir_size_kb",
	"bsddf",	   "lazytime",	  "nolazytime",	      "prefetch_block_bitmaps",
	"noacl",	   "nogrpid",	  "sysvgroups",	      "no_prefetch_block_bitmaps",
	"nodioread_nolock"
};

static bool is_hint(const struct mount_option *option)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (mount_option_is(option, hints[i]))
			return true;
	return false;
}

static int parse_errors(const struct mount_option *option, struct ext4_options *options)
{
	if (mount_option_says(option, "continue"))
		options->error_policy = EXT4_ERRORS_CONTINUE;
	else if (mount_option_says(option, "remount-ro"))
		options->error_policy = EXT4_ERRORS_READ_ONLY;
	else if (mount_option_says(option, "panic"))
		options->error_policy = EXT4_ERRORS_PANIC;
	else
		return -EINVAL;
	return 0;
}

static int parse_commit(const struct mount_option *option, struct ext4_options *options)
{
	u32 seconds;

	if (mount_option_number(option, 10, &seconds) || seconds > COMMIT_SECONDS_MOST)
		return -EINVAL;
	options->commit_ns = (seconds ? seconds : COMMIT_SECONDS) * SECOND_NS;
	return 0;
}

static int parse_one(const struct mount_option *option, struct ext4_options *options)
{
	if (mount_option_is(option, "errors"))
		return parse_errors(option, options);
	if (mount_option_is(option, "commit"))
		return parse_commit(option, options);
	/* "writeback" promises less than what is done, "journal" more. */
	if (mount_option_is(option, "data"))
		return mount_option_says(option, "ordered") ||
				       mount_option_says(option, "writeback")
			       ? 0
			       : -EINVAL;
	if (mount_option_is(option, "discard"))
		options->discard = true;
	else if (mount_option_is(option, "nodiscard"))
		options->discard = false;
	else if (mount_option_is(option, "noload") || mount_option_is(option, "norecovery"))
		options->no_replay = true;
	else if (!is_hint(option))
		return -EINVAL;
	return 0;
}

void ext4_options_default(const struct ext4_super *super, struct ext4_options *options)
{
	*options = (struct ext4_options){ .error_policy = super->errors,
					  .commit_ns = COMMIT_SECONDS * SECOND_NS };
}

int ext4_options_parse(const char *name, const char *data, struct ext4_options *options)
{
	struct mount_option option;

	while (mount_option_next(&data, &option)) {
		int error = parse_one(&option, options);

		if (!error)
			continue;
		log_error("%s: ext4: option %.*s%s%.*s is not supported", name,
			  (int)option.name_length, option.name, option.value ? "=" : "",
			  (int)option.value_length, option.value ? option.value : "");
		return error;
	}
	return 0;
}

void ext4_options_show(struct file_system *system, struct text *text)
{
	static const char *const policies[] = { [EXT4_ERRORS_CONTINUE] = "continue",
						[EXT4_ERRORS_READ_ONLY] = "remount-ro",
						[EXT4_ERRORS_PANIC] = "panic" };
	const struct ext4 *ext4 = container_of(system, struct ext4, system);
	const struct ext4_options *options = &ext4->options;

	if (options->discard)
		text_format(text, ",discard");
	if (options->no_replay)
		text_format(text, ",norecovery");
	if (options->error_policy != ext4->super->errors)
		text_format(text, ",errors=%s", policies[options->error_policy]);
	if (options->commit_ns != COMMIT_SECONDS * SECOND_NS)
		text_format(text, ",commit=%u", (unsigned)(options->commit_ns / SECOND_NS));
}
