/* The root of a container: its mounts, nodes and links, and what is hidden in it. */
#include "floor.h"

#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

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

/* As in any container of a hybrid host: the hierarchies that limit it, for its own eyes. Elsewhere the one that there is. */
static void mount_cgroups(unsigned long flags)
{
	char path[64];
	if (hierarchies == 0) {
		must(mount("cgroup2", "sys/fs/cgroup", "cgroup2", flags | MS_RDONLY, NULL) == 0, "cgroup2");
		return;
	}
	must(mount("cgroup", "sys/fs/cgroup", "tmpfs", flags, "mode=755,nr_inodes=64,size=64k") == 0, "cgroup");
	for (int i = 0; i < LIMITS; i++) {
		snprintf(path, sizeof path, "sys/fs/cgroup/%s", limits[i].name ? limits[i].name : "");
		if (!limits[i].name || !place_of(limits[i].controller))
			continue;
		must(mkdir(path, 0755) == 0, path);
		must(mount("cgroup", path, "cgroup", flags | MS_RDONLY, limits[i].name) == 0, path);
	}
	must(mount(NULL, "sys/fs/cgroup", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) == 0, "cgroup");
}

const char *const bound[3] = { "hostname", "hosts", "resolv.conf" };

static void bind_files(int number)
{
	char from[512], to[64];
	for (size_t i = 0; i < sizeof bound / sizeof *bound; i++) {
		snprintf(from, sizeof from, "%s/up/%d/%s", directory, number, bound[i]);
		snprintf(to, sizeof to, "etc/%s", bound[i]);
		must(mount(from, to, NULL, MS_BIND, NULL) == 0, to);
	}
}

void set_up_root(int number)
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
	mount_cgroups(safe);
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
	bind_files(number);
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
