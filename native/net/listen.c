/* The host's side of published ports. */
#include "net.h"

struct tsc_listener tsc_listeners[TSC_NET_MAX_LISTENERS];

static bool paused;
static uint32_t high; /* listeners from here on were never used */

static int open_socket(const struct tsc_net_address *address, bool udp)
{
	bool v4 = address->family == 4;
	int fd = tsc_host_socket(v4 ? TSC_AF_INET : TSC_AF_INET6,
				 (udp ? TSC_SOCK_DGRAM : TSC_SOCK_STREAM) | TSC_SOCK_NONBLOCK | TSC_SOCK_CLOEXEC);
	if (fd < 0)
		return fd;
	if (!v4)
		sys_set_flag(fd, IPPROTO_IPV6, TSC_IPV6_V6ONLY);
	if (udp) {
		/* Answers must leave by the address that was asked, which only the packet knows. */
		if (v4)
			sys_set_flag(fd, IPPROTO_IP, TSC_IP_PKTINFO);
		else
			sys_set_flag(fd, IPPROTO_IPV6, TSC_IPV6_RECVPKTINFO);
	} else {
		sys_set_flag(fd, TSC_SOL_SOCKET, TSC_SO_REUSEADDR);
	}
	union tsc_sockaddr bound;
	int error = sys_bind(fd, &bound, tsc_to_sockaddr(&bound, address));
	if (!error && !udp)
		error = sys_listen(fd, 4096);
	if (error) {
		sys_close(fd);
		return error;
	}
	return fd;
}

static uint16_t port_of(int fd)
{
	union tsc_sockaddr bound;
	uint32_t size = sizeof bound;
	struct tsc_net_address address;
	if (sys_getsockname(fd, &bound, &size))
		return 0;
	tsc_from_sockaddr(&address, &bound);
	return address.port;
}

/* One try at one port: both sockets of a dual listener or none. A host without IPv6 has no second one. */
static int open_pair(struct tsc_listener *listener, struct tsc_net_address at)
{
	bool udp = listener->rule.flags & TSC_NET_UDP;
	int first = open_socket(&at, udp), second = -1;
	if (first < 0)
		return first;
	uint16_t port = port_of(first);
	if (listener->rule.flags & TSC_NET_DUAL) {
		struct tsc_net_address any = {.family = 6, .port = port};
		second = open_socket(&any, udp);
		if (second < 0 && second != -EAFNOSUPPORT && second != -EADDRNOTAVAIL) {
			sys_close(first);
			return second;
		}
	}
	listener->watch[0].fd = first;
	listener->watch[1].fd = second;
	listener->rule.host.port = port;
	return 0;
}

static int open_listener(struct tsc_listener *listener)
{
	struct tsc_net_address at = listener->rule.host;
	uint32_t port = at.port;
	/* With a free choice the kernel may pick a port whose IPv6 twin is taken: it gets a few more tries. */
	uint32_t last = port ? listener->rule.last_port : 15;
	for (;; port++) {
		if (at.port)
			at.port = (uint16_t)port;
		int error = open_pair(listener, at);
		if (error != -EADDRINUSE || port >= last)
			return error;
	}
}

static void close_sockets(struct tsc_listener *listener)
{
	if (listener->rule.flags & TSC_NET_UDP)
		tsc_drop_flows(listener);
	for (int i = 0; i < 2; i++)
		if (listener->watch[i].fd >= 0)
			tsc_retire_watch(&listener->watch[i]);
}

static void close_listener(struct tsc_listener *listener)
{
	close_sockets(listener);
	listener->used = listener->yielded = false;
}

static void watch_listener(struct tsc_listener *listener)
{
	bool udp = listener->rule.flags & TSC_NET_UDP;
	for (int i = 0; i < 2; i++) {
		listener->watch[i].ready = udp ? tsc_datagram_ready : tsc_accept_ready;
		if (listener->watch[i].fd >= 0)
			tsc_add_watch(&listener->watch[i], paused && !udp ? 0 : EPOLLIN);
	}
}

/* Whether a listener that is open serves what the table asks for; a port that was chosen before stays. */
static bool is_same(const struct tsc_net_listener *open, const struct tsc_net_listener *wanted)
{
	struct tsc_net_address left = open->host, right = wanted->host;
	bool fits = !right.port || (left.port >= right.port && left.port <= wanted->last_port);
	left.port = right.port = 0;
	uint16_t identity = TSC_NET_UDP | TSC_NET_DUAL;
	return fits && tsc_same_address(&left, &right) && (open->flags & identity) == (wanted->flags & identity);
}

/* The same target as well: between two equal ephemeral wishes it tells whose port is whose. */
static bool is_same_target(const struct tsc_net_listener *open, const struct tsc_net_listener *wanted)
{
	return tsc_same_address(&open->target, &wanted->target) && tsc_same_address(&open->target6, &wanted->target6);
}

static struct tsc_listener *find_open(const struct tsc_net_listener *wanted)
{
	struct tsc_listener *other = NULL;
	for (uint32_t i = 0; i < high; i++) {
		struct tsc_listener *each = &tsc_listeners[i];
		if (!each->used || each->kept || !is_same(&each->rule, wanted))
			continue;
		if (is_same_target(&each->rule, wanted))
			return each;
		if (wanted->host.port && wanted->host.port == wanted->last_port)
			other = each;
	}
	return other;
}

