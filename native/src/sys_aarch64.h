/* How aarch64 enters the kernel, and how the kernel enters us. */
#ifndef TSC_SYS_AARCH64_H
#define TSC_SYS_AARCH64_H

static inline long tsc_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}

#define TSC_START_CODE                                                                                                \
	__asm__(".text\n.globl _start\n.type _start,%function\n_start:\n"                                             \
		"mov x29, #0\nmov x30, #0\nmov x0, sp\nand sp, x0, #-16\nbl tsc_enter\nbrk #0\n"                      \
		".size _start, .-_start\n")

#endif
