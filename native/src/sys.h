/*
 * Raw system calls: each returns what the kernel returns, so a failure is -errno. No libc is linked: a monitor then has a
 * few private pages instead of some hundred kB, and nothing (malloc, atfork, locale, stdio) can surprise us between clone
 * and exec.
 */
#ifndef TSC_SYS_H
#define TSC_SYS_H

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include <linux/poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include "sys_x86_64.h"
#elif defined(__aarch64__)
#include "sys_aarch64.h"
#else
#error "the shim knows x86_64 and aarch64"
#endif

#define SYS0(n) tsc_syscall(n, 0, 0, 0, 0, 0, 0)
#define SYS1(n, a) tsc_syscall(n, (long)(a), 0, 0, 0, 0, 0)
#define SYS2(n, a, b) tsc_syscall(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS3(n, a, b, c) tsc_syscall(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS4(n, a, b, c, d) tsc_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS5(n, a, b, c, d, e) tsc_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYS6(n, a, b, c, d, e, f) tsc_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* Not in the kernel's exported headers (libc has its own copy of these). */
enum {
	TSC_AF_UNIX = 1,
	TSC_AF_INET = 2,
	TSC_AF_NETLINK = 16,
	TSC_SOCK_STREAM = 1,
	TSC_SOCK_DGRAM = 2,
	TSC_SOCK_RAW = 3,
	TSC_SOCK_SEQPACKET = 5,
	TSC_SOCK_CLOEXEC = 02000000,
	TSC_SOCK_NONBLOCK = 04000,
	TSC_SOL_SOCKET = 1,
	TSC_SOL_NETLINK = 270,
	TSC_SO_PEERCRED = 17,
	TSC_SCM_RIGHTS = 1,
	TSC_MSG_PEEK = 2,
	TSC_MSG_TRUNC = 0x20,
	TSC_MSG_DONTWAIT = 0x40,
	TSC_MSG_NOSIGNAL = 0x4000,
	TSC_MSG_CMSG_CLOEXEC = 0x40000000,
	TSC_LOCK_SH = 1,
	TSC_LOCK_EX = 2,
	TSC_LOCK_NB = 4,
	TSC_WNOHANG = 1,
	TSC_SIGHUP = 1,
	TSC_SIGINT = 2,
	TSC_SIGKILL = 9,
	TSC_SIGPIPE = 13,
	TSC_SIGTERM = 15,
	TSC_SIGCHLD = 17,
	TSC_SIGTTIN = 21,
	TSC_SIGTTOU = 22,
	TSC_SIGCONT = 18,
	TSC_SIGWINCH = 28,
	TSC_SIGNALS = 64,
	TSC_PIPE_SIZE = 1031, /* F_SETPIPE_SZ */
	TSC_GET_PIPE_SIZE = 1032,
	TSC_CLOCK_REALTIME = 0,
	TSC_CLOCK_MONOTONIC = 1,
	TSC_CLOCK_BOOTTIME = 7,
};

struct tsc_iovec {
	const void *base;
	size_t length;
};

struct tsc_msghdr {
	void *name;
	uint32_t name_length;
	uint32_t pad0;
	struct tsc_iovec *vector;
	size_t vector_length;
	void *control;
	size_t control_length;
	uint32_t flags;
	uint32_t pad1;
};

struct tsc_ucred {
	int32_t pid;
	uint32_t uid;
	uint32_t gid;
};

struct tsc_rlimit {
	uint64_t soft;
	uint64_t hard;
};

/* The head of siginfo_t: enough of it for signalfd-less waiting. */
struct tsc_siginfo {
	int32_t signal;
	int32_t error;
	int32_t code;
	int32_t pad;
	int32_t pid;
	uint32_t uid;
	int32_t status;
	uint8_t rest[100];
};