static struct tsc_listener *find_unused(void)
{
	for (uint32_t i = 0; i < high; i++)
		if (!tsc_listeners[i].used)
			return &tsc_listeners[i];
	return high < TSC_NET_MAX_LISTENERS ? &tsc_listeners[high++] : NULL;
}

/* A listener that goes anyway and has the port now, on another address: it goes first. */
static bool yield_port(const struct tsc_net_listener *wanted)
{
	bool gone = false;
	for (uint32_t i = 0; i < high; i++) {
		struct tsc_listener *each = &tsc_listeners[i];
		if (!each->used || each->kept || each->yielded || each->rule.host.port != wanted->host.port ||
		    (each->rule.flags ^ wanted->flags) & TSC_NET_UDP)
			continue;
		close_sockets(each);
		gone = each->yielded = true;
	}
	return gone;
}

/* The table was refused: what made room for it is back in its place. */
static void reopen_yielded(void)
{
	for (uint32_t i = 0; i < high; i++) {
		struct tsc_listener *each = &tsc_listeners[i];
		if (!each->yielded)
			continue;
		each->yielded = false;
		if (open_listener(each))
			close_listener(each);
		else
			watch_listener(each);
	}
}

static void take_up(struct tsc_listener *listener, uint32_t index)
{
	listener->kept = true;
	listener->index = index;
}

/* First those that stay, so that their ports are not tried again by the new ones. */
int tsc_apply_listeners(struct tsc_view *next, struct tsc_net_port *ports)
{
	static struct tsc_listener *plan[TSC_NET_MAX_LISTENERS];
	static bool fresh[TSC_NET_MAX_LISTENERS];
	uint32_t count = next->head->listeners;
	int failure = 0;

	for (uint32_t i = 0; i < high; i++)
		tsc_listeners[i].kept = false;
	for (uint32_t i = 0; i < count; i++) {
		plan[i] = find_open(&next->listeners[i]);
		fresh[i] = false;
		if (plan[i])
			take_up(plan[i], i);
	}
	for (uint32_t i = 0; i < count; i++) {
		ports[i] = (struct tsc_net_port){.listener = i};
		if (plan[i])
			continue;
		struct tsc_listener *listener = find_unused();
		int error = listener ? 0 : -EMFILE;
		if (listener) {
			listener->rule = next->listeners[i];
			error = open_listener(listener);
			if (error == -EADDRINUSE && yield_port(&next->listeners[i]))
				error = open_listener(listener);
		}
		if (error) {
			ports[i].error = -error;
			failure = failure ? failure : error;
			continue;
		}
		listener->used = true;
		fresh[i] = true;
		plan[i] = listener;
		take_up(listener, i);
	}
	for (uint32_t i = 0; failure && i < count; i++)
		if (fresh[i])
			close_listener(plan[i]);
	if (failure) {
		reopen_yielded();
		return failure;
	}

	for (uint32_t i = 0; i < high; i++)
		if (tsc_listeners[i].used && !tsc_listeners[i].kept)
			close_listener(&tsc_listeners[i]);
	for (uint32_t i = 0; i < count; i++) {
		uint16_t port = plan[i]->rule.host.port;
		if (!is_same_target(&plan[i]->rule, &next->listeners[i]))
			tsc_drop_flows(plan[i]);
		plan[i]->rule = next->listeners[i];
		plan[i]->rule.host.port = plan[i]->rule.last_port = port;
		next->listeners[i].host.port = next->listeners[i].last_port = port;
		ports[i].port = port;
		if (fresh[i])
			watch_listener(plan[i]);
	}
	return 0;
}

void tsc_report_listeners(struct tsc_net_port *ports)
{
	for (uint32_t i = 0; tsc_table.head && i < tsc_table.head->listeners; i++)
		ports[i] = (struct tsc_net_port){.listener = i, .error = EADDRNOTAVAIL};
	for (uint32_t i = 0; i < high; i++) {
		const struct tsc_listener *each = &tsc_listeners[i];
		if (each->used)
			ports[each->index] = (struct tsc_net_port){
				.listener = each->index,
				.port = each->rule.host.port,
				.flags = tsc_is_fast(&each->rule) ? TSC_NET_IS_FAST : 0,
			};
	}
}

static void set_accepting(uint32_t events)
{
	for (uint32_t i = 0; i < high; i++)
		for (int side = 0; side < 2; side++) {
			struct tsc_listener *each = &tsc_listeners[i];
			if (each->used && !(each->rule.flags & TSC_NET_UDP) && each->watch[side].fd >= 0)
				tsc_change_watch(&each->watch[side], events);
		}
}

void tsc_pause_listeners(void)
{
	if (!paused)
		set_accepting(0);
	paused = true;
	/* Not only the end of a connection gives room again: there may be none. */
	tsc_note_timers();
}

void tsc_resume_listeners(void)
{
	if (paused)
		set_accepting(EPOLLIN);
	paused = false;
}
