/*
 * The TCP proxy. Both sockets are watched edge-triggered from the start; bytes move whenever one side has some and the
 * other has room. Small messages are copied through one buffer (two system calls); a side that keeps filling the buffer
 * is spliced through a pipe, without a copy. A pipe belongs to a direction only while it holds bytes, so an idle
 * connection costs two descriptors. End of file and reset are passed on as what they are.
 */
#include "net.h"

enum {
	MAX_CONNECTIONS = 16384,
	BUFFER = 32768,
	PIPE_SIZE = 1 << 20,
	ROUNDS = 16,         /* moves in a row before others get their turn */
	BULK_AFTER = 2,      /* full buffers in a row after which a direction is spliced */
	BULK_LEAST = 4096,   /* a splice that moves less ends that */
	SPARE_PIPES = 32,
};

struct side {
	struct tsc_watch watch; /* first: the watch is the side */
	struct tsc_connection *connection;
	int pipe[2];     /* bytes read from this side and not yet written to the other; -1: none */
	uint32_t held;   /* how many */
	uint8_t full;    /* full buffers read in a row */
	bool readable;
	bool writable;
	bool ended;      /* end of file was read here */
	bool passed_end; /* … and shown to the other side */
};

struct tsc_connection {
	struct side side[2]; /* 0 the client's, 1 the container's */
	struct tsc_connection *next; /* in a list: free, retired or put off */
	bool used;
	bool waiting; /* in the list of those put off */
};

static struct tsc_connection connections[MAX_CONNECTIONS];
static uint32_t high;
static struct tsc_connection *unused, *retired, *put_off;
static int spare[SPARE_PIPES][2];
static uint32_t spares;
uint32_t tsc_connection_count;

/* Whether a pipe can be taken that holds what the buffer does. */
static bool have_pipe(const struct side *side)
{
	int made[2];
	if (side->pipe[0] >= 0 || spares)
		return true;
	if (sys_pipe(made, O_NONBLOCK | O_CLOEXEC))
		return false;
	/* Refused beyond the user's share: then it stays small. */
	if (sys_fcntl(made[0], TSC_PIPE_SIZE, PIPE_SIZE) < 0 && sys_fcntl(made[0], TSC_GET_PIPE_SIZE, 0) < BUFFER) {
		sys_close(made[0]);
		sys_close(made[1]);
		return false;
	}
	memcpy(spare[spares++], made, sizeof made);
	return true;
}

static bool take_pipe(struct side *side)
{
	if (!have_pipe(side))
		return false;
	if (side->pipe[0] < 0)
		memcpy(side->pipe, spare[--spares], sizeof side->pipe);
	return true;
}

static void give_pipe(struct side *side)
{
	if (side->pipe[0] < 0)
		return;
	if (!side->held && spares < SPARE_PIPES) {
		memcpy(spare[spares++], side->pipe, sizeof side->pipe);
	} else {
		sys_close(side->pipe[0]);
		sys_close(side->pipe[1]);
	}
	side->pipe[0] = side->pipe[1] = -1;
}

static void end_connection(struct tsc_connection *connection)
{
	for (int i = 0; i < 2; i++) {
		struct side *side = &connection->side[i];
		give_pipe(side);
		tsc_retire_watch(&side->watch);
	}
	connection->used = false;
	tsc_connection_count--;
	if (!connection->waiting) {
		connection->next = retired;
		retired = connection;
	}
	tsc_resume_listeners();
}

/* Close that the peer sees as a reset. */
static void reset_connection(struct tsc_connection *connection)
{
	struct tsc_linger now = {1, 0};
	for (int i = 0; i < 2; i++)
		sys_setsockopt(connection->side[i].watch.fd, TSC_SOL_SOCKET, TSC_SO_LINGER, &now, sizeof now);
	end_connection(connection);
}

enum moved { MOVED, STUCK, BROKEN };

