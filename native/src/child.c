/* The child of one start: set-up, then it is the command, or PID 1 with the command as its child. */
#include "monitor.h"
#include "sys_admin.h"

#include <linux/prctl.h>

/* Above all the lock: held by anybody else, "monitor alive" would be a lie after our parent's death. */
static void close_monitor(struct tsc_monitor *m)
{
	int *fds[] = {&m->lock,      &m->record,      &m->listen,   &m->out,      &m->err,     &m->in,        &m->cgroup,
		      &m->oom_event, &m->oom_counter, &m->host_net, &m->log.data, &m->log.dir, &m->log.index, &m->timer,
		      &m->init,      &m->master,      &m->slave,    &m->report,   &m->wake_timer,
		      &m->keeper,    &m->notified_file, &m->hangup};
	for (unsigned i = 0; i < sizeof fds / sizeof fds[0]; i++)
		tsc_close(fds[i]);
	for (unsigned i = 0; i < TSC_MAX_CLIENTS; i++)
		tsc_close(&m->clients[i].fd);
}

static _Noreturn void give_up(int message, const struct tsc_report *failure)
{
	tsc_send_note(message, failure, NULL, 0);
	sys_exit(1);
}

/* Without one of these the command would run, but unheard, or its end would be unknown. */
static int check_own(const struct tsc_monitor *m, int fd, const char *name, int message)
{
	struct tsc_report failure = tsc_make_report(m->frame.id, TSC_REPORT_FAILED);
	if (fd >= 0)
		return fd;
	tsc_fail_report(&failure, TSC_PHASE_SETUP, m->frame.span[TSC_PHASE_SETUP].index, fd, name);
	give_up(message, &failure);
}

static int open_own(const struct tsc_monitor *m, const char *name, int message)
{
	return check_own(m, sys_openat(m->dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0), name, message);
}

/* The container's null device instead of the host's, if it is one: an image may have put anything there. */
static void prefer_own_null(const struct tsc_setup *setup, int *fd)
{
	int place = setup->root < 0 ? -1 : tsc_resolve(setup->root, "/dev/null", O_PATH | O_NOFOLLOW, TSC_RESOLVE_STRICT);
	if (place < 0)
		return;
	bool good = tsc_is_device(place, 0020000, 1, 3);
	sys_close(place);
	int own = good ? tsc_resolve(setup->root, "/dev/null", O_RDWR | O_NOFOLLOW | O_NONBLOCK, TSC_RESOLVE_STRICT) : -1;
	if (own >= 0 && tsc_is_device(own, 0020000, 1, 3)) {
		tsc_close(fd);
		*fd = own;
		return;
	}
	tsc_close(&own);
}

static int open_pty(struct tsc_monitor *m, struct tsc_setup *setup, int message)
{
	int error = setup->root < 0 ? -EINVAL : 0;
	if (!error && setup->slave < 0)
		error = tsc_open_private_proc(setup);
	if (!error && setup->slave < 0)
		error = tsc_open_pty(setup->root, setup->proc, &setup->master, &setup->slave);
	if (error)
		return error;
	const int fds[2] = {setup->master, setup->slave};
	struct tsc_report note = tsc_make_report(m->frame.id, TSC_NOTE_TTY);
	tsc_send_note(message, &note, fds, 2);
	return 0;
}

static _Noreturn void split(struct tsc_monitor *m, struct tsc_process *process, const struct tsc_setup *setup,
			    const int pipes[2], int exit_file)
{
	if (m->no_init) {
		tsc_close(&exit_file);
		tsc_become_command(process);
	}
	int command = m->only_init ? 0 : sys_fork();
	if (command == 0 && !m->only_init)
		tsc_become_command(process);
	if (m->only_init) {
		struct tsc_report ready = tsc_make_report(m->frame.id, TSC_NOTE_READY);
		tsc_send_note(process->message, &ready, NULL, 0);
	}
	if (command < 0) {
		struct tsc_report failure = tsc_make_report(m->frame.id, TSC_REPORT_FAILED);
		tsc_fail_report(&failure, TSC_PHASE_PROCESS, m->frame.span[TSC_PHASE_PROCESS].index, command, "fork");
		give_up(process->message, &failure);
	}
	const struct tsc_init init = {
		.command = command,
		.exit_file = exit_file,
		.start = m->state.starts,
		.boottime_offset = setup->boottime_offset,
		.keep = {pipes[0], pipes[1], setup->master, m->notify},
	};
	/* The frame holds the command's environment; PID 1 has no use for it. */
	union {
		const uint8_t *in;
		void *out;
	} bytes = {.in = m->frame.bytes};
	sys_unmap(m->vector, m->frame.words * sizeof(char *));
	sys_unmap(bytes.out, m->frame.size);
	tsc_run_init(&init);
}

