#pragma once
/* Caches that the hardware does not keep coherent. */
#include <lib/types.h>

/* Every CPU will fetch what was stored before this call. Interrupts on; no spinlock held. */
void icache_sync_all(void);
/* This CPU's fetches only. Any context. */
void icache_sync_local(void);
/* Before a device reads, and after it wrote, [data, data + size). */
void dma_sync_for_device(const void *data, size_t size);
void dma_sync_for_cpu(void *data, size_t size);
