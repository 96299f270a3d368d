/* SETUP: the ops in their order, each by its function; the first that fails is reported with its index. */
#include "shim.h"
#include "sys_admin.h"

static bool needs_root(enum tsc_op_kind kind)
{
	return kind == TSC_OP_MOUNT || kind == TSC_OP_BIND || (kind >= TSC_OP_MKDIR_IN && kind <= TSC_OP_PIVOT) ||
	       (kind >= TSC_OP_MASK && kind <= TSC_OP_CONSOLE);
}

static int make_directory(struct tsc_setup *setup, const struct tsc_op *op)
{
	const char *path = op->string[0];
	const struct tsc_owner owner = {(unsigned)op->number[0] & 07777, (uint32_t)op->number[1],
					(uint32_t)op->number[2]};
	bool dev = tsc_starts_with(path, "/dev/");
	int fd = tsc_make_target(setup->root, path, TSC_TARGET_DIRECTORY,
				 dev ? TSC_RESOLVE_STRICT : TSC_RESOLVE_INSIDE, &owner);
	if (fd >= 0)
		sys_close(fd);
	return fd < 0 ? fd : 0;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wswitch-enum" /* the decoder lets only SETUP's ops get here */
static int perform(struct tsc_setup *setup, const struct tsc_op *op)
{
	switch ((enum tsc_op_kind)op->kind) {
	case TSC_OP_CGROUPNS:
		return sys_unshare(CLONE_NEWCGROUP);
	case TSC_OP_TIMENS:
		return tsc_enter_time_namespace(setup, op);
	case TSC_OP_ROOT_OVERLAY:
		return tsc_mount_overlay(setup, op);
	case TSC_OP_MOUNT:
		return tsc_mount_new(setup, op);
	case TSC_OP_BIND:
		return tsc_mount_bind(setup, op);
	case TSC_OP_MKDIR_IN:
		return make_directory(setup, op);
	case TSC_OP_MKNOD:
		return tsc_make_node(setup, op);
	case TSC_OP_SYMLINK:
		return tsc_make_symlink(setup, op);
	case TSC_OP_FILE:
		return tsc_make_file(setup, op);
	case TSC_OP_PIVOT:
		return tsc_pivot(setup);
	case TSC_OP_HOSTNAME:
		return sys_sethostname(op->string[0], op->length[0]);
	case TSC_OP_DOMAINNAME:
		return sys_setdomainname(op->string[0], op->length[0]);
	case TSC_OP_SYSCTL:
		return tsc_write_sysctl(setup, op);
	case TSC_OP_MASK:
		return tsc_mask_path(setup, op->string[0]);
	case TSC_OP_READONLY:
		return tsc_protect_path(setup, op->string[0]);
	case TSC_OP_ROOT_READONLY:
		return tsc_protect_root(setup);
	case TSC_OP_CONSOLE:
		return tsc_bind_console(setup);
	default:
		return -EPROTO;
	}
}
#pragma GCC diagnostic pop

/* Whether the op would change the host itself, because the child has no namespace of that kind of its own. */
static bool would_hit_host(const struct tsc_setup *setup, enum tsc_op_kind kind)
{
	if (kind == TSC_OP_HOSTNAME || kind == TSC_OP_DOMAINNAME)
		return !(setup->namespaces & CLONE_NEWUTS);
	if (kind == TSC_OP_ROOT_OVERLAY || kind == TSC_OP_PIVOT || needs_root(kind))
		return !(setup->namespaces & CLONE_NEWNS);
	return false;
}

int tsc_run_setup(struct tsc_setup *setup, struct tsc_report *failure)
{
	struct tsc_cursor cursor = tsc_open_phase(setup->frame, TSC_PHASE_SETUP);
	struct tsc_op op;
	int error = 0;
	/* Modes are given exactly (crun 1.14: nodes came out with the caller's umask). */
	sys_umask(0);
	/* Nothing we mount may reach the host, and what the host mounts later may reach us only until the pivot. */
	if (setup->namespaces & CLONE_NEWNS)
		error = sys_mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
	if (error) {
		tsc_fail_report(failure, TSC_PHASE_SETUP, cursor.index, error, "/");
		return error;
	}
	while (tsc_next_op(&cursor, &op)) {
		enum tsc_op_kind kind = (enum tsc_op_kind)op.kind;
		setup->subject = op.string[0];
		if (would_hit_host(setup, kind))
			error = -EPERM;
		else if (needs_root(kind) && setup->root < 0)
			error = -EINVAL;
		else
			error = perform(setup, &op);
		if (error) {
			tsc_fail_report(failure, TSC_PHASE_SETUP, op.index, error, setup->subject);
			return error;
		}
	}
	sys_umask(0022);
	return 0;
}
