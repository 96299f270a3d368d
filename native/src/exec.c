/*
 * tsc-shim exec. Three processes: we stay outside, relay and pass the exit code on; a helper joins the namespaces and is
 * gone after one clone; the new process is our child (CLONE_PARENT) and never has a descriptor of the host.
 */
#include "exec.h"
#include "sys_admin.h"

#include <linux/prctl.h>

#define FRAME_FD 3
#define REPORT_FD 4
#define CODE_REFUSED 125 /* as docker's and podman's exec for everything before the command itself */
#define FORK "fork"      /* what was refused, where that was a process, and not the way into the container */

/* Who tells the user why the command cannot be run, when nobody hears our reports; and their environment. */
static char *const *explainer;
static char *const *environment;

static void explain(void)
{
	if (explainer && explainer[0])
		sys_execve(explainer[0], explainer, environment);
}

static _Noreturn void refuse(const struct tsc_session *session, unsigned phase, uint32_t op, int error, const char *text)
{
	struct tsc_report failure = tsc_make_report(session->frame.id, TSC_REPORT_FAILED);
	tsc_fail_report(&failure, phase, op, error, text);
	tsc_send_report(session->report, &failure);
	tsc_restore_terminal();
	explain();
	sys_exit(CODE_REFUSED);
}

static bool is_paused(int cgroup)
{
	char text[8];
	return cgroup >= 0 && tsc_read_file(cgroup, "cgroup.freeze", text, sizeof text) > 0 && text[0] == '1';
}

