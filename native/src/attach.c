/*
 * ATTACH: into the cgroups of v1, which the process does itself; OOM score, from outside before it may run. Limits are taken
 * by the process right before exec: with ten descriptors or a file size of zero our own set-up could not work, nor PID 1
 * write the exit record.
 */
#include "shim.h"
#include "sys_admin.h"

/*
 * "0" to `tasks` means "me, this thread": the one way in for which the kernel takes no lock over all processes of the
 * machine. Any other waits some ten milliseconds for it (`cgroup_procs_write_start` in kernel/cgroup/cgroup.c).
 */
int tsc_enter_cgroups(const struct tsc_frame *frame, struct tsc_report *failure)
{
	struct tsc_cursor cursor = tsc_open_phase(frame, TSC_PHASE_ATTACH);
	struct tsc_op op;
	while (tsc_next_op(&cursor, &op)) {
		int error = op.kind == TSC_OP_ATTACH ? tsc_write_file(AT_FDCWD, op.string[0], "0", 1) : 0;
		if (!error)
			continue;
		tsc_fail_report(failure, TSC_PHASE_ATTACH, op.index, error, op.string[0]);
		return error;
	}
	return 0;
}

static void warn(int report, const struct tsc_frame *frame, const struct tsc_op *op, int error, uint64_t number)
{
	struct tsc_report warning = tsc_make_report(frame->id, TSC_REPORT_WARNING);
	warning.phase = op->kind == TSC_OP_CAPS ? TSC_PHASE_PROCESS : TSC_PHASE_ATTACH;
	warning.op = op->index;
	warning.error = -error;
	warning.number = number;
	tsc_send_report(report, &warning);
}

static int set_limit(const struct tsc_op *op)
{
	unsigned resource = (unsigned)op->number[0];
	struct tsc_rlimit wanted = {op->number[1], op->number[2]}, now;
	int error = sys_prlimit(0, resource, &wanted, NULL);
	if (error != -EPERM)
		return error;
	/* Without CAP_SYS_RESOURCE the hard limit only goes down: take what there is. The warning was given at HOLD. */
	error = sys_prlimit(0, resource, NULL, &now);
	if (error)
		return error;
	wanted.hard = wanted.hard < now.hard ? wanted.hard : now.hard;
	wanted.soft = wanted.soft < wanted.hard ? wanted.soft : wanted.hard;
	return sys_prlimit(0, resource, &wanted, NULL);
}

int tsc_take_limits(const struct tsc_frame *frame, uint32_t *index)
{
	struct tsc_cursor cursor = tsc_open_phase(frame, TSC_PHASE_ATTACH);
	struct tsc_op op;
	while (tsc_next_op(&cursor, &op)) {
		int error = op.kind == TSC_OP_RLIMIT ? set_limit(&op) : 0;
		*index = op.index;
		if (error)
			return error;
	}
	return 0;
}

static void score_path(char path[48], int pid)
{
	struct tsc_text text = tsc_start_text(path, 48);
	tsc_add_text(&text, "/proc/");
	tsc_add_number(&text, pid);
	tsc_add_text(&text, "/oom_score_adj");
}

static int set_score(int pid, int64_t score)
{
	char path[48], value[24];
	struct tsc_text text = tsc_start_text(value, sizeof value);
	score_path(path, pid);
	tsc_add_number(&text, score);
	return tsc_write_file(AT_FDCWD, path, value, text.size);
}

/* Returns -EACCES after a clamp, so that the caller can say so. */
static int clamp_score(int pid, const struct tsc_op *op)
{
	int error = set_score(pid, (int64_t)op->number[0] - 1000);
	/* Below the current value needs CAP_SYS_RESOURCE; the current one is the nearest we may have. */
	return error == -EPERM ? -EACCES : error;
}

int tsc_run_attach(const struct tsc_attachment *attachment, struct tsc_report *failure)
{
	struct tsc_cursor cursor = tsc_open_phase(attachment->frame, TSC_PHASE_ATTACH);
	struct tsc_op op;
	while (tsc_next_op(&cursor, &op)) {
		int error = 0;
		if (op.kind == TSC_OP_WRITE)
			error = tsc_write_file(AT_FDCWD, op.string[0], op.string[1], op.length[1]);
		if (op.kind == TSC_OP_OOM_SCORE)
			error = clamp_score(attachment->pid, &op);
		/* Clamped, and said so at HOLD. */
		if ((op.kind == TSC_OP_OOM_SCORE && error == -EACCES) || (op.kind == TSC_OP_WRITE && op.number[0] == 1))
			error = 0;
		if (error) {
			tsc_fail_report(failure, TSC_PHASE_ATTACH, op.index, error, op.string[0]);
			return error;
		}
	}
	return 0;
}

void tsc_warn_attach(const struct tsc_frame *frame, int report)
{
	struct tsc_cursor cursor = tsc_open_phase(frame, TSC_PHASE_ATTACH);
	struct tsc_op op;
	uint64_t own = tsc_own_capabilities();
	bool may_raise = own >> CAP_SYS_RESOURCE & 1;
	if (tsc_find_op(frame, TSC_PHASE_PROCESS, TSC_OP_CAPS, &op) && op.number[1] & ~own)
		warn(report, frame, &op, -EPERM, op.number[1] & own);
	while (!may_raise && tsc_next_op(&cursor, &op)) {
		struct tsc_rlimit now;
		if (op.kind == TSC_OP_RLIMIT && sys_prlimit(0, (unsigned)op.number[0], NULL, &now) == 0 &&
		    op.number[2] > now.hard)
			warn(report, frame, &op, -EPERM, now.hard);
		char text[32] = "", path[48];
		uint64_t current = 0;
		score_path(path, sys_getpid());
		if (op.kind != TSC_OP_OOM_SCORE || tsc_read_file(AT_FDCWD, path, text, sizeof text) <= 0)
			continue;
		bool negative = text[0] == '-';
		tsc_parse_number(text + negative, &current, NULL);
		current = negative ? 1000 - current : 1000 + current;
		if (op.number[0] < current)
			warn(report, frame, &op, -EACCES, current);
	}
}
