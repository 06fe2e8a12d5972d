#pragma once
/* Device registers, little endian, ordered against each other and against memory. */
#include <lib/types.h>

static inline u8 io_read8(const volatile void *address);
static inline u16 io_read16(const volatile void *address);
static inline u32 io_read32(const volatile void *address);
static inline void io_write8(volatile void *address, u8 value);
static inline void io_write16(volatile void *address, u16 value);
static inline void io_write32(volatile void *address, u32 value);

#include <machine/io.h>