static int join(struct tsc_session *session, const struct tsc_op *op)
{
	session->init_pid = op->number[0] > INT32_MAX ? 0 : (int)op->number[0];
	session->init = tsc_open_container(session->init_pid, op->number[1]);
	if (session->init < 0)
		return session->init;
	if (op->length[0] == 0)
		return 0;
	session->cgroup = sys_open(op->string[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (session->cgroup < 0)
		return session->cgroup;
	session->born_inside = op->number[2] == 1;
	/* A process born frozen would never answer. */
	return is_paused(session->cgroup) ? -EBUSY : 0;
}

/* Whoever called us is gone: as if the terminal had been hung up. */
static void watch_caller(uint64_t pid)
{
	sys_prctl(PR_SET_PDEATHSIG, TSC_SIGHUP, 0, 0);
	/* It may have died before that; the signal waits for the signalfd like any other. */
	if ((uint64_t)sys_getppid() != pid)
		sys_kill(sys_getpid(), TSC_SIGHUP);
}

static void hold(struct tsc_session *session)
{
	struct tsc_cursor cursor = tsc_open_phase(&session->frame, TSC_PHASE_HOLD);
	struct tsc_op op;
	while (tsc_next_op(&cursor, &op)) {
		int error = op.kind == TSC_OP_JOIN ? join(session, &op) : 0;
		bool is_tty = op.kind == TSC_OP_EXEC_TTY;
		if (is_tty)
			session->tty = op.number[0] == 1;
		if (is_tty && op.number[1] != 0)
			watch_caller(op.number[1]);
		if (!is_tty && op.kind != TSC_OP_JOIN)
			error = -EPROTO;
		if (error)
			refuse(session, TSC_PHASE_HOLD, op.index, error, op.string[0]);
	}
	if (session->init < 0)
		refuse(session, TSC_PHASE_HOLD, 0, EPROTO, "");
}

/* Opened out here: the paths are the host's, and who goes in is in the container by then. */
static void open_cgroups(struct tsc_session *session)
{
	struct tsc_cursor cursor = tsc_open_phase(&session->frame, TSC_PHASE_ATTACH);
	struct tsc_op op;
	while (tsc_next_op(&cursor, &op)) {
		if (op.kind != TSC_OP_ATTACH)
			continue;
		int fd = session->entries < TSC_MAX_ENTRIES ? sys_open(op.string[0], O_WRONLY | O_CLOEXEC, 0) : -E2BIG;
		if (fd < 0)
			refuse(session, TSC_PHASE_ATTACH, op.index, fd, op.string[0]);
		session->entry[session->entries].fd = fd;
		session->entry[session->entries++].op = op.index;
	}
}

static _Noreturn void give_up(int message, const struct tsc_report *failure)
{
	tsc_send_note(message, failure, NULL, 0);
	sys_exit(CODE_REFUSED);
}

/* As tsc_enter_cgroups. */
static void enter_cgroups(const struct tsc_session *session, int message)
{
	struct tsc_report failure = tsc_make_report(session->frame.id, TSC_REPORT_FAILED);
	for (unsigned i = 0; i < session->entries; i++) {
		long put = sys_write(session->entry[i].fd, "0", 1);
		sys_close(session->entry[i].fd);
		if (put == 1)
			continue;
		tsc_fail_report(&failure, TSC_PHASE_ATTACH, session->entry[i].op, put < 0 ? (int)put : -EIO, "tasks");
		give_up(message, &failure);
	}
}

/* stx_ino of /proc/<who>/ns/<name>, which is what tells namespaces apart. */
static int identify_namespace(const char *who, const char *name, uint64_t *out)
{
	char path[64];
	struct statx info;
	struct tsc_text text = tsc_start_text(path, sizeof path);
	tsc_add_text(&text, "/proc/");
	tsc_add_text(&text, who);
	tsc_add_text(&text, "/ns/");
	tsc_add_text(&text, name);
	int error = sys_statx(AT_FDCWD, path, 0, STATX_INO, &info);
	*out = info.stx_ino;
	return error;
}

/*
 * Which namespaces are not ours already: joining one's own user namespace, for one, is refused. What cannot be looked at
 * (without CAP_SYS_PTRACE the kernel shows none of PID 1's) must not count as ours: the command would run on the host.
 */
static int find_foreign_namespaces(int pid, uint64_t *flags)
{
	static const struct {
		const char *name;
		uint64_t flag;
	} kinds[] = {
		{"mnt", CLONE_NEWNS},   {"pid", CLONE_NEWPID},       {"net", CLONE_NEWNET},   {"uts", CLONE_NEWUTS},
		{"ipc", CLONE_NEWIPC},  {"cgroup", CLONE_NEWCGROUP}, {"time", CLONE_NEWTIME}, {"user", CLONE_NEWUSER},
	};
	char number[16];
	struct tsc_text text = tsc_start_text(number, sizeof number);
	tsc_add_number(&text, pid);
	for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		uint64_t own, other;
		if (identify_namespace("self", kinds[i].name, &own) == -ENOENT)
			continue; /* a kind that this kernel does not have */
		int error = identify_namespace(number, kinds[i].name, &other);
		if (error)
			return error == -ENOENT ? -ESRCH : error; /* it has ended since */
		*flags |= own != other ? kinds[i].flag : 0;
	}
	return 0;
}

static _Noreturn void run_process(struct tsc_session *session, int message)
{
	struct tsc_report failure = tsc_make_report(session->frame.id, TSC_REPORT_FAILED);
	struct tsc_process process = {.frame = &session->frame,
				      .vector = session->vector,
				      .message = message,
				      .stdio = {-1, -1, -1},
				      .tty = session->tty};
	struct tsc_setup place = {.root = -1, .proc = -1, .master = -1, .slave = -1};
	char go;
	sys_prctl(PR_SET_PDEATHSIG, TSC_SIGKILL, 0, 0);
	enter_cgroups(session, message);
	/* Not before we are inside the container's limits. */
	if (!tsc_hear_release(message))
		sys_exit(CODE_REFUSED);
	sys_join_keyring();
	if (session->tty) {
		place.root = sys_open("/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
		int error = place.root < 0 ? place.root : tsc_open_private_proc(&place);
		if (!error)
			error = tsc_open_pty(place.root, place.proc, &place.master, &place.slave);
		if (error) {
			tsc_fail_report(&failure, TSC_PHASE_SETUP, 0, error, "/dev/pts/ptmx");
			give_up(message, &failure);
		}
		struct tsc_report note = tsc_make_report(session->frame.id, TSC_NOTE_TTY);
		tsc_send_note(message, &note, &place.master, 1);
		/* The window has its size before the command looks. */
		if (sys_recv(message, &go, 1, 0) != 1)
			sys_exit(CODE_REFUSED);
		process.stdio[0] = process.stdio[1] = process.stdio[2] = place.slave;
	}
	tsc_become_command(&process);
}

/* Born into the cgroup where that is safe (see clone_child in life.c); `note` tells whether it was. */
static int clone_process(const struct tsc_session *session, struct tsc_report *note)
{
	struct clone_args arguments = {.flags = CLONE_PARENT};
	if (session->born_inside) {
		arguments.flags |= CLONE_INTO_CGROUP;
		arguments.cgroup = (unsigned)session->cgroup;
		int pid = sys_clone3(&arguments);
		note->number = 1;
		if (pid >= 0 || pid == -ENOMEM)
			return pid;
		/* EAGAIN as well: a pids.max that lets nobody be born there still lets everybody in. */
		arguments = (struct clone_args){.flags = CLONE_PARENT};
	}
	note->number = 0;
	return sys_clone3(&arguments);
}

/* Runs in the helper: into the namespaces, one clone, and away. */
static _Noreturn void run_helper(struct tsc_session *session, int message)
{
	struct tsc_report note = tsc_make_report(session->frame.id, TSC_NOTE_PID);
	sys_prctl(PR_SET_PDEATHSIG, TSC_SIGKILL, 0, 0);
	uint64_t flags = 0;
	int error = find_foreign_namespaces(session->init_pid, &flags);
	uint64_t later = flags & CLONE_NEWCGROUP;
	if (!error && flags & ~later)
		error = sys_setns(session->init, flags & ~later);
	int pid = error ? error : clone_process(session, &note);
	if (pid == 0) {
		/* Not before: from inside, the way from our cgroup to the container's is no way at all (nsdelegate). */
		error = later ? sys_setns(session->init, later) : 0;
		tsc_close(&session->init);
		tsc_close(&session->cgroup);
		tsc_close(&session->report);
		struct tsc_report failure = tsc_make_report(session->frame.id, TSC_REPORT_FAILED);
		tsc_fail_report(&failure, TSC_PHASE_HOLD, session->frame.span[TSC_PHASE_HOLD].index, error, "");
		if (error)
			give_up(message, &failure);
		run_process(session, message);
	}
	/* A pid namespace whose PID 1 is gone answers ENOMEM. */
	note.error = pid == -ENOMEM ? ESRCH : pid < 0 ? -pid : 0;
	struct tsc_text out = tsc_start_text(note.text, sizeof note.text);
	if (!error && pid < 0 && pid != -ENOMEM)
		tsc_add_text(&out, FORK);
	note.pid = pid < 0 ? 0 : pid;
	tsc_send_note(message, &note, NULL, 0);
	sys_exit(0);
}

static void attach(struct tsc_session *session)
{
	struct tsc_report failure = tsc_make_report(session->frame.id, TSC_REPORT_FAILED);
	const struct tsc_attachment attachment = {&session->frame, session->pid};
	char number[16];
	struct tsc_text text = tsc_start_text(number, sizeof number);
	tsc_add_number(&text, session->pid);
	bool outside = session->cgroup >= 0 && !session->born_inside;
	int error = outside ? tsc_write_file(session->cgroup, "cgroup.procs", number, text.size) : 0;
	if (error)
		tsc_fail_report(&failure, TSC_PHASE_ATTACH, 0, error, "cgroup.procs");
	else
		error = tsc_run_attach(&attachment, &failure);
	struct pollfd gone = {.fd = session->init, .events = POLLIN};
	if (!error && sys_poll_now(&gone, 1) != 0) {
		error = -ESRCH;
		tsc_fail_report(&failure, TSC_PHASE_HOLD, 0, error, "");
	}
	if (error) {
		sys_pidfd_kill(session->process, TSC_SIGKILL);
		sys_wait4(session->pid, NULL, 0);
		refuse(session, failure.phase, failure.op, error, failure.text);
	}
}

bool tsc_hear_process(struct tsc_session *session)
{
	struct tsc_report note;
	int fds[2];
	long size = tsc_receive_note(session->message, &note, fds, TSC_MSG_DONTWAIT);
	if (size == -EAGAIN)
		return false;
	if (size != (long)sizeof note) {
		tsc_close(&session->message);
		struct tsc_report report = tsc_make_report(session->frame.id, TSC_REPORT_STARTED);
		report.pid = session->pid;
		report.number = tsc_read_start_time(session->pid);
		if (session->ready && !session->failed)
			tsc_send_report(session->report, &report);
		return false;
	}
	if (note.kind == TSC_NOTE_READY)
		session->ready = true;
	if (note.kind == TSC_REPORT_FAILED) {
		session->failed = true;
		tsc_send_report(session->report, &note);
	}
	if (note.kind == TSC_NOTE_TTY && session->master < 0) {
		session->master = fds[0];
		tsc_copy_window_size(session->master);
		sys_send(session->message, "", 1, TSC_MSG_NOSIGNAL);
	}
	return true;
}

/* What the helper says. The process that it has made may be faster, and have failed: `refusal`, else of kind 0. */
static bool hear_helper(const struct tsc_session *session, struct tsc_report *note, struct tsc_report *refusal)
{
	int fds[2];
	*refusal = (struct tsc_report){0};
	long size = tsc_receive_note(session->message, note, fds, 0);
	if (size == (long)sizeof *note && note->kind == TSC_REPORT_FAILED) {
		*refusal = *note;
		size = tsc_receive_note(session->message, note, fds, 0);
	}
	return size == (long)sizeof *note && note->kind == TSC_NOTE_PID;
}

static void start(struct tsc_session *session)
{
	struct tsc_report note, refusal;
	int pair[2], status;
	/* Before there is a process that nobody could send a signal to. */
	session->signals = sys_signalfd(~0ull, O_CLOEXEC | O_NONBLOCK);
	if (session->signals < 0)
		refuse(session, TSC_PHASE_HOLD, 0, session->signals, "signalfd");
	int error = sys_socketpair(TSC_SOCK_SEQPACKET | TSC_SOCK_CLOEXEC, pair);
	int helper = error ? error : sys_fork();
	if (helper == 0) {
		sys_close(pair[0]);
		run_helper(session, pair[1]);
	}
	if (helper < 0)
		refuse(session, TSC_PHASE_HOLD, session->frame.span[TSC_PHASE_HOLD].index, helper, FORK);
	sys_close(pair[1]);
	session->message = pair[0];
	bool heard = hear_helper(session, &note, &refusal);
	while (sys_wait4(helper, &status, 0) == -EINTR)
		;
	if (!heard)
		refuse(session, TSC_PHASE_HOLD, 0, ECANCELED, "");
	if (note.error)
		refuse(session, TSC_PHASE_HOLD, session->frame.span[TSC_PHASE_HOLD].index, note.error, note.text);
	session->pid = note.pid;
	if (refusal.kind) {
		sys_wait4(session->pid, NULL, 0);
		refuse(session, refusal.phase, refusal.op, refusal.error, refusal.text);
	}
	session->born_inside = note.number == 1;
	for (unsigned i = 0; i < session->entries; i++)
		sys_close(session->entry[i].fd);
	session->process = sys_pidfd_open(session->pid);
	if (session->process < 0)
		refuse(session, TSC_PHASE_HOLD, 0, session->process, "pidfd");
	attach(session);
	sys_send(session->message, "", 1, TSC_MSG_NOSIGNAL);
}

_Noreturn void tsc_exec(char **argv, char **envp)
{
	static struct tsc_session session = {
		.report = -1, .init = -1, .cgroup = -1, .message = -1, .process = -1, .master = -1, .signals = -1};
	uint32_t at = 0;
	uint64_t fd = FRAME_FD;
	sys_prctl(PR_SET_NAME, (unsigned long)"tsc:exec", 0, 0);
	if (argv[0]) {
		explainer = argv + 1;
		environment = envp;
	} else
		session.report = sys_fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) < 0 ? -1 : REPORT_FD;
	int error = argv[0] && (!tsc_parse_number(argv[0], &fd, NULL) || fd > INT32_MAX) ? -EINVAL : 0;
	if (!error)
		error = tsc_read_frame((int)fd, &session.frame, &at);
	if (!error && session.frame.kind != TSC_FRAME_EXEC)
		error = -EPROTO;
	sys_close((int)fd);
	if (error)
		refuse(&session, TSC_PHASE_NONE, at, error < 0 ? error : -EPROTO, "frame");
	session.vector = sys_map(session.frame.words * sizeof(char *));
	if (!session.vector)
		refuse(&session, TSC_PHASE_NONE, 0, ENOMEM, "");
	hold(&session);
	open_cgroups(&session);
	tsc_warn_attach(&session.frame, session.report);
	start(&session);
	int status = tsc_relay(&session);
	tsc_restore_terminal();
	if (session.failed)
		explain();
	sys_exit(tsc_code_of_status(status));
}