/*
 * Until the monitor releases us, inside our cgroups by then. We die with it until exec: in a new pid namespace getppid()
 * cannot tell whether that has happened already; the socket can.
 */
static void await_release(struct tsc_monitor *m, int message)
{
	struct tsc_report failure = tsc_make_report(m->frame.id, TSC_REPORT_FAILED);
	sys_prctl(PR_SET_PDEATHSIG, TSC_SIGKILL, 0, 0);
	close_monitor(m);
	if (tsc_enter_cgroups(&m->frame, &failure) != 0)
		give_up(message, &failure);
	if (!tsc_hear_release(message))
		sys_exit(1);
}

/* What the command and PID 1 get from the state directory. */
struct own_files {
	int input;
	int pipes[2]; /* out and err */
	int exit;
};

static struct own_files open_own_files(struct tsc_monitor *m, int message)
{
	struct own_files own;
	own.pipes[0] = open_own(m, "out", message);
	own.pipes[1] = open_own(m, "err", message);
	own.exit = open_own(m, "exit", message);
	own.input = m->keep_stdin ? open_own(m, "in", message) : check_own(m, tsc_open_null(), "/dev/null", message);
	tsc_close(&m->dir);
	return own;
}

/* Opened again: the monitor's descriptor leads into the host's mount namespace, where we may not mount. */
static int open_state_dir(const struct tsc_monitor *m)
{
	struct tsc_op place;
	if (!tsc_find_op(&m->frame, TSC_PHASE_HOLD, TSC_OP_STATE_DIR, &place))
		return -1;
	return sys_open(place.string[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

_Noreturn void tsc_run_child(struct tsc_monitor *m, int message)
{
	struct tsc_report failure = tsc_make_report(m->frame.id, TSC_REPORT_FAILED);
	struct tsc_setup setup = {.frame = &m->frame,
				  .namespaces = m->namespaces,
				  .message = message,
				  .root = -1,
				  .proc = -1,
				  .empty = -1,
				  .null = -1,
				  .master = -1,
				  .slave = -1,
				  .restarted = m->state.starts > m->starts_before + 1};
	await_release(m, message);
	sys_prctl(PR_SET_NAME, (unsigned long)TSC_NAME_SETUP, 0, 0);
	sys_setsid();
	sys_join_keyring(); /* ENOSYS is fine: then there is none to leak */
	struct own_files own = open_own_files(m, message);
	setup.state_dir = open_state_dir(m);
	int error = tsc_run_setup(&setup, &failure);
	if (error)
		give_up(message, &failure);
	if (!m->keep_stdin)
		prefer_own_null(&setup, &own.input);
	if (m->tty && (error = open_pty(m, &setup, message)) != 0) {
		tsc_fail_report(&failure, TSC_PHASE_SETUP, m->frame.span[TSC_PHASE_SETUP].index, error, "/dev/pts/ptmx");
		give_up(message, &failure);
	}
	struct tsc_process process = {.frame = &m->frame, .vector = m->vector, .message = message, .own_stdio = true};
	process.stdio[0] = m->tty ? setup.slave : own.input;
	process.stdio[1] = m->tty ? setup.slave : own.pipes[0];
	process.stdio[2] = m->tty ? setup.slave : own.pipes[1];
	process.tty = m->tty;
	split(m, &process, &setup, own.pipes, own.exit);
}
