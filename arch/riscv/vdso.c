#include "vdso/data.h"
#include <arch/mmu.h>
#include <arch/thread.h>
#include <sched/lock.h>

extern const char vdso_image_start[] __aligned_to(8), vdso_image_end[];

/* A page of its own: programs see all of it. */
static union {
	struct vdso_data data;
	u8 page[PAGE_SIZE];
} vdso_page __aligned_to(4096) = { .page = { 0 } };

static struct spinlock vdso_lock = SPINLOCK_INIT(RANK_NONE); /* writers */

/* Pointers into the direct map: the core asks for the frames. */
const void *vdso_image(size_t *size)
{
	*size = vdso_image_end - vdso_image_start;
	return direct_map(direct_unmap(vdso_image_start));
}

void *vdso_data_page(void)
{
	return direct_map(direct_unmap(&vdso_page));
}

/* vdso.lds makes the trampoline the ELF file's entry point. */
vaddr_t vdso_signal_return_offset(void)
{
	enum { ELF_ENTRY_OFFSET = 24 };

	return *(const u64 *)(vdso_image_start + ELF_ENTRY_OFFSET);
}

struct vdso_data *vdso_time_data(void)
{
	return &vdso_page.data;
}

void vdso_update(s64 realtime_offset)
{
	unsigned long state = spin_lock_irqsave(&vdso_lock);
	struct vdso_data *data = vdso_time_data();

	__atomic_store_n(&data->sequence, data->sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	WRITE_ONCE(data->realtime_offset, realtime_offset);
	__atomic_store_n(&data->sequence, data->sequence + 1, __ATOMIC_RELEASE);
	spin_unlock_irqrestore(&vdso_lock, state);
}
