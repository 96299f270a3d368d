/*
 * Questions for the outside. Each goes out from a socket of its own (a fresh random port, connected, so that only that
 * server can answer) under a random id, byte for byte as it came, and so does the answer: EDNS, upper and lower case and
 * truncation are between the asker and the server. A question that came over TCP is asked over TCP.
 */
#include "net.h"

enum {
	MAX_FORWARDS = 1024,
	MOST_OF_ONE = MAX_FORWARDS / 4, /* from one address: a flood of one container leaves room for the others */
	QUESTION = 4096,
	REPLY = 65535 + 2,
	TRY_MS = 2000,
	MAX_UPSTREAMS = 3, /* as in resolv.conf(5) */
	CODE_SERVER = 2,
};

struct forward {
	struct tsc_watch watch; /* first: the watch is the forward */
	struct tsc_dns_asker asker;
	struct tsc_net_upstream upstreams[MAX_UPSTREAMS];
	uint32_t upstream_count;
	uint32_t upstream; /* the one asked now */
	uint8_t id[2], asked_id[2];
	int64_t deadline_ms;
	uint32_t size;
	uint32_t got;      /* TCP: bytes of the reply so far */
	bool used;
	bool sent;         /* TCP: the question is out */
	uint8_t question[2 + QUESTION];
};

static struct forward forwards[MAX_FORWARDS];
static uint8_t *replies; /* REPLY bytes for each, made when TCP is first used */
static uint8_t scratch[REPLY];
static uint32_t live;

static void end_forward(struct forward *forward)
{
	if (forward->watch.fd >= 0)
		tsc_retire_watch(&forward->watch);
	forward->used = false;
	live--;
}

static void finish_forward(struct forward *forward, uint8_t *reply, uint32_t size)
{
	memcpy(reply, forward->id, 2);
	struct tsc_dns_asker asker = forward->asker;
	end_forward(forward);
	tsc_reply_dns(&asker, reply, size);
}

/* The same question under the same id: connected sockets have already seen to the sender. */
static bool is_answer(const struct forward *forward, const uint8_t *reply, uint32_t size)
{
	return size >= TSC_DNS_HEADER && !memcmp(reply, forward->asked_id, 2) && reply[2] & 0x80;
}

static void try_next(struct forward *forward);

static void datagram_ready(struct forward *forward)
{
	long size = sys_recv(forward->watch.fd, scratch, sizeof scratch, TSC_MSG_DONTWAIT);
	if (size == -EAGAIN)
		return;
	if (size < 0)
		try_next(forward);
	else if (is_answer(forward, scratch, (uint32_t)size))
		finish_forward(forward, scratch, (uint32_t)size);
}

static void stream_ready(struct forward *forward, uint32_t events)
{
	uint8_t *reply = replies + (size_t)(forward - forwards) * REPLY;
	if (!forward->sent && events & EPOLLOUT) {
		if (sys_send(forward->watch.fd, forward->question, forward->size + 2,
			     TSC_MSG_DONTWAIT | TSC_MSG_NOSIGNAL) != forward->size + 2) {
			try_next(forward);
			return;
		}
		forward->sent = true;
		tsc_change_watch(&forward->watch, EPOLLIN);
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	long size = sys_recv(forward->watch.fd, reply + forward->got, REPLY - forward->got, TSC_MSG_DONTWAIT);
	if (size == -EAGAIN)
		return;
	if (size <= 0) {
		try_next(forward);
		return;
	}
	forward->got += (uint32_t)size;
	uint32_t whole = forward->got >= 2 ? (uint32_t)reply[0] << 8 | reply[1] : UINT32_MAX;
	if (forward->got < 2 || forward->got - 2 < whole)
		return;
	if (is_answer(forward, reply + 2, whole))
		finish_forward(forward, reply + 2, whole);
	else
		try_next(forward);
}

static void forward_ready(struct tsc_watch *watch, uint32_t events)
{
	struct forward *forward = (struct forward *)watch;
	if (forward->asker.stream)
		stream_ready(forward, events);
	else
		datagram_ready(forward);
}

static int open_upstream(const struct tsc_net_upstream *upstream, int type)
{
	union tsc_sockaddr to;
	uint32_t size = tsc_to_sockaddr(&to, &upstream->address);
	type |= TSC_SOCK_NONBLOCK | TSC_SOCK_CLOEXEC;
	int fd = upstream->where == TSC_NET_FROM_HOST ? tsc_host_socket(to.family, type) : sys_socket(to.family, type);
	if (fd < 0)
		return fd;
	int error = sys_connect(fd, &to, size);
	if (error && error != -EINPROGRESS) {
		sys_close(fd);
		return error;
	}
	return fd;
}

static bool ask(struct forward *forward)
{
	const struct tsc_net_upstream *upstream = &forward->upstreams[forward->upstream];
	bool stream = forward->asker.stream;
	int fd = open_upstream(upstream, stream ? TSC_SOCK_STREAM : TSC_SOCK_DGRAM);
	if (fd < 0)
		return false;
	forward->watch = (struct tsc_watch){forward_ready, fd};
	forward->got = 0;
	forward->sent = false;
	forward->deadline_ms = tsc_now_ms() + TRY_MS;
	sys_random(forward->asked_id, 2);
	memcpy(forward->question + 2, forward->asked_id, 2);
	if (!tsc_add_watch(&forward->watch, stream ? EPOLLOUT : EPOLLIN))
		return false;
	return stream || sys_send(fd, forward->question + 2, forward->size, TSC_MSG_DONTWAIT) == forward->size;
}

/* The next server, or the news that none answers. */
static void try_next(struct forward *forward)
{
	for (;;) {
		if (forward->watch.fd >= 0)
			tsc_retire_watch(&forward->watch);
		if (++forward->upstream >= forward->upstream_count)
			break;
		if (ask(forward))
			return;
	}
	memcpy(forward->question + 2, forward->id, 2);
	uint32_t size = tsc_refuse_dns(forward->question + 2, forward->size, CODE_SERVER, scratch);
	struct tsc_dns_asker asker = forward->asker;
	end_forward(forward);
	tsc_reply_dns(&asker, scratch, size);
}

static struct forward *take_place(const struct tsc_net_address *from)
{
	struct forward *unused = NULL;
	uint32_t of_one = 0;
	for (uint32_t i = 0; i < MAX_FORWARDS; i++) {
		const struct tsc_net_address *other = &forwards[i].asker.address;
		if (!forwards[i].used)
			unused = unused ? unused : &forwards[i];
		else
			of_one += other->family == from->family && !memcmp(other->bytes, from->bytes, sizeof from->bytes);
	}
	return of_one < MOST_OF_ONE ? unused : NULL;
}

bool tsc_forward_dns(const uint8_t *query, uint32_t size, const struct tsc_dns_asker *asker,
		     const struct tsc_net_container *container)
{
	struct forward *forward = size > QUESTION ? NULL : take_place(&asker->address);
	if (!forward)
		return false;
	if (asker->stream && !replies)
		replies = sys_map((size_t)MAX_FORWARDS * REPLY);
	if (asker->stream && !replies)
		return false;
	memset(forward, 0, offsetof(struct forward, question));
	forward->used = true;
	forward->watch.fd = -1;
	forward->asker = *asker;
	for (uint32_t i = 0; i < container->upstream_count && i < MAX_UPSTREAMS; i++)
		forward->upstreams[forward->upstream_count++] = tsc_table.upstreams[container->first_upstream + i];
	forward->size = size;
	forward->question[0] = (uint8_t)(size >> 8);
	forward->question[1] = (uint8_t)size;
	memcpy(forward->question + 2, query, size);
	memcpy(forward->id, query, 2);
	live++;
	tsc_note_timers();
	if (!ask(forward))
		try_next(forward);
	return true;
}

bool tsc_tick_forwards(int64_t now)
{
	for (uint32_t i = 0; live && i < MAX_FORWARDS; i++)
		if (forwards[i].used && now > forwards[i].deadline_ms)
			try_next(&forwards[i]);
	return live > 0;
}
