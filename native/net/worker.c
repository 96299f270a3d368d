/* The worker: its loop, and the control socket by which TypeScript hands over tables. */
#include "net.h"

enum {
	EVENTS = 64,
	MAX_CONTROLS = 8,
	MAX_RETIRED = 256,
	ENOUGH_FILES = 40000,
	QUIET_MS = 20,
};

/* A connection to net.sock. A request is small or it is a table: read into a mapping of its own size. */
struct control {
	struct tsc_watch watch; /* first: the watch is the control */
	struct tsc_net_request head;
	uint8_t *bytes;
	uint32_t got;
	bool used;
};

struct tsc_view tsc_table;

static int epoll, router_ns;
static struct control controls[MAX_CONTROLS];
static struct tsc_watch control_listener, partner;
static const struct tsc_watch *retired[MAX_RETIRED];
static uint32_t retired_count;
static int32_t keeper_pid;
static bool timers;

bool tsc_add_watch(struct tsc_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data = (uintptr_t)watch};
	return !sys_epoll_ctl(epoll, EPOLL_CTL_ADD, watch->fd, &event);
}

void tsc_change_watch(struct tsc_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data = (uintptr_t)watch};
	sys_epoll_ctl(epoll, EPOLL_CTL_MOD, watch->fd, &event);
}

void tsc_retire_watch(struct tsc_watch *watch)
{
	sys_close(watch->fd); /* the only descriptor of that socket, so epoll lets go of it too */
	watch->fd = -1;
	if (retired_count < MAX_RETIRED)
		retired[retired_count++] = watch;
}

