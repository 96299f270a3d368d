/* Values the kernel takes through /proc: sysctls and clock offsets. */
#include "shim.h"
#include "sys_admin.h"

#include <linux/magic.h>

#define SECOND 1000000000

int tsc_open_private_proc(struct tsc_setup *setup)
{
	/* A mount of our own that is attached nowhere: nobody can lay anything over a file of it (CVE-2025-52881). */
	if (setup->proc < 0)
		setup->proc = tsc_make_filesystem("proc", "proc", "",
						  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	struct tsc_statfs fs;
	if (setup->proc >= 0 && (sys_fstatfs(setup->proc, &fs) != 0 || fs.type != PROC_SUPER_MAGIC))
		return -EINVAL;
	return setup->proc < 0 ? setup->proc : 0;
}

int tsc_open_again(int proc, int fd, int flags)
{
	char path[40];
	struct tsc_text text = tsc_start_text(path, sizeof path);
	tsc_add_text(&text, "self/fd/");
	tsc_add_number(&text, fd);
	return sys_openat(proc, path, flags | O_CLOEXEC, 0);
}

static int write_value(int proc, const char *path, const char *value, size_t size)
{
	int fd = tsc_resolve(proc, path, O_WRONLY, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return fd;
	long done = sys_write(fd, value, size);
	sys_close(fd);
	return done < 0 ? (int)done : 0;
}

int tsc_write_sysctl(struct tsc_setup *setup, const struct tsc_op *op)
{
	char path[512], name[256];
	struct tsc_text text = tsc_start_text(path, sizeof path);
	const char *rest = op->string[0];
	int size;
	tsc_add_text(&text, "sys");
	while ((size = tsc_next_name(&rest, name)) > 0) {
		tsc_add_text(&text, "/");
		tsc_add_text(&text, name);
	}
	if (size < 0 || text.cut)
		return -EINVAL;
	int error = tsc_open_private_proc(setup);
	return error ? error : write_value(setup->proc, path, op->string[1], op->length[1]);
}

static void add_offset(struct tsc_text *text, const char *clock, int64_t offset)
{
	int64_t seconds = offset / SECOND, rest = offset % SECOND;
	if (rest < 0) {
		rest += SECOND;
		seconds--;
	}
	tsc_add_text(text, clock);
	tsc_add_number(text, seconds);
	tsc_add_text(text, " ");
	tsc_add_number(text, rest);
	tsc_add_text(text, "\n");
}

int tsc_enter_time_namespace(struct tsc_setup *setup, const struct tsc_op *op)
{
	char offsets[128];
	struct tsc_text text = tsc_start_text(offsets, sizeof offsets);
	add_offset(&text, "monotonic ", (int64_t)op->number[0]);
	add_offset(&text, "boottime ", (int64_t)op->number[1]);
	/* unshare makes it for children only, and offsets may be set only while nobody is in it. */
	int error = sys_unshare(CLONE_NEWTIME);
	if (!error)
		error = tsc_open_private_proc(setup);
	if (!error)
		error = write_value(setup->proc, "self/timens_offsets", offsets, text.size);
	if (error)
		return error;
	/* Entering it oneself saves the fork; the link is the kernel's own, in a procfs nobody else can touch. */
	int fd = sys_openat(setup->proc, "self/ns/time_for_children", O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	error = sys_setns(fd, CLONE_NEWTIME);
	sys_close(fd);
	if (!error)
		setup->boottime_offset = (int64_t)op->number[1];
	return error;
}