/* Pipe to socket. */
static enum moved drain(struct side *from, struct side *to)
{
	long size = sys_splice(from->pipe[0], to->watch.fd, from->held, TSC_SPLICE_NONBLOCK);
	if (size == -EAGAIN) {
		to->writable = false;
		return STUCK;
	}
	if (size <= 0)
		return BROKEN;
	from->held -= (uint32_t)size;
	if (!from->held)
		give_pipe(from);
	return MOVED;
}

static enum moved take_end(struct side *from, long size)
{
	if (size == -EAGAIN) {
		from->readable = false;
		return STUCK;
	}
	if (size < 0)
		return BROKEN;
	from->ended = true;
	return MOVED;
}

static uint8_t buffer[BUFFER];

static enum moved move_bulk(struct side *from)
{
	long size = sys_splice(from->watch.fd, from->pipe[1], PIPE_SIZE, TSC_SPLICE_NONBLOCK);
	if (size <= 0) {
		give_pipe(from);
		return take_end(from, size);
	}
	if (size < BULK_LEAST)
		from->full = 0;
	from->held = (uint32_t)size;
	return MOVED;
}

/* Without a pipe for what the other side has no room for, that stays where it is: bytes are taken once they were sent. */
static enum moved move_seen(struct side *from, struct side *to)
{
	long size = sys_recv(from->watch.fd, buffer, sizeof buffer, TSC_MSG_DONTWAIT | TSC_MSG_PEEK);
	if (size <= 0)
		return take_end(from, size);
	long sent = sys_send(to->watch.fd, buffer, (size_t)size, TSC_MSG_DONTWAIT | TSC_MSG_NOSIGNAL);
	if (sent < 0 && sent != -EAGAIN)
		return BROKEN;
	if (sent < size)
		to->writable = false;
	if (sent <= 0)
		return STUCK;
	for (long gone; sent > 0; sent -= gone) {
		gone = sys_recv(from->watch.fd, NULL, (size_t)sent, TSC_MSG_DONTWAIT | TSC_MSG_TRUNC);
		if (gone <= 0)
			return BROKEN;
	}
	return MOVED;
}

static enum moved move_buffer(struct side *from, struct side *to)
{
	if (!have_pipe(from))
		return move_seen(from, to);
	long size = sys_recv(from->watch.fd, buffer, sizeof buffer, TSC_MSG_DONTWAIT);
	if (size <= 0)
		return take_end(from, size);
	from->full = size == BUFFER ? (uint8_t)(from->full + 1) : 0;
	long sent = sys_send(to->watch.fd, buffer, (size_t)size, TSC_MSG_DONTWAIT | TSC_MSG_NOSIGNAL);
	if (sent == size)
		return MOVED;
	if (sent < 0 && sent != -EAGAIN)
		return BROKEN;
	sent = sent < 0 ? 0 : sent;
	to->writable = false;
	if (!take_pipe(from) || sys_write(from->pipe[1], buffer + sent, (size_t)(size - sent)) != size - sent)
		return BROKEN;
	from->held = (uint32_t)(size - sent);
	return STUCK;
}

static enum moved move_some(struct side *from, struct side *to)
{
	if (!to->writable)
		return STUCK;
	if (from->held)
		return drain(from, to);
	if (from->ended) {
		if (!from->passed_end)
			sys_shutdown(to->watch.fd, TSC_SHUT_WR);
		from->passed_end = true;
		return STUCK;
	}
	if (!from->readable)
		return STUCK;
	if (from->full >= BULK_AFTER && take_pipe(from))
		return move_bulk(from);
	return move_buffer(from, to);
}

static void pump(struct tsc_connection *connection)
{
	struct side *side = connection->side;
	int left = ROUNDS;
	bool moved = true;
	while (moved && left--) {
		moved = false;
		for (int i = 0; i < 2; i++) {
			enum moved result = move_some(&side[i], &side[1 - i]);
			if (result == BROKEN) {
				reset_connection(connection);
				return;
			}
			moved |= result == MOVED;
		}
	}
	if (side[0].passed_end && side[1].passed_end) {
		end_connection(connection);
	} else if (moved && !connection->waiting) {
		connection->waiting = true;
		connection->next = put_off;
		put_off = connection;
	}
}

