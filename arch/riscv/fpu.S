/* The floating-point registers to and from u64 registers[32]; u32 fcsr. The caller has FS on. */
	.attribute arch, "rv64imafdc"
	.text
	.option norelax

	.macro	each_fpu_register operation:req
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, \
		22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	\operation	f\n, 8 * \n(a0)
	.endr
	.endm

	.globl	fpu_store_registers
fpu_store_registers:
	frcsr	t0
	each_fpu_register fsd
	sw	t0, 256(a0)
	ret

	.globl	fpu_load_registers
fpu_load_registers:
	lw	t0, 256(a0)
	each_fpu_register fld
	fscsr	t0
	ret
