/* The launcher: the project's lock, and one fork per frame. */
#include "shim.h"

#include <linux/prctl.h>

#define STDIN 0
#define STDOUT 1

/* 0, 1 at EOF before the first byte, -errno. */
static int read_all(int fd, uint8_t *bytes, size_t size)
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
	int error = read_all(fd, head, sizeof head);
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
	error = size == sizeof head ? 0 : read_all(fd, bytes + sizeof head, size - sizeof head);
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
			while ((error = sys_flock(fd, TSC_LOCK_EX)) == -EINTR)
				;
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

static int fork_monitor(struct tsc_frame *frame)
{
	int pid = frame->kind == TSC_FRAME_EXEC ? -EPROTO : sys_fork();
	if (pid == 0)
		tsc_monitor(frame);
	return pid;
}

_Noreturn void tsc_launch(const char *lock_path)
{
	uint32_t at = 0;
	int lock = -1;
	bool locks = !tsc_same_text(lock_path, "-");
	sys_prctl(PR_SET_NAME, (unsigned long)"tsc:launch", 0, 0);
	/* A Ctrl-C in the terminal is for the command that reads our reports. */
	sys_setsid();
	if (locks && !lock_project(lock_path, &lock))
		sys_exit(1);
	for (;;) {
		struct tsc_frame frame;
		int error = tsc_read_frame(STDIN, &frame, &at);
		if (error == 1)
			sys_exit(0);
		if (!error && frame.kind == TSC_FRAME_YIELD)
			tsc_close(&lock);
		else if (!error && frame.kind == TSC_FRAME_LOCK) {
			if (locks && lock < 0 && !lock_project(lock_path, &lock))
				sys_exit(1);
		} else if ((error = error ? error : fork_monitor(&frame)) < 0)
			refuse(&frame, at, error);
		/* Monitors that have ended already, since HOLD was refused. */
		while (sys_wait4(-1, NULL, TSC_WNOHANG) > 0)
			;
		bool lost = !frame.bytes;
		forget(&frame);
		if (lost)
			sys_exit(1); /* there is no telling where the next frame starts */
	}
}
