/* The state record on disk: two slots written in turn, in place. */
#include "monitor.h"

bool tsc_is_running(const struct tsc_monitor *m) { return m->init >= 0; }

int tsc_open_record(struct tsc_monitor *m, int dir)
{
	struct tsc_state slot[2];
	memset(slot, 0, sizeof slot);
	m->record = sys_openat(dir, "state", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (m->record < 0)
		return m->record;
	sys_pread(m->record, slot, sizeof slot, 0);
	int valid = tsc_pick_state(slot);
	if (valid >= 0)
		m->state = slot[valid];
	else if (m->adopt)
		return -ENODATA;
	/* Written once in full now, so that a disk which fills up later cannot refuse it. */
	struct tsc_state empty[2];
	memset(empty, 0, sizeof empty);
	long done = valid >= 0 ? (long)sizeof empty : sys_pwrite(m->record, empty, sizeof empty, 0);
	return done == (long)sizeof empty ? 0 : done < 0 ? (int)done : -ENOSPC;
}

void tsc_write_record(struct tsc_monitor *m)
{
	m->state.sequence++;
	m->state.dropped_bytes = m->log.dropped;
	tsc_seal_state(&m->state);
	sys_pwrite(m->record, &m->state, sizeof m->state, (m->state.sequence & 1) * sizeof m->state);
}

void tsc_change_phase(struct tsc_monitor *m, enum tsc_state_phase phase)
{
	m->state.phase = phase;
	tsc_write_record(m);
	tsc_tell_clients(m, TSC_WISH_CHANGES, TSC_CTL_SUBSCRIBE, 0);
}
