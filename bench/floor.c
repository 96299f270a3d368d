/*
 * What the kernel alone takes for the same containers: the clones, mounts and cgroup writes of a tscompose container, with
 * no logic, no state, no logs and no checks around them.
 *
 *   floor COUNT DIRECTORY sequential|forked    DIRECTORY needs lower/bin/floor (this program), up/ and nothing else
 *
 * prints {"up_ms":…,"down_ms":…}. "forked" gives every container a parent of its own, as tscompose does, so that two cores
 * can work. Everything it makes is below cgroups called floor-PID, in DIRECTORY, and gone when it ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_HIERARCHIES 16
#define MAX_CONTAINERS 256

static char hierarchy[MAX_HIERARCHIES][512]; /* our own cgroup in each v1 hierarchy */
static int hierarchies;
static char unified[512];
static const char *directory;
static int failures = -1; /* in a container: where a byte says that it did not get as far as its exec */

static void must(int ok, const char *what)
{
	if (ok)
		return;
	if (failures >= 0 && write(failures, "!", 1) != 1)
		_exit(2);
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

/* The mount point of a hierarchy by its controller: the conventional place, made sure by looking for cgroup.procs. */
static void find_cgroups(void)
{
	FILE *own = fopen("/proc/self/cgroup", "r");
	char line[1024];
	must(own != NULL, "/proc/self/cgroup");
	while (fgets(line, sizeof line, own)) {
		char *controllers = strchr(line, ':') + 1, *path = strchr(controllers, ':');
		*path++ = 0;
		path[strcspn(path, "\n")] = 0;
		char probe[600], place[512];
		if (!strncmp(controllers, "name=", 5))
			controllers += 5;
		if (!*controllers) {
			snprintf(place, sizeof place, "/sys/fs/cgroup/unified%s", path);
			if (access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) != 0)
				snprintf(place, sizeof place, "/sys/fs/cgroup%s", path);
		} else {
			snprintf(place, sizeof place, "/sys/fs/cgroup/%s%s", controllers, path);
		}
		snprintf(probe, sizeof probe, "%s/cgroup.procs", place);
		if (access(probe, F_OK) != 0)
			continue;
		strcpy(*controllers ? hierarchy[hierarchies++] : unified, place);
	}
	fclose(own);
	must(unified[0] != 0, "cgroup2");
}

/* Only hierarchies that carry a limit get a directory, as tscompose does it. */
static const char *const limits[][3] = {
	{ "/cpu/", "cpu.cfs_quota_us", "50000" },
	{ "/memory/", "memory.limit_in_bytes", "134217728" },
	{ "/pids/", "pids.max", "100" },
};
#define LIMITS (int)(sizeof limits / sizeof *limits)

static const char *place_of(const char *controller)
{
	for (int i = 0; i < hierarchies; i++) {
		char padded[520];
		snprintf(padded, sizeof padded, "%s/", hierarchy[i]);
		if (strstr(padded, controller))
			return hierarchy[i];
	}
	return NULL;
}

static void cgroup_path(char *into, size_t size, const char *place, int number)
{
	snprintf(into, size, "%s/floor-%d-%d", place, (int)getpgrp(), number);
}

static void lo_up(void)
{
	struct ifreq request = { .ifr_flags = IFF_UP };
	strcpy(request.ifr_name, "lo");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(ioctl(fd, SIOCSIFFLAGS, &request) == 0, "lo up");
	close(fd);
}

static void device(const char *name, unsigned major, unsigned minor)
{
	must(mknod(name, S_IFCHR | 0666, makedev(major, minor)) == 0, name);
}

static void mask(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return;
	if (S_ISDIR(st.st_mode))
		must(mount("tmpfs", path, "tmpfs", MS_RDONLY, "nr_blocks=1,nr_inodes=1") == 0, path);
	else
		must(mount("/dev/null", path, NULL, MS_BIND, NULL) == 0, path);
}

static void read_only(const char *path)
{
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) != 0)
		return;
	must(mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, path);
}

