/*
 * tsc-net: entry, and the keeper. A process starts its partner by fork and exec of itself, with the pipes between them on
 * fixed descriptors, so that neither inherits anything of the other's state.
 */
#include "net.h"

#include <linux/prctl.h>

#define AT_RANDOM 25

enum {
	HIGH = 100, /* descriptors are moved up there first, then into place */
	SHORT_LIFE_MS = 1000,
	LONGEST_WAIT_MS = 5000,
	READY_TRIES = 2000, /* a millisecond apart */
};

static char *const no_environment[] = {NULL};
const struct tsc_control_address tsc_control_address = {TSC_AF_UNIX, "net.sock"};

static int place(const int fds[4])
{
	int high[4];
	for (int i = 0; i < 4; i++) {
		high[i] = sys_fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH);
		if (high[i] < 0)
			return high[i];
	}
	for (int i = 0; i < 4; i++)
		if (sys_dup3(high[i], TSC_FD_LOCK + i, 0) < 0)
			return -EBADF;
	sys_close_range(TSC_FD_FIRST_FREE, ~0u, 0);
	return 0;
}

/* Our ends of the pipes take TSC_FD_TELL and TSC_FD_HEAR, whatever was there before. */
static void keep_ends(int tell, int hear)
{
	sys_dup3(tell, TSC_FD_TELL, O_CLOEXEC);
	sys_dup3(hear, TSC_FD_HEAR, O_CLOEXEC);
	sys_close(tell);
	sys_close(hear);
}

int tsc_start_partner(const char *mode)
{
	int mine[2], theirs[2]; /* read end, write end: what I say, what they say */
	int error = sys_pipe(mine, O_CLOEXEC);
	if (error)
		return error;
	error = sys_pipe(theirs, O_CLOEXEC);
	int pid = error ? error : sys_fork();
	if (pid == 0) {
		int fds[4] = {TSC_FD_LOCK, TSC_FD_HOST, theirs[1], mine[0]};
		char *argv[] = {(char *)(uintptr_t)"tsc-net", (char *)(uintptr_t)mode, NULL};
		if (!place(fds))
			sys_execve("/proc/self/exe", argv, no_environment);
		sys_exit(127);
	}
	sys_close(mine[0]);
	if (!error)
		sys_close(theirs[1]);
	if (pid < 0) {
		sys_close(mine[1]);
		if (!error)
			sys_close(theirs[0]);
		return pid;
	}
	keep_ends(mine[1], theirs[0]);
	return 0;
}

void tsc_show_alive(void)
{
	int error = sys_mknodat(AT_FDCWD, "net.alive", 0010600, 0);
	if (!error || error == -EEXIST)
		sys_open("net.alive", O_RDWR | O_NONBLOCK | O_CLOEXEC, 0); /* open for as long as we live */
}

/* Waits for the worker's end, and brings it back unless it said that it goes for good. */
static _Noreturn void keep(void)
{
	uint32_t wait_ms = 0;
	struct __kernel_timespec began, ended;
	int32_t pid = sys_getpid();
	sys_setns_net(TSC_FD_HOST);
	tsc_show_alive();
	for (;;) {
		char said;
		sys_write(TSC_FD_TELL, &pid, sizeof pid);
		sys_clock(TSC_CLOCK_MONOTONIC, &began);
		long size = sys_read(TSC_FD_HEAR, &said, 1);
		if (size == -EINTR)
			continue;
		if (size > 0)
			sys_exit(0);
		sys_clock(TSC_CLOCK_MONOTONIC, &ended);
		if (ended.tv_sec - began.tv_sec >= SHORT_LIFE_MS / 1000 + 1)
			wait_ms = 0;
		else if (wait_ms)
			sys_sleep_ms(wait_ms);
		wait_ms = wait_ms ? (wait_ms * 2 > LONGEST_WAIT_MS ? LONGEST_WAIT_MS : wait_ms * 2) : 10;
		while (tsc_start_partner("work"))
			sys_sleep_ms(100);
	}
}

static void ignore_signals(void)
{
	struct tsc_sigaction ignore = {.action = (void *)1};
	static const int signals[] = {TSC_SIGHUP, TSC_SIGINT, TSC_SIGPIPE, TSC_SIGTERM, TSC_SIGCHLD};
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sys_sigaction(signals[i], &ignore);
}

static bool is_ready(void)
{
	int fd = sys_socket(TSC_AF_UNIX, TSC_SOCK_STREAM | TSC_SOCK_CLOEXEC);
	int error = sys_connect(fd, &tsc_control_address, sizeof tsc_control_address);
	sys_close(fd);
	return !error;
}

