#pragma once
#define IO_ACCESSORS(bits)                                                                         \
	static inline u##bits io_read##bits(const volatile void *address)                          \
	{                                                                                          \
		return *(const volatile u##bits *)address;                                         \
	}                                                                                          \
	static inline void io_write##bits(volatile void *address, u##bits value)                   \
	{                                                                                          \
		*(volatile u##bits *)address = value;                                              \
	}

IO_ACCESSORS(8)
IO_ACCESSORS(16)
IO_ACCESSORS(32)
