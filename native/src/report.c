/* Reports: one fixed record for TypeScript, for a child's failure, and for the descriptors that have to change hands. */
#include "shim.h"

#define CONTROL_HEAD 16u /* struct cmsghdr: size_t, int, int */

struct control {
	uint64_t length;
	int32_t level;
	int32_t type;
	int32_t fds[2];
};

struct tsc_report tsc_make_report(uint32_t id, unsigned kind)
{
	return (struct tsc_report){.magic = TSC_REPORT_MAGIC, .id = id, .kind = (uint16_t)kind};
}

void tsc_fail_report(struct tsc_report *report, unsigned phase, uint32_t op, int error, const char *text)
{
	report->kind = TSC_REPORT_FAILED;
	report->phase = (uint16_t)phase;
	report->op = op;
	report->error = error < 0 ? -error : error;
	struct tsc_text out = tsc_start_text(report->text, sizeof report->text);
	tsc_add_text(&out, text);
}

void tsc_send_report(int fd, const struct tsc_report *report)
{
	if (fd < 0)
		return;
	/* Below PIPE_BUF: whole or not at all. A reader that has gone is no reason to stop. */
	while (sys_write(fd, report, sizeof *report) == -EINTR)
		;
}

void tsc_send_note(int socket, const struct tsc_report *note, const int *fds, unsigned count)
{
	struct tsc_iovec vector = {note, sizeof *note};
	struct control control = {CONTROL_HEAD + 4 * count, TSC_SOL_SOCKET, TSC_SCM_RIGHTS, {-1, -1}};
	struct tsc_msghdr message = {.vector = &vector, .vector_length = 1};
	for (unsigned i = 0; i < count; i++)
		control.fds[i] = fds[i];
	if (count > 0) {
		message.control = &control;
		message.control_length = sizeof control;
	}
	while (sys_sendmsg(socket, &message, TSC_MSG_NOSIGNAL) == -EINTR)
		;
}

long tsc_receive_note(int socket, struct tsc_report *note, int fds[2], int flags)
{
	struct tsc_iovec vector = {note, sizeof *note};
	struct control control = {0};
	struct tsc_msghdr message = {
		.vector = &vector, .vector_length = 1, .control = &control, .control_length = sizeof control};
	long size;
	fds[0] = fds[1] = -1;
	do
		size = sys_recvmsg(socket, &message, flags | TSC_MSG_CMSG_CLOEXEC);
	while (size == -EINTR);
	if (size > 0 && message.control_length >= CONTROL_HEAD + 4 && control.type == TSC_SCM_RIGHTS) {
		fds[0] = control.fds[0];
		if (control.length >= CONTROL_HEAD + 8)
			fds[1] = control.fds[1];
	}
	return size;
}

bool tsc_hear_release(int socket)
{
	char go;
	struct pollfd giver = {.fd = socket, .events = 0};
	return sys_recv(socket, &go, 1, 0) == 1 && sys_poll_now(&giver, 1) == 0;
}