/* Until the worker's socket takes connections. */
static int wait_ready(void)
{
	for (int i = 0; i < READY_TRIES; i++) {
		if (is_ready())
			return 0;
		sys_sleep_ms(1);
	}
	return 1;
}

/* Who dies lets go of the fifo a little before the lock: it is only lost to somebody who serves. */
static bool wait_lock(int lock)
{
	for (int i = 0; i < READY_TRIES; i++) {
		if (!sys_flock(lock, TSC_LOCK_EX | TSC_LOCK_NB))
			return true;
		if (is_ready())
			return false;
		sys_sleep_ms(1);
	}
	return false;
}

/*
 * The first of the pair: takes the lock, leaves the session, has the worker started. `revive`: only if there is a table,
 * that is if nobody has said that it shall end.
 */
static int serve(const char *directory, bool revive)
{
	int fds[4];
	if (sys_chdir(directory))
		return 2;
	int lock = sys_open("net.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int host = sys_open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC, 0);
	if (lock < 0 || host < 0)
		return 1;
	if (revive ? !wait_lock(lock) : sys_flock(lock, TSC_LOCK_EX | TSC_LOCK_NB))
		return 3;
	/* With the lock held: who says that it shall end takes the table away before the lock is free. */
	int table = revive ? sys_open("net.table", O_RDONLY | O_CLOEXEC, 0) : 0;
	if (table < 0)
		return 4;
	int pid = sys_fork();
	if (pid)
		return pid < 0 ? 1 : wait_ready();
	sys_unlinkat(AT_FDCWD, "net.sock", 0);
	sys_setsid();
	int null = sys_open("/dev/null", O_RDWR | O_CLOEXEC, 0);
	fds[0] = lock;
	fds[1] = host;
	fds[2] = fds[3] = null;
	for (int i = 0; i < 3; i++)
		sys_dup3(null, i, 0);
	if (place(fds) || tsc_start_partner("work"))
		sys_exit(1);
	char *argv[] = {(char *)(uintptr_t)"tsc-net", (char *)(uintptr_t)"keep", NULL};
	for (int i = TSC_FD_TELL; i <= TSC_FD_HEAR; i++)
		sys_fcntl(i, F_SETFD, 0);
	sys_execve("/proc/self/exe", argv, no_environment);
	sys_exit(1);
}

static int usage(void)
{
	static const char text[] = "usage: tsc-net serve DIRECTORY | revive DIRECTORY | version\n";
	sys_write(2, text, sizeof text - 1);
	return 2;
}

static int net_main(int argc, char **argv)
{
	if (argc < 2)
		return usage();
	ignore_signals();
	sys_prctl(PR_SET_DUMPABLE, 0, 0, 0);
	sys_prctl(PR_SET_NAME, (unsigned long)"tsc-net", 0, 0);
	if (argc == 3 && tsc_same_text(argv[1], "serve"))
		return serve(argv[2], false);
	if (argc == 3 && tsc_same_text(argv[1], "revive"))
		return serve(argv[2], true);
	if (argc == 2 && tsc_same_text(argv[1], "version")) {
		char bytes[16];
		struct tsc_text text = tsc_start_text(bytes, sizeof bytes);
		tsc_add_number(&text, TSC_NET_ABI);
		tsc_add_text(&text, "\n");
		sys_write(1, bytes, text.size);
		return 0;
	}
	if (tsc_same_text(argv[1], "keep"))
		keep();
	if (tsc_same_text(argv[1], "work"))
		tsc_work();
	return usage();
}

_Noreturn void __stack_chk_fail(void);
extern uintptr_t __stack_chk_guard;
void tsc_enter(uintptr_t *stack);

uintptr_t __stack_chk_guard;

TSC_START_CODE;

_Noreturn void __stack_chk_fail(void)
{
	for (;;)
		__builtin_trap();
}

__attribute__((no_stack_protector, used)) void tsc_enter(uintptr_t *stack)
{
	int argc = (int)stack[0];
	char **argv = (char **)(stack + 1);
	char **at = argv + argc + 1;
	while (*at)
		at++;
	for (const uintptr_t *aux = (const uintptr_t *)(at + 1); aux[0] != 0; aux += 2)
		if (aux[0] == AT_RANDOM)
			/* The lowest byte stays zero: it ends a string that runs into the guard. */
			__stack_chk_guard = *(const uintptr_t *)aux[1] & ~(uintptr_t)255;
	sys_exit(net_main(argc, argv));
}
