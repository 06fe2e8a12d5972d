/* The vDSO as it is mapped into programs. build/vdso.so is made from arch/riscv/vdso. */
	.section .rodata.vdso, "a"
	.balign	4096
	.globl	vdso_image_start, vdso_image_end
vdso_image_start:
	.incbin	"vdso.so"
	.balign	4096
vdso_image_end:
