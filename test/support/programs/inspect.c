/*
 * Says on stdout, as one line of JSON, what a process is and sees: run under different runtimes and compared. Files of
 * /proc are passed on as text; whoever reads the JSON knows their formats.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static const char *separator = "";

static void put_string(const char *bytes, size_t length)
{
	putchar('"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)bytes[i];
		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 32 || c > 126)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void put_text(const char *text)
{
	put_string(text, strlen(text));
}

static void key(const char *name)
{
	printf("%s", separator);
	put_text(name);
	putchar(':');
	separator = ",";
}

/* The text of a file, or {"errno": …} when it cannot be read. */
static void put_file(const char *path)
{
	static char text[1 << 20];
	size_t length = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = -1;
	if (fd >= 0)
		while ((n = read(fd, text + length, sizeof text - length)) > 0)
			length += (size_t)n;
	if (n < 0)
		printf("{\"errno\":%d}", errno);
	else
		put_string(text, length);
	if (fd >= 0)
		close(fd);
}

static void put_link(const char *path)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof target);
	put_string(target, n < 0 ? 0 : (size_t)n);
}

static void files(void)
{
	static const char *const paths[] = {
		"/proc/self/status", "/proc/self/mountinfo", "/proc/self/limits", "/proc/self/cgroup",
		"/proc/self/oom_score_adj", "/proc/self/timens_offsets", "/proc/self/attr/current",
		"/proc/self/uid_map", "/proc/1/cmdline", "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname",
		"/proc/sys/net/ipv4/ip_unprivileged_port_start", "/proc/sys/net/ipv4/ping_group_range",
		"/proc/sys/kernel/shmmax", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname",
		/* masked ones must give nothing */
		"/proc/kcore", "/proc/keys", "/proc/interrupts", "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats",
	};
	key("files");
	putchar('{');
	separator = "";
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		key(paths[i]);
		put_file(paths[i]);
	}
	putchar('}');
	separator = ",";
}

static void put_entry(const char *directory, const char *name)
{
	char path[4096], target[4096] = "";
	struct stat st;
	snprintf(path, sizeof path, "%s/%s", directory, name);
	if (lstat(path, &st) != 0)
		return;
	if (S_ISLNK(st.st_mode) && readlink(path, target, sizeof target - 1) < 0)
		target[0] = 0;
	key(name);
	printf("{\"mode\":\"%o\",\"uid\":%u,\"gid\":%u,\"major\":%u,\"minor\":%u,\"target\":", (unsigned)st.st_mode,
	       st.st_uid, st.st_gid, major(st.st_rdev), minor(st.st_rdev));
	put_text(target);
	putchar('}');
}

static void directory(const char *name, const char *path)
{
	DIR *entries = opendir(path);
	key(name);
	putchar('{');
	separator = "";
	if (entries) {
		for (struct dirent *entry; (entry = readdir(entries));)
			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				put_entry(path, entry->d_name);
		closedir(entries);
	}
	putchar('}');
	separator = ",";
}

static void links(void)
{
	static const char *const names[] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };
	char path[64];
	key("namespaces");
	putchar('{');
	separator = "";
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
		key(names[i]);
		put_link(path);
	}
	putchar('}');
	separator = ",";
}

/* What the process may do, tried out: 0 or the errno. Nothing that succeeds outlives this process or leaves its namespaces. */
static void attempts(void)
{
	static const struct { const char *name, *path; int flags; } opens[] = {
		{ "write /proc/sysrq-trigger", "/proc/sysrq-trigger", O_WRONLY },
		{ "write /proc/sys/kernel/core_pattern", "/proc/sys/kernel/core_pattern", O_WRONLY },
		{ "write /proc/irq/default_smp_affinity", "/proc/irq/default_smp_affinity", O_WRONLY },
		{ "create /sys/fs/x", "/sys/fs/x", O_WRONLY | O_CREAT },
		{ "create /x", "/x", O_WRONLY | O_CREAT },
		{ "open /dev/null", "/dev/null", O_RDWR },
		{ "open /dev/tty", "/dev/tty", O_RDWR },
		{ "open /dev/ptmx", "/dev/ptmx", O_RDWR | O_NOCTTY },
	};
	key("attempts");
	putchar('{');
	separator = "";
	for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
		int fd = open(opens[i].path, opens[i].flags | O_CLOEXEC, 0600);
		int error = fd < 0 ? errno : 0;
		if (fd >= 0)
			close(fd);
		key(opens[i].name);
		printf("%d", error);
	}
	key("mount tmpfs");
	printf("%d", mount("none", "/dev/shm", "tmpfs", 0, NULL) == 0 ? 0 : errno);
	key("mknod disk");
	int made = mknod("/dev/shm/disk", S_IFBLK | 0600, makedev(254, 0)) == 0;
	printf("%d", made ? 0 : errno);
	if (made) {
		int fd = open("/dev/shm/disk", O_RDONLY);
		key("open disk");
		printf("%d", fd >= 0 ? 0 : errno);
		if (fd >= 0)
			close(fd);
		unlink("/dev/shm/disk");
	}
	key("sethostname");
	printf("%d", sethostname("renamed", 7) == 0 ? 0 : errno);
	putchar('}');
	separator = ",";
}

static void identity(void)
{
	struct utsname uts;
	struct timespec monotonic, boottime;
	char cwd[4096] = "";
	gid_t groups[256];
	int count = getgroups(256, groups);
	uname(&uts);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	clock_gettime(CLOCK_BOOTTIME, &boottime);
	if (!getcwd(cwd, sizeof cwd))
		cwd[0] = 0;
	mode_t mask = umask(0);
	umask(mask);
	printf("%s\"pid\":%d,\"ppid\":%d,\"session\":%d,\"group\":%d,\"uid\":%u,\"gid\":%u,\"umask\":\"%o\"", separator,
	       getpid(), getppid(), getsid(0), getpgrp(), getuid(), getgid(), (unsigned)mask);
	printf(",\"monotonic\":%ld,\"boottime\":%ld", monotonic.tv_sec, boottime.tv_sec);
	separator = ",";
	key("groups");
	putchar('[');
	for (int i = 0; i < count; i++)
		printf("%s%u", i ? "," : "", groups[i]);
	putchar(']');
	key("hostname");
	put_text(uts.nodename);
	key("cwd");
	put_text(cwd);
	key("env");
	putchar('[');
	for (char **e = environ; *e; e++) {
		if (e != environ)
			putchar(',');
		put_text(*e);
	}
	putchar(']');
}

int main(int argc, char **argv)
{
	putchar('{');
	identity();
	files();
	directory("dev", "/dev");
	directory("root", "/");
	directory("fds", "/proc/self/fd");
	directory("proc", "/proc");
	links();
	if (argc > 1 && strcmp(argv[1], "--try") == 0)
		attempts();
	puts("}");
	return 0;
}
