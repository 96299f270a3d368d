/* SUPERVISOR: brings the project's supervisor to life when this container needs one and nobody holds its lock. */
#include "monitor.h"
#include "sys_admin.h"

#include <linux/close_range.h>

#define MS 1000000u
#define LOCK_FD 3
#define LAUNCHER_FD 4

/* The lock of a file that still goes by this name: -EAGAIN when somebody has it. */
int tsc_take_free_lock(const char *path)
{
	for (;;) {
		int lock = sys_open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (lock < 0)
			return lock;
		int error = sys_flock(lock, TSC_LOCK_EX | TSC_LOCK_NB);
		if (!error && tsc_is_current(lock, path))
			return lock;
		sys_close(lock);
		if (error)
			return error;
	}
}

bool tsc_start_supervisor(struct tsc_monitor *m, const struct tsc_op *op)
{
	int lock = tsc_take_free_lock(op->string[0]);
	if (lock < 0)
		return false;
	const struct tsc_legacy legacy = {lock, op->length[3] ? op->string[3] : NULL};
	tsc_run_detached(m, op, 1, 2, &legacy);
	sys_close(lock);
	return true;
}

void tsc_arm_wake(struct tsc_monitor *m, uint64_t ms)
{
	struct __kernel_itimerspec time = {.it_value = {(long long)(ms / 1000), (long long)(ms % 1000 * MS)}};
	if (m->wake_timer < 0)
		m->wake_timer = sys_timerfd(TSC_CLOCK_BOOTTIME, O_CLOEXEC | O_NONBLOCK);
	if (m->wake_timer >= 0)
		sys_timerfd_set(m->wake_timer, &time);
}

void tsc_calm(struct tsc_monitor *m) { tsc_close(&m->wake_timer); }

static bool is_supervised(const struct tsc_monitor *m)
{
	for (unsigned i = 0; i < TSC_MAX_CLIENTS; i++)
		if (m->clients[i].fd >= 0 && m->clients[i].wishes & TSC_WISH_SUPERVISE)
			return true;
	return false;
}

static bool find_supervisor(struct tsc_monitor *m, struct tsc_op *op)
{
	return m->supervisor_at != 0 && tsc_find_op(&m->frame, TSC_PHASE_HOLD, TSC_OP_SUPERVISOR, op);
}

/*
 * Tried again until a supervisor has come to us, not only until one was started: the one that holds the lock may be on
 * its way out, and one that has just been started may not get far.
 */
static void try_now(struct tsc_monitor *m, const struct tsc_op *op)
{
	tsc_start_supervisor(m, op);
	tsc_arm_wake(m, m->retry_ms ? m->retry_ms : 1);
	m->retry_ms = m->retry_ms * 2 > op->number[3] ? op->number[3] : m->retry_ms * 2;
}

void tsc_want_supervisor(struct tsc_monitor *m, enum tsc_urgency urgency)
{
	struct tsc_op op;
	if (!find_supervisor(m, &op) || is_supervised(m))
		return;
	m->retry_ms = op.number[2];
	if (urgency == TSC_NOW)
		try_now(m, &op);
	else
		tsc_arm_wake(m, op.number[1] ? op.number[1] : 1);
}

void tsc_see_start(struct tsc_monitor *m)
{
	struct tsc_op op;
	if (find_supervisor(m, &op) && op.number[0] & 1)
		tsc_want_supervisor(m, TSC_NOW);
}

void tsc_report_end(struct tsc_monitor *m, enum tsc_urgency urgency)
{
	struct tsc_op op;
	if (find_supervisor(m, &op) && !(op.number[0] & 2))
		tsc_want_supervisor(m, urgency);
}

void tsc_end_patience(struct tsc_monitor *m)
{
	uint64_t times;
	struct tsc_op op;
	if (sys_read(m->wake_timer, &times, sizeof times) != (long)sizeof times)
		return;
	if (find_supervisor(m, &op) && !is_supervised(m))
		try_now(m, &op);
}

void tsc_miss_supervisor(struct tsc_monitor *m)
{
	if (!m->supervised || is_supervised(m))
		return;
	m->supervised = false;
	tsc_want_supervisor(m, TSC_NOW);
}

void tsc_release_supervisor(struct tsc_monitor *m, struct tsc_client *client)
{
	client->wishes &= ~(uint32_t)TSC_WISH_SUPERVISE;
	m->supervised = is_supervised(m);
}

int tsc_supervise(char **argv, char **envp)
{
	int lock = tsc_take_free_lock(argv[0]);
	if (lock < 0)
		return lock == -EAGAIN ? 75 : 1;
	lock = sys_fcntl(lock, F_DUPFD_CLOEXEC, 16);
	if (lock < 0 || sys_dup3(lock, LOCK_FD, 0) < 0)
		return 1;
	sys_close_range(LOCK_FD + 1, ~0u, 0);
	sys_execve(argv[1], argv + 1, envp);
	return 127;
}

/* Of what we have, our standard error alone is its own, too; the supervisor's lock above all is not. */
static _Noreturn void become_launcher(char **argv, int end)
{
	char name[] = "tsc-shim", launch[] = "launch";
	char *const words[] = {name, launch, argv[0], argv[1], NULL};
	char *const no_envp[] = {NULL};
	if (sys_dup3(end, 0, 0) >= 0 && sys_dup3(end, 1, 0) >= 0) {
		sys_close_range(3, ~0u, 0);
		sys_execve("/proc/self/exe", words, no_envp);
	}
	sys_exit(127);
}

int tsc_with_launcher(char **argv, char **envp)
{
	int pair[2];
	/* Who cannot be given one starts its own. */
	if (sys_socketpair(TSC_SOCK_STREAM | TSC_SOCK_CLOEXEC, pair) == 0) {
		int ours = sys_fcntl(pair[0], F_DUPFD_CLOEXEC, 16);
		int child = ours < 0 ? ours : sys_fork();
		if (child == 0)
			become_launcher(argv, pair[1]);
		sys_close(pair[0]);
		sys_close(pair[1]);
		if (child > 0)
			sys_dup3(ours, LAUNCHER_FD, 0);
	}
	sys_execve(argv[2], argv + 2, envp);
	return 127;
}
