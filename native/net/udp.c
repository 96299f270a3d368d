/*
 * The UDP proxy: one connected socket towards the container for each client of a port. A flow ends when nothing has come
 * either way for a while; the container's answers leave by the address that the client has asked.
 */
#include "net.h"

enum {
	MAX_FLOWS = 4096,
	BUCKETS = 1024,
	DATAGRAM = 65536,
	ROUNDS = 32,
};

struct flow {
	struct tsc_watch watch; /* first: the watch is the flow */
	struct tsc_listener *listener;
	union tsc_sockaddr client;
	uint8_t control[64]; /* what says by which of our addresses it came, ready to be sent back */
	size_t control_size;
	int host_fd;
	int64_t seen_ms;
	uint32_t next; /* 1 + index, in the bucket or the free list */
	bool used;
	bool answered;
};

static struct flow flows[MAX_FLOWS];
static uint32_t buckets[BUCKETS];
static uint32_t high, unused;
static uint8_t datagram[DATAGRAM];
uint32_t tsc_flow_count;

static uint32_t size_of(const union tsc_sockaddr *address)
{
	return address->family == TSC_AF_INET ? sizeof address->v4 : sizeof address->v6;
}

static uint32_t bucket_of(const struct tsc_listener *listener, const union tsc_sockaddr *client)
{
	uint32_t hash = 2166136261u ^ (uint32_t)(uintptr_t)listener;
	const uint8_t *bytes = (const uint8_t *)client;
	for (uint32_t i = 0; i < size_of(client); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash % BUCKETS;
}

static struct flow *find_flow(const struct tsc_listener *listener, const union tsc_sockaddr *client)
{
	for (uint32_t at = buckets[bucket_of(listener, client)]; at; at = flows[at - 1].next) {
		struct flow *each = &flows[at - 1];
		if (each->listener == listener && !memcmp(&each->client, client, sizeof *client))
			return each;
	}
	return NULL;
}

static void end_flow(struct flow *flow)
{
	uint32_t *link = &buckets[bucket_of(flow->listener, &flow->client)];
	uint32_t self = (uint32_t)(flow - flows) + 1;
	while (*link && *link != self)
		link = &flows[*link - 1].next;
	if (*link)
		*link = flow->next;
	tsc_retire_watch(&flow->watch);
	flow->used = false;
	flow->next = unused;
	unused = self;
	tsc_flow_count--;
}

static void end_oldest(void)
{
	struct flow *oldest = NULL;
	for (uint32_t i = 0; i < high; i++)
		if (flows[i].used && (!oldest || flows[i].seen_ms < oldest->seen_ms))
			oldest = &flows[i];
	if (oldest)
		end_flow(oldest);
}

static void flow_ready(struct tsc_watch *watch, uint32_t events)
{
	struct flow *flow = (struct flow *)watch;
	(void)events;
	for (int i = 0; i < ROUNDS; i++) {
		long size = sys_recv(watch->fd, datagram, sizeof datagram, TSC_MSG_DONTWAIT);
		if (size < 0)
			return; /* also ECONNREFUSED: nobody listens there yet, the client may try again */
		struct tsc_iovec vector = {datagram, (size_t)size};
		struct tsc_msghdr message = {
			.name = &flow->client,
			.name_length = size_of(&flow->client),
			.vector = &vector,
			.vector_length = 1,
			.control = flow->control_size ? flow->control : NULL,
			.control_length = flow->control_size,
		};
		sys_sendmsg(flow->host_fd, &message, TSC_MSG_DONTWAIT | TSC_MSG_NOSIGNAL);
		flow->answered = true;
		flow->seen_ms = tsc_now_ms();
	}
}

/* IP_PKTINFO and IPV6_PKTINFO as received say where a packet came in; sent back, only the source address may be set. */
static void note_arrival(struct flow *flow, struct tsc_msghdr *message)
{
	struct tsc_cmsghdr *control = message->control;
	flow->control_size = 0;
	if (message->control_length < sizeof *control || control->length > sizeof flow->control)
		return;
	uint8_t *body = (uint8_t *)(control + 1);
	if (control->type == TSC_IP_PKTINFO && flow->client.family == TSC_AF_INET)
		memset(body, 0, 4); /* interface index; what follows is the source to use, and the destination */
	else if (control->type == TSC_IPV6_PKTINFO && flow->client.family == TSC_AF_INET6)
		memset(body + 16, 0, 4);
	else
		return;
	memcpy(flow->control, control, control->length);
	flow->control_size = (control->length + 7) & ~(size_t)7;
}

static struct flow *start_flow(struct tsc_listener *listener, int host_fd, struct tsc_msghdr *message)
{
	const union tsc_sockaddr *client = message->name;
	if (!unused && high == MAX_FLOWS)
		end_oldest();
	int fd = tsc_dial(listener, client, TSC_SOCK_DGRAM);
	if (fd < 0)
		return NULL;
	struct flow *flow = unused ? &flows[unused - 1] : &flows[high++];
	if (unused)
		unused = flow->next;
	uint32_t *bucket = &buckets[bucket_of(listener, client)];
	*flow = (struct flow){
		.watch = {flow_ready, fd},
		.listener = listener,
		.client = *client,
		.host_fd = host_fd,
		.next = *bucket,
		.used = true,
	};
	note_arrival(flow, message);
	*bucket = (uint32_t)(flow - flows) + 1;
	tsc_flow_count++;
	tsc_add_watch(&flow->watch, EPOLLIN);
	tsc_note_timers();
	return flow;
}

void tsc_datagram_ready(struct tsc_watch *watch, uint32_t events)
{
	(void)events;
	uintptr_t at = (uintptr_t)watch - (uintptr_t)tsc_listeners;
	struct tsc_listener *listener = &tsc_listeners[at / sizeof *listener];
	for (int i = 0; i < ROUNDS; i++) {
		union tsc_sockaddr client;
		uint8_t control[64];
		memset(&client, 0, sizeof client);
		struct tsc_iovec vector = {datagram, sizeof datagram};
		struct tsc_msghdr message = {
			.name = &client,
			.name_length = sizeof client,
			.vector = &vector,
			.vector_length = 1,
			.control = control,
			.control_length = sizeof control,
		};
		long size = sys_recvmsg(watch->fd, &message, TSC_MSG_DONTWAIT);
		if (size < 0)
			return;
		struct flow *flow = find_flow(listener, &client);
		if (!flow)
			flow = start_flow(listener, watch->fd, &message);
		if (!flow)
			continue;
		flow->seen_ms = tsc_now_ms();
		sys_send(flow->watch.fd, datagram, (size_t)size, TSC_MSG_DONTWAIT | TSC_MSG_NOSIGNAL);
	}
}

bool tsc_tick_flows(int64_t now)
{
	const struct tsc_net_table *head = tsc_table.head;
	for (uint32_t i = 0; i < high; i++)
		if (flows[i].used && now - flows[i].seen_ms > (flows[i].answered ? head->answered_ms : head->unanswered_ms))
			end_flow(&flows[i]);
	return tsc_flow_count > 0;
}

void tsc_drop_flows(const struct tsc_listener *listener)
{
	for (uint32_t i = 0; i < high; i++)
		if (flows[i].used && flows[i].listener == listener)
			end_flow(&flows[i]);
}
