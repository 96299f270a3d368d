/*
 * KEEPER: one process a project to which its monitors stay connected. A monitor that ends without a farewell was killed:
 * its container goes on, but nobody takes its output any more or would see its end, so a supervisor is woken, which
 * gives it a new monitor. The keeper is forked from a monitor, and is made anew by those that it leaves behind.
 */
#include "monitor.h"
#include "sys_admin.h"

#include <linux/close_range.h>
#include <linux/prctl.h>
#include <linux/un.h>

/* Those beyond wait in the backlog and are not watched; what they are connected to is the socket, not the process. */
#define MOST 4096u
/* A supervisor that was woken has this long to give a container its monitor; then another one is, a few times. */
#define FIRST_RETRY_MS 2000u
#define RETRIES 6u
/* One that was killed together with the monitor holds its lock until the kernel has taken it apart: soon it is free. */
#define BUSY_RETRY_MS 20u
#define BUSY_RETRIES 4u

enum { LISTEN, TIMER, FIRST };

static struct pollfd watched[FIRST + MOST];
static unsigned count = FIRST;
static bool full;

static void hear_monitors(unsigned *lost)
{
	for (unsigned i = FIRST; i < count;) {
		char byte;
		if (!watched[i].revents) {
			i++;
			continue;
		}
		*lost += sys_recv(watched[i].fd, &byte, 1, TSC_MSG_DONTWAIT) != 1;
		sys_close(watched[i].fd);
		watched[i] = watched[--count];
		full = false;
	}
}

