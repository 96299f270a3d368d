/* ctl.sock: fixed requests, fixed replies, nobody is ever waited for. */
#include "monitor.h"

#include <asm/ioctls.h>
#include <linux/socket.h>
#include <linux/un.h>

int tsc_open_control(struct tsc_monitor *m)
{
	/* Bound from inside the directory: a path of any depth fits the 108 bytes. A path, never an abstract name, which
	 * a container in the host's network could reach (CVE-2020-15257). */
	struct sockaddr_un address = {.sun_family = TSC_AF_UNIX, .sun_path = "ctl.sock"};
	m->listen = sys_socket(TSC_AF_UNIX, TSC_SOCK_STREAM | TSC_SOCK_CLOEXEC | TSC_SOCK_NONBLOCK);
	if (m->listen < 0)
		return m->listen;
	/* The lock is ours, so whatever lies there belongs to a dead monitor. */
	sys_unlinkat(m->dir, "ctl.sock", 0);
	unsigned mask = sys_umask(0177);
	int error = sys_fchdir(m->dir);
	if (!error)
		error = sys_bind(m->listen, &address, sizeof address);
	sys_umask(mask);
	sys_chdir("/");
	return error ? error : sys_listen(m->listen, 16);
}

void tsc_drop_client(struct tsc_client *client)
{
	tsc_close(&client->fd);
	client->wishes = client->size = 0;
}

static void reply(struct tsc_monitor *m, struct tsc_client *client, unsigned op, int error)
{
	struct tsc_reply answer = {.size = sizeof answer, .op = (uint16_t)op, .error = (uint16_t)-error, .state = m->state};
	/* What has changed since the state was last written is told as well: it needs a checksum of its own. */
	tsc_seal_state(&answer.state);
	/* A client that does not read would hold up the container's log: it is dropped instead. */
	long done = sys_send(client->fd, &answer, sizeof answer, TSC_MSG_DONTWAIT | TSC_MSG_NOSIGNAL);
	if (done != (long)sizeof answer)
		tsc_drop_client(client);
}

void tsc_tell_clients(struct tsc_monitor *m, uint32_t wish, unsigned op, int error)
{
	for (unsigned i = 0; i < TSC_MAX_CLIENTS; i++) {
		struct tsc_client *client = &m->clients[i];
		if (client->fd < 0 || !(client->wishes & wish))
			continue;
		if (wish != TSC_WISH_CHANGES)
			client->wishes &= ~wish;
		reply(m, client, op, error);
	}
}

void tsc_tell_started(struct tsc_monitor *m)
{
	tsc_tell_clients(m, TSC_WISH_START, TSC_CTL_START, 0);
	if (m->report < 0)
		return;
	struct tsc_report report = tsc_make_report(m->frame.id, TSC_REPORT_STARTED);
	report.pid = m->state.init_pid;
	report.number = m->state.init_start;
	if (m->failed)
		tsc_fail_report(&report, m->state.fail_phase, m->state.fail_op, m->state.fail_error, m->state.fail_text);
	tsc_send_report(m->report, &report);
	tsc_close(&m->report);
}

static bool is_allowed(int fd)
{
	struct tsc_ucred who;
	uint32_t size = sizeof who;
	return sys_getsockopt(fd, TSC_SOL_SOCKET, TSC_SO_PEERCRED, &who, &size) == 0 &&
	       (who.uid == 0 || who.uid == sys_geteuid());
}

void tsc_accept_client(struct tsc_monitor *m)
{
	int fd = sys_accept(m->listen, TSC_SOCK_CLOEXEC | TSC_SOCK_NONBLOCK);
	if (fd < 0)
		return;
	for (unsigned i = 0; i < TSC_MAX_CLIENTS && is_allowed(fd); i++) {
		if (m->clients[i].fd >= 0)
			continue;
		m->clients[i] = (struct tsc_client){.fd = fd};
		return;
	}
	sys_close(fd);
}

static int later(struct tsc_client *client, uint32_t wish)
{
	client->wishes |= wish;
	return 1;
}

