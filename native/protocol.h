/*
 * The contract between tscompose (TypeScript) and its shim (this directory).
 *
 * TypeScript plans, C performs. A *frame* describes one container (or one exec) as a flat list of *ops*; the shim decodes
 * it with every length checked, performs the ops of each phase in order, and reports the first that fails as
 * {phase, op index, errno}. Nothing here knows YAML, defaults or policy. src/runtime/linux/protocol.ts is the same table
 * in TypeScript; test/house/protocol.test.ts holds the two together.
 *
 * All integers little-endian. All strings are byte strings without NUL inside; a NUL is appended for C's sake and is not
 * counted in their length.
 *
 *   frame   u32 magic TSC_FRAME_MAGIC · u16 TSC_ABI · u16 kind · u32 size (whole frame) · u32 id · op…
 *   op      u16 kind · u8 numbers · u8 strings · u32 size (whole op, multiple of 8) · u64 number[numbers]
 *           · { u32 length · bytes · NUL }[strings] · zero padding to 8
 *   report  struct tsc_report (fixed size, far below PIPE_BUF: one write is one report)
 *   control request  u32 size · u16 op · u16 flags · u64 a · u64 b    (24 bytes; size = 24)
 *   control reply    struct tsc_reply
 *
 * Command lines:
 *   tsc-shim launch LOCKFILE [NAME]
 *                                frames on stdin until EOF, reports on stdout; from the frame LOCK on it holds
 *                                flock(LOCKFILE); "-" takes no lock. Every container gets a monitor process that outlives
 *                                the launcher.
 *                                LOCKFILE is made when missing; whoever removes a project removes it while holding it, so
 *                                after the lock the path must still be the locked file, otherwise open and lock again.
 *                                NAME is for those who ask, by the pid in LOCKFILE, who has the lock.
 *   tsc-shim exec [FD COMMAND ARGUMENT…]
 *                                one exec frame on fd 3, reports on fd 4, stdio is the user's; exits as the command does,
 *                                126 / 127 when it cannot be run / is not there, 125 when it did not come that far. With FD
 *                                the frame is there, nobody hears reports, and what cannot be run is explained by COMMAND,
 *                                which takes our place
 *   tsc-shim files PID START     files of a running container: see files-protocol.h
 *   tsc-shim supervise LOCKFILE COMMAND ARGUMENT…   takes flock(LOCKFILE) and becomes COMMAND (a path) with it on fd 3; 75
 *                                when somebody else has it
 *   tsc-shim with-launcher LOCKFILE NAME COMMAND ARGUMENT…   becomes COMMAND (a path), with the stdin and stdout of a
 *                                launcher, its child, as a socket on fd 4; without when there is none to be had
 *   tsc-shim version             prints the ABI number
 */
#ifndef TSC_PROTOCOL_H
#define TSC_PROTOCOL_H

#include <stdint.h>

#define TSC_ABI 2
#define TSC_FRAME_MAGIC 0x46435354u  /* "TSCF" */
#define TSC_REPORT_MAGIC 0x52435354u /* "TSCR" */
#define TSC_STATE_MAGIC 0x53435354u  /* "TSCS" */
#define TSC_MAX_FRAME (4u << 20)
#define TSC_MAX_OPS 4096
#define TSC_MAX_NUMBERS 8
#define TSC_MAX_STRINGS 8

enum tsc_frame_kind {
	TSC_FRAME_CONTAINER = 1, /* new monitor; HOLD is performed, then it waits for `start` */
	TSC_FRAME_ADOPT = 2,     /* new monitor for a container whose monitor died: same ops, HOLD without creating */
	TSC_FRAME_EXEC = 3,      /* one more process in a running container */
	TSC_FRAME_YIELD = 4,     /* no ops: the launcher gives the project's lock away for a while */
	TSC_FRAME_LOCK = 5,      /* no ops: it takes the lock, and reports LOCKED when it has it */
	TSC_FRAME_START = 6,     /* CONTAINER, and started at once: STARTED or FAILED follows HELD */
	TSC_FRAME_NETNS = 7,     /* no ops: so many (id) containers with a NETNS of their own will follow; the launcher may make
	                            namespaces for them while it waits */
	TSC_FRAME_START_HELD = 8, /* START, for whose monitor is there already: HOLD has its STATE_DIR alone. STARTED, or FAILED: with
	                            what its state says, or in no phase with the errno of the request; LOST: it has not answered */
};

