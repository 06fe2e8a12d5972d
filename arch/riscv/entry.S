/*
 * Traps, and the switch between threads. In the kernel tp = struct thread * of the running thread
 * and sscratch = 0; in user mode sscratch = that pointer.
 */
#include <machine/csr.h>
#include <machine/offsets.h>

	.text
	.option norelax

	/* All registers but sp and tp. */
	.macro	each_register operation:req
	.irp	n, 1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, \
		23, 24, 25, 26, 27, 28, 29, 30, 31
	\operation	x\n, 8 * \n(sp)
	.endr
	.endm

	.globl	trap_entry			/* … trap_from_kernel: where user mode ends up */
	.balign	4
trap_entry:
	csrrw	tp, sscratch, tp
	beqz	tp, trap_from_kernel

	sd	sp, THREAD_SCRATCH(tp)
	ld	sp, THREAD_FRAME(tp)
	each_register sd
	ld	t0, THREAD_SCRATCH(tp)
	csrrw	t1, sscratch, zero
	csrr	s1, sepc
	csrr	t2, sstatus
	csrr	t3, scause
	sd	t0, 8 * 2(sp)
	sd	t1, 8 * 4(sp)
	sd	t2, STATUS_OFFSET(sp)
	sd	t3, CAUSE_OFFSET(sp)
	li	t0, CAUSE_USER_CALL
	bne	t3, t0, user_exception_entry

	addi	s1, s1, 4
	sd	s1, PC_OFFSET(sp)
	sd	a0, ARGUMENT_OFFSET(sp)
	csrsi	sstatus, SSTATUS_SIE
	mv	a6, sp				/* a0 to a5 and a7 are still the call's */
	call	syscall_dispatch
	sd	a0, 8 * 10(sp)
	bltz	a0, call_failed

return_to_user:
	csrci	sstatus, SSTATUS_SIE
	lhu	t0, THREAD_WORK(tp)		/* all but WORK_TRACE, which is for the way in */
	bnez	t0, return_work
	ld	t0, PC_OFFSET(sp)
	ld	t1, STATUS_OFFSET(sp)
	csrw	sepc, t0
	csrw	sstatus, t1
	csrw	sscratch, tp
	sc.d	zero, t0, (sp)			/* no reservation of others survives */
	each_register ld
	ld	tp, 8 * 4(sp)
	ld	sp, 8 * 2(sp)
	sret

return_work:
	csrsi	sstatus, SSTATUS_SIE
	mv	a0, sp
	call	user_return_work
	j	return_to_user

call_failed:
	call	syscall_failed
	j	return_to_user

user_exception_entry:
	csrr	t0, stval
	sd	s1, PC_OFFSET(sp)
	sd	t0, VALUE_OFFSET(sp)
	mv	a0, sp
	call	trap_user
	j	return_to_user

	.globl	thread_enter_user
thread_enter_user:
	ld	sp, THREAD_FRAME(tp)
	j	return_to_user

	.globl	trap_from_kernel
trap_from_kernel:
	csrr	tp, sscratch
	csrw	sscratch, zero
	sd	t0, THREAD_SCRATCH(tp)
	ld	t0, THREAD_STACK_BOTTOM(tp)
	sub	t0, sp, t0
	addi	t0, t0, -TRAP_FRAME_SIZE
	srli	t0, t0, KERNEL_STACK_SHIFT	/* room for a frame, and not above the top */
	bnez	t0, trap_without_stack
	ld	t0, THREAD_SCRATCH(tp)
	addi	sp, sp, -TRAP_FRAME_SIZE
	each_register sd
	addi	t0, sp, TRAP_FRAME_SIZE
	sd	t0, 8 * 2(sp)
	call	trap_kernel_frame
	mv	a0, sp
	call	trap_kernel
	.globl	trap_kernel_return
trap_kernel_return:
	ld	t0, PC_OFFSET(sp)
	ld	t1, STATUS_OFFSET(sp)
	csrw	sepc, t0
	csrw	sstatus, t1
	sc.d	zero, t0, (sp)
	each_register ld
	ld	sp, 8 * 2(sp)
	sret

	/* The rest of a kernel frame. */
trap_kernel_frame:
	csrr	t1, sepc
	csrr	t2, sstatus
	csrr	t3, scause
	csrr	t4, stval
	sd	t1, PC_OFFSET(sp)
	sd	tp, 8 * 4(sp)
	sd	t2, STATUS_OFFSET(sp)
	sd	t3, CAUSE_OFFSET(sp)
	sd	t4, VALUE_OFFSET(sp)
	li	t0, SSTATUS_SUM
	csrc	sstatus, t0
	ret

	/*
	 * sp is outside the thread's stack. One more stack serves all CPUs: it is only for the
	 * panic, and a second CPU that comes here meanwhile has nothing to add.
	 */
trap_without_stack:
	csrw	sscratch, sp
	la	t0, overflow_claimed
	li	sp, 1
	amoswap.w.aq sp, sp, (t0)
1:	bnez	sp, 1b
	la	sp, overflow_stack_top - TRAP_FRAME_SIZE
	ld	t0, THREAD_SCRATCH(tp)
	each_register sd
	csrrw	t0, sscratch, zero
	sd	t0, 8 * 2(sp)
	la	t0, overflow_stack
	sd	t0, THREAD_STACK_BOTTOM(tp)
	call	trap_kernel_frame
	mv	a0, sp
	call	trap_stack_overflow
	unimp

	/* struct thread *context_switch(struct thread *from, struct thread *to) */
	.globl	context_switch
context_switch:
	addi	t0, a0, THREAD_CONTEXT
	addi	t1, a1, THREAD_CONTEXT
	sd	ra, 0(t0)
	sd	sp, 8(t0)
	ld	ra, 0(t1)
	ld	sp, 8(t1)
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	sd	s\n, 16 + 8 * \n(t0)
	ld	s\n, 16 + 8 * \n(t1)
	.endr
	mv	tp, a1
	ret

	/* A new thread: s1 = entry, s2 = its argument (thread_context_init). */
	.globl	thread_first_run
thread_first_run:
	mv	a0, s2
	jalr	s1
	unimp

	.bss
	.balign	4
overflow_claimed:
	.skip	4
