/* Terminals, always the container's own: from its devpts, and never by a name that could be swapped (CVE-2025-52565). */
#include "shim.h"
#include "sys_admin.h"

#include <asm/ioctls.h>
#include <linux/magic.h>

/* The ptmx node of a devpts: inode 2 of that file system, 5:2. */
static bool is_multiplexer(int fd)
{
	struct tsc_statfs fs;
	struct statx info;
	if (sys_fstatfs(fd, &fs) != 0 || fs.type != DEVPTS_SUPER_MAGIC)
		return false;
	if (sys_statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &info) != 0 || info.stx_ino != 2)
		return false;
	return tsc_is_device(fd, 0020000, 5, 2);
}

int tsc_open_pty(int root, int proc, int *master, int *slave)
{
	int place = tsc_resolve(root, "/dev/pts/ptmx", O_PATH | O_NOFOLLOW, TSC_RESOLVE_STRICT);
	if (place < 0)
		return place;
	*master = is_multiplexer(place) ? tsc_open_again(proc, place, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK) : -ENODEV;
	sys_close(place);
	if (*master < 0)
		return *master;
	int unlocked = 0;
	int error = sys_ioctl(*master, TIOCSPTLCK, &unlocked);
	if (!error) {
		*slave = sys_ioctl_int(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
		error = *slave < 0 ? *slave : 0;
	}
	if (error)
		tsc_close(master);
	return error;
}

int tsc_bind_console(struct tsc_setup *setup)
{
	const struct tsc_owner owner = {0600, 0, 0};
	setup->subject = "/dev/console";
	int error = tsc_open_private_proc(setup);
	if (!error)
		error = tsc_open_pty(setup->root, setup->proc, &setup->master, &setup->slave);
	if (error)
		return error;
	int target = tsc_make_target(setup->root, "/dev/console", TSC_TARGET_FILE, TSC_RESOLVE_STRICT, &owner);
	if (target < 0)
		return target;
	int tree = sys_open_tree(setup->slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | O_CLOEXEC);
	error = tree < 0 ? tree : sys_move_mount(tree, target);
	if (tree >= 0)
		sys_close(tree);
	sys_close(target);
	return error;
}