/*
 * When an op is performed, and by whom. The ops of a frame are ordered by phase.
 *   HOLD     monitor, host view, once: state directory and lock, log, cgroups with their limits, network namespace
 *   ATTACH   host view, at every start: v1 cgroups by the child, OOM score by the monitor before it releases the child
 *   SETUP    child, at every start: mounts, devices, pivot, sysctls, masks
 *   PROCESS  the process that becomes the command: user, capabilities, directory, environment, exec
 *   CLEANUP  monitor, host view, after the last process is gone, on QUIT
 */
enum tsc_phase {
	TSC_PHASE_NONE = 0,
	TSC_PHASE_HOLD = 1,
	TSC_PHASE_ATTACH = 2,
	TSC_PHASE_SETUP = 3,
	TSC_PHASE_PROCESS = 4,
	TSC_PHASE_CLEANUP = 5,
};

/* n0, n1 … are the op's numbers, s0, s1 … its strings. "host path" = absolute, as the shim sees it before pivot. */
enum tsc_op_kind {
	TSC_OP_PHASE = 1,         /* n0 phase: the following ops belong to it */

	/* HOLD */
	TSC_OP_STATE_DIR = 10,    /* s0 host dir (made when missing): lock, ctl.sock, exit, out, err, sometimes root/ live here; first op.
	                             `state` lives in s1 (likewise), for those who want it to survive a boot, else in s0 */
	TSC_OP_LOG = 11,          /* s0 host dir (exists), n0 max bytes a file, n1 max files (0: keep nothing); they are made with the first
	                             output */
	TSC_OP_NETNS = 12,        /* n0: 0 host's, 1 new one, 2 join s0 (host path of an ns file) */
	TSC_OP_LO_UP = 13,        /* bring lo up in the container's netns */
	TSC_OP_MKDIR = 14,        /* s0 host path, n0 mode; existing is fine; parents are made too, and can be passed through */
	TSC_OP_WRITE = 15,        /* s0 host path of an existing file, s1 data, or several NUL-terminated, written
	                             one by one; n0 1 = a failure is only a warning */
	TSC_OP_CGROUP2 = 16,      /* s0 host dir on cgroup2: born into it, cgroup.kill, cgroup.freeze */
	TSC_OP_OOM_EVENTS = 17,   /* n0 1: s0 is v1 memory.oom_control; n0 2: s0 is v2 memory.events */
	TSC_OP_DEVICE_BPF = 18,   /* s0 instructions (struct bpf_insn[]) attached as BPF_CGROUP_DEVICE to the cgroup2 dir */
	TSC_OP_NAMESPACES = 19,   /* n0 clone flags for the child (CLONE_NEWPID|NEWNS|NEWUTS|NEWIPC …) */
	TSC_OP_STDIO = 20,        /* n0 1 = a pty, n1 1 = keep stdin open (fifo "in") instead of /dev/null */
	TSC_OP_INIT = 21,         /* n0 1 = tiny init is PID 1 (default), 0 = the command is, 2 = tiny init
	                             without a command: exec frames bring in what runs, the first signal ends all */
	TSC_OP_SUPERVISOR = 22,   /* who looks after this container: if flock(s0) is free, take it and exec s1 (argv, NUL-terminated
	                             strings) with env s2, the lock on fd 3, stderr appended to s3 if not empty. After every end
	                             and when a client that supervises is gone; n0 +1 = also at every start, +2 = not after ends. n1 ms later after an
	                             end that was asked for or a start that failed, and for an adopted container. Again after n2
	                             ms, doubling up to n3 ms, until a client supervises, or the next start. */
	TSC_OP_ON_HANGUP = 23,    /* whenever the last writer of the fifo s0 is gone: exec s1 (argv, NUL-terminated strings), host's network, no
	                             environment. The fifo is made when missing; without its directory nothing is watched */

	TSC_OP_NOTIFY = 24,       /* a datagram socket <state dir>/notify/socket; what sd_notify(3) says through it is kept in
	                             <state dir>/notified (struct tsc_notified), and READY and STOPPING are told as changes */
	TSC_OP_KEEPER = 25,       /* a process on the Unix socket s1 (host path), one at a time by flock(s0), hears of a monitor that dies, and
	                             brings SUPERVISOR's command to life; made when missing, and monitors hear of its death */

	TSC_OP_PUT = 26,          /* s0 host path, s1 content, n0 mode: a file, written beside its place and renamed into it; in an
	                             adopted container it is there already */