/* A new monitor is what a lost one was waiting for. */
static void accept_monitors(int listen, unsigned *lost)
{
	while (count < FIRST + MOST) {
		int fd = sys_accept(listen, TSC_SOCK_CLOEXEC | TSC_SOCK_NONBLOCK);
		if (fd < 0) {
			full = fd != -EAGAIN && count > FIRST;
			return;
		}
		watched[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
		*lost -= *lost > 0;
	}
	full = true;
}

/* Reading a timer stops it until it is set again. */
static bool has_rung(int timer)
{
	uint64_t times;
	return timer >= 0 && sys_read(timer, &times, sizeof times) == (long)sizeof times;
}

static _Noreturn void keep(struct tsc_monitor *m, const struct tsc_op *op, int listen, int lock)
{
	struct tsc_op supervisor;
	unsigned lost = 0, tries = 0;
	bool busy = false;
	bool known = tsc_find_op(&m->frame, TSC_PHASE_HOLD, TSC_OP_SUPERVISOR, &supervisor);
	for (;;) {
		unsigned before = lost;
		watched[LISTEN] = (struct pollfd){.fd = full ? -1 : listen, .events = POLLIN};
		watched[TIMER] = (struct pollfd){.fd = m->wake_timer, .events = POLLIN};
		if (sys_poll(watched, count) < 0)
			continue;
		hear_monitors(&lost);
		bool more = lost > before;
		accept_monitors(listen, &lost);
		bool again = has_rung(m->wake_timer) && lost > 0 && tries < RETRIES;
		tries = more ? 0 : tries;
		if (known && (more || again)) {
			busy = !tsc_start_supervisor(m, &supervisor);
			tsc_arm_wake(m, busy ? BUSY_RETRY_MS << 2 * tries : FIRST_RETRY_MS << tries);
			tries++;
		}
		if (count > FIRST || (busy && lost > 0 && tries < BUSY_RETRIES))
			continue;
		/* Whoever has connected since is told by the end of the connection, and makes another one. */
		if (tsc_is_current(lock, op->string[0])) {
			sys_unlinkat(AT_FDCWD, op->string[1], 0);
			sys_unlinkat(AT_FDCWD, op->string[0], 0);
		}
		sys_exit(0);
	}
}

/* Out of everything that is the monitor's: above all its lock, its network and its connections. */
static _Noreturn void become_keeper(struct tsc_monitor *m, const struct tsc_op *op, int listen, int lock)
{
	int host_net = m->host_net;
	sys_setsid();
	sys_prctl(PR_SET_NAME, (unsigned long)"tsc:keeper", 0, 0);
	if (host_net >= 0 && sys_setns(host_net, CLONE_NEWNET) != 0)
		sys_exit(1);
	m->host_net = m->wake_timer = -1;
	lock = sys_fcntl(lock, F_DUPFD_CLOEXEC, 16);
	listen = sys_fcntl(listen, F_DUPFD_CLOEXEC, 16);
	if (lock < 0 || listen < 0)
		sys_exit(1);
	lock = sys_dup3(lock, 3, O_CLOEXEC);
	listen = sys_dup3(listen, 4, O_CLOEXEC);
	sys_close_range(5, ~0u, 0);
	keep(m, op, listen, lock);
}

/* By its name in its directory: a path of any depth fits the 108 bytes. */
static int address_of(const char *path, struct sockaddr_un *address)
{
	const char *name = path;
	char dir[TSC_STACK_PATH];
	struct tsc_text text = tsc_start_text(dir, sizeof dir);
	for (const char *at = path; *at; at++)
		name = *at == '/' ? at + 1 : name;
	tsc_add_bytes(&text, path, (size_t)(name - path));
	if (text.cut || strlen(name) >= sizeof address->sun_path)
		return -ENAMETOOLONG;
	*address = (struct sockaddr_un){.sun_family = TSC_AF_UNIX};
	memcpy(address->sun_path, name, strlen(name));
	return sys_chdir(dir);
}

static int make_keeper(struct tsc_monitor *m, const struct tsc_op *op, const struct sockaddr_un *address, int lock)
{
	int listen = sys_socket(TSC_AF_UNIX, TSC_SOCK_STREAM | TSC_SOCK_CLOEXEC | TSC_SOCK_NONBLOCK);
	int own = sys_socket(TSC_AF_UNIX, TSC_SOCK_STREAM | TSC_SOCK_CLOEXEC | TSC_SOCK_NONBLOCK);
	sys_unlinkat(AT_FDCWD, address->sun_path, 0);
	unsigned mask = sys_umask(0177);
	int error = listen < 0 ? listen : own < 0 ? own : sys_bind(listen, address, sizeof *address);
	sys_umask(mask);
	error = error ? error : sys_listen(listen, MOST);
	/* Before it exists: it then has somebody to wait for from the beginning. */
	error = error ? error : sys_connect(own, address, sizeof *address);
	int child = error ? -1 : sys_fork();
	if (child == 0) {
		if (sys_fork() == 0)
			become_keeper(m, op, listen, lock);
		sys_exit(0);
	}
	int status;
	while (child > 0 && sys_wait4(child, &status, 0) == -EINTR)
		;
	tsc_close(&listen);
	if (child > 0)
		return own;
	tsc_close(&own);
	return error ? error : child;
}

static int join(struct tsc_monitor *m, const struct tsc_op *op, const struct sockaddr_un *address)
{
	int fd = sys_socket(TSC_AF_UNIX, TSC_SOCK_STREAM | TSC_SOCK_CLOEXEC | TSC_SOCK_NONBLOCK);
	if (fd < 0)
		return fd;
	if (sys_connect(fd, address, sizeof *address) == 0)
		return fd;
	sys_close(fd);
	int lock = tsc_take_free_lock(op->string[0]);
	if (lock < 0)
		return lock;
	fd = make_keeper(m, op, address, lock);
	sys_close(lock);
	return fd;
}

void tsc_join_keeper(struct tsc_monitor *m)
{
	struct tsc_op op;
	struct sockaddr_un address;
	if (!tsc_find_op(&m->frame, TSC_PHASE_HOLD, TSC_OP_KEEPER, &op))
		return;
	int error = address_of(op.string[1], &address);
	/* Somebody else may be about to make it, or it about to leave. One that cannot be had is no reason not to run. */
	for (unsigned i = 0; !error && i < 100 && m->keeper < 0; i++) {
		m->keeper = join(m, &op, &address);
		if (m->keeper < 0)
			sys_sleep_ms(1);
	}
	m->keeper = m->keeper < 0 ? -1 : m->keeper;
	sys_chdir("/");
}

void tsc_miss_keeper(struct tsc_monitor *m)
{
	tsc_close(&m->keeper);
	if (!m->quitting && m->keepers++ < 100)
		tsc_join_keeper(m);
}

void tsc_leave_keeper(struct tsc_monitor *m)
{
	if (m->keeper >= 0)
		sys_send(m->keeper, "", 1, TSC_MSG_DONTWAIT | TSC_MSG_NOSIGNAL);
}
