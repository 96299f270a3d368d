/*
 * ON_HANGUP: a fifo that is held open for writing by whoever must not be missing. Its end of file tells every monitor of
 * the project at once, and each starts the program that brings it back; that one knows how to be the only one.
 */
#include "monitor.h"

/* A reader that has just opened the fifo sees no hang-up before a writer has come and gone. */
static int open_fifo(const char *path)
{
	return sys_open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0);
}

int tsc_watch_hangup(struct tsc_monitor *m, const struct tsc_op *op)
{
	int error = sys_mknodat(AT_FDCWD, op->string[0], 0010600, 0);
	if (error == -ENOENT)
		return 0;
	if (error && error != -EEXIST)
		return error;
	m->hangup = open_fifo(op->string[0]);
	return m->hangup < 0 ? m->hangup : 0;
}

void tsc_see_hangup(struct tsc_monitor *m)
{
	struct tsc_op op;
	tsc_close(&m->hangup);
	if (!tsc_find_op(&m->frame, TSC_PHASE_HOLD, TSC_OP_ON_HANGUP, &op))
		return;
	/* Before the start: the end of what is started now must not be missed. */
	m->hangup = open_fifo(op.string[0]);
	tsc_run_detached(m, &op, 1, 0, NULL);
}
