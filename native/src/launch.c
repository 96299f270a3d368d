/* The launcher: the project's lock, one fork per frame, and word of those that have died. */
#include "shim.h"

#include "sys_admin.h"

#include <asm/poll.h>
#include <linux/prctl.h>

#define STDIN 0
#define STDOUT 1

int tsc_read_all(int fd, uint8_t *bytes, size_t size)
{
	size_t done = 0;
	while (done < size) {
		long got = sys_read(fd, bytes + done, size - done);
		if (got == -EINTR)
			continue;
		if (got == 0 && done == 0)
			return 1;
		if (got <= 0)
			return got < 0 ? (int)got : -EPROTO;
		done += (size_t)got;
	}
	return 0;
}

int tsc_read_frame(int fd, struct tsc_frame *frame, uint32_t *at)
{
	uint8_t head[TSC_FRAME_HEAD];
	*frame = (struct tsc_frame){0};
	int error = tsc_read_all(fd, head, sizeof head);
	if (error)
		return error;
	uint32_t size = tsc_read_head(head);
	if (size == 0)
		return -EPROTO;
	/* Of its own, so that the monitor keeps this frame and no other. */
	uint8_t *bytes = sys_map(size);
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, head, sizeof head);
	error = size == sizeof head ? 0 : tsc_read_all(fd, bytes + sizeof head, size - sizeof head);
	if (error)
		return -EPROTO;
	frame->bytes = bytes;
	frame->size = size;
	return -tsc_decode_frame(bytes, size, frame, at);
}

static int read_holder(int fd)
{
	char text[24] = "";
	uint64_t pid = 0;
	long size = sys_pread(fd, text, sizeof text - 1, 0);
	return size > 0 && tsc_parse_number(text, &pid, NULL) && pid <= INT32_MAX ? (int)pid : 0;
}

static void write_holder(int fd)
{
	char text[24];
	struct tsc_text out = tsc_start_text(text, sizeof text);
	tsc_add_number(&out, sys_getpid());
	tsc_add_text(&out, "\n");
	sys_ftruncate(fd, 0);
	sys_pwrite(fd, text, out.size, 0);
}

bool tsc_is_current(int fd, const char *path)
{
	struct statx held, named;
	return sys_statx(fd, "", AT_EMPTY_PATH, STATX_INO, &held) == 0 &&
	       sys_statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO, &named) == 0 && held.stx_ino == named.stx_ino &&
	       held.stx_dev_major == named.stx_dev_major && held.stx_dev_minor == named.stx_dev_minor;
}

/* As long as the command that wants the lock; nobody else would ever end a launcher that waits. */
static int wait_for_lock(int fd)
{
	struct pollfd input = {.fd = STDIN, .events = 0};
	int error;
	sys_prctl(PR_SET_PDEATHSIG, TSC_SIGKILL, 0, 0);
	if (sys_poll_now(&input, 1) == 1)
		sys_exit(1); /* it was gone before it could be told to us */
	while ((error = sys_flock(fd, TSC_LOCK_EX)) == -EINTR)
		;
	sys_prctl(PR_SET_PDEATHSIG, 0, 0, 0);
	return error;
}

static int take_lock(const char *path)
{
	struct tsc_report report = tsc_make_report(0, TSC_REPORT_LOCK_BUSY);
	bool told = false;
	for (;;) {
		int fd = sys_open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return fd;
		int error = sys_flock(fd, TSC_LOCK_EX | TSC_LOCK_NB);
		if (error == -EAGAIN) {
			report.pid = read_holder(fd);
			if (!told)
				tsc_send_report(STDOUT, &report);
			told = true;
			error = wait_for_lock(fd);
		}
		if (error) {
			sys_close(fd);
			return error;
		}
		if (tsc_is_current(fd, path)) {
			write_holder(fd);
			return fd;
		}
		sys_close(fd);
	}
}

static void forget(const struct tsc_frame *frame)
{
	union {
		const uint8_t *in;
		void *out;
	} bytes = {.in = frame->bytes};
	if (bytes.in)
		sys_unmap(bytes.out, frame->size);
}

static void refuse(const struct tsc_frame *frame, uint32_t at, int error)
{
	struct tsc_report failure = tsc_make_report(frame->id, TSC_REPORT_FAILED);
	tsc_fail_report(&failure, TSC_PHASE_NONE, at, error, "frame");
	tsc_send_report(STDOUT, &failure);
}

/* False: the launcher is of no use without its lock. */
static bool lock_project(const char *path, int *lock)
{
	struct tsc_report report = tsc_make_report(0, TSC_REPORT_LOCKED);
	report.pid = sys_getpid();
	*lock = take_lock(path);
	if (*lock < 0)
		tsc_fail_report(&report, TSC_PHASE_NONE, 0, *lock, path);
	tsc_send_report(STDOUT, &report);
	return *lock >= 0;
}

/*
 * Network namespaces for containers that will follow, made while there is no frame to be read: the kernel takes most of a
 * millisecond for each. They have no name, and what is left of them goes with us.
 */
#define STOCK 256u

static struct {
	int fd[STOCK];
	unsigned size;
	unsigned wanted; /* still to be made */
	int home;
} stock = {.home = -1};

