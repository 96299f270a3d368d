/* One more process in a running container. */
#ifndef TSC_EXEC_H
#define TSC_EXEC_H

#include "shim.h"

#define TSC_MAX_ENTRIES 16u /* v1 has fewer controllers */

struct tsc_session {
	struct tsc_frame frame;
	char **vector;
	int report;
	int init;   /* pidfd of the container's PID 1 */
	int init_pid;
	int cgroup; /* its cgroup2 directory, -1 = none */
	bool born_inside;
	unsigned entries; /* `tasks` of its v1 cgroups, and the ops that name them */
	struct {
		int fd;
		uint32_t op;
	} entry[TSC_MAX_ENTRIES];
	bool tty;
	int message; /* socket to the new process; -1 once it runs or has failed */
	int pid;
	int process; /* pidfd */
	int master;
	int signals; /* signalfd for all of them: they have been blocked from the first moment on */
	bool ready;
	bool failed;
};

/* Carries bytes and signals until the process has ended; its wait status. */
int tsc_relay(struct tsc_session *session);
/* Takes what the new process says; false when there is nothing more to hear. */
bool tsc_hear_process(struct tsc_session *session);
/* The user's terminal, raw while we are in between; restored on every way out. */
void tsc_make_raw(void);
void tsc_restore_terminal(void);
void tsc_copy_window_size(int master);

#endif