struct tsc_sigaction {
	void *action; /* NULL = SIG_DFL, (void *)1 = SIG_IGN */
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

static inline int sys_open(const char *path, int flags, unsigned mode)
{
	return (int)SYS4(__NR_openat, AT_FDCWD, path, flags, mode);
}
static inline int sys_openat(int dir, const char *path, int flags, unsigned mode)
{
	return (int)SYS4(__NR_openat, dir, path, flags, mode);
}
static inline int sys_openat2(int dir, const char *path, const struct open_how *how)
{
	return (int)SYS4(__NR_openat2, dir, path, how, sizeof *how);
}
static inline int sys_close(int fd) { return (int)SYS1(__NR_close, fd); }
static inline int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	return (int)SYS3(__NR_close_range, first, last, flags);
}
static inline long sys_read(int fd, void *bytes, size_t size) { return SYS3(__NR_read, fd, bytes, size); }
static inline long sys_write(int fd, const void *bytes, size_t size) { return SYS3(__NR_write, fd, bytes, size); }
static inline long sys_pread(int fd, void *bytes, size_t size, uint64_t at)
{
	return SYS4(__NR_pread64, fd, bytes, size, at);
}
static inline long sys_pwrite(int fd, const void *bytes, size_t size, uint64_t at)
{
	return SYS4(__NR_pwrite64, fd, bytes, size, at);
}
static inline long sys_sendfile(int to, int from, size_t size) { return SYS4(__NR_sendfile, to, from, 0, size); }
static inline int sys_ftruncate(int fd, uint64_t size) { return (int)SYS2(__NR_ftruncate, fd, size); }
static inline int sys_dup3(int from, int to, int flags) { return (int)SYS3(__NR_dup3, from, to, flags); }
static inline int sys_fcntl(int fd, int command, long argument)
{
	return (int)SYS3(__NR_fcntl, fd, command, argument);
}
static inline int sys_ioctl(int fd, unsigned long request, const void *argument)
{
	return (int)SYS3(__NR_ioctl, fd, request, argument);
}
static inline int sys_ioctl_int(int fd, unsigned long request, long argument)
{
	return (int)SYS3(__NR_ioctl, fd, request, argument);
}
static inline int sys_flock(int fd, int how) { return (int)SYS2(__NR_flock, fd, how); }
static inline int sys_statx(int dir, const char *path, int flags, unsigned mask, struct statx *out)
{
	return (int)SYS5(__NR_statx, dir, path, flags, mask, out);
}
static inline int sys_mkdirat(int dir, const char *path, unsigned mode)
{
	return (int)SYS3(__NR_mkdirat, dir, path, mode);
}
static inline int sys_mknodat(int dir, const char *path, unsigned mode, unsigned device)
{
	return (int)SYS4(__NR_mknodat, dir, path, mode, device);
}
static inline int sys_symlinkat(const char *text, int dir, const char *path)
{
	return (int)SYS3(__NR_symlinkat, text, dir, path);
}
static inline int sys_linkat(int from_dir, const char *from, int to_dir, const char *to)
{
	return (int)SYS5(__NR_linkat, from_dir, from, to_dir, to, 0);
}
static inline long sys_readlinkat(int dir, const char *path, char *out, size_t size)
{
	return SYS4(__NR_readlinkat, dir, path, out, size);
}
static inline int sys_unlinkat(int dir, const char *path, int flags)
{
	return (int)SYS3(__NR_unlinkat, dir, path, flags);
}
static inline int sys_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return (int)SYS5(__NR_renameat2, from_dir, from, to_dir, to, 0);
}
static inline int sys_fchownat(int dir, const char *path, uint32_t uid, uint32_t gid, int flags)
{
	return (int)SYS5(__NR_fchownat, dir, path, uid, gid, flags);
}
static inline int sys_fchown(int fd, uint32_t uid, uint32_t gid) { return (int)SYS3(__NR_fchown, fd, uid, gid); }
static inline int sys_fchmod(int fd, unsigned mode) { return (int)SYS2(__NR_fchmod, fd, mode); }
static inline int sys_fchdir(int fd) { return (int)SYS1(__NR_fchdir, fd); }
static inline int sys_chdir(const char *path) { return (int)SYS1(__NR_chdir, path); }
static inline long sys_getcwd(char *out, size_t size) { return SYS2(__NR_getcwd, out, size); }
static inline unsigned sys_umask(unsigned mask) { return (unsigned)SYS1(__NR_umask, mask); }
static inline long sys_getdents(int fd, void *out, size_t size) { return SYS3(__NR_getdents64, fd, out, size); }

static inline int sys_getpid(void) { return (int)SYS0(__NR_getpid); }
static inline int sys_getppid(void) { return (int)SYS0(__NR_getppid); }
static inline uint32_t sys_geteuid(void) { return (uint32_t)SYS0(__NR_geteuid); }
static inline int sys_setsid(void) { return (int)SYS0(__NR_setsid); }
static inline int sys_prctl(int what, unsigned long a, unsigned long b, unsigned long c)
{
	return (int)SYS5(__NR_prctl, what, a, b, c, 0);
}
static inline int sys_fork(void) { return (int)SYS5(__NR_clone, TSC_SIGCHLD, 0, 0, 0, 0); }
static inline int sys_clone3(struct clone_args *arguments)
{
	return (int)SYS2(__NR_clone3, arguments, sizeof *arguments);
}
static inline int sys_wait4(int pid, int *status, int flags) { return (int)SYS4(__NR_wait4, pid, status, flags, 0); }
static inline int sys_kill(int pid, int signal) { return (int)SYS2(__NR_kill, pid, signal); }
static inline int sys_pidfd_open(int pid) { return (int)SYS2(__NR_pidfd_open, pid, 0); }
static inline int sys_pidfd_kill(int fd, int signal)
{
	return (int)SYS4(__NR_pidfd_send_signal, fd, signal, 0, 0);
}
static inline int sys_pidfd_getfd(int pidfd, int fd) { return (int)SYS3(__NR_pidfd_getfd, pidfd, fd, 0); }
static inline int sys_execve(const char *path, char *const *argv, char *const *envp)
{
	return (int)SYS3(__NR_execve, path, argv, envp);
}
static inline int sys_execveat(int dir, const char *path, char *const *argv, char *const *envp, int flags)
{
	return (int)SYS5(__NR_execveat, dir, path, argv, envp, flags);
}
static inline _Noreturn void sys_exit(int code)
{
	for (;;)
		SYS1(__NR_exit_group, code);
}

