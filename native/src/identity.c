/* Who a process is (never a bare pid), what time it is, and small files. */
#include "shim.h"

long tsc_read_file(int dir, const char *path, char *out, size_t room)
{
	int fd = sys_openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	size_t size = 0;
	long got;
	while (size + 1 < room && (got = sys_read(fd, out + size, room - 1 - size)) > 0)
		size += (size_t)got;
	sys_close(fd);
	out[size] = 0;
	return (long)size;
}

int tsc_write_file(int dir, const char *path, const char *bytes, size_t size)
{
	int fd = sys_openat(dir, path, O_WRONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	/* One write: kernel files take a value as a whole. */
	long done = sys_write(fd, bytes, size);
	sys_close(fd);
	if (done < 0)
		return (int)done;
	return (size_t)done == size ? 0 : -EIO;
}

int tsc_write_all(int fd, const char *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		long put = sys_write(fd, bytes + done, size - done);
		if (put <= 0)
			return put < 0 ? (int)put : -EIO;
		done += (size_t)put;
	}
	return 0;
}

uint64_t tsc_read_start_time(int pid)
{
	char path[40], text[1024];
	struct tsc_text out = tsc_start_text(path, sizeof path);
	tsc_add_text(&out, "/proc/");
	tsc_add_number(&out, pid);
	tsc_add_text(&out, "/stat");
	long size = tsc_read_file(AT_FDCWD, path, text, sizeof text);
	/* Field 2 is the name in parentheses and may itself hold spaces and parentheses: count from the last one. */
	while (size > 0 && text[size - 1] != ')')
		size--;
	if (size <= 0)
		return 0;
	const char *at = text + size;
	for (unsigned field = 2; field < 22 && *at; at++)
		field += *at == ' ';
	uint64_t time = 0;
	tsc_parse_number(at, &time, NULL);
	return time;
}

bool tsc_read_boot_id(uint8_t out[16])
{
	char text[64];
	return tsc_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof text) > 0 &&
	       tsc_parse_uuid(text, out);
}

uint64_t tsc_read_clock(int clock)
{
	struct __kernel_timespec now = {0, 0};
	sys_clock(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int tsc_open_process(int pid, uint64_t start_time)
{
	if (pid <= 0 || start_time == 0)
		return -ESRCH;
	int fd = sys_pidfd_open(pid);
	if (fd < 0)
		return fd;
	/* Compared after opening: what the descriptor names can no longer change, the number could have until now. */
	struct pollfd gone = {.fd = fd, .events = POLLIN};
	if (tsc_read_start_time(pid) == start_time && sys_poll_now(&gone, 1) == 0)
		return fd;
	sys_close(fd);
	return -ESRCH;
}

static bool is_being_set_up(int pid)
{
	char path[40], name[32];
	struct tsc_text out = tsc_start_text(path, sizeof path);
	tsc_add_text(&out, "/proc/");
	tsc_add_number(&out, pid);
	tsc_add_text(&out, "/comm");
	return tsc_read_file(AT_FDCWD, path, name, sizeof name) > 0 &&
	       (tsc_same_text(name, TSC_NAME_MONITOR "\n") || tsc_same_text(name, TSC_NAME_SETUP "\n"));
}

int tsc_open_container(int pid, uint64_t start_time)
{
	const unsigned pause_ms = 5, patience_ms = 5000;
	int fd = tsc_open_process(pid, start_time);
	struct pollfd gone = {.fd = fd, .events = POLLIN};
	int error = 0;
	for (unsigned waited = 0; fd >= 0 && !error && is_being_set_up(pid); waited += pause_ms) {
		sys_sleep_ms(pause_ms);
		error = sys_poll_now(&gone, 1) != 0 ? -ESRCH : waited >= patience_ms ? -EAGAIN : 0;
	}
	if (!error)
		return fd;
	sys_close(fd);
	return error;
}

void tsc_reset_signals(void)
{
	/* Node ignores SIGPIPE, shells in the background ignore SIGINT: ignored signals survive exec. */
	struct tsc_sigaction standard = {0};
	for (int signal = 1; signal <= TSC_SIGNALS; signal++)
		sys_sigaction(signal, &standard);
}

void tsc_close(int *fd)
{
	if (*fd >= 0)
		sys_close(*fd);
	*fd = -1;
}

int tsc_open_null(void)
{
	int fd = sys_open("/dev/null", O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0);
	if (fd < 0 || tsc_is_device(fd, 0020000, 1, 3))
		return fd;
	sys_close(fd);
	return -ENODEV;
}
