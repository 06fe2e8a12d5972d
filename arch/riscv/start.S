/*
 * The Image header and the way from OpenSBI to C: MMU off, at any 2 MiB-aligned physical address.
 * a0 = hart id, a1 = device tree (boot hart) or struct thread * (others).
 */
#include <machine/csr.h>
#include <machine/offsets.h>

#define IMAGE_BASE	0xffffffff80000000
#define LEAF_RW		0xc7			/* V R W A D */
#define LEAF_RWX	0xcf
#define GIGABYTE_PTE	(1 << 28)		/* 1 GiB and 2 MiB as steps of an entry */
#define MEGAPAGE_PTE	(1 << 19)

	.section .head.text, "ax"
	.option norelax
	.globl _head
_head:
	.option push
	.option norvc
	j	boot_start
	.option pop
	.balign	4
	.word	0
	.quad	0x200000			/* text_offset */
	.quad	_image_size
	.quad	0				/* flags: little endian */
	.word	2				/* version 0.2 */
	.word	0
	.quad	0
	.ascii	"RISCV\0\0\0"
	.ascii	"RSC\x05"
	.word	0

	/* Known state, whatever the firmware left: no interrupts, FPU and vector unit off. */
	.macro	quiet_hart
	csrw	sie, zero
	csrw	sip, zero
	li	t0, SSTATUS_SIE | SSTATUS_FS | SSTATUS_VS | SSTATUS_SUM | SSTATUS_MXR
	csrc	sstatus, t0
	csrw	sscratch, zero
	la	t0, early_trap
	csrw	stvec, t0
	.endm

boot_start:
	quiet_hart
	mv	s1, a0
	mv	s2, a1

	/*
	 * The first hart boots. Others come here too: where a firmware enters all at once, and because
	 * OpenSBI before 1.3 lets a hart that is just awake see its start requested before the address
	 * is written, and jump to the image's entry. Their threads are in the table of smp_start().
	 */
	la	t0, boot_claimed
	li	t1, 1
	amoswap.w.aqrl t1, t1, (t0)
	bnez	t1, stray_hart

	la	t0, _bss
	la	t1, _end
1:	sd	zero, 0(t0)
	sd	zero, 8(t0)
	addi	t0, t0, 16
	bltu	t0, t1, 1b

	/* Direct map: 128 pages of 1 GiB from physical 0, at entry 256. */
	la	a2, early_root
	li	t0, 2048
	add	t0, t0, a2
	li	t1, LEAF_RW
	li	t2, GIGABYTE_PTE
	li	t3, 128
1:	sd	t1, 0(t0)
	add	t1, t1, t2
	addi	t0, t0, 8
	addi	t3, t3, -1
	bnez	t3, 1b

	/* The image in pages of 2 MiB; entry 510 of the root. */
	la	s3, _head
	la	t3, _end
	la	t0, early_image
	srli	t1, t0, 2
	ori	t1, t1, 1
	li	t2, 510 * 8
	add	t2, t2, a2
	sd	t1, 0(t2)
	srli	t1, s3, 2
	ori	t1, t1, LEAF_RWX
	srli	t3, t3, 2
	li	t2, MEGAPAGE_PTE
1:	sd	t1, 0(t0)
	add	t1, t1, t2
	addi	t0, t0, 8
	bltu	t1, t3, 1b

	call	mmu_enable
	la	tp, cpu_boot_thread
	la	sp, boot_stack_top - TRAP_FRAME_SIZE
	mv	a0, s1
	mv	a1, s2
	mv	a2, s3
	li	s0, 0
	call	boot_hart_main
	j	halt

stray_hart:
	la	t0, hart_starts
	li	t1, HART_STARTS
1:	ld	s2, HART_START_THREAD(t0)
	fence	r, rw
	ld	t2, HART_START_ID(t0)
	beqz	s2, 2f
	beq	t2, s1, secondary_known
2:	addi	t0, t0, HART_START_SIZE
	addi	t1, t1, -1
	bnez	t1, 1b
	j	stray_hart

	/* Entry of the other harts, by its physical address (smp.c). */
	.globl	secondary_start
	.balign	4
secondary_start:
	quiet_hart
	mv	s1, a0
	mv	s2, a1
secondary_known:
	la	a2, kernel_root
	call	mmu_enable
	mv	tp, s2
	ld	sp, THREAD_FRAME(tp)
	mv	a0, s1
	li	s0, 0
	call	secondary_hart_main
	j	halt

	/*
	 * Turn on the tables at physical a2 and return to the caller at its virtual address. The
	 * fetch after the write to satp faults, and stvec leads to the same code where it is
	 * mapped.
	 */
mmu_enable:
	la	t0, _head
	li	t1, IMAGE_BASE
	sub	t1, t1, t0
	la	t0, 1f
	add	t0, t0, t1
	add	ra, ra, t1
	csrw	stvec, t0
	srli	a2, a2, 12
	li	t0, SATP_SV39
	or	a2, a2, t0
	sfence.vma
	csrw	satp, a2
	la	a0, message_no_sv39	/* reached only where satp does not take the mode */
	j	early_print
	.balign	4
1:	sfence.vma
	la	t0, trap_entry
	csrw	stvec, t0
	ret

	/* A trap before there are tables: say so through the legacy console. */
	.balign	4
early_trap:
	la	a0, message_trap
early_print:
	mv	s1, a0
1:	lbu	a0, 0(s1)
	beqz	a0, 2f
	li	a7, 1
	ecall
	addi	s1, s1, 1
	j	1b
2:	csrr	s2, scause
	csrr	s3, sepc
	mv	s1, s2
	call	early_print_hex
	mv	s1, s3
	call	early_print_hex
	li	a0, '\n'
	li	a7, 1
	ecall
halt:	wfi
	j	halt

early_print_hex:
	li	s4, 60
	li	a0, ' '
	li	a7, 1
	ecall
1:	srl	a0, s1, s4
	andi	a0, a0, 15
	addi	a0, a0, '0'
	li	t0, '9'
	bleu	a0, t0, 2f
	addi	a0, a0, 'a' - '9' - 1
2:	li	a7, 1
	ecall
	addi	s4, s4, -4
	bgez	s4, 1b
	ret

message_trap:
	.asciz	"selene: trap before the page tables are up: scause, sepc"
message_no_sv39:
	.asciz	"selene: this CPU has no Sv39: scause, sepc"

	.data
	.balign	4
boot_claimed:
	.word	0

	/*
	 * The first tables are dead after mmu_init(); then they are the stack of entry.S's last
	 * resort.
	 */
	.section .bss.page_aligned, "aw", @nobits
	.balign	4096
	.globl	early_root, early_image, overflow_stack, overflow_stack_top
overflow_stack:
early_root:
	.skip	4096
early_image:
	.skip	4096
overflow_stack_top:
	.globl	boot_stack_guard, boot_stack, boot_stack_top
boot_stack_guard:
	.skip	4096
boot_stack:
	.skip	KERNEL_STACK_SIZE
boot_stack_top:
