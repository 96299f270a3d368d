/*
 * The resolvers' sockets, and questions over TCP. Every connection has its own buffer and its own time; one that dawdles
 * delays nobody (CVE-2024-8418).
 */
#include "net.h"

enum {
	MAX_RESOLVERS = 512,
	MAX_STREAMS = 64,
	STREAM_BUFFER = 2 + 4096,
	IDLE_MS = 5000,
	CODE_FORMAT = 1,
};

struct resolver {
	struct tsc_watch datagrams; /* first: the watch is the resolver */
	struct tsc_watch streams;
	struct tsc_net_address address;
	bool used;
	bool kept;
};

struct stream {
	struct tsc_watch watch; /* first: the watch is the stream */
	struct tsc_net_address from;
	uint32_t id;
	uint32_t got;
	int64_t deadline_ms;
	bool used;
	uint8_t bytes[STREAM_BUFFER];
};

static struct resolver resolvers[MAX_RESOLVERS];
static uint32_t high;
static struct stream streams[MAX_STREAMS];
static uint32_t live, last_id;
static uint8_t out[65535 + 2];

static void end_stream(struct stream *stream)
{
	tsc_retire_watch(&stream->watch);
	stream->used = false;
	live--;
}

void tsc_reply_stream(uint32_t stream, uint32_t stream_id, const uint8_t *answer, uint32_t size)
{
	struct stream *each = &streams[stream - 1];
	if (!each->used || each->id != stream_id || size > 65535)
		return;
	static uint8_t frame[65535 + 2];
	frame[0] = (uint8_t)(size >> 8);
	frame[1] = (uint8_t)size;
	memcpy(frame + 2, answer, size);
	/* An asker that does not read its answers loses the connection. */
	if (sys_send(each->watch.fd, frame, size + 2, TSC_MSG_DONTWAIT | TSC_MSG_NOSIGNAL) != size + 2)
		end_stream(each);
	else
		each->deadline_ms = tsc_now_ms() + IDLE_MS;
}

void tsc_reply_dns(const struct tsc_dns_asker *asker, const uint8_t *answer, uint32_t size)
{
	if (asker->stream) {
		tsc_reply_stream(asker->stream, asker->stream_id, answer, size);
		return;
	}
	for (uint32_t i = 0; i < high; i++) {
		if (!resolvers[i].used || resolvers[i].datagrams.fd != asker->udp_fd)
			continue;
		union tsc_sockaddr to;
		uint32_t to_size = tsc_to_sockaddr(&to, &asker->address);
		sys_send_to(asker->udp_fd, answer, size, &to, to_size);
	}
}

void tsc_stream_ready(struct tsc_watch *watch, uint32_t events)
{
	struct stream *stream = (struct stream *)watch;
	(void)events;
	long size = sys_recv(watch->fd, stream->bytes + stream->got, STREAM_BUFFER - stream->got, TSC_MSG_DONTWAIT);
	if (size == -EAGAIN)
		return;
	if (size <= 0) {
		end_stream(stream);
		return;
	}
	stream->got += (uint32_t)size;
	while (stream->used && stream->got >= 2) {
		uint32_t whole = (uint32_t)stream->bytes[0] << 8 | stream->bytes[1];
		if (whole < TSC_DNS_HEADER || whole > STREAM_BUFFER - 2) {
			end_stream(stream);
			return;
		}
		if (stream->got - 2 < whole)
			return;
		struct tsc_dns_asker asker = {
			.address = stream->from,
			.udp_fd = -1,
			.stream = (uint32_t)(stream - streams) + 1,
			.stream_id = stream->id,
		};
		uint32_t answer = tsc_answer_dns(stream->bytes + 2, whole, &asker, out, 65535);
		if (answer)
			tsc_reply_stream(asker.stream, asker.stream_id, out, answer);
		stream->got -= whole + 2;
		memmove(stream->bytes, stream->bytes + whole + 2, stream->got);
	}
}

static void accept_stream(struct tsc_watch *watch, uint32_t events)
{
	(void)events;
	union tsc_sockaddr from;
	uint32_t size = sizeof from;
	int fd = sys_accept_from(watch->fd, &from, &size, TSC_SOCK_NONBLOCK | TSC_SOCK_CLOEXEC);
	if (fd < 0)
		return;
	struct stream *stream = NULL;
	for (uint32_t i = 0; i < MAX_STREAMS && !stream; i++)
		if (!streams[i].used)
			stream = &streams[i];
	if (!stream) {
		sys_close(fd);
		return;
	}
	stream->watch = (struct tsc_watch){tsc_stream_ready, fd};
	tsc_from_sockaddr(&stream->from, &from);
	stream->from.port = 0;
	stream->id = ++last_id;
	stream->got = 0;
	stream->deadline_ms = tsc_now_ms() + IDLE_MS;
	stream->used = true;
	live++;
	tsc_add_watch(&stream->watch, EPOLLIN);
	tsc_note_timers();
}

