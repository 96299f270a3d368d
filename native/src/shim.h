/* What the parts of the shim know of each other. Functions return 0 or -errno unless they say otherwise. */
#ifndef TSC_SHIM_H
#define TSC_SHIM_H

#include "frame.h"
#include "state.h"
#include "sys.h"
#include "text.h"

#define TSC_MAX_CLIENTS 64
#define TSC_STACK_PATH 4096

/* ---- report.c: what is said to TypeScript, and from a child to its monitor (the same record) */

/* Kinds that only travel between our own processes. */
enum {
	TSC_NOTE_READY = 100, /* everything but exec is done */
	TSC_NOTE_TTY = 101,   /* carries the pty's master and slave */
	TSC_NOTE_PID = 102,   /* exec: the new process exists, pid is its number */
};

struct tsc_report tsc_make_report(uint32_t id, unsigned kind);
void tsc_fail_report(struct tsc_report *report, unsigned phase, uint32_t op, int error, const char *text);
void tsc_send_report(int fd, const struct tsc_report *report);
/* Over a socket, with up to two descriptors. */
void tsc_send_note(int socket, const struct tsc_report *note, const int *fds, unsigned count);
/* Bytes received (0 = EOF, -EAGAIN …); descriptors that came along, else -1. */
long tsc_receive_note(int socket, struct tsc_report *note, int fds[2], int flags);
/*
 * Waits for the word to go on. False when nobody lives to give it, and also when whoever gave it is dead by now: their
 * death is announced only to those who had asked for it (PR_SET_PDEATHSIG) by then, so that this is called after asking.
 */
bool tsc_hear_release(int socket);

/* ---- identity.c: who a process is */

/* Start time of a process (proc(5) stat field 22), 0 when there is none. */
uint64_t tsc_read_start_time(int pid);
bool tsc_read_boot_id(uint8_t out[16]);
uint64_t tsc_read_clock(int clock);
/* pidfd of that very process; -ESRCH when the number belongs to another one by now. */
int tsc_open_process(int pid, uint64_t start_time);
/* What a process of ours is called before it is the command, or the PID 1, of a container. */
#define TSC_NAME_MONITOR "tsc:monitor"
#define TSC_NAME_SETUP "tsc:setup"
/*
 * The same for the PID 1 of a container that is to be entered. Until it is set up its root is still the host's: that is
 * waited for, -EAGAIN when it takes too long.
 */
int tsc_open_container(int pid, uint64_t start_time);
/* The whole of a small file, NUL-terminated: its size or -errno. */
long tsc_read_file(int dir, const char *path, char *out, size_t room);
int tsc_write_file(int dir, const char *path, const char *bytes, size_t size);
/* However many writes it takes. */
int tsc_write_all(int fd, const char *bytes, size_t size);
void tsc_reset_signals(void);
void tsc_close(int *fd);
/* A descriptor of the host's null device, verified 1:3. */
int tsc_open_null(void);

/* ---- setup.c and friends: what the child does before it becomes the command */

struct tsc_setup {
	const struct tsc_frame *frame;
	uint64_t namespaces;
	int state_dir;
	int message;      /* socket to the monitor */
	int root;         /* O_PATH of the new root */
	int proc;         /* a procfs nobody else can reach or mount over */
	int empty;        /* the empty read-only tmpfs that covers masked directories */
	int null;         /* the container's null device, checked, which covers masked files */
	int master;       /* of the console */
	int slave;
	bool pivoted;
	bool restarted;   /* not the first start in this boot: the overlay's volatile marker is ours */
	int64_t boottime_offset; /* nanoseconds, of the time namespace */
	const char *subject;     /* the path an error is about, when it is not the op's first string */
};

int tsc_run_setup(struct tsc_setup *setup, struct tsc_report *failure);

/* target.c */
enum tsc_target_kind { TSC_TARGET_DIRECTORY, TSC_TARGET_FILE };
struct tsc_owner {
	unsigned mode;
	uint32_t uid;
	uint32_t gid;
};
#define TSC_RESOLVE_STRICT (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS)
#define TSC_RESOLVE_INSIDE (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
int tsc_resolve(int root, const char *path, uint64_t flags, uint64_t how);
/* O_PATH of `path` below root; made when missing (parents 0755 root, the last one as `owner` says). */
int tsc_make_target(int root, const char *path, enum tsc_target_kind kind, uint64_t how, const struct tsc_owner *owner);
/* O_PATH of the directory that holds `path`, made when missing; `name` is the last component. */
int tsc_open_parent(int root, const char *path, uint64_t how, char name[256]);
/* Refuses targets over which a mount would fool us or the container: "/" and what lies inside procfs. */
int tsc_check_target(int target, const char *path);
bool tsc_is_device(int fd, unsigned type, unsigned major, unsigned minor);

/* mount.c */
int tsc_mount_overlay(struct tsc_setup *setup, const struct tsc_op *op);
int tsc_mount_new(struct tsc_setup *setup, const struct tsc_op *op);
int tsc_mount_bind(struct tsc_setup *setup, const struct tsc_op *op);
int tsc_make_filesystem(const char *type, const char *source, const char *data, uint64_t attributes);
int tsc_pivot(struct tsc_setup *setup);
int tsc_mask_path(struct tsc_setup *setup, const char *path);
int tsc_protect_path(struct tsc_setup *setup, const char *path);
int tsc_protect_root(struct tsc_setup *setup);

