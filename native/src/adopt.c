/* What an earlier monitor left: a living process to take over, or one whose end has to be told. */
#include "monitor.h"

int tsc_find_survivor(struct tsc_monitor *m)
{
	struct tsc_state *state = &m->state;
	uint8_t boot[16] = {0};
	if (!tsc_read_boot_id(boot))
		return -EIO;
	bool same_boot = memcmp(boot, state->boot_id, sizeof boot) == 0;
	m->init = same_boot ? tsc_open_process(state->init_pid, state->init_start) : -1;
	m->init = m->init < 0 ? -1 : m->init;
	if (!m->adopt) {
		/* A new container over a living one would leave a process that nobody watches. */
		if (m->init >= 0)
			return -EBUSY;
		*state = (struct tsc_state){.sequence = state->sequence, .starts = state->starts, .phase = TSC_STATE_HELD};
		state->created_ns = tsc_read_clock(TSC_CLOCK_REALTIME);
	} else {
		m->alive = m->init >= 0;
		m->group_was_killed = true; /* perhaps; moving a child in is always right */
		state->adoptions++;
	}
	m->starts_before = same_boot ? 0 : state->starts;
	memcpy(state->boot_id, boot, sizeof boot);
	state->monitor_pid = sys_getpid();
	state->monitor_start = tsc_read_start_time(state->monitor_pid);
	return 0;
}

static bool is_frozen(struct tsc_monitor *m)
{
	char text[8];
	return m->cgroup >= 0 && tsc_read_file(m->cgroup, "cgroup.freeze", text, sizeof text) > 0 && text[0] == '1';
}

static void find_end(struct tsc_monitor *m)
{
	switch ((enum tsc_state_phase)m->state.phase) {
	case TSC_STATE_HELD:
	case TSC_STATE_EXITED:
	case TSC_STATE_FAILED:
		return; /* ended, and told, before the monitor did */
	case TSC_STATE_STARTING:
	case TSC_STATE_RUNNING:
	case TSC_STATE_STOPPING:
	case TSC_STATE_PAUSED:
		break;
	}
	m->state.exit_known = 0;
	m->state.wait_status = 0;
	tsc_kill_everything(m);
	tsc_take_exit_record(m);
	m->state.init_pid = 0;
	m->state.init_start = 0;
	m->state.phase = TSC_STATE_EXITED;
}

void tsc_resume(struct tsc_monitor *m)
{
	m->log.dropped = m->state.dropped_bytes;
	if (!m->alive) {
		find_end(m);
		tsc_write_record(m);
		return;
	}
	/* PID 1 has kept the terminal for us. */
	if (m->tty && !m->no_init)
		m->master = sys_pidfd_getfd(m->init, TSC_INIT_MASTER);
	m->master = m->master < 0 ? -1 : m->master;
	/* In the first life the counter started at zero; later ones may have begun with some, so only new ones count. */
	m->oom_base = m->state.starts <= 1 ? 0 : tsc_count_oom(m->oom_counter);
	if (m->state.phase == TSC_STATE_STOPPING)
		tsc_go_on_stopping(m);
	else
		m->state.phase = is_frozen(m) ? TSC_STATE_PAUSED : TSC_STATE_RUNNING;
	tsc_write_record(m);
	tsc_see_oom(m);
}