static void side_ready(struct tsc_watch *watch, uint32_t events)
{
	struct side *side = (struct side *)watch;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
		side->readable = true;
	if (events & EPOLLOUT)
		side->writable = true;
	if (events & EPOLLERR) {
		reset_connection(side->connection);
		return;
	}
	pump(side->connection);
}

static struct tsc_connection *take_connection(void)
{
	struct tsc_connection *connection = unused;
	if (connection)
		unused = connection->next;
	else if (high < MAX_CONNECTIONS)
		connection = &connections[high++];
	return connection;
}

static void start_connection(struct tsc_connection *connection, int client, int container)
{
	memset(connection, 0, sizeof *connection);
	connection->used = true;
	tsc_connection_count++;
	int fds[2] = {client, container};
	for (int i = 0; i < 2; i++) {
		struct side *side = &connection->side[i];
		side->connection = connection;
		side->pipe[0] = side->pipe[1] = -1;
		side->watch = (struct tsc_watch){side_ready, fds[i]};
		sys_set_flag(fds[i], IPPROTO_TCP, TSC_TCP_NODELAY);
	}
	/* The client's side is connected; the container's becomes writable when it is. */
	for (int i = 0; i < 2; i++)
		if (!tsc_add_watch(&connection->side[i].watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)) {
			reset_connection(connection);
			return;
		}
}

static void refuse_client(int client)
{
	struct tsc_linger now = {1, 0};
	sys_setsockopt(client, TSC_SOL_SOCKET, TSC_SO_LINGER, &now, sizeof now);
	sys_close(client);
}

/*
 * A connection takes two descriptors, and a client that was accepted cannot be put back: nobody is accepted unless this one
 * is held, which is let go for the second when there is no other.
 */
static int reserve = -1;

static bool hold_reserve(void)
{
	if (reserve < 0)
		reserve = sys_eventfd(O_CLOEXEC);
	return reserve >= 0;
}

static int dial(const struct tsc_listener *listener, const union tsc_sockaddr *client)
{
	int container = tsc_dial(listener, client, TSC_SOCK_STREAM);
	if (container != -EMFILE)
		return container;
	sys_close(reserve);
	reserve = -1;
	return tsc_dial(listener, client, TSC_SOCK_STREAM);
}

static bool is_exhaustion(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

void tsc_accept_ready(struct tsc_watch *watch, uint32_t events)
{
	(void)events;
	uintptr_t at = (uintptr_t)watch - (uintptr_t)tsc_listeners;
	const struct tsc_listener *listener = &tsc_listeners[at / sizeof *listener];
	for (int i = 0; i < ROUNDS; i++) {
		union tsc_sockaddr from;
		uint32_t size = sizeof from;
		struct tsc_connection *connection = hold_reserve() ? take_connection() : NULL;
		int client = connection ? sys_accept_from(watch->fd, &from, &size, TSC_SOCK_NONBLOCK | TSC_SOCK_CLOEXEC)
					: -EMFILE;
		if (client < 0) {
			if (connection) {
				connection->next = unused;
				unused = connection;
			}
			if (is_exhaustion(client))
				tsc_pause_listeners();
			return;
		}
		int container = dial(listener, &from);
		if (container < 0) {
			refuse_client(client);
			connection->next = unused;
			unused = connection;
			/* Of the whole machine: those behind this one would be refused as well. */
			if (is_exhaustion(container)) {
				tsc_pause_listeners();
				return;
			}
			continue;
		}
		start_connection(connection, client, container);
	}
}

bool tsc_has_work(void) { return put_off != NULL; }

void tsc_end_round(void)
{
	struct tsc_connection *list = put_off;
	put_off = NULL;
	while (list) {
		struct tsc_connection *each = list;
		list = each->next;
		each->waiting = false;
		if (each->used) {
			pump(each);
		} else {
			each->next = retired;
			retired = each;
		}
	}
	while (retired) {
		struct tsc_connection *each = retired;
		retired = each->next;
		each->next = unused;
		unused = each;
	}
}
