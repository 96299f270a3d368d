/*
 * Mounts, made detached with all their flags and only then put in place by descriptor: nothing is ever attached writable
 * for a moment, and no target is looked up twice (runc CVE-2021-30465, crun CVE-2026-115521).
 */
#include "shim.h"
#include "sys_admin.h"

static int classic_to_attributes(uint64_t flags, uint64_t *out)
{
	static const struct {
		uint64_t classic, attribute;
	} map[] = {
		{MS_RDONLY, MOUNT_ATTR_RDONLY},           {MS_NOSUID, MOUNT_ATTR_NOSUID},
		{MS_NODEV, MOUNT_ATTR_NODEV},             {MS_NOEXEC, MOUNT_ATTR_NOEXEC},
		{MS_NOATIME, MOUNT_ATTR_NOATIME},         {MS_STRICTATIME, MOUNT_ATTR_STRICTATIME},
		{MS_NODIRATIME, MOUNT_ATTR_NODIRATIME},   {MS_RELATIME, MOUNT_ATTR_RELATIME},
		{MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW}, {MS_SILENT, 0},
	};
	*out = 0;
	for (unsigned i = 0; i < sizeof map / sizeof map[0]; i++) {
		if (flags & map[i].classic)
			*out |= map[i].attribute;
		flags &= ~map[i].classic;
	}
	return flags ? -EINVAL : 0;
}

/* "a=b,c" of mount(8) into one fsconfig call each. */
static int configure(int fs, const char *data)
{
	char key[TSC_STACK_PATH];
	while (*data) {
		size_t size = 0, value = 0;
		for (; *data && *data != ','; data++) {
			if (size + 1 == sizeof key)
				return -E2BIG;
			bool split = *data == '=' && value == 0;
			key[size++] = split ? 0 : *data;
			value = split ? size : value;
		}
		key[size] = 0;
		data += *data == ',';
		if (size == 0)
			continue;
		int error = value ? sys_fsconfig(fs, FSCONFIG_SET_STRING, key, key + value, 0)
				  : sys_fsconfig(fs, FSCONFIG_SET_FLAG, key, NULL, 0);
		if (error)
			return error;
	}
	return 0;
}

int tsc_make_filesystem(const char *type, const char *source, const char *data, uint64_t attributes)
{
	int fs = sys_fsopen(type);
	if (fs < 0)
		return fs;
	int result = *source ? sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) : 0;
	if (result == 0)
		result = configure(fs, data);
	if (result == 0)
		result = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (result == 0)
		result = sys_fsmount(fs, attributes);
	sys_close(fs);
	return result;
}

/* Consumes `mount`. */
static int attach(int mount, int target)
{
	int error = sys_move_mount(mount, target);
	sys_close(mount);
	return error;
}

/*
 * The kernel's own file systems and everything in /dev never go through a symlink of the image: a link named /proc or
 * /dev would put them, and later what we write there, somewhere else (CVE-2019-19921, CVE-2026-41579, CVE-2026-47766).
 */
static uint64_t how_to_resolve(const char *type, const char *target)
{
	static const char *const strict[] = {"proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2"};
	for (unsigned i = 0; i < sizeof strict / sizeof strict[0]; i++)
		if (tsc_same_text(type, strict[i]))
			return TSC_RESOLVE_STRICT;
	bool dev = tsc_same_text(target, "/dev") || tsc_starts_with(target, "/dev/");
	return dev ? TSC_RESOLVE_STRICT : TSC_RESOLVE_INSIDE;
}

int tsc_mount_new(struct tsc_setup *setup, const struct tsc_op *op)
{
	const char *type = op->string[0], *path = op->string[2];
	const struct tsc_owner owner = {0755, 0, 0};
	uint64_t attributes;
	int error = classic_to_attributes(op->number[0], &attributes);
	if (error)
		return error;
	setup->subject = path;
	int target = tsc_make_target(setup->root, path, TSC_TARGET_DIRECTORY, how_to_resolve(type, path), &owner);
	if (target < 0)
		return target;
	error = tsc_check_target(target, path);
	int mount = error ? error : tsc_make_filesystem(type, op->string[1], op->string[3], attributes);
	if (mount >= 0)
		error = attach(mount, target);
	sys_close(target);
	return mount < 0 ? mount : error;
}

static int prepare_bind(int tree, uint64_t flags, uint64_t propagation)
{
	struct mount_attr attributes = {0};
	attributes.attr_set = (flags & TSC_BIND_READONLY ? MOUNT_ATTR_RDONLY : 0u) |
			      (flags & TSC_BIND_NOSUID ? MOUNT_ATTR_NOSUID : 0u) |
			      (flags & TSC_BIND_NODEV ? MOUNT_ATTR_NODEV : 0u) |
			      (flags & TSC_BIND_NOEXEC ? MOUNT_ATTR_NOEXEC : 0u);
	uint64_t kind = propagation & (MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE);
	attributes.propagation = kind ? kind : MS_PRIVATE;
	return sys_mount_setattr(tree, flags & TSC_BIND_RECURSIVE ? AT_RECURSIVE : 0, &attributes);
}

