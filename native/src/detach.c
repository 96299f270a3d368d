/* Programs that a monitor starts and that are none of its business from then on. */
#include "monitor.h"
#include "sys_admin.h"

#include <linux/close_range.h>

static _Noreturn void become(struct tsc_monitor *m, const struct tsc_op *op, unsigned argv_at, unsigned env_at,
			     const struct tsc_legacy *legacy)
{
	int lock = legacy ? legacy->lock : -1, diary = -1;
	char **argv = m->vector;
	char **envp = tsc_split_words(op->string[argv_at], op->length[argv_at], argv);
	int null = tsc_open_null();
	if (env_at)
		tsc_split_words(op->string[env_at], op->length[env_at], envp);
	else
		*envp = NULL;
	/* Out of the container's network again; everything else of ours is the host's. */
	if (m->host_net >= 0 && sys_setns(m->host_net, CLONE_NEWNET) != 0)
		sys_exit(1);
	if (legacy && legacy->diary)
		diary = sys_open(legacy->diary, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (lock >= 0)
		lock = sys_fcntl(lock, F_DUPFD_CLOEXEC, 16);
	if (diary >= 0)
		diary = sys_fcntl(diary, F_DUPFD_CLOEXEC, 16);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		sys_dup3(fd == 2 && diary >= 0 ? diary : null, fd, 0);
	if (lock >= 0 && sys_dup3(lock, 3, 0) < 0)
		sys_exit(1);
	sys_close_range(lock >= 0 ? 4 : 3, ~0u, 0);
	sys_setsid();
	sys_sigmask(0);
	if (argv[0])
		sys_execve(argv[0], argv, envp);
	sys_exit(127);
}

void tsc_run_detached(struct tsc_monitor *m, const struct tsc_op *op, unsigned argv_at, unsigned env_at,
		      const struct tsc_legacy *legacy)
{
	/* Twice, so that it is nobody's zombie; a lock goes with the open file into the grandchild. */
	int child = sys_fork();
	if (child == 0) {
		int grandchild = sys_fork();
		if (grandchild == 0)
			become(m, op, argv_at, env_at, legacy);
		sys_exit(0);
	}
	int status;
	while (child > 0 && sys_wait4(child, &status, 0) == -EINTR)
		;
}
