#pragma once
/*
 * The system calls about files. The handlers are in fs_*.c and poll.c; their rows for the table,
 * with argument kinds and status, are in abi/fs_table.h.
 */
#include <abi/syscall.h>

#define SYSCALL(number, name, handler, status, ...) syscall_handler handler;
#include <abi/fs_table.h>
#undef SYSCALL

struct io_iterator;
struct io_segment;

/*
 * Is [base, base + size) in the lower half of all addresses? read(2) and its kin say -EFAULT
 * otherwise, before they do anything; what lies in it but cannot be copied shows later.
 */
bool user_range_valid(vaddr_t base, u64 size);
/* At most this much in one read(2) or write(2): MAX_RW_COUNT. */
enum { TRANSFER_MAX = 0x7ffff000 };

/*
 * struct iovec[] of a program. @few is used where it is large enough. 0, -EINVAL, -EFAULT, -ENOMEM.
 */
enum { SEGMENTS_FEW = 8, SEGMENTS_MAX = 1024 };
int segments_in(struct io_iterator *iterator, struct io_segment *few, vaddr_t vector, u64 count,
		bool to_memory);
/* The same without a look at the addresses, which are of another space. */
int segments_in_unchecked(struct io_iterator *iterator, struct io_segment *few, vaddr_t vector,
			  u64 count);
/* Free what segments_in() allocated; @first is iterator->segments as it was. */
void segments_free(struct io_segment *first, struct io_segment *few);

enum {
	AT_SYMLINK_NOFOLLOW = 0x100,
	AT_EACCESS = 0x200,
	AT_REMOVEDIR = 0x200,
	AT_SYMLINK_FOLLOW = 0x400,
	AT_NO_AUTOMOUNT = 0x800,
	AT_EMPTY_PATH = 0x1000,
	AT_STATX_SYNC_TYPE = 0x6000,
};