static inline int sys_sigaction(int signal, const struct tsc_sigaction *action)
{
	return (int)SYS4(__NR_rt_sigaction, signal, action, 0, sizeof(uint64_t));
}
static inline int sys_sigmask(uint64_t mask) /* SIG_SETMASK = 2 */
{
	return (int)SYS4(__NR_rt_sigprocmask, 2, &mask, 0, sizeof mask);
}
static inline int sys_sigwait(const uint64_t *set, struct tsc_siginfo *out)
{
	return (int)SYS4(__NR_rt_sigtimedwait, set, out, 0, sizeof *set);
}
static inline int sys_signalfd(uint64_t mask, int flags)
{
	return (int)SYS4(__NR_signalfd4, -1, &mask, sizeof mask, flags);
}
static inline int sys_poll(struct pollfd *fds, unsigned count)
{
	return (int)SYS5(__NR_ppoll, fds, count, 0, 0, sizeof(uint64_t));
}
static inline int sys_poll_now(struct pollfd *fds, unsigned count)
{
	struct __kernel_timespec none = {0, 0};
	return (int)SYS5(__NR_ppoll, fds, count, &none, 0, sizeof(uint64_t));
}
static inline void sys_sleep_ms(unsigned ms)
{
	struct __kernel_timespec time = {ms / 1000, (long long)(ms % 1000) * 1000000};
	SYS2(__NR_nanosleep, &time, 0);
}
static inline int sys_clock(int clock, struct __kernel_timespec *out)
{
	return (int)SYS2(__NR_clock_gettime, clock, out);
}
static inline int sys_timerfd(int clock, int flags) { return (int)SYS2(__NR_timerfd_create, clock, flags); }
static inline int sys_timerfd_set(int fd, const struct __kernel_itimerspec *time)
{
	return (int)SYS4(__NR_timerfd_settime, fd, 0, time, 0);
}
static inline int sys_eventfd(int flags) { return (int)SYS2(__NR_eventfd2, 0, flags); }
static inline int sys_inotify(int flags) { return (int)SYS1(__NR_inotify_init1, flags); }
static inline int sys_inotify_add(int fd, const char *path, uint32_t mask)
{
	return (int)SYS3(__NR_inotify_add_watch, fd, path, mask);
}

static inline void *sys_map(size_t size) /* PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS; NULL when refused */
{
	long at = SYS6(__NR_mmap, 0, size, 3, 0x22, -1, 0);
	return at < 0 && at > -4096 ? NULL : (void *)at;
}
static inline int sys_unmap(void *at, size_t size) { return (int)SYS2(__NR_munmap, at, size); }
static inline int sys_madvise(void *at, size_t size, int advice)
{
	return (int)SYS3(__NR_madvise, at, size, advice);
}
static inline int sys_memfd(const char *name, unsigned flags) { return (int)SYS2(__NR_memfd_create, name, flags); }

static inline int sys_socket_of(int family, int type, int protocol)
{
	return (int)SYS3(__NR_socket, family, type, protocol);
}
static inline int sys_socket(int family, int type) { return sys_socket_of(family, type, 0); }
static inline int sys_socketpair(int type, int out[2])
{
	return (int)SYS4(__NR_socketpair, TSC_AF_UNIX, type, 0, out);
}
static inline int sys_bind(int fd, const void *address, uint32_t size)
{
	return (int)SYS3(__NR_bind, fd, address, size);
}
static inline int sys_connect(int fd, const void *address, uint32_t size)
{
	return (int)SYS3(__NR_connect, fd, address, size);
}
static inline int sys_listen(int fd, int backlog) { return (int)SYS2(__NR_listen, fd, backlog); }
static inline int sys_accept(int fd, int flags) { return (int)SYS4(__NR_accept4, fd, 0, 0, flags); }
static inline int sys_getsockopt(int fd, int level, int name, void *out, uint32_t *size)
{
	return (int)SYS5(__NR_getsockopt, fd, level, name, out, size);
}
static inline int sys_setsockopt(int fd, int level, int name, const void *value, uint32_t size)
{
	return (int)SYS5(__NR_setsockopt, fd, level, name, value, size);
}
static inline long sys_send(int fd, const void *bytes, size_t size, int flags)
{
	return SYS6(__NR_sendto, fd, bytes, size, flags, 0, 0);
}
static inline long sys_recv(int fd, void *bytes, size_t size, int flags)
{
	return SYS6(__NR_recvfrom, fd, bytes, size, flags, 0, 0);
}
static inline long sys_sendmsg(int fd, const struct tsc_msghdr *message, int flags)
{
	return SYS3(__NR_sendmsg, fd, message, flags);
}
static inline long sys_recvmsg(int fd, struct tsc_msghdr *message, int flags)
{
	return SYS3(__NR_recvmsg, fd, message, flags);
}
#endif
