/* Where signal handlers return to. Unwinders know it by these two instructions, uncompressed. */
	.text
	.option norvc
	.globl	__vdso_rt_sigreturn
	.type	__vdso_rt_sigreturn, @function
	.balign	4
	nop			/* unwinders look up the address before the return address */
__vdso_rt_sigreturn:
	li	a7, 139
	ecall
	.size	__vdso_rt_sigreturn, . - __vdso_rt_sigreturn
	.section .note.GNU-stack, "", @progbits