/* node.c */
int tsc_make_node(struct tsc_setup *setup, const struct tsc_op *op);
int tsc_make_symlink(struct tsc_setup *setup, const struct tsc_op *op);
int tsc_make_file(struct tsc_setup *setup, const struct tsc_op *op);

/* kernel.c */
int tsc_open_private_proc(struct tsc_setup *setup);
/* Opens what an O_PATH descriptor names, whatever has its name by now, through a procfs that is certainly one. */
int tsc_open_again(int proc, int fd, int flags);
int tsc_write_sysctl(struct tsc_setup *setup, const struct tsc_op *op);
int tsc_enter_time_namespace(struct tsc_setup *setup, const struct tsc_op *op);

/* pty.c */
int tsc_open_pty(int root, int proc, int *master, int *slave);
int tsc_bind_console(struct tsc_setup *setup);

/* ---- process.c: becomes the command */

struct tsc_process {
	const struct tsc_frame *frame;
	char **vector;  /* room for frame->words pointers */
	int message;    /* socket on which failure, or READY and then EOF, is seen */
	int stdio[3];   /* become 0, 1, 2; -1 = leave as it is */
	bool tty;       /* stdio[0] is the slave of a pty: take it as controlling terminal */
	bool own_stdio; /* 0 to 2 are the container's, not those of somebody who called us */
};

_Noreturn void tsc_become_command(struct tsc_process *process);

/* identity of the command (credentials.c) */
struct tsc_identity {
	struct tsc_op user, caps, seccomp;
	bool has_user, has_caps, has_seccomp, no_new_privs;
	uint32_t no_new_privs_op;
};
/* In the one order that works; `*op` is the index of the op that failed. */
int tsc_take_identity(const struct tsc_identity *identity, uint32_t *op);
int tsc_seal_syscalls(const struct tsc_op *seccomp);
uint64_t tsc_own_capabilities(void);

/* run.c */
/* Returns only on failure. `found` is set to the file that exists and yet could not be executed. */
int tsc_execute(char *const *argv, char *const *envp, char found[TSC_STACK_PATH]);

/* interpreter.c: what the "#!" line or PT_INTERP of a program names; false when it names nothing. */
bool tsc_find_interpreter(const char *path, char out[256]);

/* init.c: the descriptors PID 1 keeps */
enum { TSC_INIT_EXIT = 3, TSC_INIT_MASTER = 4, TSC_INIT_NOTIFY = 5 };
struct tsc_init {
	int command; /* pid of the only child that counts; 0 = none, exec brings in what runs */
	int exit_file;
	uint32_t start;
	int64_t boottime_offset;
	int keep[4]; /* out, err, pty master, NOTIFY's socket: kept open so that a dead monitor costs no byte; -1 = none */
};
_Noreturn void tsc_run_init(const struct tsc_init *init);

/* ---- put.c */
int tsc_put_file(const struct tsc_op *op);

/* ---- cgroup.c */
/* With all parents; 1 when it was there already. */
int tsc_make_directories(const char *path, unsigned mode);
int tsc_remove_cgroup(const char *path, bool parent);
/* A cgroup that outlived its monitor may have its program, which is this one, and takes no more than 64. */
int tsc_attach_device_program(int cgroup, const struct tsc_op *op, bool may_have_it);
int tsc_watch_oom(const char *path, unsigned version, int *event, int *counter);
uint64_t tsc_count_oom(int counter);

/* attach.c */
struct tsc_attachment {
	const struct tsc_frame *frame;
	int pid;
};
int tsc_run_attach(const struct tsc_attachment *attachment, struct tsc_report *failure);
/* Called by the process itself, while host paths are still there. */
int tsc_enter_cgroups(const struct tsc_frame *frame, struct tsc_report *failure);
/* RLIMIT ops, by the process itself; `*index` is the op that failed. */
int tsc_take_limits(const struct tsc_frame *frame, uint32_t *index);
/* Says at HOLD what a start would have to clamp, since at the start itself nobody listens. */
void tsc_warn_attach(const struct tsc_frame *frame, int report);

/* ---- launch.c, ask.c, exec.c, wake.c */
/* Whether the file we hold is still the one that goes by this name; `down` may have removed it while we waited. */
bool tsc_is_current(int fd, const char *path);
/* argv: the lock's path, then the command. Returns only when that is not to be. */
int tsc_supervise(char **argv, char **envp);
/* argv: what a launcher is given, its lock's path and its name, then the command. Returns only when that is not to be. */
int tsc_with_launcher(char **argv, char **envp);
_Noreturn void tsc_launch(const char *lock_path);
_Noreturn void tsc_exec(char **argv, char **envp);
/* 0, 1 at EOF before the first byte, -errno. */
int tsc_read_all(int fd, uint8_t *bytes, size_t size);
/* 0 with a decoded frame in private memory, 1 at EOF. */
int tsc_read_frame(int fd, struct tsc_frame *frame, uint32_t *at);
_Noreturn void tsc_monitor(struct tsc_frame *frame, int netns); /* -1: none was made for it */
/* START_HELD. The answer goes to `reports`. */
_Noreturn void tsc_ask_to_start(const struct tsc_frame *frame, int reports);

#endif
