/* HOLD: what a container owns from create to remove, whether it runs or not. And its undo. */
#include "monitor.h"
#include "sys_admin.h"

#include <linux/prctl.h>

#define SIOCGIFFLAGS 0x8913
#define SIOCSIFFLAGS 0x8914
#define IFF_UP 1

struct interface { /* struct ifreq */
	char name[16];
	int16_t flags;
	uint8_t rest[22];
};

static int take_lock(struct tsc_monitor *m)
{
	m->lock = sys_openat(m->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (m->lock < 0)
		return m->lock;
	int error = sys_flock(m->lock, TSC_LOCK_EX | TSC_LOCK_NB);
	return error == -EAGAIN ? -EBUSY : error;
}

static int open_directory(const char *path, unsigned mode)
{
	int error = tsc_make_directories(path, mode);
	return error < 0 ? error : sys_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

static int open_record(struct tsc_monitor *m, const char *path)
{
	if (path[0] == 0)
		return tsc_open_record(m, m->dir);
	int dir = open_directory(path, 0711);
	if (dir < 0)
		return dir;
	int error = tsc_open_record(m, dir);
	sys_close(dir);
	return error;
}

static int open_state_dir(struct tsc_monitor *m, const struct tsc_op *op)
{
	m->dir = open_directory(op->string[0], 0700);
	if (m->dir < 0)
		return m->dir;
	int error = take_lock(m);
	if (!error)
		error = open_record(m, op->string[1]);
	if (!error)
		error = tsc_find_survivor(m);
	if (!error)
		error = tsc_open_control(m);
	return error;
}

/*
 * Both ends open, here and in the container: a pipe that always has a reader never gives SIGPIPE, so a dead monitor means
 * at worst that a writer waits for the next one.
 */
static int open_fifo(struct tsc_monitor *m, const char *name, int *fd)
{
	struct statx info;
	int error = sys_mknodat(m->dir, name, 0010600, 0);
	if (error && error != -EEXIST)
		return error;
	*fd = sys_openat(m->dir, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0);
	if (*fd < 0)
		return *fd;
	if (sys_statx(*fd, "", AT_EMPTY_PATH, STATX_TYPE, &info) != 0 || (info.stx_mode & 0170000) != 0010000)
		return -EINVAL;
	/* Four times the default: what a monitor that is being replaced may miss without stopping the writer. */
	sys_fcntl(*fd, TSC_PIPE_SIZE, 262144);
	return 0;
}

static int open_stdio(struct tsc_monitor *m, const struct tsc_op *op)
{
	m->tty = op->number[0] == 1;
	m->keep_stdin = op->number[1] == 1;
	m->state.tty = m->tty;
	int error = open_fifo(m, "out", &m->out);
	if (!error)
		error = open_fifo(m, "err", &m->err);
	if (!error && m->keep_stdin)
		error = open_fifo(m, "in", &m->in);
	return error;
}

static int enter_network(struct tsc_monitor *m, const struct tsc_op *op)
{
	if (op->number[0] == 0)
		return 0;
	m->host_net = sys_open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC, 0);
	if (m->host_net < 0)
		return m->host_net;
	if (m->alive)
		return sys_setns(m->init, CLONE_NEWNET);
	/* The monitor stays in it: that is what keeps it between two lives. */
	if (op->number[0] == 1 && m->made_net < 0)
		return sys_unshare(CLONE_NEWNET);
	if (op->number[0] == 1) {
		int error = sys_setns(m->made_net, CLONE_NEWNET);
		tsc_close(&m->made_net);
		return error;
	}
	int fd = sys_open(op->string[0], O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	int error = sys_setns(fd, CLONE_NEWNET);
	sys_close(fd);
	return error;
}

static int raise_loopback(void)
{
	struct interface lo = {.name = "lo"};
	int fd = sys_socket(TSC_AF_INET, TSC_SOCK_DGRAM | TSC_SOCK_CLOEXEC);
	if (fd < 0)
		return fd;
	int error = sys_ioctl(fd, SIOCGIFFLAGS, &lo);
	lo.flags |= IFF_UP;
	if (!error)
		error = sys_ioctl(fd, SIOCSIFFLAGS, &lo);
	sys_close(fd);
	return error;
}

/* Kernel files take a value as a whole, and some only one at a time. */
static int write_each(const struct tsc_op *op)
{
	int fd = sys_open(op->string[0], O_WRONLY | O_CLOEXEC, 0), error = 0;
	if (fd < 0)
		return fd;
	for (size_t at = 0; !error && at < op->length[1];) {
		size_t size = strlen(op->string[1] + at);
		long done = sys_write(fd, op->string[1] + at, size);
		error = done < 0 ? (int)done : (size_t)done == size ? 0 : -EIO;
		at += size + 1;
	}
	sys_close(fd);
	return error;
}

static int write_value(struct tsc_monitor *m, const struct tsc_op *op)
{
	int error = write_each(op);
	if (!error || op->number[0] != 1)
		return error;
	struct tsc_report warning = tsc_make_report(m->frame.id, TSC_REPORT_WARNING);
	tsc_fail_report(&warning, TSC_PHASE_HOLD, op->index, error, op->string[0]);
	warning.kind = TSC_REPORT_WARNING;
	tsc_send_report(m->report, &warning);
	return 0;
}

/* KEY=VALUE, in the network namespace that we are in. */
static int write_net_sysctl(const char *setting)
{
	char path[TSC_STACK_PATH];
	struct tsc_text text = tsc_start_text(path, sizeof path);
	size_t key = 0;
	while (setting[key] && setting[key] != '=')
		key++;
	tsc_add_text(&text, "/proc/sys/net/");
	tsc_add_bytes(&text, setting, key);
	if (text.cut || !setting[key] || !tsc_is_plain_path(path))
		return -EINVAL;
	int fd = sys_open(path, O_WRONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	int error = tsc_write_all(fd, setting + key + 1, strlen(setting + key + 1));
	sys_close(fd);
	return error;
}

static int write_net_sysctls(const struct tsc_op *op)
{
	int error = 0;
	for (size_t at = 0; !error && at < op->length[0]; at += strlen(op->string[0] + at) + 1)
		error = write_net_sysctl(op->string[0] + at);
	return error;
}

static int open_cgroup(struct tsc_monitor *m, const char *path)
{
	m->cgroup = sys_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	/* One that ended while it was paused, with its monitor, left it frozen: nobody could be started in it. */
	if (m->cgroup >= 0 && m->group_was_killed && !m->alive)
		tsc_write_file(m->cgroup, "cgroup.freeze", "0", 1);
	return m->cgroup < 0 ? m->cgroup : 0;
}

static int make_directories(struct tsc_monitor *m, const struct tsc_op *op)
{
	struct tsc_op group;
	int error = tsc_make_directories(op->string[0], (unsigned)op->number[0] & 07777);
	/* What became of a cgroup before our time is unknown. */
	if (error == 1 && tsc_find_op(&m->frame, TSC_PHASE_HOLD, TSC_OP_CGROUP2, &group) &&
	    tsc_same_text(group.string[0], op->string[0]))
		m->group_was_killed = true;
	return error < 0 ? error : 0;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wswitch-enum" /* the decoder lets only HOLD's ops get here */
/* `subject` is what a failure would be about. */
static int perform(struct tsc_monitor *m, const struct tsc_op *op, const char **subject)
{
	switch ((enum tsc_op_kind)op->kind) {
	case TSC_OP_STATE_DIR:
		return m->dir >= 0 ? -EINVAL : open_state_dir(m, op);
	case TSC_OP_LOG:
		return tsc_open_log(&m->log, op->string[0], op->number[0], (uint32_t)op->number[1]);
	case TSC_OP_NETNS:
		return enter_network(m, op);
	case TSC_OP_LO_UP:
		return m->alive ? 0 : raise_loopback();
	case TSC_OP_MKDIR:
		return make_directories(m, op);
	case TSC_OP_WRITE:
		return m->alive ? 0 : write_value(m, op);
	case TSC_OP_PUT:
		return m->adopt ? 0 : tsc_put_file(op);
	case TSC_OP_NET_SYSCTLS:
		return m->adopt ? 0 : write_net_sysctls(op);
	case TSC_OP_NETLINK:
		return m->adopt ? 0 : tsc_ask_kernel(op, subject);
	case TSC_OP_CGROUP2:
		return open_cgroup(m, op->string[0]);
	case TSC_OP_OOM_EVENTS:
		return tsc_watch_oom(op->string[0], (unsigned)op->number[0], &m->oom_event, &m->oom_counter);
	case TSC_OP_DEVICE_BPF:
		return m->alive ? 0 : tsc_attach_device_program(m->cgroup, op, m->adopt);
	case TSC_OP_NAMESPACES:
		m->namespaces = op->number[0];
		return op->number[0] & ~(uint64_t)TSC_NAMESPACES ? -EINVAL : 0;
	case TSC_OP_STDIO:
		return open_stdio(m, op);
	case TSC_OP_INIT:
		m->no_init = op->number[0] == 0;
		m->only_init = op->number[0] == 2;
		return 0;
	case TSC_OP_SUPERVISOR:
		m->supervisor_at = op->index + 1;
		return 0;
	case TSC_OP_NOTIFY:
		return tsc_listen_notify(m);
	case TSC_OP_KEEPER:
		return 0; /* once all is held: nobody waits for it */
	case TSC_OP_ON_HANGUP:
		return tsc_watch_hangup(m, op);
	default:
		return -EPROTO;
	}
}
#pragma GCC diagnostic pop

int tsc_hold(struct tsc_monitor *m, struct tsc_report *failure)
{
	struct tsc_cursor cursor = tsc_open_phase(&m->frame, TSC_PHASE_HOLD);
	struct tsc_op op = {0};
	const char *subject = "";
	int error = 0;
	while (!error && tsc_next_op(&cursor, &op)) {
		subject = op.string[0] ? op.string[0] : "";
		/* First of all the lock: without it nothing here is ours to touch. */
		error = m->dir < 0 && op.kind != TSC_OP_STATE_DIR ? -EINVAL : perform(m, &op, &subject);
	}
	if (!error && m->dir < 0)
		error = -EINVAL;
	if (error)
		tsc_fail_report(failure, TSC_PHASE_HOLD, op.index, error, subject);
	return error;
}

static bool has_lost_cgroup(const struct tsc_monitor *m)
{
	struct tsc_cursor cursor = tsc_open_phase(&m->frame, TSC_PHASE_ATTACH);
	struct tsc_op op;
	struct statx info;
	while (tsc_next_op(&cursor, &op))
		if (op.kind == TSC_OP_ATTACH && sys_statx(AT_FDCWD, op.string[0], 0, STATX_TYPE, &info) == -ENOENT)
			return true;
	return m->cgroup >= 0 && sys_statx(m->cgroup, "cgroup.procs", 0, STATX_TYPE, &info) == -ENOENT;
}

static bool is_about_cgroups(const struct tsc_op *op)
{
	return op->kind == TSC_OP_MKDIR || op->kind == TSC_OP_WRITE || op->kind == TSC_OP_CGROUP2 ||
	       op->kind == TSC_OP_OOM_EVENTS || op->kind == TSC_OP_DEVICE_BPF;
}

int tsc_renew_cgroups(struct tsc_monitor *m, struct tsc_report *failure)
{
	struct tsc_cursor cursor = tsc_open_phase(&m->frame, TSC_PHASE_HOLD);
	struct tsc_op op;
	if (!has_lost_cgroup(m))
		return 0;
	tsc_close(&m->cgroup);
	tsc_close(&m->oom_event);
	tsc_close(&m->oom_counter);
	m->group_was_killed = false;
	while (tsc_next_op(&cursor, &op)) {
		const char *subject = op.string[0];
		int error = is_about_cgroups(&op) ? perform(m, &op, &subject) : 0;
		if (!error)
			continue;
		tsc_fail_report(failure, TSC_PHASE_HOLD, op.index, error, op.string[0]);
		return error;
	}
	return 0;
}

void tsc_let_go(struct tsc_monitor *m)
{
	static const char *const names[] = {"ctl.sock", "out", "err", "in"};
	for (unsigned i = 0; m->dir >= 0 && i < sizeof names / sizeof names[0]; i++)
		sys_unlinkat(m->dir, names[i], 0);
}

int tsc_clean_up(struct tsc_monitor *m)
{
	struct tsc_cursor cursor = tsc_open_phase(&m->frame, TSC_PHASE_CLEANUP);
	struct tsc_op op;
	int first = 0;
	tsc_close(&m->cgroup);
	tsc_close(&m->oom_event);
	tsc_close(&m->oom_counter);
	while (tsc_next_op(&cursor, &op)) {
		int error = tsc_remove_cgroup(op.string[0], op.number[0] == 1);
		first = first ? first : error;
	}
	return first;
}
