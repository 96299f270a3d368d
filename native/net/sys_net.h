/* Raw system calls for sockets, and the constants the kernel's exported headers leave to libc. */
#ifndef TSC_SYS_NET_H
#define TSC_SYS_NET_H

#include <linux/eventpoll.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>

#include "../src/sys.h"

enum {
	TSC_AF_INET6 = 10,
	TSC_SHUT_WR = 1,
	TSC_SO_REUSEADDR = 2,
	TSC_SO_ERROR = 4,
	TSC_SO_LINGER = 13,
	TSC_TCP_NODELAY = 1,
	TSC_IP_TRANSPARENT = 19,
	TSC_IP_FREEBIND = 15,
	TSC_IP_PKTINFO = 8,
	TSC_IPV6_V6ONLY = 26,
	TSC_IPV6_RECVPKTINFO = 49,
	TSC_IPV6_PKTINFO = 50,
	TSC_IPV6_TRANSPARENT = 75,
	TSC_IPV6_FREEBIND = 78,
	TSC_SPLICE_NONBLOCK = 2,
	TSC_CLONE_NEWNET = 0x40000000,
	TSC_RLIMIT_NOFILE = 7,
};

/* Room for both families. */
union tsc_sockaddr {
	uint16_t family;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct tsc_linger {
	int32_t on;
	int32_t seconds;
};

struct tsc_cmsghdr {
	size_t length;
	int32_t level;
	int32_t type;
};

static inline int sys_poll_for(struct pollfd *fds, unsigned count, int ms)
{
	struct __kernel_timespec wait = {ms / 1000, ms % 1000 * 1000000L};
	return (int)SYS5(__NR_ppoll, fds, count, &wait, 0, sizeof(uint64_t));
}
static inline int sys_epoll_create(void) { return (int)SYS1(__NR_epoll_create1, TSC_SOCK_CLOEXEC); }
static inline int sys_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	return (int)SYS4(__NR_epoll_ctl, epoll, operation, fd, event);
}
static inline int sys_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout_ms)
{
	return (int)SYS6(__NR_epoll_pwait, epoll, events, count, timeout_ms, 0, 0);
}
static inline int sys_pipe(int out[2], int flags) { return (int)SYS2(__NR_pipe2, out, flags); }
static inline long sys_splice(int from, int to, size_t size, unsigned flags)
{
	return SYS6(__NR_splice, from, 0, to, 0, size, flags);
}
static inline int sys_accept_from(int fd, void *address, uint32_t *size, int flags)
{
	return (int)SYS4(__NR_accept4, fd, address, size, flags);
}
static inline int sys_shutdown(int fd, int how) { return (int)SYS2(__NR_shutdown, fd, how); }
static inline int sys_getsockname(int fd, void *address, uint32_t *size)
{
	return (int)SYS3(__NR_getsockname, fd, address, size);
}
static inline int sys_set_flag(int fd, int level, int name)
{
	int32_t on = 1;
	return sys_setsockopt(fd, level, name, &on, sizeof on);
}
static inline long sys_send_to(int fd, const void *bytes, size_t size, const union tsc_sockaddr *to, uint32_t to_size)
{
	return SYS6(__NR_sendto, fd, bytes, size, TSC_MSG_DONTWAIT | TSC_MSG_NOSIGNAL, to, to_size);
}
static inline long sys_recv_from(int fd, void *bytes, size_t size, union tsc_sockaddr *from, uint32_t *from_size)
{
	return SYS6(__NR_recvfrom, fd, bytes, size, TSC_MSG_DONTWAIT, from, from_size);
}
static inline long sys_random(void *bytes, size_t size) { return SYS3(__NR_getrandom, bytes, size, 0); }
static inline int sys_setns_net(int fd) { return (int)SYS2(__NR_setns, fd, TSC_CLONE_NEWNET); }
static inline int sys_prlimit_self(unsigned resource, const struct tsc_rlimit *set, struct tsc_rlimit *old)
{
	return (int)SYS4(__NR_prlimit64, 0, resource, set, old);
}
#endif
