/* The list of robust mutexes that a thread holds when it ends: get_robust_list(2). */
#include <arch/mmu.h>
#include <arch/user.h>
#include <sched/futex.h>

#define FUTEX_WAITERS	 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK	 0x3fffffffu

enum { LIST_LIMIT = 2048 }; /* ROBUST_LIST_LIMIT: the list may be a ring, or hostile */

struct robust_list_head { /* linux/futex.h */
	u64 next;
	s64 futex_offset;
	u64 pending;
};

/* Bit 0 of a link marks a mutex with priority inheritance, which only the kernel wakes. */
static vaddr_t link_address(u64 link)
{
	return link & ~(u64)1;
}

/* False: the program's memory is not as it should be; leave the rest alone. */
static bool mark_dead(vaddr_t address, s32 tid, bool inherits, bool pending)
{
	u32 value, found, dead;

	if (address & 3 || address >= USER_END || user_load32(&value, address))
		return false;
	/* Unlocked, but the thread ended before it could wake the next one. */
	if (pending && !inherits && !value) {
		futex_wake_cleared(address);
		return true;
	}
	for (;;) {
		if ((value & FUTEX_TID_MASK) != (u32)tid)
			return true;
		dead = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
		if (user_cmpxchg32(address, value, dead, &found))
			return false;
		if (found == value)
			break;
		value = found;
	}
	if (!inherits && value & FUTEX_WAITERS)
		futex_wake_cleared(address);
	return true;
}

void futex_exit_robust(vaddr_t head_address, s32 tid)
{
	struct robust_list_head head;
	u64 link, next;

	if (!head_address || copy_in(&head, head_address, sizeof(head)))
		return;
	link = head.next;
	for (unsigned count = 0; link_address(link) != head_address && count < LIST_LIMIT;
	     count++) {
		/* Read before the mutex is marked: its next owner may unlink it. */
		bool more = !copy_in(&next, link_address(link), sizeof(next));

		if (link_address(link) != link_address(head.pending) &&
		    !mark_dead(link_address(link) + head.futex_offset, tid, link & 1, false))
			return;
		if (!more)
			return;
		link = next;
	}
	if (link_address(head.pending))
		mark_dead(link_address(head.pending) + head.futex_offset, tid, head.pending & 1,
			  true);
}
