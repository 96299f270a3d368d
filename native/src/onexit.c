/* ON_EXIT: wakes the supervisor when a container ended and nobody is there to see it. */
#include "monitor.h"

void tsc_run_on_exit(struct tsc_monitor *m)
{
	struct tsc_op op;
	if (m->on_exit_at == 0 || !tsc_find_op(&m->frame, TSC_PHASE_HOLD, TSC_OP_ON_EXIT, &op))
		return;
	int lock = sys_open(op.string[0], O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	/* Taken: a supervisor is there, and sees the end by its subscription. */
	if (lock < 0 || sys_flock(lock, TSC_LOCK_EX | TSC_LOCK_NB) != 0) {
		tsc_close(&lock);
		return;
	}
	tsc_run_detached(m, &op, 1, 2, lock);
	sys_close(lock);
}
