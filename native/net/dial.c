/* Sockets towards the containers. The worker lives in the router's namespace, so they are made where they are needed. */
#include "net.h"

/*
 * Binds to the client's own address, so that the service sees who really calls. The router has the way back: packets for
 * which it has such a socket are marked and delivered locally. A loopback address is never passed on: services trust it.
 */
static void keep_client(int fd, const union tsc_sockaddr *client)
{
	union tsc_sockaddr from = *client;
	bool v4 = client->family == TSC_AF_INET;
	int refused = v4 ? sys_set_flag(fd, IPPROTO_IP, TSC_IP_TRANSPARENT)
			 : sys_set_flag(fd, IPPROTO_IPV6, TSC_IPV6_TRANSPARENT);
	uint32_t size = v4 ? sizeof from.v4 : sizeof from.v6;
	if (refused || !sys_bind(fd, &from, size))
		return;
	if (v4)
		from.v4.sin_port = 0;
	else
		from.v6.sin6_port = 0;
	sys_bind(fd, &from, size); /* refused: the router's address is the second best */
}

int tsc_dial(const struct tsc_listener *listener, const union tsc_sockaddr *client, int type)
{
	const struct tsc_net_listener *rule = &listener->rule;
	struct tsc_net_address from;
	tsc_from_sockaddr(&from, client);
	bool want6 = client->family == TSC_AF_INET6 ? rule->target6.family != 0 : rule->target.family == 0;
	const struct tsc_net_address *target = want6 ? &rule->target6 : &rule->target;
	int fd = sys_socket(want6 ? TSC_AF_INET6 : TSC_AF_INET, type | TSC_SOCK_NONBLOCK | TSC_SOCK_CLOEXEC);
	if (fd < 0)
		return fd;
	if ((rule->flags & TSC_NET_KEEP_CLIENT) && from.family == target->family && !tsc_is_loopback(&from))
		keep_client(fd, client);
	union tsc_sockaddr to;
	uint32_t size = tsc_to_sockaddr(&to, target);
	int result = sys_connect(fd, &to, size);
	if (result && result != -EINPROGRESS) {
		sys_close(fd);
		return result;
	}
	return fd;
}