	TSC_OP_NET_SYSCTLS = 27,  /* s0 KEY=VALUE, each NUL-terminated, KEY a path below /proc/sys/net, in the container's network
	                             namespace; one that this kernel lacks is left out */
	TSC_OP_NETLINK = 28,      /* s0 host path of an ns file, empty: the container's own; s1 rtnetlink requests, each acknowledged,
	                             for the kernel in that network namespace; n0 not 0: where in s1 it gets the container's
	                             namespace as a descriptor. Not in an adopted container, and nothing without a request */

	/* ATTACH */
	TSC_OP_ATTACH = 30,       /* s0 host path of the `tasks` file of a v1 cgroup: the child enters it by itself, first of all */
	TSC_OP_RLIMIT = 31,       /* n0 RLIMIT_*, n1 soft, n2 hard (UINT64_MAX = infinity); clamped with a warning (given at HOLD) on EPERM;
	                             taken by the process itself right before exec, not by PID 1 */
	TSC_OP_OOM_SCORE = 32,    /* n0 value + 1000; clamped with a warning (given at HOLD) on EACCES */

	/* SETUP; targets are absolute guest paths, resolved with openat2(RESOLVE_IN_ROOT) from the root's fd */
	TSC_OP_CGROUPNS = 40,     /* unshare(CLONE_NEWCGROUP), after the attach */
	TSC_OP_TIMENS = 41,       /* n0 monotonic, n1 boottime offset in ns (two's complement) */
	TSC_OP_ROOT_OVERLAY = 42, /* s0 lowers, top first, each NUL-terminated; s1 upper, s2 work (host dirs); mounted over work or, without, on <state dir>/root; n0 1 = volatile */
	TSC_OP_MOUNT = 43,        /* s0 fs type, s1 source, s2 target, s3 data; n0 MS_* flags; the target directory is made */
	TSC_OP_BIND = 44,         /* s0 host source, s1 target; n0 TSC_BIND_* flags, n1 propagation MS_* or 0; target is made like the source */
	TSC_OP_MKDIR_IN = 45,     /* s0 target, n0 mode, n1 uid, n2 gid; parents 0755 root */
	TSC_OP_MKNOD = 46,        /* s0 target, n0 mode with type, n1 major, n2 minor, n3 uid, n4 gid; verified after creation */
	TSC_OP_SYMLINK = 47,      /* s0 what it says, s1 target */
	TSC_OP_FILE = 48,         /* s0 target, s1 content, n0 mode, n1 uid, n2 gid */
	TSC_OP_PIVOT = 49,        /* from here on host paths are gone */
	TSC_OP_HOSTNAME = 50,     /* s0 */
	TSC_OP_DOMAINNAME = 51,   /* s0 */
	TSC_OP_SYSCTL = 52,       /* s0 path below /proc/sys, s1 value; through a private procfs */
	TSC_OP_MASK = 53,         /* s0 target; missing is fine; files get /dev/null, directories an empty read-only tmpfs */
	TSC_OP_READONLY = 54,     /* s0 target; missing is fine */
	TSC_OP_ROOT_READONLY = 55,
	TSC_OP_CONSOLE = 56,      /* with a pty: make /dev/console from the container's own devpts */

	/* PROCESS */
	TSC_OP_UMASK = 70,        /* n0 */
	TSC_OP_CWD = 71,          /* s0 guest path, n0 1 = make it (owner: the user) when missing */
	TSC_OP_NO_NEW_PRIVS = 72,
	TSC_OP_USER = 73,         /* n0 uid, n1 gid, s0 supplementary gids as u32[] */
	TSC_OP_CAPS = 74,         /* n0 bounding, n1 permitted = effective, n2 inheritable, n3 ambient: bit masks; intersected with what we have */
	TSC_OP_SECCOMP = 75,      /* s0 struct sock_filter[]; n0 flags for seccomp(2); performed where no_new_privs demands */
	TSC_OP_ENV = 76,          /* s0 NAME=value strings, each NUL-terminated */
	TSC_OP_EXEC = 77,         /* s0 argv strings, each NUL-terminated; argv[0] without '/' is searched in PATH of TSC_OP_ENV */

	/* exec frames, in HOLD */
	TSC_OP_JOIN = 80,         /* n0 pid of PID 1 of the container, n1 its start time (proc(5) field 22), s0 its cgroup2 dir or empty;
	                             n2 1 = cgroup.kill was never used there, and the process may be born into it */
	TSC_OP_EXEC_TTY = 81,     /* n0 1 = allocate a pty inside the container and relay the user's terminal;
	                             n1 pid of the caller, our parent, whose death hangs up on the command; 0 = it does not stay */

