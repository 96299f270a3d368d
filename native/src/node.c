/* Device nodes, links and files inside the container's root. */
#include "shim.h"
#include "sys_admin.h"

#define TYPE_MASK 0170000u

static bool is_dev(const char *path) { return tsc_starts_with(path, "/dev/"); }

static int open_place(struct tsc_setup *setup, const char *path, char name[256])
{
	if (!tsc_is_plain_path(path))
		return -EINVAL;
	return tsc_open_parent(setup->root, path, is_dev(path) ? TSC_RESOLVE_STRICT : TSC_RESOLVE_INSIDE, name);
}

static int verify_node(int dir, const char *name, const struct tsc_op *op)
{
	unsigned mode = (unsigned)op->number[0];
	struct statx info;
	int fd = tsc_resolve(dir, name, O_PATH | O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (fd < 0)
		return fd;
	int error = sys_statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MODE, &info);
	if (!error && (info.stx_mode != mode || info.stx_rdev_major != op->number[1] || info.stx_rdev_minor != op->number[2]))
		error = -EEXIST;
	if (!error && (op->number[3] != 0 || op->number[4] != 0))
		error = sys_fchownat(fd, "", (uint32_t)op->number[3], (uint32_t)op->number[4], AT_EMPTY_PATH);
	sys_close(fd);
	return error;
}

int tsc_make_node(struct tsc_setup *setup, const struct tsc_op *op)
{
	char name[256];
	unsigned type = (unsigned)op->number[0] & TYPE_MASK;
	uint64_t major = op->number[1], minor = op->number[2];
	if ((type != 0020000 && type != 0060000 && type != 0010000) || major > 0xfff || minor > 0xfffff)
		return -EINVAL;
	int dir = open_place(setup, op->string[0], name);
	if (dir < 0)
		return dir;
	unsigned device = (unsigned)((minor & 0xff) | major << 8 | (minor & ~0xffu) << 12);
	int error = sys_mknodat(dir, name, (unsigned)op->number[0], device);
	bool is_owned = op->number[3] != 0 || op->number[4] != 0;
	if (error == -EEXIST || (!error && is_owned))
		error = verify_node(dir, name, op);
	sys_close(dir);
	return error;
}

int tsc_make_symlink(struct tsc_setup *setup, const struct tsc_op *op)
{
	char name[256], old[TSC_STACK_PATH];
	const char *text = op->string[0];
	setup->subject = op->string[1];
	int dir = open_place(setup, op->string[1], name);
	if (dir < 0)
		return dir;
	int error = sys_symlinkat(text, dir, name);
	if (error == -EEXIST) {
		long size = sys_readlinkat(dir, name, old, sizeof old - 1);
		old[size > 0 ? size : 0] = 0;
		if (size > 0 && tsc_same_text(old, text))
			error = 0;
	}
	sys_close(dir);
	return error;
}

int tsc_make_file(struct tsc_setup *setup, const struct tsc_op *op)
{
	char name[256];
	int dir = open_place(setup, op->string[0], name);
	if (dir < 0)
		return dir;
	/* Never into what is there already: it may be a symlink, or a file of the host that a volume brought in. */
	int fd = sys_unlinkat(dir, name, 0);
	if (!fd || fd == -ENOENT)
		fd = sys_openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	sys_close(dir);
	if (fd < 0)
		return fd;
	int error = tsc_write_all(fd, op->string[1], op->length[1]);
	if (!error && (op->number[1] != 0 || op->number[2] != 0))
		error = sys_fchown(fd, (uint32_t)op->number[1], (uint32_t)op->number[2]);
	if (!error)
		error = sys_fchmod(fd, (unsigned)op->number[0] & 07777);
	sys_close(fd);
	return error;
}