static int begin_quit(struct tsc_monitor *m, struct tsc_client *client)
{
	client->wishes |= TSC_WISH_QUIT;
	m->quitting = true;
	m->state.stop_requested = 1;
	if (tsc_is_running(m))
		tsc_kill_everything(m);
	return 1;
}

static int begin_start(struct tsc_monitor *m, struct tsc_client *client)
{
	if (tsc_is_running(m) || m->quitting)
		return -EBUSY;
	int error = tsc_start(m);
	/* A refusal is told by the state; the request as such was in order. */
	return error ? 0 : later(client, TSC_WISH_START);
}

static int resize(struct tsc_monitor *m, uint64_t rows, uint64_t columns)
{
	struct {
		uint16_t rows, columns, width, height;
	} size = {(uint16_t)rows, (uint16_t)columns, 0, 0};
	if (rows > UINT16_MAX || columns > UINT16_MAX)
		return -EINVAL;
	return m->master < 0 ? -ENOTTY : sys_ioctl(m->master, TIOCSWINSZ, &size);
}

static int end(struct tsc_monitor *m, const struct tsc_request *request)
{
	int signal = (int)request->a;
	bool stop = request->op == TSC_CTL_STOP;
	m->settled = m->settled || (request->flags & 1 && (stop || signal == TSC_SIGKILL));
	return stop ? tsc_stop(m, signal, request->b) : tsc_signal(m, signal);
}

/* 0 or -errno: answer now. 1: the answer comes when there is one. */
static int serve(struct tsc_monitor *m, struct tsc_client *client, const struct tsc_request *request)
{
	switch ((enum tsc_control_op)request->op) {
	case TSC_CTL_STATUS:
		return 0;
	case TSC_CTL_START:
		return begin_start(m, client);
	case TSC_CTL_STOP:
	case TSC_CTL_KILL:
		return request->a > TSC_SIGNALS ? -EINVAL : end(m, request);
	case TSC_CTL_QUIT:
		return begin_quit(m, client);
	case TSC_CTL_PAUSE:
		return tsc_freeze(m, true);
	case TSC_CTL_UNPAUSE:
		return tsc_freeze(m, false);
	case TSC_CTL_SUBSCRIBE:
		client->wishes |= TSC_WISH_CHANGES;
		if (request->a == 1) {
			client->wishes |= TSC_WISH_SUPERVISE;
			m->supervised = true;
			tsc_calm(m);
		}
		return 0;
	case TSC_CTL_LEAVE:
		tsc_release_supervisor(m, client);
		return 0;
	case TSC_CTL_RESIZE:
		return resize(m, request->a, request->b);
	case TSC_CTL_WAIT:
		return tsc_is_running(m) ? later(client, TSC_WISH_END) : 0;
	}
	return -EINVAL;
}

void tsc_hear_client(struct tsc_monitor *m, struct tsc_client *client)
{
	long got = sys_recv(client->fd, client->bytes + client->size, sizeof client->bytes - client->size,
			    TSC_MSG_DONTWAIT);
	if (got == -EAGAIN || got == -EINTR)
		return;
	if (got <= 0) {
		tsc_drop_client(client);
		return;
	}
	client->size += (uint32_t)got;
	if (client->size < sizeof client->bytes)
		return;
	struct tsc_request request;
	memcpy(&request, client->bytes, sizeof request);
	client->size = 0;
	if (request.size != sizeof request) {
		tsc_drop_client(client);
		return;
	}
	int answer = serve(m, client, &request);
	if (answer <= 0 && client->fd >= 0)
		reply(m, client, request.op, answer);
}

_Noreturn void tsc_quit(struct tsc_monitor *m)
{
	/* Before anybody is told that the layers can go. */
	tsc_close(&m->mounts);
	int error = tsc_clean_up(m);
	tsc_leave_keeper(m);
	tsc_let_go(m);
	tsc_tell_clients(m, TSC_WISH_QUIT, TSC_CTL_QUIT, error);
	sys_exit(0);
}
