/*
 * User memory. SUM is set only in here; interrupts and faults clear it (entry.S) and their return
 * brings it back. No access is misaligned. A fault in a block of words goes on byte by byte, to the
 * byte that cannot be reached.
 */
#include <machine/csr.h>
#include <machine/offsets.h>
#include <lib/errno.h>
#include "fixup.h"

	.text
	.option norelax

	/* Eight loads before eight stores: a CPU that works in order need not wait for each load. */
	.macro	copy_64 offset:req
	faultable bytes, ld t0, \offset(a1)
	faultable bytes, ld t1, \offset + 8(a1)
	faultable bytes, ld t2, \offset + 16(a1)
	faultable bytes, ld t3, \offset + 24(a1)
	faultable bytes, ld t4, \offset + 32(a1)
	faultable bytes, ld a3, \offset + 40(a1)
	faultable bytes, ld a4, \offset + 48(a1)
	faultable bytes, ld a5, \offset + 56(a1)
	faultable bytes, sd t0, \offset(a0)
	faultable bytes, sd t1, \offset + 8(a0)
	faultable bytes, sd t2, \offset + 16(a0)
	faultable bytes, sd t3, \offset + 24(a0)
	faultable bytes, sd t4, \offset + 32(a0)
	faultable bytes, sd a3, \offset + 40(a0)
	faultable bytes, sd a4, \offset + 48(a0)
	faultable bytes, sd a5, \offset + 56(a0)
	.endm

	/* [address, address + a2) must end below USER_END. */
	.macro	check_range address:req
	li	t0, 1
	slli	t0, t0, USER_END_SHIFT
	bltu	t0, a2, out_of_range
	sub	t0, t0, a2
	bltu	t0, \address, out_of_range
	.endm

	/*
	 * int copy_in(void *to, vaddr_t from, size_t size), copy_out(vaddr_t to, const void *from, size_t size):
	 * arch/include/arch/user.h
	 * size_t user_copy(void *to, const void *from, size_t size): bytes that are left over
	 */
	.globl	copy_in, copy_out, user_copy
	.balign	8
copy_out:
	check_range a0
	li	a6, -EFAULT			/* what a fault returns; 0: what is left */
	j	copy
user_copy:
	li	a6, 0
	j	copy
out_of_range:
	li	a0, -EFAULT
	ret
copy_in:
	check_range a1
	li	a6, -EFAULT
copy:	li	t6, SSTATUS_SUM
	csrs	sstatus, t6
	sltiu	t0, a2, 8
	bnez	t0, bytes
	or	t0, a0, a1
	andi	t0, t0, 7
	bnez	t0, unaligned
blocks:	li	t5, 64
	bltu	a2, t5, words
	li	t5, 256
	bltu	a2, t5, 2f
1:	copy_64	0
	copy_64	64
	copy_64	128
	copy_64	192
	addi	a0, a0, 256
	addi	a1, a1, 256
	addi	a2, a2, -256
	bgeu	a2, t5, 1b
	li	t5, 64
	bltu	a2, t5, words
2:	li	t5, 64
1:	copy_64	0
	addi	a0, a0, 64
	addi	a1, a1, 64
	addi	a2, a2, -64
	bgeu	a2, t5, 1b
	/*
	 * Fewer than 64: of seven pairs the last ones, each of 8 bytes of code for 8 bytes of data. A
	 * fault there goes back to the first word.
	 */
words:	andi	t0, a2, 56
	add	a0, a0, t0
	add	a1, a1, t0
	andi	a2, a2, 7
	la	t1, words_end
	sub	t1, t1, t0
	jr	t1
	.option push
	.option norvc
	.irp	n, 56, 48, 40, 32, 24, 16, 8
	faultable words_fault, ld t1, -\n(a1)
	faultable words_fault, sd t1, -\n(a0)
	.endr
	.option pop
words_end:
	bnez	a2, bytes
	csrc	sstatus, t6
	mv	a0, a2
	ret
words_fault:
	sub	a0, a0, t0
	sub	a1, a1, t0
	add	a2, a2, t0
	j	bytes

	/* At least 8 bytes. */
unaligned:
	xor	t0, a0, a1
	andi	t0, t0, 7
	bnez	t0, bytes8
1:	andi	t0, a0, 7
	beqz	t0, blocks
	faultable done, lbu t1, 0(a1)
	faultable done, sb t1, 0(a0)
	addi	a0, a0, 1
	addi	a1, a1, 1
	addi	a2, a2, -1
	j	1b

bytes8:	li	t5, 8
	bltu	a2, t5, bytes
