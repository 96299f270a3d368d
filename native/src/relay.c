/* Between the user's terminal and a process in a container: bytes, signals, window size. */
#include "exec.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>

struct window {
	uint16_t rows, columns, width, height;
};

struct flow {
	uint8_t bytes[8192];
	size_t size;
	size_t done;
};

static struct termios saved;
static bool is_raw;

void tsc_make_raw(void)
{
	if (is_raw || sys_ioctl(0, TCGETS, &saved) != 0)
		return;
	struct termios raw = saved;
	raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	raw.c_oflag &= ~(tcflag_t)OPOST;
	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_cflag = (raw.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	is_raw = sys_ioctl(0, TCSETSW, &raw) == 0;
}

void tsc_restore_terminal(void)
{
	if (is_raw)
		sys_ioctl(0, TCSETSW, &saved);
	is_raw = false;
}

void tsc_copy_window_size(int master)
{
	struct window size;
	for (int fd = 0; fd < 3; fd++) {
		if (sys_ioctl(fd, TIOCGWINSZ, &size) != 0)
			continue;
		sys_ioctl(master, TIOCSWINSZ, &size);
		return;
	}
}

static void pass_signals(struct tsc_session *session, int fd)
{
	struct {
		uint32_t signal;
		uint8_t rest[124];
	} info;
	while (sys_read(fd, &info, sizeof info) == (long)sizeof info) {
		if (info.signal == TSC_SIGWINCH && session->master >= 0)
			tsc_copy_window_size(session->master);
		else if (info.signal != TSC_SIGCHLD && info.signal != TSC_SIGTTIN && info.signal != TSC_SIGTTOU)
			sys_pidfd_kill(session->process, (int)info.signal);
	}
}

/* One read into an empty flow. False at the end of input. */
static bool fill(struct flow *flow, int fd)
{
	long got = sys_read(fd, flow->bytes, sizeof flow->bytes);
	flow->done = 0;
	flow->size = got > 0 ? (size_t)got : 0;
	return got > 0 || got == -EAGAIN || got == -EINTR;
}

/*
 * Where output goes: a descriptor of our own, since our caller's is not ours to make non-blocking. Held up in a write to a
 * terminal that nobody reads, we would leave the command unreaped, and a PID 1 waits for every process of its namespace:
 * the container could not end. A file is not opened again, as it would be written from its start.
 */
static int open_output(void)
{
	struct termios settings;
	struct statx info;
	bool is_pipe = sys_statx(1, "", AT_EMPTY_PATH, STATX_TYPE, &info) == 0 && (info.stx_mode & 0170000) == 0010000;
	if (!is_pipe && sys_ioctl(1, TCGETS, &settings) != 0)
		return 1;
	int fd = sys_open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	return fd < 0 ? 1 : fd;
}

static void empty(struct flow *flow, int fd)
{
	/* Small pieces: poll only promises room for some. */
	size_t size = flow->size - flow->done;
	long done = sys_write(fd, flow->bytes + flow->done, size < 1024 ? size : 1024);
	if (done > 0)
		flow->done += (size_t)done;
	else if (done != -EAGAIN && done != -EINTR)
		flow->done = flow->size; /* nobody reads it any more */
}

static bool has(const struct flow *flow) { return flow->done < flow->size; }

static short wanted(bool yes, short event) { return yes ? event : 0; }

/* What the terminal still holds when the process is gone. */
static void flush(struct tsc_session *session, struct flow *out, int output)
{
	struct pollfd room = {.fd = output, .events = POLLOUT};
	do {
		while (has(out) && sys_poll(&room, 1) != 0)
			empty(out, output);
	} while (session->master >= 0 && fill(out, session->master) && has(out));
}

/* What is on its way between the two, and what may still come. */
struct relay {
	struct flow in, out;
	int output;
	bool input;   /* the user has not ended */
	bool hung_up; /* no slave is open */
};

enum { PROCESS, MESSAGE, SIGNALS, INPUT, MASTER, OUTPUT, COUNT };

static bool is_live(const struct relay *relay, const struct tsc_session *session)
{
	return session->master >= 0 && !relay->hung_up;
}

/* What is waited for; -1 is skipped. */
static void choose(struct pollfd set[COUNT], const struct relay *relay, const struct tsc_session *session)
{
	bool live = is_live(relay, session);
	short events = (short)(wanted(!has(&relay->out), POLLIN) | wanted(has(&relay->in), POLLOUT));
	set[PROCESS] = (struct pollfd){session->process, POLLIN, 0};
	set[MESSAGE] = (struct pollfd){session->message, POLLIN, 0};
	set[SIGNALS] = (struct pollfd){session->signals, POLLIN, 0};
	set[INPUT] = (struct pollfd){live && relay->input && !has(&relay->in) ? 0 : -1, POLLIN, 0};
	set[MASTER] = (struct pollfd){live ? session->master : -1, events, 0};
	set[OUTPUT] = (struct pollfd){has(&relay->out) ? relay->output : -1, POLLOUT, 0};
	/* HUP cannot be masked: while there is output to be written first, it would only spin. */
	if (has(&relay->out) && !has(&relay->in))
		set[MASTER].fd = -1;
}

static void carry(const struct pollfd set[COUNT], struct relay *relay, struct tsc_session *session)
{
	if (set[INPUT].revents && !fill(&relay->in, 0)) {
		/* The end of a pipe is Ctrl-D on a terminal. */
		relay->input = false;
		relay->in = (struct flow){.bytes = {4}, .size = 1};
	}
	if (set[OUTPUT].revents)
		empty(&relay->out, relay->output);
	if (set[MASTER].revents & POLLOUT)
		empty(&relay->in, session->master);
	if (set[MASTER].revents & (POLLIN | POLLHUP) && !has(&relay->out) && !fill(&relay->out, session->master))
		relay->hung_up = true; /* HUP stays, so it is not polled again */
}

int tsc_relay(struct tsc_session *session)
{
	static struct relay relay;
	struct pollfd set[COUNT] = {0};
	int status = 0;
	relay.output = open_output();
	relay.input = session->tty;
	while (!set[PROCESS].revents) {
		if (is_live(&relay, session))
			tsc_make_raw();
		choose(set, &relay, session);
		if (sys_poll(set, COUNT) < 0)
			continue;
		if (set[MESSAGE].revents)
			tsc_hear_process(session);
		if (set[SIGNALS].revents)
			pass_signals(session, session->signals);
		carry(set, &relay, session);
	}
	while (session->message >= 0 && tsc_hear_process(session))
		;
	/* Before what may take for ever. */
	sys_wait4(session->pid, &status, 0);
	flush(session, &relay.out, relay.output);
	return status;
}
