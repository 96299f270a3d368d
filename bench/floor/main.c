/*
 * What the kernel alone takes for the same containers: the clones, mounts and cgroup writes of a tscompose container, with
 * no logic, no state, no logs and no checks around them.
 *
 *   floor COUNT DIRECTORY sequential|forked    DIRECTORY needs lower/ with bin/floor (this program) and the directories and
 *                                              files over which something is mounted, up/, and nothing else
 *
 * prints {"up_ms":…,"down_ms":…}. "forked" gives every container a parent of its own, as tscompose does, so that two cores
 * can work. Everything it makes is below cgroups called floor-PID, in DIRECTORY, and gone when it ends.
 */
#include "floor.h"

#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define MAX_CONTAINERS 256

const char *directory;
int failures = -1;

void must(int ok, const char *what)
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

static void lo_up(void)
{
	struct ifreq request = { .ifr_flags = IFF_UP };
	strcpy(request.ifr_name, "lo");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(ioctl(fd, SIOCSIFFLAGS, &request) == 0, "lo up");
	close(fd);
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
	for (size_t i = 0; i < sizeof bound / sizeof *bound; i++) {
		snprintf(path, sizeof path, "%s/up/%d/%s", directory, number, bound[i]);
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		must(fd >= 0, path);
		close(fd);
	}
	for (int i = 0; i < LIMITS; i++) {
		const char *place = place_of(limits[i].controller);
		entrances[i] = -1;
		if (!place)
			continue;
		cgroup_path(path, sizeof path, place, number);
		must(mkdir(path, 0755) == 0, path);
		for (int j = 0; limits[i].writes[j][0]; j++) {
			snprintf(file, sizeof file, "%s/%s", path, limits[i].writes[j][0]);
			/* A kernel may count no swap. */
			must(put(file, limits[i].writes[j][1]) == 0 || errno == ENOENT, file);
		}
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
		const char *place = place_of(limits[i].controller);
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