int64_t tsc_now_ms(void)
{
	struct __kernel_timespec now;
	sys_clock(TSC_CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void tsc_note_timers(void) { timers = true; }

int tsc_socket_in(bool host, int family, int type, int protocol)
{
	if (!host)
		return sys_socket_of(family, type, protocol);
	int error = sys_setns_net(TSC_FD_HOST);
	if (error)
		return error;
	int fd = sys_socket_of(family, type, protocol);
	/* Sockets made in the wrong place would be worse than none. */
	if (sys_setns_net(router_ns))
		sys_exit(1);
	return fd;
}

int tsc_host_socket(int family, int type) { return tsc_socket_in(true, family, type, 0); }

/* The table on disk is what the next worker serves; ports the kernel chose are in it. */
static void save_table(const struct tsc_view *view)
{
	int fd = sys_open("net.table.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	bool whole = sys_write(fd, view->bytes, view->size) == view->size;
	sys_close(fd);
	if (whole)
		sys_renameat(AT_FDCWD, "net.table.new", AT_FDCWD, "net.table");
}

static int apply_table(uint8_t *bytes, uint32_t size, struct tsc_net_port *ports, uint32_t *count)
{
	struct tsc_view next;
	if (!tsc_read_table(&next, bytes, size))
		return -EPROTO;
	*count = next.head->listeners;
	int error = tsc_apply_listeners(&next, ports);
	if (error)
		return error;
	tsc_apply_resolvers(&next);
	if (tsc_table.bytes)
		sys_unmap(tsc_table.bytes, tsc_table.size);
	tsc_table = next;
	save_table(&next);
	return 0;
}

static void load_table(void)
{
	static struct tsc_net_port ports[TSC_NET_MAX_LISTENERS];
	struct tsc_net_request head;
	uint32_t count;
	int fd = sys_open("net.table", O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	bool fine = sys_read(fd, &head, sizeof head) == sizeof head && head.magic == TSC_NET_REQUEST_MAGIC &&
		    head.abi == TSC_NET_ABI && head.size >= sizeof head && head.size <= TSC_NET_MAX_REQUEST;
	uint8_t *bytes = fine ? sys_map(head.size) : NULL;
	fine = bytes && sys_pread(fd, bytes, head.size, 0) == head.size;
	sys_close(fd);
	/* Taken ports are tried again by the next command, which can say so. */
	if (bytes && (!fine || apply_table(bytes, head.size, ports, &count)))
		sys_unmap(bytes, head.size);
}

static void end_control(struct control *control)
{
	if (control->bytes)
		sys_unmap(control->bytes, control->head.size);
	control->bytes = NULL;
	tsc_retire_watch(&control->watch);
	control->used = false;
}

static bool send_all(int fd, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	while (size) {
		long sent = sys_send(fd, at, size, TSC_MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		at += sent;
		size -= (size_t)sent;
	}
	return true;
}

static void reply(struct control *control, int error, const struct tsc_net_port *ports, uint32_t count)
{
	struct tsc_net_reply head = {
		.magic = TSC_NET_REPLY_MAGIC,
		.abi = TSC_NET_ABI,
		.op = control->head.op,
		.error = -error,
		.count = count,
		.worker_pid = sys_getpid(),
		.keeper_pid = keeper_pid,
		.connections = tsc_connection_count,
		.flows = tsc_flow_count,
	};
	int flags = sys_fcntl(control->watch.fd, F_GETFL, 0);
	sys_fcntl(control->watch.fd, F_SETFL, flags & ~O_NONBLOCK);
	send_all(control->watch.fd, &head, sizeof head);
	send_all(control->watch.fd, ports, count * sizeof *ports);
	sys_fcntl(control->watch.fd, F_SETFL, flags);
}

static void perform(struct control *control)
{
	static struct tsc_net_port ports[TSC_NET_MAX_LISTENERS];
	uint32_t count = 0;
	int error;
	switch (control->head.op) {
	case TSC_NET_SET:
		error = apply_table(control->bytes, control->head.size, ports, &count);
		if (!error)
			control->bytes = NULL; /* it is the table now */
		reply(control, error, ports, count);
		/* Nobody has to wait for this: until it is there, clients come to the listeners. */
		if (!error) {
			tsc_apply_fast_path(&tsc_table);
			tsc_apply_filters(&tsc_table);
		}
		break;
	case TSC_NET_QUIT:
		sys_write(TSC_FD_TELL, "q", 1);
		sys_unlinkat(AT_FDCWD, "net.sock", 0);
		sys_unlinkat(AT_FDCWD, "net.table", 0); /* or a monitor would bring us back */
		reply(control, 0, ports, 0);
		sys_exit(0);
	case TSC_NET_STATUS:
		count = tsc_table.head ? tsc_table.head->listeners : 0;
		tsc_report_listeners(ports);
		reply(control, 0, ports, count);
		break;
	default:
		reply(control, -EINVAL, ports, 0);
	}
	if (control->bytes)
		sys_unmap(control->bytes, control->head.size);
	control->bytes = NULL;
	control->got = 0;
}

static bool start_body(struct control *control)
{
	const struct tsc_net_request *head = &control->head;
	if (head->magic != TSC_NET_REQUEST_MAGIC || head->abi != TSC_NET_ABI || head->size < sizeof *head ||
	    head->size > TSC_NET_MAX_REQUEST)
		return false;
	control->bytes = sys_map(head->size);
	if (!control->bytes)
		return false;
	memcpy(control->bytes, head, sizeof *head);
	return true;
}

static void control_ready(struct tsc_watch *watch, uint32_t events)
{
	struct control *control = (struct control *)watch;
	(void)events;
	for (;;) {
		bool in_head = !control->bytes;
		uint8_t *to = in_head ? (uint8_t *)&control->head : control->bytes;
		uint32_t whole = in_head ? sizeof control->head : control->head.size;
		if (control->got < whole) {
			long size = sys_recv(watch->fd, to + control->got, whole - control->got, TSC_MSG_DONTWAIT);
			if (size == -EAGAIN)
				return;
			if (size <= 0) {
				end_control(control);
				return;
			}
			control->got += (uint32_t)size;
		}
		if (control->got < whole)
			continue;
		if (!in_head)
			perform(control);
		else if (!start_body(control)) {
			end_control(control);
			return;
		}
	}
}

static void control_accept(struct tsc_watch *watch, uint32_t events)
{
	(void)events;
	int fd = sys_accept(watch->fd, TSC_SOCK_NONBLOCK | TSC_SOCK_CLOEXEC);
	if (fd < 0)
		return;
	for (uint32_t i = 0; i < MAX_CONTROLS; i++) {
		if (controls[i].used)
			continue;
		controls[i] = (struct control){.watch = {control_ready, fd}, .used = true};
		tsc_add_watch(&controls[i].watch, EPOLLIN);
		return;
	}
	sys_close(fd);
}

/* A connection after bind and before listen is refused, so nobody meets a socket that does not answer. */
static void open_control(void)
{
	int fd = sys_socket(TSC_AF_UNIX, TSC_SOCK_STREAM | TSC_SOCK_NONBLOCK | TSC_SOCK_CLOEXEC);
	sys_unlinkat(AT_FDCWD, "net.sock", 0);
	sys_umask(0177);
	if (fd < 0 || sys_bind(fd, &tsc_control_address, sizeof tsc_control_address) || sys_listen(fd, 16))
		sys_exit(1);
	control_listener = (struct tsc_watch){control_accept, fd};
	tsc_add_watch(&control_listener, EPOLLIN);
}

static void hear_partner(struct tsc_watch *watch, uint32_t events)
{
	int32_t pid;
	(void)events;
	if (sys_read(watch->fd, &pid, sizeof pid) == sizeof pid) {
		keeper_pid = pid;
		return;
	}
	/* The keeper is gone: a new one, whose pipes take the numbers of the old. */
	sys_epoll_ctl(epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	keeper_pid = 0;
	if (tsc_start_partner("keep")) {
		sys_sleep_ms(10);
		timers = true;
	}
	tsc_add_watch(watch, EPOLLIN);
}

static void raise_limit(void)
{
	struct tsc_rlimit limit;
	if (sys_prlimit_self(TSC_RLIMIT_NOFILE, NULL, &limit))
		return;
	/* Two descriptors a connection, and some; more than the hard limit only with CAP_SYS_RESOURCE. */
	struct tsc_rlimit wanted = {ENOUGH_FILES, ENOUGH_FILES};
	if (limit.hard < ENOUGH_FILES && !sys_prlimit_self(TSC_RLIMIT_NOFILE, &wanted, NULL))
		return;
	limit.soft = limit.hard;
	sys_prlimit_self(TSC_RLIMIT_NOFILE, &limit, NULL);
}

static void tick(void)
{
	static int64_t last;
	int64_t now = tsc_now_ms();
	if (now - last < TSC_TICK_MS)
		return;
	last = now;
	timers = false;
	tsc_resume_listeners();
	timers |= tsc_tick_flows(now);
	timers |= tsc_tick_forwards(now);
	timers |= tsc_tick_streams(now);
	timers |= tsc_tick_filters(now);
}

static bool is_retired(const struct tsc_watch *watch)
{
	for (uint32_t i = 0; i < retired_count; i++)
		if (retired[i] == watch)
			return true;
	return false;
}

_Noreturn void tsc_work(void)
{
	static struct epoll_event events[EVENTS];
	int64_t began = tsc_now_ms();
	raise_limit();
	epoll = sys_epoll_create();
	router_ns = sys_open("router", O_RDONLY | O_CLOEXEC, 0);
	if (epoll < 0 || router_ns < 0 || sys_setns_net(router_ns))
		sys_exit(1);
	tsc_show_alive();
	open_control();
	load_table();
	bool fresh = tsc_table.head;
	partner = (struct tsc_watch){hear_partner, TSC_FD_HEAR};
	tsc_add_watch(&partner, EPOLLIN);
	for (;;) {
		int timeout = tsc_has_work() ? 0 : fresh ? QUIET_MS : timers ? TSC_TICK_MS : -1;
		int count = sys_epoll_wait(epoll, events, EVENTS, timeout);
		/* Clients have waited while there was nobody: they come first. */
		if (fresh && (!count || tsc_now_ms() - began > TSC_TICK_MS)) {
			fresh = false;
			tsc_apply_fast_path(&tsc_table);
			tsc_apply_filters(&tsc_table);
		}
		retired_count = 0;
		for (int i = 0; i < count; i++) {
			struct tsc_watch *watch = (struct tsc_watch *)(uintptr_t)events[i].data;
			if (watch->fd >= 0 && !is_retired(watch))
				watch->ready(watch, events[i].events);
		}
		tsc_end_round();
		if (timers)
			tick();
	}
}