bool tsc_tick_streams(int64_t now)
{
	for (uint32_t i = 0; live && i < MAX_STREAMS; i++)
		if (streams[i].used && now > streams[i].deadline_ms)
			end_stream(&streams[i]);
	return live > 0;
}

static void datagram_ready(struct tsc_watch *watch, uint32_t events)
{
	static uint8_t query[TSC_DNS_MAX_UDP];
	(void)events;
	for (int i = 0; i < 32; i++) {
		union tsc_sockaddr from;
		uint32_t from_size = sizeof from;
		long size = sys_recv_from(watch->fd, query, sizeof query, &from, &from_size);
		if (size < 0)
			return;
		struct tsc_dns_asker asker = {.udp_fd = watch->fd};
		tsc_from_sockaddr(&asker.address, &from);
		uint32_t answer = tsc_answer_dns(query, (uint32_t)size, &asker, out, TSC_DNS_MAX_UDP);
		if (answer)
			sys_send_to(watch->fd, out, answer, &from, from_size);
	}
}

/* The address may not be there yet (its bridge comes with the same table), hence FREEBIND. */
static int open_resolver(const struct tsc_net_address *address, int type)
{
	struct tsc_net_address at = *address;
	union tsc_sockaddr bound;
	at.port = 53;
	uint32_t size = tsc_to_sockaddr(&bound, &at);
	int fd = sys_socket(bound.family, type | TSC_SOCK_NONBLOCK | TSC_SOCK_CLOEXEC);
	if (fd < 0)
		return fd;
	if (address->family == 4)
		sys_set_flag(fd, IPPROTO_IP, TSC_IP_FREEBIND);
	else
		sys_set_flag(fd, IPPROTO_IPV6, TSC_IPV6_FREEBIND);
	if (type == TSC_SOCK_STREAM)
		sys_set_flag(fd, TSC_SOL_SOCKET, TSC_SO_REUSEADDR);
	int error = sys_bind(fd, &bound, size);
	if (!error && type == TSC_SOCK_STREAM)
		error = sys_listen(fd, 64);
	if (error) {
		sys_close(fd);
		return error;
	}
	return fd;
}

static void start_resolver(struct resolver *resolver, const struct tsc_net_address *address)
{
	resolver->address = *address;
	resolver->used = resolver->kept = true;
	resolver->datagrams = (struct tsc_watch){datagram_ready, open_resolver(address, TSC_SOCK_DGRAM)};
	resolver->streams = (struct tsc_watch){accept_stream, open_resolver(address, TSC_SOCK_STREAM)};
	if (resolver->datagrams.fd >= 0)
		tsc_add_watch(&resolver->datagrams, EPOLLIN);
	if (resolver->streams.fd >= 0)
		tsc_add_watch(&resolver->streams, EPOLLIN);
}

static struct resolver *find_resolver(const struct tsc_net_address *address)
{
	struct resolver *unused = NULL;
	for (uint32_t i = 0; i < high; i++) {
		if (resolvers[i].used && tsc_same_address(&resolvers[i].address, address))
			return &resolvers[i];
		if (!resolvers[i].used)
			unused = &resolvers[i];
	}
	return unused ? unused : high < MAX_RESOLVERS ? &resolvers[high++] : NULL;
}

void tsc_apply_resolvers(const struct tsc_view *next)
{
	for (uint32_t i = 0; i < high; i++)
		resolvers[i].kept = false;
	for (uint32_t i = 0; i < next->head->resolvers; i++) {
		struct resolver *resolver = find_resolver(&next->resolvers[i]);
		if (resolver && resolver->used)
			resolver->kept = true;
		else if (resolver)
			start_resolver(resolver, &next->resolvers[i]);
	}
	for (uint32_t i = 0; i < high; i++) {
		if (!resolvers[i].used || resolvers[i].kept)
			continue;
		if (resolvers[i].datagrams.fd >= 0)
			tsc_retire_watch(&resolvers[i].datagrams);
		if (resolvers[i].streams.fd >= 0)
			tsc_retire_watch(&resolvers[i].streams);
		resolvers[i].used = false;
	}
}