	/* CLEANUP */
	TSC_OP_RMDIR = 90,        /* s0 host path; cgroups: children first, EBUSY is retried; missing and not-empty parents are fine when n0 = 1 */
};

enum tsc_bind_flag {
	TSC_BIND_READONLY = 1,
	TSC_BIND_RECURSIVE = 2,
	TSC_BIND_NOSUID = 4,
	TSC_BIND_NODEV = 8,
	TSC_BIND_NOEXEC = 16,
	TSC_BIND_CHECK_NULL = 32, /* refuse unless the source is the null device 1:3 */
};

enum tsc_report_kind {
	TSC_REPORT_LOCKED = 1,    /* the launcher holds the project's lock */
	TSC_REPORT_LOCK_BUSY = 2, /* somebody else has it (pid: who wrote it last); waiting */
	TSC_REPORT_HELD = 3,      /* HOLD done: pid = the monitor */
	TSC_REPORT_FAILED = 4,    /* phase, op, error say where */
	TSC_REPORT_WARNING = 5,   /* op, error, number: something was clamped or left out */
	TSC_REPORT_ADOPTED = 6,   /* the container's process was found alive, pid = PID 1; HELD follows in any case */
	TSC_REPORT_STARTED = 7,   /* exec frames: pid = the new process as the host sees it; START, START_HELD: PID 1 */
	TSC_REPORT_LOST = 8,      /* pid: who was forked for a frame has ended, whatever it was for; its last word, if it had one,
	                             was sent before. From a START_HELD itself (error): the monitor has not answered */
};

struct tsc_report {
	uint32_t magic;
	uint32_t id;         /* of the frame; 0 for the launcher itself */
	uint16_t kind;
	uint16_t phase;
	uint32_t op;         /* index in the frame, PHASE ops counted */
	int32_t error;       /* errno, 0 = none; ECANCELED: the child died during set-up without a word */
	int32_t pid;
	uint64_t number;     /* the value in force after a clamp; start time of `pid` otherwise */
	char text[216];      /* the path or name concerned, NUL-terminated, cut if need be */
};
_Static_assert(sizeof(struct tsc_report) == 248, "report layout");

enum tsc_state_phase {
	TSC_STATE_HELD = 1,     /* created, never started since */
	TSC_STATE_STARTING = 2,
	TSC_STATE_RUNNING = 3,
	TSC_STATE_STOPPING = 4, /* stop signal sent, grace running */
	TSC_STATE_PAUSED = 5,
	TSC_STATE_EXITED = 6,
	TSC_STATE_FAILED = 7,   /* setup or exec refused: fail_*; fail_error ECANCELED: killed during set-up. In PROCESS the
	                           wait status is 126 or 127 and known, before it there is none */
};

/*
 * `state`: two of these, written in turn with pwrite, so that a torn write or a full disk leaves the other.
 * The valid one with the higher `sequence` counts. Times are CLOCK_REALTIME nanoseconds unless named otherwise.
 * Every version can read of any other who runs: fields before `started_boot_ns` stay where they are, and the checksum comes last.
 */
struct tsc_state {
	uint32_t magic;
	uint32_t abi;
	uint64_t sequence;
	uint8_t boot_id[16];
	int32_t monitor_pid;
	int32_t init_pid;          /* PID 1 of the container as the host sees it; 0 when none */
	uint64_t monitor_start;    /* start times: proc(5) stat field 22, clock ticks since boot */
	uint64_t init_start;
	uint64_t created_ns;
	uint64_t started_ns;       /* last start; 0 = never */
	uint64_t finished_ns;      /* last end; 0 = not yet */
	uint64_t started_boot_ns;  /* CLOCK_BOOTTIME, for durations */
	uint64_t finished_boot_ns;
	uint32_t phase;            /* enum tsc_state_phase */
	uint32_t starts;           /* how often it was started by this or earlier monitors */
	int32_t wait_status;       /* of the command, as waitpid(2) gives it; valid when exit_known */
	uint8_t exit_known;
	uint8_t oom_killed;        /* the kernel's OOM killer struck in this container since the last start */
	uint8_t stop_requested;    /* the last end came after `stop` or `kill` on the control socket */
	uint8_t tty;
	uint16_t fail_phase;
	uint16_t fail_kind;        /* enum tsc_op_kind of the op that failed */
	uint32_t fail_op;
	int32_t fail_error;
	uint32_t adoptions;
	uint64_t dropped_bytes;    /* log output given up because the disk refused it */
	char fail_text[112];
	uint32_t kill_at_boot_s;   /* STOPPING: when the grace ends, CLOCK_BOOTTIME, rounded up; 0 = never */
	uint32_t checksum;         /* MurmurHash3 (x86, 32 bits, seed 0) of all words before it */
};
_Static_assert(sizeof(struct tsc_state) == 256, "state layout");
_Static_assert(__builtin_offsetof(struct tsc_state, finished_ns) == 72, "what all versions share");
_Static_assert(__builtin_offsetof(struct tsc_state, checksum) == sizeof(struct tsc_state) - 4, "the checksum comes last");

