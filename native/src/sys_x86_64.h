/* How x86-64 enters the kernel, and how the kernel enters us. */
#ifndef TSC_SYS_X86_64_H
#define TSC_SYS_X86_64_H

static inline long tsc_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#define TSC_START_CODE                                                                                                \
	__asm__(".text\n.globl _start\n.type _start,@function\n_start:\n"                                             \
		"xor %ebp, %ebp\nmov %rsp, %rdi\nand $-16, %rsp\ncall tsc_enter\nhlt\n"                               \
		".size _start, .-_start\n")

#endif
