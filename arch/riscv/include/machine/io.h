#pragma once
/*
 * Unprivileged spec 2.7: a write waits for earlier accesses to memory (what the device will fetch),
 * later accesses to memory wait for a read (what the device has stored). Devices are strongly
 * ordered among themselves.
 */
#define IO_ACCESSORS(bits, load, store)                                                            \
	static inline u##bits io_read##bits(const volatile void *address)                          \
	{                                                                                          \
		u##bits value;                                                                     \
		__asm__ volatile(load " %0, 0(%1)\n\tfence i, ir"                                  \
				 : "=r"(value)                                                     \
				 : "r"(address)                                                    \
				 : "memory");                                                      \
		return value;                                                                      \
	}                                                                                          \
	static inline void io_write##bits(volatile void *address, u##bits value)                   \
	{                                                                                          \
		__asm__ volatile("fence rw, o\n\t" store " %0, 0(%1)"                              \
				 :                                                                 \
				 : "r"(value), "r"(address)                                        \
				 : "memory");                                                      \
	}

IO_ACCESSORS(8, "lbu", "sb")
IO_ACCESSORS(16, "lhu", "sh")
IO_ACCESSORS(32, "lw", "sw")
