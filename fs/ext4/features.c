/* Which features can be read, and which written: the others are named in a message. */
#include <debug/log.h>
#include <fs/ext4/ext4.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>

enum {
	READABLE = EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_RECOVER | EXT4_INCOMPAT_META_BG |
		   EXT4_INCOMPAT_EXTENTS | EXT4_INCOMPAT_64BIT | EXT4_INCOMPAT_FLEX_BG |
		   EXT4_INCOMPAT_CSUM_SEED | EXT4_INCOMPAT_LARGEDIR | EXT4_INCOMPAT_INLINE_DATA |
		   EXT4_INCOMPAT_MMP,
	/* These are read, and not written. */
	READ_ONLY_INCOMPAT = EXT4_INCOMPAT_INLINE_DATA | EXT4_INCOMPAT_MMP,
	WRITABLE = EXT4_RO_SPARSE_SUPER | EXT4_RO_LARGE_FILE | EXT4_RO_HUGE_FILE |
		   EXT4_RO_GDT_CSUM | EXT4_RO_DIR_NLINK | EXT4_RO_EXTRA_ISIZE |
		   EXT4_RO_METADATA_CSUM | EXT4_RO_ORPHAN_PRESENT | EXT4_RO_BTREE_DIR,
};

static const char *const incompat_names[32] = {
	[0] = "compression", [3] = "journal_dev",  [8] = "mmp",	     [10] = "ea_inode",
	[12] = "dirdata",    [15] = "inline_data", [16] = "encrypt", [17] = "casefold",
};
static const char *const ro_names[32] = {
	[7] = "snapshot",   [8] = "quota",    [9] = "bigalloc",	      [11] = "replica",
	[12] = "read-only", [13] = "project", [14] = "shared_blocks", [15] = "verity",
};

static const char *names(u32 features, const char *const *known, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned bit = 0; bit < 32; bit++) {
		if (!(features >> bit & 1) || used >= size)
			continue;
		if (known[bit])
			used += snprintf(text + used, size - used, " %s", known[bit]);
		else
			used += snprintf(text + used, size - used, " bit %u", bit);
	}
	return text;
}

int ext4_check_features(const struct ext4_super *super, const char *name, bool *read_only)
{
	u32 unreadable = super->incompat & ~(u32)READABLE;
	u32 unwritable = super->ro_compat & ~(u32)WRITABLE;
	char text[160];

	if (!super->revision)
		return 0;
	if (unreadable) {
		log_error("%s: cannot be mounted, because of features:%s", name,
			  names(unreadable, incompat_names, text, sizeof(text)));
		return -EINVAL;
	}
	if (unwritable) {
		log_warning("%s: read-only, because of features:%s", name,
			    names(unwritable, ro_names, text, sizeof(text)));
		*read_only = true;
	}
	if (super->incompat & READ_ONLY_INCOMPAT) {
		log_warning("%s: read-only, because of features:%s", name,
			    names(super->incompat & READ_ONLY_INCOMPAT, incompat_names, text,
				  sizeof(text)));
		*read_only = true;
	}
	return 0;
}
