#pragma once
/* Supervisor registers and their bits (Privileged spec 1.12, chapter 4). Also for assembly. */

#define SSTATUS_SIE	 0x2
#define SSTATUS_SPIE	 0x20
#define SSTATUS_SPP	 0x100
#define SSTATUS_VS	 0x600
#define SSTATUS_FS	 0x6000
#define SSTATUS_FS_CLEAN 0x4000
#define SSTATUS_FS_DIRTY 0x6000
#define SSTATUS_SUM	 0x40000
#define SSTATUS_MXR	 0x80000
#define SSTATUS_UXL_64	 0x200000000

#define CAUSE_INTERRUPT	       (1UL << 63)
#define CAUSE_FETCH_MISALIGNED 0
#define CAUSE_FETCH_ACCESS     1
#define CAUSE_ILLEGAL	       2
#define CAUSE_BREAKPOINT       3
#define CAUSE_LOAD_MISALIGNED  4
#define CAUSE_LOAD_ACCESS      5
#define CAUSE_STORE_MISALIGNED 6
#define CAUSE_STORE_ACCESS     7
#define CAUSE_USER_CALL	       8
#define CAUSE_FETCH_PAGE       12
#define CAUSE_LOAD_PAGE	       13
#define CAUSE_STORE_PAGE       15
#define CAUSE_NONE	       63 /* not the hardware's: a frame that no trap filled */

#define INTERRUPT_SOFTWARE 1
#define INTERRUPT_TIMER	   5
#define INTERRUPT_EXTERNAL 9

#define SATP_SV39 (8 << 60)

#ifndef __ASSEMBLER__
/* @name is a register's name or number, as the assembler takes it. */
#define csr_read(name)                                                                             \
	({                                                                                         \
		unsigned long value_;                                                              \
		__asm__ volatile("csrr %0, " #name : "=r"(value_) : : "memory");                   \
		value_;                                                                            \
	})
#define csr_write(name, value)                                                                     \
	__asm__ volatile("csrw " #name ", %0" : : "rK"((unsigned long)(value)) : "memory")
#define csr_set(name, bits)                                                                        \
	__asm__ volatile("csrs " #name ", %0" : : "rK"((unsigned long)(bits)) : "memory")
#define csr_clear(name, bits)                                                                      \
	__asm__ volatile("csrc " #name ", %0" : : "rK"((unsigned long)(bits)) : "memory")
#endif
