/* START_HELD: a monitor that is there is asked to start its container; its answer takes as long as the set-up does. */
#include "shim.h"

#include "sys_admin.h"

#include <linux/close_range.h>
#include <linux/prctl.h>
#include <linux/un.h>

/* From inside the directory: a path of any depth fits the 108 bytes. */
static int connect_to(const char *dir)
{
	const struct sockaddr_un address = {.sun_family = TSC_AF_UNIX, .sun_path = "ctl.sock"};
	int fd = sys_socket(TSC_AF_UNIX, TSC_SOCK_STREAM | TSC_SOCK_CLOEXEC);
	int error = fd < 0 ? fd : sys_chdir(dir);
	if (!error)
		error = sys_connect(fd, &address, sizeof address);
	return error ? error : fd;
}

static int ask(const char *dir, struct tsc_reply *reply)
{
	const struct tsc_request request = {.size = sizeof request, .op = TSC_CTL_START};
	int fd = connect_to(dir);
	if (fd < 0)
		return fd;
	if (sys_send(fd, &request, sizeof request, TSC_MSG_NOSIGNAL) != (long)sizeof request)
		return -ECONNRESET;
	int error = tsc_read_all(fd, (uint8_t *)reply, sizeof *reply);
	if (!error && reply->size != sizeof *reply)
		return -EPROTO;
	return error > 0 ? -ECONNRESET : error;
}

/* A state that says how a start failed says so of this one: it is told before anything else can happen to the container. */
static void take_reply(struct tsc_report *report, const struct tsc_reply *reply)
{
	const struct tsc_state *state = &reply->state;
	report->pid = state->init_pid;
	report->number = state->init_start;
	if (reply->error)
		tsc_fail_report(report, TSC_PHASE_NONE, 0, reply->error, "");
	else if (state->phase == TSC_STATE_FAILED)
		tsc_fail_report(report, state->fail_phase, state->fail_op, state->fail_error, "");
}

_Noreturn void tsc_ask_to_start(const struct tsc_frame *frame, int reports)
{
	struct tsc_report report = tsc_make_report(frame->id, TSC_REPORT_STARTED);
	struct tsc_reply reply;
	struct tsc_op op;
	/* Who waits for the end of our input, or for the lock, waits for the launcher's alone. */
	sys_prctl(PR_SET_PDEATHSIG, TSC_SIGKILL, 0, 0);
	sys_prctl(PR_SET_NAME, (unsigned long)"tsc:start", 0, 0);
	sys_close_range(3, ~0u, 0);
	if (!tsc_find_op(frame, TSC_PHASE_HOLD, TSC_OP_STATE_DIR, &op)) {
		tsc_fail_report(&report, TSC_PHASE_NONE, 0, EPROTO, "frame");
	} else {
		int error = ask(op.string[0], &reply);
		if (error) {
			report.kind = TSC_REPORT_LOST;
			report.error = -error;
		} else {
			take_reply(&report, &reply);
		}
	}
	tsc_send_report(reports, &report);
	sys_exit(0);
}
