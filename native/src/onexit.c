/* ON_EXIT: wakes the supervisor when a container ended and nobody is there to see it. */
#include "monitor.h"
#include "sys_admin.h"

#include <linux/close_range.h>
#include <linux/prctl.h>

static _Noreturn void wake(struct tsc_monitor *m, const struct tsc_op *op, int lock)
{
	char **argv = m->vector;
	char **envp = tsc_split_words(op->string[1], op->length[1], argv);
	int null = tsc_open_null();
	tsc_split_words(op->string[2], op->length[2], envp);
	/* Out of the container's network again; everything else of ours is the host's. */
	if (m->host_net >= 0 && sys_setns(m->host_net, CLONE_NEWNET) != 0)
		sys_exit(1);
	lock = sys_fcntl(lock, F_DUPFD_CLOEXEC, 16);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		sys_dup3(null, fd, 0);
	if (lock < 0 || sys_dup3(lock, 3, 0) < 0)
		sys_exit(1);
	sys_close_range(4, ~0u, 0);
	sys_setsid();
	sys_sigmask(0);
	if (argv[0])
		sys_execve(argv[0], argv, envp);
	sys_exit(127);
}

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
	/* Twice, so that it is nobody's zombie; the lock goes with the open file into the grandchild. */
	int child = sys_fork();
	if (child == 0) {
		int grandchild = sys_fork();
		if (grandchild == 0)
			wake(m, &op, lock);
		sys_exit(0);
	}
	sys_close(lock);
	int status;
	while (child > 0 && sys_wait4(child, &status, 0) == -EINTR)
		;
}
