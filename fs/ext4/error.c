/* What is wrong on disk: said, noted, and kept from spreading. */
#include <debug/log.h>
#include <debug/panic.h>
#include <dev/block.h>
#include <fs/ext4/ext4.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <stdarg.h>

int ext4_writable(struct ext4 *ext4)
{
	return ext4->system.read_only || READ_ONCE(ext4->failed) ? -EROFS : 0;
}

void ext4_stop(struct ext4 *ext4, int error, const char *what)
{
	if (atomic_exchange_value(&ext4->failed, 1))
		return;
	log_error("%s: %s (error %d): read-only from now on", ext4->name, what, error);
	WRITE_ONCE(ext4->system.read_only, true);
}

/* For e2fsck, and the next mount. The block may be in a transaction: only two fields are written. */
static void note(struct ext4 *ext4)
{
	struct ext4_super *super;

	if (!ext4->super || ext4->system.read_only || !ext4->system.root ||
	    atomic_exchange_value(&ext4->noted, 1))
		return;
	super = ext4->super;
	super->state |= EXT4_STATE_ERRORS;
	super->error_count++;
	super->last_error_time = (u32)(vnode_time_now() / 1000000000);
	if (!super->first_error_time)
		super->first_error_time = super->last_error_time;
	ext4_super_seal(ext4);
	block_write(ext4->device, ext4->super_buffer->block * ext4->block_size,
		    ext4->super_buffer->data, ext4->block_size, BLOCK_FUA);
}

int ext4_corrupt(struct ext4 *ext4, const char *format, ...)
{
	char text[120];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_error("%s: corrupt: %s", ext4->name, text);
	note(ext4);
	if (ext4->options.error_policy != EXT4_ERRORS_CONTINUE)
		ext4_stop(ext4, -EUCLEAN, "corrupt");
	return -EUCLEAN;
}
