#pragma once
/*
 * A reader of "newc" cpio archives (magic 070701, or 070702 with a checksum), fed in chunks of any
 * size. Several archives may follow each other, with zeros between and behind them.
 *
 * Hard links: the entries of one archive that have equal (device, inode) and links > 1 are names of
 * one file. Its content comes with one of them, usually the last; the others have size 0.
 */
#include <lib/types.h>

enum { CPIO_NAME_MAX = 4096, CPIO_HEADER_SIZE = 110 };

struct cpio_entry {
	const char *name; /* as it stands in the archive; valid until the next entry */
	u32 archive;	  /* from 0: inode numbers of different archives have no relation */
	u32 inode, mode, uid, gid, links, mtime, size;
	u32 device_major, device_minor; /* where the file lay */
	u32 rdev_major, rdev_minor;	/* what a device node is */
};

/* Each returns 0 or a negative errno, which ends the reading. "." and ".." are its care. */
struct cpio_handler {
	int (*entry)(void *context, const struct cpio_entry *entry);
	/* The content (of a symbolic link: its target) in pieces, entry->size bytes in all. */
	int (*data)(void *context, const void *data, size_t size);
	/* The content is complete. */
	int (*end)(void *context);
};

enum cpio_stage {
	CPIO_HEADER,   /* → CPIO_NAME */
	CPIO_NAME,     /* → CPIO_NAME_PAD */
	CPIO_NAME_PAD, /* → CPIO_DATA, or → CPIO_PADDING after a trailer */
	CPIO_DATA,     /* → CPIO_DATA_PAD */
	CPIO_DATA_PAD, /* → CPIO_HEADER */
	CPIO_PADDING,  /* → CPIO_HEADER at the first byte that is not zero */
	CPIO_FAILED,   /* for ever */
};

struct cpio_reader {
	const struct cpio_handler *handler;
	void *context;
	enum cpio_stage stage;
	bool in_archive;  /* entries came, their trailer has not */
	bool checksummed; /* the entry's magic is 070702 */
	u64 offset;	  /* of the next byte in all that is fed */
	u64 archive_start, header_start;
	u32 filled, left; /* bytes of the header or the name so far; still to come */
	u32 checksum, expected_checksum;
	struct cpio_entry entry;
	int error;
	const char *cause; /* of a failure, for a message; NULL: a handler ended it */
	u64 error_offset;  /* where the header of the entry that failed starts */
	char header[CPIO_HEADER_SIZE];
	char name[CPIO_NAME_MAX];
};

void cpio_init(struct cpio_reader *reader, const struct cpio_handler *handler, void *context);
/* The next @size bytes. 0, -EINVAL (see cause and error_offset) or what a handler returned. */
int cpio_feed(struct cpio_reader *reader, const void *data, size_t size);
/* No more comes. -EINVAL when an entry is cut off or a trailer is missing. */
int cpio_finish(struct cpio_reader *reader);
/* Does @data start as an archive? */
bool cpio_is_archive(const void *data, size_t size);
