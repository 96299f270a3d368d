/* The monitor: one process per container, its state, and the parts that work on it. */
#ifndef TSC_MONITOR_H
#define TSC_MONITOR_H

#include "shim.h"

#define TSC_LOG_CHUNK 65536u

/* What a child may be born into; user namespaces need a protocol of their own (maps) and network is the monitor's. */
#define TSC_NAMESPACES (CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP)

enum tsc_client_wish {
	TSC_WISH_CHANGES = 1, /* SUBSCRIBE */
	TSC_WISH_END = 2,     /* WAIT: answered when nothing runs */
	TSC_WISH_START = 4,   /* START: answered when the command runs or was refused */
	TSC_WISH_QUIT = 8,    /* QUIT: answered last of all */
	TSC_WISH_SUPERVISE = 16, /* SUBSCRIBE by the supervisor */
};

struct tsc_client {
	int fd; /* -1 = free */
	uint32_t wishes;
	uint32_t size; /* bytes of the request that have come */
	uint8_t bytes[sizeof(struct tsc_request)];
};

struct tsc_log {
	int dir, data, index; /* -1: nothing is kept */
	uint64_t limit;       /* bytes a file */
	uint32_t files;
	uint64_t size;        /* of `data`, as far as the index goes */
	uint64_t index_size;
	uint64_t dropped;
	bool gap;             /* bytes were dropped since the last entry */
	bool copies;          /* the file system cannot splice */
	bool touched;         /* the buffer holds more than the idle monitor should keep */
};

struct tsc_monitor {
	struct tsc_frame frame;
	char **vector;
	int report; /* the launcher's stdout until the last word on the frame was said */
	bool adopt; /* an ADOPT frame: what is there is taken as it is */
	bool alive; /* adopt: the process was found */
	uint32_t starts_before; /* in earlier boots */

	int dir, lock, record; /* state directory, its lock for life, the state file */
	int listen, out, err, in;
	int cgroup, oom_event, oom_counter;
	int host_net; /* for what has to run outside the container's network */
	int made_net; /* the container's, as long as it is still to be entered; -1 = it is still to be made */
	int timer, wake_timer;
	struct tsc_log log;

	uint64_t namespaces;
	bool tty, keep_stdin, no_init, only_init;
	uint32_t supervisor_at; /* index of SUPERVISOR + 1, 0 = none */
	uint64_t retry_ms;
	bool supervised; /* a client supervises, or did a moment ago */
	int hangup; /* the fifo of ON_HANGUP; -1 = none */
	int keeper; /* the connection to it; -1 = none */
	unsigned keepers; /* how many were lost */
	int notify, notified_file; /* NOTIFY; -1 = nobody listens */
	struct tsc_notified notified;

	/* one life */
	int init;    /* pidfd; -1 when nothing runs */
	int mounts;  /* its mount namespace, until its end was told; -1 when nothing runs, or an earlier monitor started it */
	bool child;  /* we are its parent */
	int message; /* socket of the set-up; -1 once its outcome is known */
	int master, slave;
	bool failed; /* fail_* say how; the phase follows when the child is gone */
	bool ready;  /* the set-up said READY: EOF now means that the command was exec'ed */
	uint64_t oom_base;
	uint64_t kill_at_ns; /* CLOCK_BOOTTIME: when the grace ends; 0 = no stop under way */
	bool group_was_killed; /* cgroup.kill was used in this cgroup, now or by an earlier monitor */
	bool quitting;
	bool settled; /* whoever asked for the end sees to what follows */

	struct tsc_state state;
	struct tsc_client clients[TSC_MAX_CLIENTS];
};

/* hold.c */
int tsc_hold(struct tsc_monitor *m, struct tsc_report *failure);
/* Cgroups that somebody has removed while nobody was in them are made again, with their limits. */
int tsc_renew_cgroups(struct tsc_monitor *m, struct tsc_report *failure);
void tsc_let_go(struct tsc_monitor *m); /* sockets and fifos */
int tsc_clean_up(struct tsc_monitor *m); /* CLEANUP ops: the first errno, all are tried */

/* netlink.c: the first refusal; `subject` becomes the kernel's words for it, if it has some */
int tsc_ask_kernel(const struct tsc_op *op, const char **subject);

/* record.c */
int tsc_open_record(struct tsc_monitor *m, int dir);
/* Next sequence into the other slot, and to everybody who subscribed. */
void tsc_change_phase(struct tsc_monitor *m, enum tsc_state_phase phase);
void tsc_write_record(struct tsc_monitor *m);
bool tsc_is_running(const struct tsc_monitor *m);

