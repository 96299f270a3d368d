/*
 * PID 1 of a container: forwards signals, reaps, and writes down how the command ended before it ends itself, so that the
 * exit code survives the death of the monitor. It never execs; it holds no memory of the frame, one capability, and
 * sleeps in sigtimedwait without a timeout.
 */
#include "shim.h"
#include "sys_admin.h"

#include <linux/close_range.h>
#include <linux/prctl.h>

static uint64_t bit(int signal) { return 1ull << (signal - 1); }

static void keep_only_kill(void)
{
	struct __user_cap_data_struct set[2] = {{0}};
	set[0].permitted = set[0].effective = 1u << CAP_KILL;
	sys_capset(set);
}

/* 1 out, 2 err, 3 exit, 4 pty master, 5 NOTIFY: fixed, a new monitor asks for the last two by their numbers. */
static void arrange(const struct tsc_init *init)
{
	int exit_file = sys_fcntl(init->exit_file, F_DUPFD_CLOEXEC, 16);
	int high[4];
	for (unsigned i = 0; i < 4; i++)
		high[i] = init->keep[i] < 0 ? -1 : sys_fcntl(init->keep[i], F_DUPFD_CLOEXEC, 16);
	for (int fd = 0; fd < 16; fd++)
		sys_close(fd);
	static const int place[4] = {1, 2, TSC_INIT_MASTER, TSC_INIT_NOTIFY};
	for (unsigned i = 0; i < 4; i++)
		if (high[i] >= 0)
			sys_dup3(high[i], place[i], O_CLOEXEC);
	sys_dup3(exit_file, TSC_INIT_EXIT, O_CLOEXEC);
	sys_close_range(TSC_INIT_NOTIFY + 1, ~0u, 0);
}

static _Noreturn void finish(const struct tsc_init *init, int status)
{
	struct tsc_exit record = {.wait_status = status, .start = init->start};
	record.finished_ns = tsc_read_clock(TSC_CLOCK_REALTIME);
	/* Told in the host's clock: in a time namespace ours is shifted. */
	record.finished_boot_ns = tsc_read_clock(TSC_CLOCK_BOOTTIME) - (uint64_t)init->boottime_offset;
	tsc_seal_exit(&record);
	sys_pwrite(TSC_INIT_EXIT, &record, sizeof record, 0);
	sys_exit(tsc_code_of_status(status));
}

static void reap(const struct tsc_init *init)
{
	int status, pid;
	while ((pid = sys_wait4(-1, &status, TSC_WNOHANG)) > 0)
		if (pid == init->command)
			finish(init, status);
}

/*
 * Without a command of our own a signal is for all that exec has brought in, and we stay until they are gone: whoever
 * stops the container waits for us. They are nobody's children here, so looking again is the only way to see their end.
 */
static void pass_to_all(const struct tsc_init *init, int signal)
{
	/* In a pid namespace that is not ours alone "all" would be strangers. */
	if (sys_getpid() != 1)
		finish(init, signal);
	sys_kill(-1, signal);
	if (signal == TSC_SIGWINCH || signal == TSC_SIGCONT)
		return;
	while (sys_kill(-1, 0) != -ESRCH) {
		reap(init);
		sys_sleep_ms(20);
	}
	finish(init, signal);
}

_Noreturn void tsc_run_init(const struct tsc_init *init)
{
	/* Faults of our own must kill; a blocked signal is kept even by PID 1, which otherwise ignores what it has no
	 * handler for. */
	uint64_t faults = bit(4) | bit(5) | bit(6) | bit(7) | bit(8) | bit(11) | bit(31);
	uint64_t set = ~faults;
	struct tsc_sigaction ignore = {.action = (void *)1};
	/* Before the monitor hears that all is set up: by this name we may be entered. */
	sys_prctl(PR_SET_NAME, (unsigned long)"tsc:init", 0, 0);
	arrange(init);
	keep_only_kill();
	sys_sigmask(set);
	sys_sigaction(TSC_SIGTTIN, &ignore);
	sys_sigaction(TSC_SIGTTOU, &ignore);
	/* Not PID 1 (a shared pid namespace): orphans still come to us. */
	sys_prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0);
	/* A monitor that dies takes nobody along any more. */
	sys_prctl(PR_SET_PDEATHSIG, 0, 0, 0);
	for (;;) {
		struct tsc_siginfo info;
		reap(init);
		int signal = sys_sigwait(&set, &info);
		if (signal <= 0 || signal == TSC_SIGCHLD)
			continue;
		if (init->command == 0)
			pass_to_all(init, signal);
		else
			sys_kill(init->command, signal);
	}
}
