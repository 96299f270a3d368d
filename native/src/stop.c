/* Signals, grace, kill, freeze. */
#include "monitor.h"

#define MS 1000000u
#define SECOND 1000000000u

static int write_cgroup(struct tsc_monitor *m, const char *file, const char *value)
{
	return m->cgroup < 0 ? -EOPNOTSUPP : tsc_write_file(m->cgroup, file, value, strlen(value));
}

void tsc_disarm(struct tsc_monitor *m)
{
	struct __kernel_itimerspec off = {{0, 0}, {0, 0}};
	m->kill_at_ns = 0;
	m->state.kill_at_boot_s = 0;
	if (m->timer >= 0)
		sys_timerfd_set(m->timer, &off);
}

/* Before 5.14 there is no cgroup.kill: every member by number, again until none is left or the bound is reached. */
static void kill_members(struct tsc_monitor *m)
{
	char text[4096];
	for (unsigned round = 0; round < 1000; round++) {
		long size = tsc_read_file(m->cgroup, "cgroup.procs", text, sizeof text);
		const char *at = text;
		uint64_t pid;
		if (size <= 0)
			return;
		/* A number without its end was cut by the buffer: it would be a stranger's. */
		while (tsc_parse_number(at, &pid, &at) && *at++ == '\n') {
			if (pid > 1)
				sys_kill((int)pid, TSC_SIGKILL);
		}
		sys_sleep_ms(1);
	}
}

static bool is_populated(struct tsc_monitor *m)
{
	char text[256];
	uint64_t populated = 1;
	if (m->cgroup < 0)
		return false;
	if (tsc_read_file(m->cgroup, "cgroup.events", text, sizeof text) > 0)
		tsc_find_field(text, "populated", &populated);
	return populated != 0;
}

void tsc_kill_everything(struct tsc_monitor *m)
{
	tsc_disarm(m);
	/* SIGKILL ends frozen members of a v2 cgroup as well; thawing keeps the record true. */
	if (m->state.phase == TSC_STATE_PAUSED)
		write_cgroup(m, "cgroup.freeze", "0");
	if (is_populated(m)) {
		m->group_was_killed = true;
		if (write_cgroup(m, "cgroup.kill", "1") != 0)
			kill_members(m);
	}
	if (m->init >= 0)
		sys_pidfd_kill(m->init, TSC_SIGKILL);
}

void tsc_end_grace(struct tsc_monitor *m)
{
	uint64_t times;
	if (sys_read(m->timer, &times, sizeof times) == (long)sizeof times && m->kill_at_ns != 0)
		tsc_kill_everything(m);
}

static int arm(struct tsc_monitor *m, uint64_t at_ns)
{
	struct __kernel_itimerspec time = {.it_value = {(long long)(at_ns / SECOND), (long long)(at_ns % SECOND)}};
	/* BOOTTIME: a grace of ten seconds is over after a suspend. Never the wall clock, which may be set back. */
	if (m->timer < 0)
		m->timer = sys_timerfd(TSC_CLOCK_BOOTTIME, O_CLOEXEC | O_NONBLOCK);
	if (m->timer < 0)
		return m->timer;
	m->kill_at_ns = at_ns;
	m->state.kill_at_boot_s = (uint32_t)(at_ns / SECOND + (at_ns % SECOND != 0));
	return (int)SYS4(__NR_timerfd_settime, m->timer, 1 /* TFD_TIMER_ABSTIME */, &time, 0);
}

/* The signal was sent by the monitor before us; what is left of the grace is on record. */
void tsc_go_on_stopping(struct tsc_monitor *m)
{
	if (m->state.kill_at_boot_s != 0 && arm(m, (uint64_t)m->state.kill_at_boot_s * SECOND) != 0)
		tsc_kill_everything(m);
}

int tsc_stop(struct tsc_monitor *m, int signal, uint64_t grace_ms)
{
	if (!tsc_is_running(m))
		return -ESRCH;
	/* Longer than ten years is for ever, and keeps the sum below from wrapping. */
	bool forever = grace_ms > 10ull * 365 * 86400 * 1000;
	uint64_t at = forever ? 0 : tsc_read_clock(TSC_CLOCK_BOOTTIME) + grace_ms * MS;
	m->state.stop_requested = 1;
	if (m->state.phase == TSC_STATE_PAUSED)
		write_cgroup(m, "cgroup.freeze", "0");
	if (signal > 0)
		sys_pidfd_kill(m->init, signal);
	/* A second stop may only shorten the first. */
	bool sooner = !forever && (m->kill_at_ns == 0 || at < m->kill_at_ns);
	if (grace_ms == 0 || (sooner && arm(m, at) != 0))
		tsc_kill_everything(m);
	tsc_change_phase(m, TSC_STATE_STOPPING);
	return 0;
}

int tsc_signal(struct tsc_monitor *m, int signal)
{
	if (!tsc_is_running(m))
		return -ESRCH;
	if (signal != TSC_SIGKILL)
		return sys_pidfd_kill(m->init, signal);
	m->state.stop_requested = 1;
	tsc_kill_everything(m);
	return 0;
}

int tsc_freeze(struct tsc_monitor *m, bool freeze)
{
	bool paused = m->state.phase == TSC_STATE_PAUSED;
	if (!tsc_is_running(m) || (m->state.phase != TSC_STATE_RUNNING && !paused))
		return -ESRCH;
	if (paused == freeze)
		return 0;
	int error = write_cgroup(m, "cgroup.freeze", freeze ? "1" : "0");
	if (!error)
		tsc_change_phase(m, freeze ? TSC_STATE_PAUSED : TSC_STATE_RUNNING);
	return error;
}
