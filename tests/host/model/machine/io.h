#pragma once
/* Device registers of the host tests that have a model behind them: found before arch/host's. */
u32 model_read(const volatile void *address, unsigned size);
void model_write(volatile void *address, unsigned size, u32 value);

#define IO_ACCESSORS(bits)                                                                         \
	static inline u##bits io_read##bits(const volatile void *address)                          \
	{                                                                                          \
		return (u##bits)model_read(address, bits / 8);                                     \
	}                                                                                          \
	static inline void io_write##bits(volatile void *address, u##bits value)                   \
	{                                                                                          \
		model_write(address, bits / 8, value);                                             \
	}

IO_ACCESSORS(8)
IO_ACCESSORS(16)
IO_ACCESSORS(32)
