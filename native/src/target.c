/*
 * Paths inside the container's root. Everything is resolved by openat2 below the root's descriptor and used through the
 * descriptor it gives: a symlink of the image, or one swapped in by a neighbour that shares a volume, can never lead to
 * the host (CVE-2021-30465, CVE-2024-45310, CVE-2025-31133 and their kin).
 */
#include "shim.h"
#include "sys_admin.h"

#include <linux/magic.h>

#define MAKE_TRIES 8

int tsc_resolve(int root, const char *path, uint64_t flags, uint64_t how)
{
	struct open_how open = {.flags = flags | O_CLOEXEC, .mode = 0, .resolve = how};
	int fd;
	unsigned tries = 0;
	do /* EAGAIN: a rename or mount somewhere raced with ".." inside the walk */
		fd = sys_openat2(root, path, &open);
	while (fd == -EAGAIN && ++tries < 128);
	return fd;
}

/* One step down from `dir`, the directory made when missing. */
static int enter_directory(int dir, const char *name)
{
	int error = sys_mkdirat(dir, name, 0755);
	/* EEXIST after the caller saw ENOENT: a dangling symlink, or a racing neighbour. Never followed. */
	if (error && error != -EEXIST)
		return error;
	return tsc_resolve(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

static int make_parent(int root, const char *path, uint64_t how, char name[256])
{
	char prefix[TSC_STACK_PATH];
	struct tsc_text text = tsc_start_text(prefix, sizeof prefix);
	int dir = sys_fcntl(root, F_DUPFD_CLOEXEC, 0);
	int size = tsc_next_name(&path, name);
	if (size <= 0 && dir >= 0)
		sys_close(dir);
	if (size <= 0)
		return -EINVAL;
	while (dir >= 0) {
		char next[256];
		int more = tsc_next_name(&path, next);
		if (more == 0)
			return dir;
		tsc_add_text(&text, "/");
		tsc_add_text(&text, name);
		int child = more < 0 || text.cut ? -EINVAL : tsc_resolve(root, prefix, O_PATH | O_DIRECTORY, how);
		if (child == -ENOENT)
			child = enter_directory(dir, name);
		sys_close(dir);
		dir = child;
		memcpy(name, next, sizeof next);
	}
	return dir;
}

int tsc_open_parent(int root, const char *path, uint64_t how, char name[256])
{
	char parent[TSC_STACK_PATH];
	struct tsc_text text = tsc_start_text(parent, sizeof parent);
	size_t cut = strlen(path);
	while (cut > 0 && path[cut - 1] != '/')
		cut--;
	tsc_add_text(&text, "/");
	tsc_add_bytes(&text, path, cut);
	const char *last = path + cut;
	/* Almost always it is there. A name may also have an odd end, "/a/b/." say: step by step finds the last one. */
	bool is_simple = !text.cut && tsc_next_name(&last, name) > 0;
	int dir = is_simple ? tsc_resolve(root, parent, O_PATH | O_DIRECTORY, how) : -ENOENT;
	return dir == -ENOENT ? make_parent(root, path, how, name) : dir;
}

static int make_last(int dir, const char *name, enum tsc_target_kind kind, const struct tsc_owner *owner)
{
	int error = -EINVAL;
	switch (kind) {
	case TSC_TARGET_DIRECTORY:
		error = sys_mkdirat(dir, name, owner->mode);
		break;
	case TSC_TARGET_FILE:
		error = sys_mknodat(dir, name, 0100000 | owner->mode, 0);
		break;
	}
	if (error)
		return error;
	int fd = tsc_resolve(dir, name, O_PATH | O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (fd >= 0 && (owner->uid != 0 || owner->gid != 0)) {
		error = sys_fchownat(fd, "", owner->uid, owner->gid, AT_EMPTY_PATH);
		if (error) {
			sys_close(fd);
			return error;
		}
	}
	return fd;
}

int tsc_make_target(int root, const char *path, enum tsc_target_kind kind, uint64_t how, const struct tsc_owner *owner)
{
	char name[256];
	if (!tsc_is_plain_path(path))
		return -EINVAL;
	/* EEXIST after ENOENT: a neighbour that shares the volume was faster, and then it is there; or a link that leads
	 * nowhere, and then it stays missing, however often one looks. */
	for (unsigned tries = 0; tries < MAKE_TRIES; tries++) {
		int fd = tsc_resolve(root, path, O_PATH | (kind == TSC_TARGET_DIRECTORY ? O_DIRECTORY : 0), how);
		if (fd != -ENOENT)
			return fd;
		int dir = tsc_open_parent(root, path, how, name);
		if (dir < 0)
			return dir;
		fd = make_last(dir, name, kind, owner);
		sys_close(dir);
		if (fd != -EEXIST)
			return fd;
	}
	return -ELOOP;
}

int tsc_check_target(int target, const char *path)
{
	/* What lxcfs provides, and two files that tools lay over: all plain values without power. */
	static const char *const allowed[] = {
		"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
		"/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
	};
	char name[256];
	const char *rest = path;
	struct tsc_statfs fs;
	if (tsc_next_name(&rest, name) <= 0)
		return -EINVAL;
	bool inside_proc = tsc_same_text(name, "proc");
	bool is_proc = inside_proc && tsc_next_name(&rest, name) == 0;
	for (unsigned i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
		if (tsc_same_text(path, allowed[i]))
			return 0;
	/* By name and by what it really is: a symlink of the image may lead into /proc as well. */
	if (inside_proc && !is_proc)
		return -EPERM;
	int error = sys_fstatfs(target, &fs);
	if (error)
		return error;
	return fs.type == PROC_SUPER_MAGIC && !is_proc ? -EPERM : 0;
}

bool tsc_is_device(int fd, unsigned type, unsigned major, unsigned minor)
{
	struct statx info;
	if (sys_statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &info) != 0)
		return false;
	return (info.stx_mode & 0170000u) == type && info.stx_rdev_major == major && info.stx_rdev_minor == minor;
}
