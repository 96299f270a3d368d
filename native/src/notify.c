/*
 * NOTIFY: what a container says of itself, as in sd_notify(3). The socket lies in a directory of its own that is bound
 * into the container, so that a new monitor can make it anew when the old one took it along; as long as there is an init,
 * that keeps it open, and what is said while there is no monitor waits in it.
 */
#include "monitor.h"

#include <linux/un.h>

static int make_socket(struct tsc_monitor *m)
{
	struct sockaddr_un address = {.sun_family = TSC_AF_UNIX, .sun_path = "socket"};
	int error = sys_mkdirat(m->dir, "notify", 0755);
	int dir = error && error != -EEXIST ? error : sys_openat(m->dir, "notify", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (dir < 0)
		return dir;
	int fd = sys_socket(TSC_AF_UNIX, TSC_SOCK_DGRAM | TSC_SOCK_CLOEXEC | TSC_SOCK_NONBLOCK);
	sys_unlinkat(dir, "socket", 0);
	/* Whoever runs in the container may speak; outside of it, nobody else gets as far as this directory. */
	unsigned mask = sys_umask(0111);
	error = fd < 0 ? fd : sys_fchdir(dir);
	if (!error)
		error = sys_bind(fd, &address, sizeof address);
	sys_umask(mask);
	sys_chdir("/");
	sys_close(dir);
	if (error && fd >= 0)
		sys_close(fd);
	return error ? error : fd;
}

static void write_notified(struct tsc_monitor *m)
{
	tsc_seal_notified(&m->notified);
	sys_pwrite(m->notified_file, &m->notified, sizeof m->notified, 0);
}

static void take_over(struct tsc_monitor *m)
{
	struct tsc_notified known;
	if (sys_pread(m->notified_file, &known, sizeof known, 0) == (long)sizeof known &&
	    tsc_check_notified(&known, m->state.starts))
		m->notified = known;
	/* Init keeps it; a command that is PID 1 itself may have anything there. */
	int kept = m->no_init ? -1 : sys_pidfd_getfd(m->init, TSC_INIT_NOTIFY);
	m->notify = kept < 0 ? -1 : kept;
}

int tsc_listen_notify(struct tsc_monitor *m)
{
	m->notified_file = sys_openat(m->dir, "notified", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (m->notified_file < 0)
		return m->notified_file;
	if (m->alive)
		take_over(m);
	if (m->notify < 0)
		m->notify = make_socket(m);
	return m->notify < 0 ? m->notify : 0;
}

/* What an earlier life has said and nobody has heard is not about this one. */
void tsc_forget_notified(struct tsc_monitor *m)
{
	char byte;
	if (m->notify < 0)
		return;
	while (sys_recv(m->notify, &byte, 1, TSC_MSG_DONTWAIT) >= 0)
		;
	m->notified = (struct tsc_notified){.start = m->state.starts};
	write_notified(m);
}

void tsc_hear_notify(struct tsc_monitor *m)
{
	static char message[4096];
	struct tsc_notified before = m->notified;
	/* Bounded, so that a flood keeps nobody else waiting. Descriptors that come along are dropped by the kernel, which is
	 * all that sd_notify_barrier(3) waits for. */
	for (unsigned i = 0; i < 8; i++) {
		long size = sys_recv(m->notify, message, sizeof message, TSC_MSG_DONTWAIT);
		if (size < 0)
			break;
		if (tsc_is_running(m))
			tsc_take_notification(&m->notified, message, (size_t)size, tsc_read_clock(TSC_CLOCK_BOOTTIME));
	}
	if (memcmp(&before, &m->notified, sizeof before) == 0)
		return;
	write_notified(m);
	/* A status is looked up by whoever wants it; only what something may wait for is told. */
	if (before.ready != m->notified.ready || before.stopping != m->notified.stopping || m->notified.trigger)
		tsc_tell_clients(m, TSC_WISH_CHANGES, TSC_CTL_SUBSCRIBE, 0);
}
