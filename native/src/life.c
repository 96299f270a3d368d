/* One life of a container: clone, attach, release, outcome of the set-up, end. */
#include "monitor.h"
#include "sys_admin.h"

static int prepare_exit_file(struct tsc_monitor *m)
{
	struct tsc_exit empty = {0};
	int fd = sys_openat(m->dir, "exit", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fd;
	/* Its bytes exist from now on: a disk that is full later cannot cost us the exit code. In place, since ext4 writes
	 * a file out when it is truncated and filled again. */
	long done = sys_pwrite(fd, &empty, sizeof empty, 0);
	sys_close(fd);
	return done == (long)sizeof empty ? 0 : done < 0 ? (int)done : -ENOSPC;
}

/* Not born into it but moved before it is released: nothing of the command has run by then. */
static int move_child(struct tsc_monitor *m, int pid)
{
	char number[16];
	struct tsc_text text = tsc_start_text(number, sizeof number);
	tsc_add_number(&text, pid);
	int error = tsc_write_file(m->cgroup, "cgroup.procs", number, text.size);
	if (!error)
		return pid;
	sys_pidfd_kill(m->init, TSC_SIGKILL);
	sys_wait4(pid, NULL, 0);
	tsc_close(&m->init);
	return error;
}

static int clone_child(struct tsc_monitor *m)
{
	struct clone_args arguments = {0};
	arguments.flags = m->namespaces | CLONE_PIDFD;
	arguments.pidfd = (uintptr_t)&m->init;
	arguments.exit_signal = TSC_SIGCHLD;
	/*
	 * Kernels that count kills per cgroup (6.18 does) compare the count of the parent's cgroup with that of the new
	 * one, and kill a child that is born into a cgroup in which cgroup.kill was ever used. Those are moved.
	 */
	bool born_inside = m->cgroup >= 0 && !m->group_was_killed;
	if (born_inside) {
		arguments.flags |= CLONE_INTO_CGROUP;
		arguments.cgroup = (unsigned)m->cgroup;
	}
	int pid = sys_clone3(&arguments);
	if (pid < 0 && born_inside && pid != -EAGAIN && pid != -ENOMEM) {
		/* Before 5.7, or a cgroup that takes nobody by birth. */
		born_inside = false;
		arguments.flags &= ~(uint64_t)CLONE_INTO_CGROUP;
		arguments.cgroup = 0;
		pid = sys_clone3(&arguments);
	}
	return pid > 0 && m->cgroup >= 0 && !born_inside ? move_child(m, pid) : pid;
}

static uint16_t kind_of(const struct tsc_frame *frame, unsigned phase, uint32_t index)
{
	if (phase < TSC_PHASE_HOLD || phase > TSC_PHASE_CLEANUP)
		return 0;
	struct tsc_cursor cursor = tsc_open_phase(frame, (enum tsc_phase)phase);
	struct tsc_op op;
	while (tsc_next_op(&cursor, &op))
		if (op.index == index)
			return op.kind;
	return 0;
}

static void note_failure(struct tsc_monitor *m, const struct tsc_report *failure)
{
	struct tsc_text text = tsc_start_text(m->state.fail_text, sizeof m->state.fail_text);
	if (m->failed)
		return; /* the first one is the cause */
	m->failed = true;
	m->state.fail_phase = failure->phase;
	m->state.fail_op = failure->op;
	m->state.fail_error = failure->error;
	m->state.fail_kind = kind_of(&m->frame, failure->phase, failure->op);
	size_t size = 0;
	while (size < sizeof failure->text && failure->text[size])
		size++;
	tsc_add_bytes(&text, failure->text, size);
}

static void begin_life(struct tsc_monitor *m)
{
	struct tsc_state *state = &m->state;
	state->starts++;
	state->init_pid = 0;
	state->init_start = 0;
	state->wait_status = 0;
	state->exit_known = state->oom_killed = state->stop_requested = 0;
	state->fail_phase = state->fail_kind = 0;
	state->fail_op = 0;
	state->fail_error = 0;
	memset(state->fail_text, 0, sizeof state->fail_text);
	m->failed = m->ready = m->settled = false;
	tsc_calm(m);
	m->child = true;
	tsc_forget_notified(m);
	m->oom_base = tsc_count_oom(m->oom_counter);
	tsc_change_phase(m, TSC_STATE_STARTING);
}

/* Nothing was cloned: there is no end to wait for. */
static int give_up(struct tsc_monitor *m, int error, const struct tsc_report *failure)
{
	note_failure(m, failure);
	tsc_change_phase(m, TSC_STATE_FAILED);
	return error;
}

static int refuse(struct tsc_monitor *m, int error, const char *text)
{
	struct tsc_report failure = tsc_make_report(m->frame.id, TSC_REPORT_FAILED);
	tsc_fail_report(&failure, TSC_PHASE_ATTACH, m->frame.span[TSC_PHASE_ATTACH].index, error, text);
	return give_up(m, error, &failure);
}

/*
 * Whoever is the last in a mount namespace takes its mounts apart, for which the kernel waits until all processors have
 * taken notice: some two milliseconds, after which the end of PID 1 would be heard of. So that is us.
 */
static void stay_in_mounts(struct tsc_monitor *m, int pid)
{
	char path[32];
	struct tsc_text text = tsc_start_text(path, sizeof path);
	tsc_add_text(&text, "/proc/");
	tsc_add_number(&text, pid);
	tsc_add_text(&text, "/ns/mnt");
	m->mounts = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
}

int tsc_start(struct tsc_monitor *m)
{
	struct tsc_report failure = tsc_make_report(m->frame.id, TSC_REPORT_FAILED);
	int pair[2];
	int error = tsc_renew_cgroups(m, &failure);
	begin_life(m);
	if (error)
		return give_up(m, error, &failure);
	error = prepare_exit_file(m);
	if (error)
		return refuse(m, error, "exit");
	error = sys_socketpair(TSC_SOCK_SEQPACKET | TSC_SOCK_CLOEXEC, pair);
	if (error)
		return refuse(m, error, "socket");
	int pid = clone_child(m);
	if (pid == 0) {
		sys_close(pair[0]);
		tsc_run_child(m, pair[1]);
	}
	sys_close(pair[1]);
	if (pid < 0) {
		sys_close(pair[0]);
		return refuse(m, pid, "clone");
	}
	m->message = pair[0];
	stay_in_mounts(m, pid);
	m->state.init_pid = pid;
	m->state.init_start = tsc_read_start_time(pid);
	m->state.started_ns = tsc_read_clock(TSC_CLOCK_REALTIME);
	m->state.started_boot_ns = tsc_read_clock(TSC_CLOCK_BOOTTIME);
	/* On disk before it may run: whoever comes after us can find it. Until then it dies with us. */
	tsc_write_record(m);
	const struct tsc_attachment attachment = {&m->frame, pid};
	if (tsc_run_attach(&attachment, &failure) != 0) {
		note_failure(m, &failure);
		sys_pidfd_kill(m->init, TSC_SIGKILL);
	} else
		sys_send(m->message, "", 1, TSC_MSG_NOSIGNAL);
	return 0;
}

/* EOF on the set-up's socket: exec has closed it, or the child is gone. */
static void conclude_setup(struct tsc_monitor *m)
{
	tsc_close(&m->message);
	if (m->failed)
		return;
	if (!m->ready) {
		struct tsc_report failure = tsc_make_report(m->frame.id, TSC_REPORT_FAILED);
		tsc_fail_report(&failure, TSC_PHASE_SETUP, m->frame.span[TSC_PHASE_SETUP].index, ECANCELED,
				"killed during set-up");
		note_failure(m, &failure);
		return;
	}
	if (m->state.phase == TSC_STATE_STARTING)
		tsc_change_phase(m, TSC_STATE_RUNNING);
	tsc_tell_started(m);
	tsc_see_start(m);
}

bool tsc_hear_child(struct tsc_monitor *m)
{
	struct tsc_report note;
	int fds[2];
	long size = tsc_receive_note(m->message, &note, fds, TSC_MSG_DONTWAIT);
	if (size == -EAGAIN)
		return false;
	if (size != (long)sizeof note) {
		conclude_setup(m);
		return false;
	}
	if (note.kind == TSC_NOTE_READY)
		m->ready = true;
	if (note.kind == TSC_REPORT_FAILED)
		note_failure(m, &note);
	if (note.kind == TSC_NOTE_TTY && m->master < 0) {
		m->master = fds[0];
		m->slave = fds[1];
		return true;
	}
	tsc_close(&fds[0]);
	tsc_close(&fds[1]);
	return true;
}

void tsc_see_oom(struct tsc_monitor *m)
{
	uint8_t events[512];
	while (m->oom_event >= 0 && sys_read(m->oom_event, events, sizeof events) > 8)
		;
	if (m->state.oom_killed || !tsc_is_running(m) || tsc_count_oom(m->oom_counter) <= m->oom_base)
		return;
	m->state.oom_killed = 1;
	tsc_write_record(m);
	tsc_tell_clients(m, TSC_WISH_CHANGES, TSC_CTL_SUBSCRIBE, 0);
}

void tsc_take_exit_record(struct tsc_monitor *m)
{
	struct tsc_exit record;
	int fd = sys_openat(m->dir, "exit", O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
	long size = fd < 0 ? fd : sys_pread(fd, &record, sizeof record, 0);
	tsc_close(&fd);
	m->state.finished_ns = tsc_read_clock(TSC_CLOCK_REALTIME);
	m->state.finished_boot_ns = tsc_read_clock(TSC_CLOCK_BOOTTIME);
	if (size != (long)sizeof record || !tsc_check_exit(&record, m->state.starts))
		return;
	m->state.exit_known = 1;
	m->state.wait_status = record.wait_status;
	m->state.finished_ns = record.finished_ns;
	m->state.finished_boot_ns = record.finished_boot_ns;
}

static void collect_output(struct tsc_monitor *m)
{
	/* Bounded: a writer outside our cgroup could go on for ever. */
	const unsigned rounds = 4096;
	tsc_drain_terminal(m, rounds);
	tsc_drain_pipe(m, m->out, 1, rounds);
	tsc_drain_pipe(m, m->err, 2, rounds);
	tsc_close(&m->master);
	tsc_close(&m->slave);
}

void tsc_see_end(struct tsc_monitor *m)
{
	int status = 0;
	/* Start before end, also for a command that was faster than us. What the dead have sent is all there. */
	while (m->message >= 0 && tsc_hear_child(m))
		;
	tsc_close(&m->message);
	bool reaped = m->child && sys_wait4(m->state.init_pid, &status, 0) == m->state.init_pid;
	/* Read before the group is killed: that would not count, but what struck before does. */
	tsc_see_oom(m);
	tsc_close(&m->init);
	tsc_kill_everything(m);
	collect_output(m);
	tsc_take_exit_record(m);
	if (reaped && !m->state.exit_known) {
		m->state.exit_known = 1;
		m->state.wait_status = status;
	}
	/* Only a process that was to be the command has an exit code (126, 127); a set-up that broke off has none. */
	if (m->failed && m->state.fail_phase != TSC_PHASE_PROCESS)
		m->state.exit_known = 0;
	m->state.init_pid = 0;
	m->state.init_start = 0;
	tsc_change_phase(m, m->failed ? TSC_STATE_FAILED : TSC_STATE_EXITED);
	tsc_tell_started(m);
	tsc_tell_clients(m, TSC_WISH_END, TSC_CTL_WAIT, 0);
	if (m->quitting)
		tsc_quit(m);
	/* Who asked for a stop, or is told of a refused start, comes first, and may not live to do anything about it. */
	if (!m->settled)
		tsc_report_end(m, m->failed || m->state.stop_requested ? TSC_LATER : TSC_NOW);
	tsc_close(&m->mounts);
}