/* log.c */
int tsc_open_log(struct tsc_log *log, const char *dir, uint64_t limit, uint32_t files);
/* Bytes that a dead monitor wrote and did not index: one entry, so that no reader has to guess. */
void tsc_index_orphans(struct tsc_log *log, uint16_t start);
/* Takes what the pipe holds, up to `rounds` reads. False when there may be more. */
bool tsc_drain_pipe(struct tsc_monitor *m, int fd, uint8_t stream, unsigned rounds);
bool tsc_drain_terminal(struct tsc_monitor *m, unsigned rounds);

/* life.c */
int tsc_start(struct tsc_monitor *m);
bool tsc_hear_child(struct tsc_monitor *m); /* the set-up's socket is readable; false = nothing more to hear */
void tsc_see_end(struct tsc_monitor *m);    /* the pidfd is readable */
void tsc_see_oom(struct tsc_monitor *m);
void tsc_take_exit_record(struct tsc_monitor *m);

/* child.c */
_Noreturn void tsc_run_child(struct tsc_monitor *m, int message);

/* stop.c */
int tsc_stop(struct tsc_monitor *m, int signal, uint64_t grace_ms);
void tsc_go_on_stopping(struct tsc_monitor *m); /* a stop that an earlier monitor began */
int tsc_signal(struct tsc_monitor *m, int signal);
int tsc_freeze(struct tsc_monitor *m, bool freeze);
void tsc_kill_everything(struct tsc_monitor *m);
void tsc_end_grace(struct tsc_monitor *m); /* the timer is readable */
void tsc_disarm(struct tsc_monitor *m);

/* adopt.c */
int tsc_find_survivor(struct tsc_monitor *m);
void tsc_resume(struct tsc_monitor *m);

/* wake.c */
enum tsc_urgency { TSC_NOW, TSC_LATER };
void tsc_want_supervisor(struct tsc_monitor *m, enum tsc_urgency urgency);
void tsc_report_end(struct tsc_monitor *m, enum tsc_urgency urgency); /* an end, unless those need nobody */
void tsc_see_start(struct tsc_monitor *m);
bool tsc_start_supervisor(struct tsc_monitor *m, const struct tsc_op *op); /* if nobody holds its lock */
int tsc_take_free_lock(const char *path); /* -EAGAIN when somebody has it */
void tsc_arm_wake(struct tsc_monitor *m, uint64_t ms);
void tsc_end_patience(struct tsc_monitor *m);   /* the wake timer is readable */
void tsc_miss_supervisor(struct tsc_monitor *m); /* after clients were heard: is the one that supervised still there? */
void tsc_release_supervisor(struct tsc_monitor *m, struct tsc_client *client); /* LEAVE */
void tsc_calm(struct tsc_monitor *m);            /* nobody is needed any more */

/* keeper.c */
void tsc_join_keeper(struct tsc_monitor *m);
void tsc_miss_keeper(struct tsc_monitor *m);  /* it is gone */
void tsc_leave_keeper(struct tsc_monitor *m); /* a farewell: what ends now was not killed */

/* notify.c */
int tsc_listen_notify(struct tsc_monitor *m);
void tsc_forget_notified(struct tsc_monitor *m);
void tsc_hear_notify(struct tsc_monitor *m);

/* onhangup.c */
int tsc_watch_hangup(struct tsc_monitor *m, const struct tsc_op *op);
void tsc_see_hangup(struct tsc_monitor *m); /* the last writer of the fifo is gone */

/* detach.c */
/* What a program gets besides: a lock on descriptor 3, and the file that its stderr is appended to (NULL: none). */
struct tsc_legacy {
	int lock;
	const char *diary;
};
/* Starts a program that is nobody's child, on the host's network; `legacy` may be NULL. */
void tsc_run_detached(struct tsc_monitor *m, const struct tsc_op *op, unsigned argv_at, unsigned env_at,
		      const struct tsc_legacy *legacy);

/* control.c */
int tsc_open_control(struct tsc_monitor *m);
void tsc_accept_client(struct tsc_monitor *m);
void tsc_hear_client(struct tsc_monitor *m, struct tsc_client *client);
void tsc_drop_client(struct tsc_client *client);
void tsc_tell_clients(struct tsc_monitor *m, uint32_t wish, unsigned op, int error);
void tsc_tell_started(struct tsc_monitor *m); /* a start has succeeded or failed: to all who wait for that */
/* QUIT's answer and the end. */
_Noreturn void tsc_quit(struct tsc_monitor *m);

#endif