static void add_to_stock(void)
{
	int fd = -1;
	if (stock.home < 0)
		stock.home = sys_open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC, 0);
	if (stock.home >= 0 && sys_unshare(CLONE_NEWNET) == 0) {
		fd = sys_open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC, 0);
		/* Who is forked begins in the host's network. */
		if (sys_setns(stock.home, CLONE_NEWNET) != 0)
			sys_exit(1);
	}
	if (fd < 0) {
		stock.wanted = 0; /* the monitor meets the same error, and says what it was about */
		return;
	}
	stock.fd[stock.size++] = fd;
	stock.wanted--;
}

static void want_stock(uint32_t count)
{
	unsigned room = STOCK - stock.size;
	stock.wanted = count < room ? count : room;
}

static int take_from_stock(const struct tsc_frame *frame)
{
	struct tsc_op op;
	bool fresh = frame->kind != TSC_FRAME_ADOPT && tsc_find_op(frame, TSC_PHASE_HOLD, TSC_OP_NETNS, &op) &&
		     op.number[0] == 1;
	if (fresh && stock.size > 0)
		return stock.fd[--stock.size];
	if (fresh && stock.wanted > 0)
		stock.wanted--; /* it makes its own */
	return -1;
}

/* The latest that were forked and their frames. Whoever is overwritten has long said its last word. */
#define REMEMBERED 4096u

static struct {
	int pid;
	uint32_t id;
} forked[REMEMBERED];
static uint32_t forks;

/* Who performs the frame: a monitor to be, or who asks one that is there. */
static int fork_performer(struct tsc_frame *frame)
{
	if (frame->kind == TSC_FRAME_EXEC)
		return -EPROTO;
	int netns = take_from_stock(frame);
	int pid = sys_fork();
	if (pid == 0 && frame->kind == TSC_FRAME_START_HELD)
		tsc_ask_to_start(frame, STDOUT);
	if (pid == 0)
		tsc_monitor(frame, netns);
	tsc_close(&netns);
	if (pid > 0) {
		forked[forks % REMEMBERED].pid = pid;
		forked[forks++ % REMEMBERED].id = frame->id;
	}
	return pid;
}

/* Whoever waits for a word must hear that who owed it was killed: the pipe they share stays open. */
static void reap(void)
{
	for (int pid; (pid = sys_wait4(-1, NULL, TSC_WNOHANG)) > 0;) {
		for (uint32_t i = 0; i < forks && i < REMEMBERED; i++) {
			if (forked[i].pid != pid)
				continue;
			struct tsc_report report = tsc_make_report(forked[i].id, TSC_REPORT_LOST);
			report.pid = pid;
			tsc_send_report(STDOUT, &report);
			forked[i].pid = 0;
		}
	}
}

static int watch_children(void)
{
	const uint64_t child = 1ull << (TSC_SIGCHLD - 1);
	return sys_signalfd(child, O_CLOEXEC | O_NONBLOCK);
}

/* Until a frame comes. What can be made ahead is made in between. */
static void wait_for_frame(int deaths)
{
	struct pollfd set[2] = {{.fd = STDIN, .events = POLLIN}, {.fd = deaths, .events = POLLIN}};
	do {
		uint8_t told[128];
		set[0].revents = set[1].revents = 0;
		long ready = stock.wanted > 0 ? sys_poll_now(set, 2) : sys_poll(set, 2);
		if (ready < 0)
			continue;
		if (ready == 0)
			add_to_stock();
		if (set[1].revents && sys_read(deaths, told, sizeof told) > 0)
			reap();
	} while (!set[0].revents);
}

/* False: there is no going on. */
static bool serve(const char *lock_path, int *lock, struct tsc_frame *frame, uint32_t at, int error)
{
	bool locks = !tsc_same_text(lock_path, "-");
	if (!error && frame->kind == TSC_FRAME_YIELD)
		tsc_close(lock);
	else if (!error && frame->kind == TSC_FRAME_NETNS)
		want_stock(frame->id);
	else if (!error && frame->kind == TSC_FRAME_LOCK)
		return !locks || *lock >= 0 || lock_project(lock_path, lock);
	else if ((error = error ? error : fork_performer(frame)) < 0)
		refuse(frame, at, error);
	/* Without its bytes there is no telling where the next frame starts. */
	return frame->bytes != NULL;
}

_Noreturn void tsc_launch(const char *lock_path)
{
	uint32_t at = 0;
	int lock = -1, deaths = watch_children();
	sys_prctl(PR_SET_NAME, (unsigned long)"tsc:launch", 0, 0);
	/* A Ctrl-C in the terminal is for the command that reads our reports. */
	sys_setsid();
	/* Modes are what the frames say, whatever the shell of the user has. */
	sys_umask(022);
	for (;;) {
		struct tsc_frame frame;
		wait_for_frame(deaths);
		int error = tsc_read_frame(STDIN, &frame, &at);
		if (error == 1)
			sys_exit(0);
		bool goes_on = serve(lock_path, &lock, &frame, at, error);
		forget(&frame);
		if (!goes_on)
			sys_exit(1);
	}
}
