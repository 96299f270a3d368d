/*
 * Behind which port of a bridge a container is. The bridge learns that from the frames that come out of the container,
 * forgets it with the port, and tells whoever listens; so it is true over restarts and recreation, with nobody to say so.
 */
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "fastpath.h"

enum { AF_NETLINK = 16, AF_BRIDGE = 7, SOCK_RAW = 3, MAC = 6 };

static struct tsc_watch watch = {.fd = -1};
static struct tsc_paths *followed;
static int map;

static void note(const uint8_t *mac, uint32_t bridge, uint32_t port)
{
	for (uint32_t i = 0; i < followed->count; i++) {
		struct tsc_path *each = &followed->each[i];
		if (each->way.bridge != bridge || each->way.port == port || memcmp(each->mac, mac, MAC))
			continue;
		each->way.port = port;
		tsc_bpf_put(map, &each->target, &each->way);
	}
}

static void take(const struct nlmsghdr *head)
{
	const struct ndmsg *body = (const struct ndmsg *)(head + 1);
	if ((head->nlmsg_type != RTM_NEWNEIGH && head->nlmsg_type != RTM_DELNEIGH) ||
	    head->nlmsg_len < sizeof *head + sizeof *body || body->ndm_family != AF_BRIDGE)
		return;
	const uint8_t *at = (const uint8_t *)(body + 1), *end = (const uint8_t *)head + head->nlmsg_len;
	const uint8_t *mac = NULL;
	uint32_t bridge = 0;
	while (end - at >= (long)sizeof(struct rtattr)) {
		const struct rtattr *attribute = (const struct rtattr *)at;
		if (attribute->rta_len < sizeof *attribute || attribute->rta_len > end - at)
			return;
		if (attribute->rta_type == NDA_LLADDR && attribute->rta_len == sizeof *attribute + MAC)
			mac = (const uint8_t *)(attribute + 1);
		if (attribute->rta_type == NDA_MASTER && attribute->rta_len == sizeof *attribute + sizeof bridge)
			memcpy(&bridge, attribute + 1, sizeof bridge);
		at += (attribute->rta_len + 3) & ~3;
	}
	if (mac)
		note(mac, bridge, head->nlmsg_type == RTM_NEWNEIGH ? (uint32_t)body->ndm_ifindex : 0);
}

static void ask_all(void)
{
	struct {
		struct nlmsghdr head;
		struct ndmsg body;
	} request = {
		.head = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_GETNEIGH, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.ndm_family = AF_BRIDGE},
	};
	sys_send(watch.fd, &request, sizeof request, TSC_MSG_DONTWAIT);
}

static void bridges_ready(struct tsc_watch *ready, uint32_t events)
{
	static union {
		struct nlmsghdr head;
		uint8_t bytes[16384];
	} message;
	(void)events;
	long size = sys_recv(ready->fd, &message, sizeof message, TSC_MSG_DONTWAIT);
	if (size == -ENOBUFS) {
		/* Something was missed: what is asked for anew is true, and a port that is gone is told by nobody. */
		for (uint32_t i = 0; i < followed->count; i++)
			note(followed->each[i].mac, followed->each[i].way.bridge, 0);
		ask_all();
	}
	for (long at = 0; size - at >= (long)sizeof message.head;) {
		const struct nlmsghdr *head = (const struct nlmsghdr *)(message.bytes + at);
		if (head->nlmsg_len < sizeof *head || head->nlmsg_len > size - at)
			return;
		take(head);
		at += (head->nlmsg_len + 3) & ~3u;
	}
}

bool tsc_follow_bridges(struct tsc_paths *paths, int targets)
{
	struct sockaddr_nl {
		uint16_t family, pad;
		uint32_t pid, groups;
	} address = {.family = AF_NETLINK, .groups = RTMGRP_NEIGH};
	followed = paths;
	map = targets;
	int fd = sys_socket(AF_NETLINK, SOCK_RAW | TSC_SOCK_CLOEXEC | TSC_SOCK_NONBLOCK);
	if (fd < 0)
		return false;
	if (sys_bind(fd, &address, sizeof address)) {
		sys_close(fd);
		return false;
	}
	watch = (struct tsc_watch){bridges_ready, fd};
	tsc_add_watch(&watch, EPOLLIN);
	ask_all();
	return true;
}

void tsc_leave_bridges(void)
{
	if (watch.fd >= 0)
		tsc_retire_watch(&watch);
}
