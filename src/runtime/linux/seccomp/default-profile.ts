import type { CapabilityName } from '../caps.ts';
import type { Condition, Rule } from './compile.ts';

/*
 * What Docker's default profile lets a container do on kernels from 4.8 on, said once for both of our architectures; names
 * that an architecture does not have are skipped. Everything else is refused with EPERM: what the kernel does not keep per
 * namespace (keys, kexec, swap, clocks, modules), what is mostly attack surface (io_uring, userfaultfd, bpf), and what
 * leads out of a mount namespace (open_by_handle_at).
 */
const always = `
  accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown clock_adjtime
  clock_getres clock_gettime clock_nanosleep close close_range connect copy_file_range creat dup dup2 dup3
  epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
  eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fallocate fanotify_mark fchdir fchmod
  fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat
  fstatfs fsync ftruncate futex futex_requeue futex_wait futex_waitv futex_wake futimesat get_robust_list
  get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid
  getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname
  getsockopt gettid gettimeofday getuid getxattr getxattrat inotify_add_watch inotify_init inotify_init1
  inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit ioctl ioprio_get ioprio_set
  kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr link linkat listen
  listmount listxattr listxattrat llistxattr lremovexattr lseek lsetxattr lstat madvise map_shadow_stack
  membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mprotect
  mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink mremap mseal msgctl msgget msgrcv msgsnd
  msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat open openat openat2 pause pidfd_open
  pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 preadv preadv2
  prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6 ptrace pwrite64 pwritev pwritev2 read
  readahead readlink readlinkat readv recvfrom recvmmsg recvmsg remap_file_pages removexattr removexattrat rename
  renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
  rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
  sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity
  sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop
  sendfile sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsuid setgid
  setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setsockopt setuid
  setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 socketpair splice stat
  statfs statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create
  timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times
  tkill truncate umask uname unlink unlinkat uretprobe utime utimensat utimes vfork vmsplice wait4 waitid write
  writev
`;

const perArchitecture = { x64: 'arch_prctl modify_ldt', arm64: 'sync_file_range2' } as const;

/** What a capability of the container's adds. */
const withCapability: { readonly [name in CapabilityName]?: string } = {
  DAC_READ_SEARCH: 'open_by_handle_at',
  SYS_ADMIN: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr
    lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd
    setdomainname sethostname setns syslog umount2 unshare`,
  SYS_BOOT: 'reboot',
  SYS_CHROOT: 'chroot',
  SYS_MODULE: 'delete_module init_module finit_module',
  SYS_PACCT: 'acct',
  SYS_PTRACE: 'kcmp pidfd_getfd process_madvise',
  SYS_RAWIO: 'iopl ioperm',
  SYS_TIME: 'settimeofday clock_settime',
  SYS_TTY_CONFIG: 'vhangup',
  SYS_NICE: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
  SYSLOG: 'syslog',
  BPF: 'bpf',
  PERFMON: 'perf_event_open',
};

/** All CLONE_NEW* flags but the time namespace's, which clone(2) cannot make. */
const namespaceFlags = 0x7e020000n;

/** The kernel reads 32 bits of these arguments, so 32 bits are compared. */
const first = (comparison: Condition['comparison'], value: bigint, second = 0n): Condition => ({
  index: 0,
  comparison,
  value,
  second,
  bits: 32,
});

/** PER_LINUX, PER_LINUX32, with and without UNAME26, and "tell me" (0xffffffff). */
const personalities = [0x0n, 0x8n, 0x20000n, 0x20008n, 0xffffffffn];

/** Address families nobody in a container needs: protocols long dead, and AF_ALG and AF_VSOCK, which no namespace confines. */
const families: readonly (readonly [bigint, bigint])[] = [
  [0n, 11n],
  [13n, 18n],
  [21n, 22n],
  [24n, 24n],
  [26n, 33n],
  [35n, 36n],
  [39n, 39n],
  [41n, 45n],
];

const ENOSYS = 38;

/** The rules for a container with these capabilities, in the order in which they are tried. */
export function defaultRules(capabilities: readonly CapabilityName[], arch: 'x64' | 'arm64'): Rule[] {
  const granted = capabilities.flatMap((name) => words(withCapability[name] ?? ''));
  const rules: Rule[] = [
    {
      names: [...words(always), ...words(perArchitecture[arch]), ...granted],
      action: { kind: 'allow' },
      conditions: [],
    },
    ...personalities.map((value): Rule => allowIf('personality', [first('eq', value)])),
    ...families.map(([from, to]): Rule => allowIf('socket', [first('ge', from), first('le', to)])),
  ];
  if (capabilities.includes('SYS_ADMIN')) return rules;
  rules.push(allowIf('clone', [first('masked-eq', namespaceFlags)]));
  // Its flags lie behind a pointer, where no filter can look; told that it does not exist, libraries use clone.
  rules.push({ names: ['clone3'], action: { kind: 'errno', errno: ENOSYS }, conditions: [] });
  return rules;
}

const allowIf = (name: string, conditions: readonly Condition[]): Rule => ({
  names: [name],
  action: { kind: 'allow' },
  conditions,
});

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
