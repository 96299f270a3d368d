/* The root: an overlay of the lower directories and, unless read-only, a private writable layer. */
#include "shim.h"
#include "sys_admin.h"

/*
 * Said explicitly, because distributions change the defaults and lower directories are foreign data: a redirect or
 * metacopy xattr made by hand could show other files of the lower (CVE-2023-2640 and the kernel's own warning), index
 * makes a reused upper directory EBUSY, xino only logs.
 */
static const char *const options[][2] = {
	{"redirect_dir", "nofollow"}, {"metacopy", "off"}, {"index", "off"}, {"xino", "off"}, {"nfs_export", "off"},
};

/* By descriptor since 6.13, by path since 6.8: no page-sized data string, and ':' or ',' in a name mean nothing. */
static int add_layer(int fs, const char *key, const char *path)
{
	int fd = sys_open(path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	int error = sys_fsconfig(fs, FSCONFIG_SET_FD, key, NULL, fd);
	sys_close(fd);
	if (error == -EINVAL)
		error = sys_fsconfig(fs, FSCONFIG_SET_STRING, key, path, 0);
	return error;
}

static int add_layers(int fs, const struct tsc_op *op)
{
	int error = 0;
	for (uint32_t at = 0; !error && at < op->length[0]; at += (uint32_t)strlen(op->string[0] + at) + 1)
		error = add_layer(fs, "lowerdir+", op->string[0] + at);
	if (!error && op->length[1] > 0)
		error = add_layer(fs, "upperdir", op->string[1]);
	if (!error && op->length[1] > 0)
		error = add_layer(fs, "workdir", op->string[2]);
	return error;
}

static int make_overlay(const struct tsc_op *op)
{
	int fs = sys_fsopen("overlay");
	if (fs < 0)
		return fs;
	int result = sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", "tscompose", 0);
	for (unsigned i = 0; !result && i < sizeof options / sizeof options[0]; i++)
		result = sys_fsconfig(fs, FSCONFIG_SET_STRING, options[i][0], options[i][1], 0);
	if (!result)
		result = add_layers(fs, op);
	if (!result && op->number[0] == 1 && op->length[1] > 0)
		result = sys_fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0);
	if (!result)
		result = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (!result)
		result = sys_fsmount(fs, 0);
	sys_close(fs);
	return result;
}

static void add_escaped(struct tsc_text *text, const char *path)
{
	for (; *path; path++) {
		if (*path == ':' || *path == ',' || *path == '\\')
			tsc_add_text(text, "\\");
		tsc_add_bytes(text, path, 1);
	}
}

/* mount(2) with its one page of options, for kernels before 6.8, where overlay takes no descriptors (EOPNOTSUPP). */
static int mount_classic(const char *target, const struct tsc_op *op)
{
	char data[4096];
	struct tsc_text text = tsc_start_text(data, sizeof data);
	tsc_add_text(&text, "lowerdir=");
	for (uint32_t at = 0; at < op->length[0]; at += (uint32_t)strlen(op->string[0] + at) + 1) {
		tsc_add_text(&text, at ? ":" : "");
		add_escaped(&text, op->string[0] + at);
	}
	if (op->length[1] > 0) {
		tsc_add_text(&text, ",upperdir=");
		add_escaped(&text, op->string[1]);
		tsc_add_text(&text, ",workdir=");
		add_escaped(&text, op->string[2]);
	}
	for (unsigned i = 0; i < sizeof options / sizeof options[0]; i++) {
		tsc_add_text(&text, ",");
		tsc_add_text(&text, options[i][0]);
		tsc_add_text(&text, "=");
		tsc_add_text(&text, options[i][1]);
	}
	tsc_add_text(&text, op->number[0] == 1 && op->length[1] > 0 ? ",volatile" : "");
	return text.cut ? -E2BIG : sys_mount("tscompose", target, "overlay", 0, data);
}

/* An overlay needs two lowers or an upper; one read-only directory is a bind of itself. */
static int make_plain_root(const char *path)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE};
	int tree = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | O_CLOEXEC);
	int error = tree < 0 ? tree : sys_mount_setattr(tree, 0, &attributes);
	if (!error)
		return tree;
	if (tree >= 0)
		sys_close(tree);
	return error;
}

/*
 * A volatile overlay leaves work/incompat/volatile behind and refuses the next mount: data may have been lost in a crash.
 * Within one boot nothing was lost (the page cache lives), so a restart may take the marker away; after a reboot it stays
 * and the caller has to throw the layer away.
 */
static void forget_volatile(const char *work)
{
	char path[TSC_STACK_PATH];
	struct tsc_text text = tsc_start_text(path, sizeof path);
	tsc_add_text(&text, work);
	tsc_add_text(&text, "/work/incompat/volatile");
	if (!text.cut)
		sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

/* A directory of its own for the root, when there is no other. */
static int make_place(const struct tsc_setup *setup, const char *name)
{
	int error = sys_mkdirat(setup->state_dir, name, 0700);
	if (error && error != -EEXIST)
		return error;
	return sys_openat(setup->state_dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
}

/*
 * With a writable layer there is a directory that nobody needs by its name any more, the work directory of the overlay,
 * and that costs no inode. Who sees this mount is the container alone.
 */
static int open_place(const struct tsc_setup *setup, const struct tsc_op *op, const char *name)
{
	return op->length[1] > 0 ? sys_open(op->string[2], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
				 : make_place(setup, name);
}

/* Opened again, as this time the name leads to the root of what is mounted there. */
static int mount_at_name(const struct tsc_setup *setup, const struct tsc_op *op, const char *name)
{
	int place = make_place(setup, name);
	int error = place < 0 ? place : sys_fchdir(setup->state_dir);
	if (place >= 0)
		sys_close(place);
	if (!error)
		error = mount_classic(name, op);
	return error ? error : sys_openat(setup->state_dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
}

static int attach_root(int root, int place)
{
	int error = place < 0 ? place : sys_move_mount(root, place);
	if (place >= 0)
		sys_close(place);
	if (!error)
		return root;
	sys_close(root);
	return error;
}

int tsc_mount_overlay(struct tsc_setup *setup, const struct tsc_op *op)
{
	static const char name[] = "root";
	bool single = op->length[0] == strlen(op->string[0]) + 1;
	if (op->length[0] == 0 || setup->root >= 0 || setup->pivoted)
		return -EINVAL;
	if (op->number[0] == 1 && setup->restarted)
		forget_volatile(op->string[2]);
	int root = single && op->length[1] == 0 ? make_plain_root(op->string[0]) : make_overlay(op);
	if (root >= 0)
		root = attach_root(root, open_place(setup, op, name));
	else if (root == -EINVAL || root == -EOPNOTSUPP)
		root = mount_at_name(setup, op, name);
	setup->root = root;
	return root < 0 ? root : 0;
}
