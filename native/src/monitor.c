/* The monitor's loop: one ppoll without a timeout, so that nothing wakes it but what it waits for. */
#include "monitor.h"

#include <linux/close_range.h>
#include <linux/prctl.h>

enum slot { LISTEN, INIT, MESSAGE, TIMER, WAKE, OOM, HANGUP, KEEPER, NOTIFY, OUT, ERR, MASTER, INPUT, CLIENTS };

static struct tsc_monitor monitor;
static struct pollfd set[CLIENTS + TSC_MAX_CLIENTS];

/* What was written to the fifo "in" and the terminal has not taken yet. */
static struct {
	uint8_t bytes[1024];
	long size;
	long done;
} typed;

static void relay_input(struct tsc_monitor *m)
{
	if (typed.done == typed.size) {
		typed.done = 0;
		typed.size = sys_read(m->in, typed.bytes, sizeof typed.bytes);
		typed.size = typed.size < 0 ? 0 : typed.size;
	}
	long done = typed.size == 0 ? 0 : sys_write(m->master, typed.bytes + typed.done, (size_t)(typed.size - typed.done));
	if (done > 0)
		typed.done += done;
	else if (done != -EAGAIN)
		typed.done = typed.size;
}

static void prepare(struct tsc_monitor *m)
{
	bool pending = typed.done < typed.size;
	const int fds[CLIENTS] = {m->listen, m->init, m->message, m->timer,  m->wake_timer, m->oom_event,
				  m->hangup, m->keeper, m->notify, m->out, m->err, m->master, m->tty && m->master >= 0 && !pending ? m->in : -1};
	for (unsigned i = 0; i < CLIENTS; i++)
		set[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	set[HANGUP].events = 0; /* what is written there is nobody's business */
	if (pending)
		set[MASTER].events = POLLIN | POLLOUT;
	for (unsigned i = 0; i < TSC_MAX_CLIENTS; i++)
		set[CLIENTS + i] = (struct pollfd){.fd = m->clients[i].fd, .events = POLLIN};
}

static void serve_output(struct tsc_monitor *m)
{
	/* A few reads each, so that neither stream nor a flood keeps the others and the control socket waiting. */
	const unsigned rounds = 8;
	if (set[OUT].revents)
		tsc_drain_pipe(m, m->out, 1, rounds);
	if (set[ERR].revents)
		tsc_drain_pipe(m, m->err, 2, rounds);
	if (set[MASTER].revents & (POLLIN | POLLHUP)) {
		bool empty = tsc_drain_terminal(m, rounds);
		/* HUP without data stays for ever and is no end: a slave may be opened again. Not ours to spin on. */
		if (empty && set[MASTER].revents & POLLHUP)
			tsc_close(&m->master);
	}
	if (set[INPUT].revents || (m->master >= 0 && set[MASTER].revents & POLLOUT))
		relay_input(m);
}

static _Noreturn void run(struct tsc_monitor *m)
{
	for (;;) {
		prepare(m);
		if (sys_poll(set, CLIENTS + TSC_MAX_CLIENTS) < 0)
			continue;
		if (set[MESSAGE].revents)
			tsc_hear_child(m);
		if (set[OOM].revents)
			tsc_see_oom(m);
		if (set[HANGUP].revents)
			tsc_see_hangup(m);
		if (set[KEEPER].revents)
			tsc_miss_keeper(m);
		if (set[NOTIFY].revents)
			tsc_hear_notify(m);
		serve_output(m);
		if (set[INIT].revents)
			tsc_see_end(m);
		if (set[TIMER].revents)
			tsc_end_grace(m);
		if (set[WAKE].revents && m->wake_timer >= 0)
			tsc_end_patience(m);
		if (set[LISTEN].revents)
			tsc_accept_client(m);
		for (unsigned i = 0; i < TSC_MAX_CLIENTS; i++)
			if (set[CLIENTS + i].revents && m->clients[i].fd == set[CLIENTS + i].fd)
				tsc_hear_client(m, &m->clients[i]);
		tsc_miss_supervisor(m);
		if (m->quitting && !tsc_is_running(m))
			tsc_quit(m);
	}
}

static void forget_descriptors(struct tsc_monitor *m)
{
	m->dir = m->lock = m->record = m->listen = m->out = m->err = m->in = m->cgroup = -1;
	m->oom_event = m->oom_counter = m->hangup = m->host_net = m->timer = m->wake_timer = m->init = m->message = -1;
	m->keeper = m->notify = m->notified_file = m->made_net = m->mounts = -1;
	m->log.dir = m->log.data = m->log.index = m->master = m->slave = m->report = -1;
	for (unsigned i = 0; i < TSC_MAX_CLIENTS; i++)
		m->clients[i].fd = -1;
}

/*
 * 0 to 2 are null, 3 is the launcher's stdout, 4 the network namespace that it has made, if any; everything else of the
 * launcher, its lock above all, is closed.
 */
static int part_from_launcher(struct tsc_monitor *m, int netns)
{
	int report = sys_fcntl(1, F_DUPFD_CLOEXEC, 16);
	int made = netns < 0 ? -1 : sys_fcntl(netns, F_DUPFD_CLOEXEC, 16);
	int null = tsc_open_null();
	int error = null < 0 ? null : 0;
	sys_setsid();
	/* With the launcher's stdin in our hands it would not end with whoever started it. */
	for (int fd = 0; fd < 3 && error >= 0; fd++)
		error = sys_dup3(null, fd, 0);
	m->report = sys_dup3(report, 3, O_CLOEXEC);
	m->made_net = made < 0 ? -1 : sys_dup3(made, 4, O_CLOEXEC);
	sys_close_range(m->made_net < 0 ? 4 : 5, ~0u, 0);
	sys_chdir("/");
	sys_prctl(PR_SET_NAME, (unsigned long)TSC_NAME_MONITOR, 0, 0);
	return error < 0 ? error : 0;
}

static _Noreturn void give_up(struct tsc_monitor *m, struct tsc_report *failure)
{
	/* What an adopted container has is its own; what a new one has got so far goes again. */
	if (m->record >= 0 && m->listen >= 0 && !m->adopt)
		tsc_clean_up(m); /* the record stays: nothing was written to it, and it may tell of an earlier life */
	if (m->listen >= 0)
		tsc_let_go(m);
	tsc_send_report(m->report, failure);
	sys_exit(1);
}

_Noreturn void tsc_monitor(struct tsc_frame *frame, int netns)
{
	struct tsc_monitor *m = &monitor;
	struct tsc_report failure = tsc_make_report(frame->id, TSC_REPORT_FAILED);
	forget_descriptors(m);
	int error = part_from_launcher(m, netns);
	m->frame = *frame;
	m->adopt = frame->kind == TSC_FRAME_ADOPT;
	/* Made now: between clone and exec nothing is allocated. Untouched pages cost nothing. */
	m->vector = error ? NULL : sys_map(frame->words * sizeof(char *));
	if (!m->vector) {
		tsc_fail_report(&failure, TSC_PHASE_NONE, 0, error ? error : -ENOMEM, error ? "/dev/null" : "");
		tsc_send_report(m->report, &failure);
		sys_exit(1);
	}
	if (tsc_hold(m, &failure) != 0)
		give_up(m, &failure);
	tsc_index_orphans(&m->log, (uint16_t)m->state.starts);
	if (m->adopt)
		tsc_resume(m);
	else
		tsc_write_record(m);
	tsc_warn_attach(frame, m->report);
	struct tsc_report report = tsc_make_report(frame->id, TSC_REPORT_ADOPTED);
	report.pid = m->state.init_pid;
	report.number = m->state.init_start;
	if (m->alive)
		tsc_send_report(m->report, &report);
	report.kind = TSC_REPORT_HELD;
	report.pid = m->state.monitor_pid;
	report.number = m->state.monitor_start;
	tsc_send_report(m->report, &report);
	bool starts = frame->kind == TSC_FRAME_START;
	if (!starts)
		tsc_close(&m->report);
	tsc_join_keeper(m);
	if (starts && (tsc_is_running(m) || tsc_start(m) != 0))
		tsc_tell_started(m);
	if (m->adopt)
		tsc_report_end(m, TSC_LATER);
	run(m);
}