static void set_up_root(int number)
{
	char root[512], data[2048];
	const unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	snprintf(root, sizeof root, "%s/up/%d/root", directory, number);
	snprintf(data, sizeof data, "lowerdir=%s/lower,upperdir=%s/up/%d/upper,workdir=%s/up/%d/work,index=off,xino=off",
	         directory, directory, number, directory, number);
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private");
	must(mount("overlay", root, "overlay", 0, data) == 0, "overlay");
	must(chdir(root) == 0, "chdir");
	must(mount("proc", "proc", "proc", safe, NULL) == 0, "proc");
	must(mount("sysfs", "sys", "sysfs", safe | MS_RDONLY, NULL) == 0, "sysfs");
	must(mount("cgroup2", "sys/fs/cgroup", "cgroup2", safe | MS_RDONLY, NULL) == 0, "cgroup2");
	must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k") == 0, "dev");
	umask(0);
	device("dev/null", 1, 3), device("dev/zero", 1, 5), device("dev/full", 1, 7);
	device("dev/random", 1, 8), device("dev/urandom", 1, 9), device("dev/tty", 5, 0);
	must(mkdir("dev/pts", 0755) == 0 && mkdir("dev/shm", 0755) == 0 && mkdir("dev/mqueue", 0755) == 0, "dev/*");
	must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5") == 0,
	     "devpts");
	must(mount("shm", "dev/shm", "tmpfs", safe, "mode=1777,size=67108864") == 0, "shm");
	must(mount("mqueue", "dev/mqueue", "mqueue", safe, NULL) == 0, "mqueue");
	static const char *const links[][2] = { { "pts/ptmx", "dev/ptmx" },       { "/proc/self/fd", "dev/fd" },
		                                { "/proc/self/fd/0", "dev/stdin" }, { "/proc/self/fd/1", "dev/stdout" },
		                                { "/proc/self/fd/2", "dev/stderr" } };
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		must(symlink(links[i][0], links[i][1]) == 0, links[i][1]);
	must(syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
	must(umount2(".", MNT_DETACH) == 0 && chdir("/") == 0, "detach");
	static const char *const masked[] = { "/proc/acpi",       "/proc/asound",     "/proc/interrupts",
		                              "/proc/kcore",      "/proc/keys",       "/proc/latency_stats",
		                              "/proc/sched_debug", "/proc/scsi",      "/proc/timer_list",
		                              "/proc/timer_stats", "/sys/firmware",
		                              "/sys/devices/virtual/powercap" };
	for (size_t i = 0; i < sizeof masked / sizeof *masked; i++)
		mask(masked[i]);
	static const char *const fixed[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" };
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		read_only(fixed[i]);
}

static int entrances[LIMITS]; /* opened before the clone: what they are called depends on who looks */

/* By itself, which is much faster than being put there: see native/src/attach.c. */
static void enter_cgroups(void)
{
	for (int i = 0; i < LIMITS; i++)
		must(entrances[i] < 0 || write(entrances[i], "0", 1) == 1, "tasks");
}

/* PID 1 of the container: sets everything up, becomes the parent of the command. `gate` closes when it is attached. */
static int contain(int number, int gate, int ready)
{
	char byte;
	failures = ready;
	must(read(gate, &byte, 1) == 0, "gate");
	enter_cgroups();
	must(unshare(CLONE_NEWCGROUP) == 0, "cgroup namespace");
	set_up_root(number);
	must(sethostname("floor", 5) == 0, "hostname");
	for (int cap = 0; cap <= 40; cap++)
		if (cap > 10 && cap != 13 && cap != 18 && cap != 27 && cap != 29 && cap != 31)
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	pid_t command = fork();
	if (command == 0) {
		char *argv[] = { "/bin/floor", NULL }, *envp[] = { NULL };
		setsid();
		/* ready is close-on-exec: the parent reads its end when the command runs. */
		execve(argv[0], argv, envp);
		must(0, "exec");
	}
	close(ready);
	int status;
	waitpid(command, &status, 0);
	return 0;
}

static pid_t clone_into(int cgroup, int *pidfd)
{
	struct clone_args args = {
		.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_INTO_CGROUP | CLONE_PIDFD,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
	};
	return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static pid_t start(int number)
{
	char path[640], file[720];
	static const char *const parts[] = { "", "/root", "/upper", "/work" };
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		snprintf(path, sizeof path, "%s/up/%d%s", directory, number, parts[i]);
		must(mkdir(path, 0755) == 0, path);
	}
	for (int i = 0; i < LIMITS; i++) {
		const char *place = place_of(limits[i][0]);
		entrances[i] = -1;
		if (!place)
			continue;
		cgroup_path(path, sizeof path, place, number);
		must(mkdir(path, 0755) == 0, path);
		snprintf(file, sizeof file, "%s/%s", path, limits[i][1]);
		must(put(file, limits[i][2]) == 0, file);
		snprintf(file, sizeof file, "%s/tasks", path);
		entrances[i] = open(file, O_WRONLY | O_CLOEXEC);
		must(entrances[i] >= 0, file);
	}
	cgroup_path(path, sizeof path, unified, number);
	must(mkdir(path, 0755) == 0, path);
	int cgroup = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(cgroup >= 0, path);

	must(unshare(CLONE_NEWNET) == 0, "net namespace");
	lo_up();
	int gate[2], ready[2], pidfd;
	must(pipe2(gate, O_CLOEXEC) == 0 && pipe2(ready, O_CLOEXEC) == 0, "pipe");
	pid_t pid = clone_into(cgroup, &pidfd);
	must(pid >= 0, "clone3");
	if (pid == 0) {
		close(gate[1]);
		close(ready[0]);
		_exit(contain(number, gate[0], ready[1]));
	}
	close(gate[0]);
	close(ready[1]);
	close(gate[1]);
	char byte;
	must(read(ready[0], &byte, 1) == 0, "container");
	close(ready[0]);
	close(pidfd);
	close(cgroup);
	return pid;
}

static void stop(int number, pid_t pid)
{
	char path[640], file[720];
	cgroup_path(path, sizeof path, unified, number);
	snprintf(file, sizeof file, "%s/cgroup.kill", path);
	must(put(file, "1") == 0, file);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	for (int attempt = 0; rmdir(path) != 0 && errno == EBUSY && attempt < 1000; attempt++)
		usleep(200);
	for (int i = 0; i < LIMITS; i++) {
		const char *place = place_of(limits[i][0]);
		if (!place)
			continue;
		cgroup_path(path, sizeof path, place, number);
		for (int attempt = 0; rmdir(path) != 0 && errno == EBUSY && attempt < 1000; attempt++)
			usleep(200);
	}
}

/* A parent for one container: says on `up` that it runs, stops it when `down` closes. */
static void parent(int number, int up, int down)
{
	char byte = 0;
	pid_t pid = start(number);
	must(write(up, &byte, 1) == 1, "up");
	must(read(down, &byte, 1) == 0, "down");
	stop(number, pid);
	_exit(0);
}

int main(int argc, char **argv)
{
	if (argc == 1)
		for (;;)
			pause();
	if (argc != 4)
		return 2;
	int count = atoi(argv[1]), forked = !strcmp(argv[3], "forked"), up[2], down[2], failed = 0;
	pid_t pids[MAX_CONTAINERS];
	char byte;
	must(count > 0 && count <= MAX_CONTAINERS, "count");
	directory = argv[2];
	setpgid(0, 0);
	must(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "own mounts");
	find_cgroups();
	must(pipe2(up, O_CLOEXEC) == 0 && pipe2(down, O_CLOEXEC) == 0, "pipe");

	double began = now_ms();
	for (int i = 0; i < count; i++) {
		pids[i] = forked ? fork() : start(i);
		if (forked && pids[i] == 0) {
			close(up[0]);
			close(down[1]);
			parent(i, up[1], down[0]);
		}
	}
	close(up[1]);
	for (int i = 0; forked && i < count; i++)
		failed |= read(up[0], &byte, 1) != 1;
	double up_ms = now_ms() - began;

	began = now_ms();
	close(down[1]);
	for (int i = 0; i < count; i++) {
		int status = 0;
		if (!forked)
			stop(i, pids[i]);
		else
			failed |= waitpid(pids[i], &status, 0) != pids[i] || status != 0;
	}
	printf("{\"up_ms\":%.2f,\"down_ms\":%.2f}\n", up_ms, now_ms() - began);
	return failed;
}
