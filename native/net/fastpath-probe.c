/* Whether the fast path's way leads anywhere. */
#include "fastpath.h"

enum { PROBE_MS = 50 }; /* to the router and back, which takes microseconds unless a packet is dropped */

/* The router's own address on the network of `target`, with a port of the kernel's choice. */
static int listen_beside(const struct tsc_path *path, struct sockaddr_in *at)
{
	struct sockaddr_in target = {.sin_family = TSC_AF_INET,
				     .sin_port = (uint16_t)path->target.port,
				     .sin_addr = {path->target.address}};
	uint32_t size = sizeof *at;
	int probe = sys_socket(TSC_AF_INET, TSC_SOCK_DGRAM | TSC_SOCK_CLOEXEC);
	bool found = probe >= 0 && !sys_connect(probe, &target, sizeof target) && !sys_getsockname(probe, at, &size);
	if (probe >= 0)
		sys_close(probe);
	at->sin_port = 0;
	int fd = found ? sys_socket(TSC_AF_INET, TSC_SOCK_STREAM | TSC_SOCK_CLOEXEC) : -EHOSTUNREACH;
	if (fd >= 0 && (sys_bind(fd, at, sizeof *at) || sys_listen(fd, 1) || sys_getsockname(fd, at, &size))) {
		sys_close(fd);
		return -EADDRNOTAVAIL;
	}
	return fd;
}

/*
 * Whether a connection from the host gets there and back: its packet filter may know loopback alone. What is tried is the
 * router's end of the same way, which answers whether the container is ready or not.
 */
bool tsc_is_way_open(const struct tsc_path *path)
{
	struct sockaddr_in at;
	int listener = listen_beside(path, &at);
	int client = tsc_host_socket(TSC_AF_INET, TSC_SOCK_STREAM | TSC_SOCK_NONBLOCK | TSC_SOCK_CLOEXEC);
	struct pollfd poll = {.fd = client, .events = POLLOUT};
	int32_t error = -1;
	uint32_t size = sizeof error;
	if (listener >= 0 && client >= 0 && sys_connect(client, &at, sizeof at) == -EINPROGRESS &&
	    sys_poll_for(&poll, 1, PROBE_MS) == 1)
		sys_getsockopt(client, TSC_SOL_SOCKET, TSC_SO_ERROR, &error, &size);
	if (listener >= 0)
		sys_close(listener);
	if (client >= 0)
		sys_close(client);
	return error == 0;
}