enum tsc_control_op {
	TSC_CTL_STATUS = 1,
	TSC_CTL_START = 2,     /* replies when the command was exec'ed or has failed */
	TSC_CTL_STOP = 3,      /* a = signal, b = grace in ms; replies at once; escalates to cgroup.kill by itself. For STOP and
	                          KILL: flags 1 = whoever asks sees to what follows, no supervisor need be woken */
	TSC_CTL_KILL = 4,      /* a = signal, to PID 1 of the container (SIGKILL: to all of it) */
	TSC_CTL_QUIT = 5,      /* kill what runs, CLEANUP, reply, exit */
	TSC_CTL_PAUSE = 6,
	TSC_CTL_UNPAUSE = 7,
	TSC_CTL_SUBSCRIBE = 8, /* a reply now and at every change of the state; EOF when the monitor dies. a 1 = as the supervisor:
	                          if this connection ends without LEAVE, another one is needed */
	TSC_CTL_WAIT = 9,      /* replies when the container is not running (at once if it is not) */
	TSC_CTL_LEAVE = 10,    /* the supervisor goes: nothing here needs it any more */
	TSC_CTL_RESIZE = 11,   /* a = rows, b = columns of the container's terminal; ENOTTY when it has none */
};

struct tsc_request {
	uint32_t size; /* 24 */
	uint16_t op;
	uint16_t flags;
	uint64_t a;
	uint64_t b;
};
_Static_assert(sizeof(struct tsc_request) == 24, "request layout");

struct tsc_reply {
	uint32_t size; /* 264 */
	uint16_t op;
	uint16_t error; /* errno of the request itself: 0, EINVAL, EBUSY (already running), ESRCH (not running) */
	struct tsc_state state;
};
_Static_assert(sizeof(struct tsc_reply) == 264, "reply layout");

/*
 * Log: <log dir>/log holds the bytes of stdout and stderr as they came, <log dir>/index one entry per read of a pipe.
 * Rotation renames log → log.1 → log.2 …, index alike. The index is written after the bytes: a reader stops at its end.
 */
struct tsc_log_entry {
	uint64_t offset;  /* in the log file */
	uint64_t time_ns; /* CLOCK_REALTIME at the read */
	uint32_t length;
	uint8_t stream;   /* 1 stdout, 2 stderr */
	uint8_t flags;    /* TSC_LOG_* */
	uint16_t start;   /* low 16 bits of `starts`: which life of the container */
};
_Static_assert(sizeof(struct tsc_log_entry) == 24, "log entry layout");

enum tsc_log_flag {
	TSC_LOG_GAP = 1,     /* bytes were dropped before this entry */
	TSC_LOG_ADOPTED = 2, /* bytes whose time a dead monitor took with it */
};

/* <state dir>/exit, written by the tiny init before it ends: how the command ended even if no monitor saw it. */
struct tsc_exit {
	uint32_t magic; /* TSC_STATE_MAGIC */
	int32_t wait_status;
	uint64_t finished_ns;
	uint64_t finished_boot_ns;
	uint32_t start; /* `starts` of the life it belongs to */
	uint32_t checksum;
};
_Static_assert(sizeof(struct tsc_exit) == 32, "exit layout");

/* <state dir>/notified: what the present life of the container has said of itself. Written in place. */
struct tsc_notified {
	uint32_t magic;            /* TSC_STATE_MAGIC */
	uint32_t start;            /* `starts` of the life it belongs to */
	uint64_t watchdog_boot_ns; /* CLOCK_BOOTTIME of the last WATCHDOG=1; 0 = none yet */
	uint8_t ready;             /* READY=1 */
	uint8_t stopping;          /* STOPPING=1 */
	uint8_t trigger;           /* WATCHDOG=trigger */
	uint8_t reserved;
	char status[232];          /* STATUS=, cut, NUL-terminated */
	uint32_t checksum;
};
_Static_assert(sizeof(struct tsc_notified) == 256, "notified layout");

#endif