int tsc_mount_bind(struct tsc_setup *setup, const struct tsc_op *op)
{
	const char *source = op->string[0], *path = op->string[1];
	const struct tsc_owner directory = {0755, 0, 0}, file = {0644, 0, 0};
	uint64_t flags = op->number[0];
	struct statx info;
	if (setup->pivoted)
		return -EINVAL;
	unsigned recursive = flags & TSC_BIND_RECURSIVE ? AT_RECURSIVE : 0;
	int tree = sys_open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | O_CLOEXEC | recursive);
	if (tree < 0)
		return tree;
	int error = sys_statx(tree, "", AT_EMPTY_PATH, STATX_TYPE, &info);
	if (!error && flags & TSC_BIND_CHECK_NULL && !tsc_is_device(tree, 0020000, 1, 3))
		error = -ENODEV;
	if (!error)
		error = prepare_bind(tree, flags, op->number[1]);
	if (error) {
		sys_close(tree);
		return error;
	}
	bool is_directory = (info.stx_mode & 0170000) == 0040000;
	setup->subject = path;
	int target = tsc_make_target(setup->root, path, is_directory ? TSC_TARGET_DIRECTORY : TSC_TARGET_FILE,
				     how_to_resolve("", path), is_directory ? &directory : &file);
	error = target < 0 ? target : tsc_check_target(target, path);
	if (error)
		sys_close(tree);
	else
		error = attach(tree, target);
	if (target >= 0)
		sys_close(target);
	return error;
}

int tsc_pivot(struct tsc_setup *setup)
{
	if (setup->pivoted)
		return -EINVAL;
	/* The last directory of the host that is open: from here on no path and no descriptor leads there. */
	tsc_close(&setup->state_dir);
	/* Everything here is a slave already: what happens to the old root does not reach the host. */
	int error = sys_fchdir(setup->root);
	if (!error)
		error = sys_pivot_root(".", ".");
	/* The old root is stacked over the new one at "."; no descriptor of it is held. */
	if (!error)
		error = sys_umount(".", MNT_DETACH);
	if (!error)
		error = sys_chdir("/");
	setup->pivoted = !error;
	return error;
}

static int clone_mount(int fd, unsigned recursive)
{
	return sys_open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | O_CLOEXEC | recursive);
}

/* One superblock for all masked directories: their number was measurable at teardown (runc 1.4.3, crun 1.24). */
static int cover_directory(struct tsc_setup *setup, int target)
{
	if (setup->empty >= 0) {
		int copy = clone_mount(setup->empty, 0);
		return copy < 0 ? copy : attach(copy, target);
	}
	/* Two blocks and inodes: Ubuntu's 5.4 cannot make one with less. */
	int empty = tsc_make_filesystem("tmpfs", "tmpfs", "nr_blocks=2,nr_inodes=2,mode=555",
					MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (empty < 0)
		return empty;
	int error = sys_move_mount(empty, target);
	/* Kept: kernels before 6.15 only clone what is attached, and through this descriptor it now is. */
	setup->empty = empty;
	return error;
}

/* The container's null device, checked: an image or volume may have put anything there (CVE-2025-31133). */
static int open_null(struct tsc_setup *setup)
{
	if (setup->null >= 0)
		return 0;
	int null = tsc_resolve(setup->root, "/dev/null", O_PATH | O_NOFOLLOW, TSC_RESOLVE_STRICT);
	if (null < 0)
		return null;
	if (!tsc_is_device(null, 0020000, 1, 3)) {
		sys_close(null);
		return -ENODEV;
	}
	setup->null = null;
	return 0;
}

static int cover_file(struct tsc_setup *setup, int target)
{
	int error = open_null(setup);
	int copy = error ? error : clone_mount(setup->null, 0);
	return copy < 0 ? copy : attach(copy, target);
}

int tsc_mask_path(struct tsc_setup *setup, const char *path)
{
	struct statx info;
	int target = tsc_resolve(setup->root, path, O_PATH, TSC_RESOLVE_STRICT);
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	int error = sys_statx(target, "", AT_EMPTY_PATH, STATX_TYPE, &info);
	if (!error)
		error = (info.stx_mode & 0170000) == 0040000 ? cover_directory(setup, target)
							      : cover_file(setup, target);
	sys_close(target);
	return error;
}

int tsc_protect_path(struct tsc_setup *setup, const char *path)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
	int target = tsc_resolve(setup->root, path, O_PATH, TSC_RESOLVE_STRICT);
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	int copy = clone_mount(target, AT_RECURSIVE);
	int error = copy < 0 ? copy : sys_mount_setattr(copy, AT_RECURSIVE, &attributes);
	if (!error)
		error = sys_move_mount(copy, target);
	if (copy >= 0)
		sys_close(copy);
	sys_close(target);
	return error;
}

int tsc_protect_root(struct tsc_setup *setup)
{
	/* By descriptor: a path through the container's own /proc could be redirected (crun CVE-2026-115521). */
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
	return sys_mount_setattr(setup->root, 0, &attributes);
}
