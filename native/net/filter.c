/*
 * Parts of the packet filter that must be there. A firewall that is reloaded often begins by flushing all there is, ours
 * included, and one that comes later may drop what it does not know; the kernel tells of every change, and what is missing
 * after one is put back, byte for byte as it was given.
 */
#include <linux/netlink.h>

#include "net.h"

enum { AF_NETLINK = 16, SOCK_RAW = 3, GROUP_NFTABLES = 1 << 6, SETTLE_MS = 100, NAMESPACES = 2 };

static struct tsc_watch watches[NAMESPACES] = {{.fd = -1}, {.fd = -1}};
static bool due;
static int64_t heard_ms;

static int open_in(uint32_t where)
{
	return tsc_socket_in(where == TSC_NET_FROM_HOST, AF_NETLINK, SOCK_RAW | TSC_SOCK_CLOEXEC | TSC_SOCK_NONBLOCK,
			     NETLINK_NETFILTER);
}

enum found { ABSENT, PRESENT, UNKNOWN };

static bool holds(const uint8_t *bytes, long size, const uint8_t *part, uint32_t part_size)
{
	for (long at = 0; at + (long)part_size <= size; at++)
		if (!memcmp(bytes + at, part, part_size))
			return true;
	return false;
}

/* The kernel answers before send returns, and goes on with a dump when it is read: the last answer is the end of it. */
static enum found look_for(int fd, const struct tsc_net_probe *probe)
{
	static union {
		struct nlmsghdr head;
		struct {
			struct nlmsghdr head;
			struct nlmsgerr body;
		} error;
		uint8_t bytes[16384];
	} answer;
	enum found found = ABSENT;
	if (!probe->ask_length)
		return PRESENT;
	if (sys_send(fd, tsc_table.strings + probe->ask, probe->ask_length, TSC_MSG_DONTWAIT) < 0)
		return UNKNOWN;
	for (;;) {
		long size = sys_recv(fd, &answer, sizeof answer, TSC_MSG_DONTWAIT);
		if (size < (long)sizeof answer.head)
			return size == -EAGAIN ? found : UNKNOWN;
		if (answer.head.nlmsg_type == NLMSG_ERROR && size >= (long)sizeof answer.error)
			return answer.error.body.error == -ENOENT ? ABSENT : UNKNOWN;
		if (answer.head.nlmsg_type == NLMSG_DONE)
			return found;
		if (holds(answer.bytes, size, tsc_table.strings + probe->find, probe->find_length))
			found = PRESENT;
	}
}

static void mend(const struct tsc_net_filter *filter)
{
	int fd = open_in(filter->where);
	if (fd < 0)
		return;
	/* Refused: whoever changes something next is the next chance. */
	if (look_for(fd, &filter->needed) == PRESENT && look_for(fd, &filter->present) == ABSENT)
		sys_send(fd, tsc_table.strings + filter->batch, filter->batch_length, TSC_MSG_DONTWAIT);
	sys_close(fd);
}

static void heard(void)
{
	due = true;
	heard_ms = tsc_now_ms();
	tsc_note_timers();
}

static void filter_ready(struct tsc_watch *watch, uint32_t events)
{
	static uint8_t said[8192];
	(void)events;
	while (sys_recv(watch->fd, said, sizeof said, TSC_MSG_DONTWAIT) >= 0)
		;
	heard();
}

static void listen_in(uint32_t where)
{
	struct sockaddr_nl {
		uint16_t family, pad;
		uint32_t pid, groups;
	} address = {.family = AF_NETLINK, .groups = GROUP_NFTABLES};
	if (watches[where].fd >= 0)
		return;
	int fd = open_in(where);
	if (fd < 0)
		return;
	if (sys_bind(fd, &address, sizeof address)) {
		sys_close(fd);
		return;
	}
	watches[where] = (struct tsc_watch){filter_ready, fd};
	tsc_add_watch(&watches[where], EPOLLIN);
}

void tsc_apply_filters(const struct tsc_view *view)
{
	for (uint32_t i = 0; i < view->head->filters; i++)
		listen_in(view->filters[i].where);
	/* Something may have happened while nobody listened. */
	if (view->head->filters)
		heard();
}

bool tsc_tick_filters(int64_t now)
{
	if (!due)
		return false;
	if (now - heard_ms < SETTLE_MS)
		return true;
	due = false;
	for (uint32_t i = 0; i < tsc_table.head->filters; i++)
		mend(&tsc_table.filters[i]);
	return false;
}