1:	faultable bytes, lbu t0, 0(a1)
	faultable bytes, lbu t1, 1(a1)
	faultable bytes, lbu t2, 2(a1)
	faultable bytes, lbu t3, 3(a1)
	faultable bytes, lbu t4, 4(a1)
	faultable bytes, lbu a3, 5(a1)
	faultable bytes, lbu a4, 6(a1)
	faultable bytes, lbu a5, 7(a1)
	faultable bytes, sb t0, 0(a0)
	faultable bytes, sb t1, 1(a0)
	faultable bytes, sb t2, 2(a0)
	faultable bytes, sb t3, 3(a0)
	faultable bytes, sb t4, 4(a0)
	faultable bytes, sb a3, 5(a0)
	faultable bytes, sb a4, 6(a0)
	faultable bytes, sb a5, 7(a0)
	addi	a0, a0, 8
	addi	a1, a1, 8
	addi	a2, a2, -8
	bgeu	a2, t5, 1b

bytes:	beqz	a2, done
1:	faultable done, lbu t0, 0(a1)
	faultable done, sb t0, 0(a0)
	addi	a0, a0, 1
	addi	a1, a1, 1
	addi	a2, a2, -1
	bnez	a2, 1b
done:	csrc	sstatus, t6
	mv	a0, a2
	beqz	a2, 1f
	beqz	a6, 1f
	mv	a0, a6
1:	ret

	/* size_t user_zero(void *to, size_t size): bytes that are left over */
	.globl	user_zero
user_zero:
	li	t6, SSTATUS_SUM
	csrs	sstatus, t6
	li	t5, 8
1:	beqz	a1, 4f
	andi	t0, a0, 7
	bnez	t0, 3f
	bgeu	a1, t5, 2f
3:	faultable 4f, sb zero, 0(a0)
	addi	a0, a0, 1
	addi	a1, a1, -1
	j	1b
2:	li	t0, 64
	bltu	a1, t0, 5f
	.irp	n, 0, 8, 16, 24, 32, 40, 48, 56
	faultable 5f, sd zero, \n(a0)
	.endr
	addi	a0, a0, 64
	addi	a1, a1, -64
	j	2b
5:	bltu	a1, t5, 1b
	faultable 3b, sd zero, 0(a0)
	addi	a0, a0, 8
	addi	a1, a1, -8
	j	5b
4:	csrc	sstatus, t6
	mv	a0, a1
	ret

	/*
	 * int user_fpu_is_zero(const u64 *state): 1 or 0, −1: fault. The 32 registers and the control
	 * register: three rounds of 11 words.
	 */
	.globl	user_fpu_is_zero
user_fpu_is_zero:
	li	t6, SSTATUS_SUM
	csrs	sstatus, t6
	addi	t5, a0, 33 * 8
	li	a1, 0
1:	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
	faultable user_fault, ld t0, 8 * \n(a0)
	or	a1, a1, t0
	.endr
	addi	a0, a0, 11 * 8
	bne	a0, t5, 1b
	csrc	sstatus, t6
	seqz	a0, a1
	ret

	/*
	 * ssize_t user_string(char *to, const char *from, size_t size): length; size: no NUL; −1:
	 * fault
	 */
	.globl	user_string
user_string:
	li	t6, SSTATUS_SUM
	csrs	sstatus, t6
	mv	t5, a0
	add	a2, a2, a0
1:	beq	a0, a2, 2f
	faultable 3f, lbu t0, 0(a1)
	sb	t0, 0(a0)
	beqz	t0, 2f
	addi	a0, a0, 1
	addi	a1, a1, 1
	j	1b
2:	csrc	sstatus, t6
	sub	a0, a0, t5
	ret
3:	csrc	sstatus, t6
	li	a0, -1
	ret

	/* int user_load_word(u32 *value, const u32 *from): 0 or −1 */
	.globl	user_load_word
user_load_word:
	li	t6, SSTATUS_SUM
	csrs	sstatus, t6
	faultable user_fault, lw t0, 0(a1)
	csrc	sstatus, t6
	sw	t0, 0(a0)
	li	a0, 0
	ret

	/* int user_store_half(u16 *to, u16 value): 0 or −EFAULT */
	.globl	user_store_half
user_store_half:
	li	t6, SSTATUS_SUM
	csrs	sstatus, t6
	faultable 1f, sh a1, 0(a0)
	csrc	sstatus, t6
	li	a0, 0
	ret
1:	csrc	sstatus, t6
	li	a0, -EFAULT
	ret

	/* int user_exchange_word(u32 *at, u32 expected, u32 value, u32 *found): 0 or −1 */
	.globl	user_exchange_word
user_exchange_word:
	li	t6, SSTATUS_SUM
	csrs	sstatus, t6
	sext.w	a1, a1
1:	faultable user_fault, lr.w.aqrl t0, (a0)
	bne	t0, a1, 2f
	faultable user_fault, sc.w.aqrl t1, a2, (a0)
	bnez	t1, 1b
2:	csrc	sstatus, t6
	sw	t0, 0(a3)
	li	a0, 0
	ret

user_fault:
	csrc	sstatus, t6
	li	a0, -1
	ret

	/* bool csr_stimecmp_present(void): the write is an illegal instruction without Sstc. */
	.globl	csr_stimecmp_present
csr_stimecmp_present:
	li	a0, -1
	faultable 1f, csrw 0x14d, a0
	li	a0, 1
	ret
1:	li	a0, 0
	ret
