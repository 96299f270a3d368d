/**
 * The same table as native/protocol.h, which says what each number means; test/house/protocol.test.ts compiles that header
 * and compares. Little-endian throughout.
 */
export const abi = 2;
export const frameMagic = 0x46435354;
export const reportMagic = 0x52435354;
export const stateMagic = 0x53435354;
export const maxFrame = 4 << 20;
export const maxOps = 4096;
export const maxNumbers = 8;
export const maxStrings = 8;

export const frameKind = {
  CONTAINER: 1,
  ADOPT: 2,
  EXEC: 3,
  YIELD: 4,
  LOCK: 5,
  START: 6,
  NETNS: 7,
  START_HELD: 8,
} as const;
export const phase = { NONE: 0, HOLD: 1, ATTACH: 2, SETUP: 3, PROCESS: 4, CLEANUP: 5 } as const;

export const opKind = {
  PHASE: 1,
  STATE_DIR: 10,
  LOG: 11,
  NETNS: 12,
  LO_UP: 13,
  MKDIR: 14,
  WRITE: 15,
  CGROUP2: 16,
  OOM_EVENTS: 17,
  DEVICE_BPF: 18,
  NAMESPACES: 19,
  STDIO: 20,
  INIT: 21,
  SUPERVISOR: 22,
  ON_HANGUP: 23,
  NOTIFY: 24,
  KEEPER: 25,
  PUT: 26,
  NET_SYSCTLS: 27,
  NETLINK: 28,
  ATTACH: 30,
  RLIMIT: 31,
  OOM_SCORE: 32,
  CGROUPNS: 40,
  TIMENS: 41,
  ROOT_OVERLAY: 42,
  MOUNT: 43,
  BIND: 44,
  MKDIR_IN: 45,
  MKNOD: 46,
  SYMLINK: 47,
  FILE: 48,
  PIVOT: 49,
  HOSTNAME: 50,
  DOMAINNAME: 51,
  SYSCTL: 52,
  MASK: 53,
  READONLY: 54,
  ROOT_READONLY: 55,
  CONSOLE: 56,
  UMASK: 70,
  CWD: 71,
  NO_NEW_PRIVS: 72,
  USER: 73,
  CAPS: 74,
  SECCOMP: 75,
  ENV: 76,
  EXEC: 77,
  JOIN: 80,
  EXEC_TTY: 81,
  RMDIR: 90,
} as const;

export const bindFlag = { READONLY: 1, RECURSIVE: 2, NOSUID: 4, NODEV: 8, NOEXEC: 16, CHECK_NULL: 32 } as const;

export const reportKind = {
  LOCKED: 1,
  LOCK_BUSY: 2,
  HELD: 3,
  FAILED: 4,
  WARNING: 5,
  ADOPTED: 6,
  STARTED: 7,
  LOST: 8,
} as const;

export const statePhase = {
  HELD: 1,
  STARTING: 2,
  RUNNING: 3,
  STOPPING: 4,
  PAUSED: 5,
  EXITED: 6,
  FAILED: 7,
} as const;

export const controlOp = {
  STATUS: 1,
  START: 2,
  STOP: 3,
  KILL: 4,
  QUIT: 5,
  PAUSE: 6,
  UNPAUSE: 7,
  SUBSCRIBE: 8,
  WAIT: 9,
  LEAVE: 10,
  RESIZE: 11,
} as const;

export const logFlag = { GAP: 1, ADOPTED: 2 } as const;

/** Sizes of the fixed structures, in bytes. */
export const size = {
  report: 248,
  state: 256,
  request: 24,
  reply: 264,
  logEntry: 24,
  exit: 32,
  notified: 256,
} as const;

/** Where each field of a structure begins. */
export const offset = {
  report: { magic: 0, id: 4, kind: 8, phase: 10, op: 12, error: 16, pid: 20, number: 24, text: 32 },
  state: {
    magic: 0,
    abi: 4,
    sequence: 8,
    boot_id: 16,
    monitor_pid: 32,
    init_pid: 36,
    monitor_start: 40,
    init_start: 48,
    created_ns: 56,
    started_ns: 64,
    finished_ns: 72,
    started_boot_ns: 80,
    finished_boot_ns: 88,
    phase: 96,
    starts: 100,
    wait_status: 104,
    exit_known: 108,
    oom_killed: 109,
    stop_requested: 110,
    tty: 111,
    fail_phase: 112,
    fail_kind: 114,
    fail_op: 116,
    fail_error: 120,
    adoptions: 124,
    dropped_bytes: 128,
    fail_text: 136,
    kill_at_boot_s: 248,
    checksum: 252,
  },
  request: { size: 0, op: 4, flags: 6, a: 8, b: 16 },
  reply: { size: 0, op: 4, error: 6, state: 8 },
  logEntry: { offset: 0, time_ns: 8, length: 16, stream: 20, flags: 21, start: 22 },
  exit: { magic: 0, wait_status: 4, finished_ns: 8, finished_boot_ns: 16, start: 24, checksum: 28 },
  notified: {
    magic: 0,
    start: 4,
    watchdog_boot_ns: 8,
    ready: 16,
    stopping: 17,
    trigger: 18,
    status: 20,
    checksum: 252,
  },
} as const;

export type FrameKind = (typeof frameKind)[keyof typeof frameKind];
export type PhaseName = Exclude<keyof typeof phase, 'NONE'>;
export type OpName = keyof typeof opKind;
