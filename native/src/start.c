/* Entry: from the kernel's stack to a sealed copy of ourselves to the command. */
#include "files.h"
#include "shim.h"

#include <linux/memfd.h>
#include <linux/prctl.h>

#define AT_RANDOM 25
#define NAME "tsc-shim"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

void tsc_enter(uintptr_t *stack);
_Noreturn void __stack_chk_fail(void);
extern uintptr_t __stack_chk_guard;

uintptr_t __stack_chk_guard;

TSC_START_CODE;

_Noreturn void __stack_chk_fail(void)
{
	for (;;)
		__builtin_trap();
}

static _Noreturn void complain(const char *message)
{
	sys_write(2, message, strlen(message));
	sys_exit(125);
}

/*
 * We run as root beside and, as PID 1, inside containers. A container that gets hold of /proc/<us>/exe (an entrypoint of
 * "#!/proc/self/exe" is enough, CVE-2019-5736) could write to the file we were started from; so that is a sealed copy in
 * memory that nobody can write to. It is some tens of kB and costs well under a millisecond per batch.
 */
static void run_sealed(char **argv, char **envp)
{
	const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int self = sys_open("/proc/self/exe", O_RDONLY | O_CLOEXEC, 0);
	if (self < 0)
		complain("tsc-shim: cannot open /proc/self/exe; is /proc mounted?\n");
	int have = sys_fcntl(self, F_GET_SEALS, 0);
	if (have >= 0 && (have & seals) == seals) {
		sys_close(self);
		return;
	}
	int copy = sys_memfd(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (copy == -EINVAL) /* before 6.3 every memfd may be executed */
		copy = sys_memfd(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy < 0)
		complain("tsc-shim: cannot make an executable memfd; see the sysctl vm.memfd_noexec\n");
	long got;
	while ((got = sys_sendfile(copy, self, 1u << 20)) > 0)
		;
	if (got < 0 || sys_fcntl(copy, F_ADD_SEALS, seals) != 0)
		complain("tsc-shim: cannot copy itself\n");
	sys_close(self);
	sys_execveat(copy, "", argv, envp, AT_EMPTY_PATH);
	complain("tsc-shim: cannot execute its sealed copy; see the sysctl vm.memfd_noexec\n");
}

static _Noreturn void print_version(void)
{
	char text[8];
	struct tsc_text out = tsc_start_text(text, sizeof text);
	tsc_add_number(&out, TSC_ABI);
	tsc_add_text(&out, "\n");
	sys_write(1, text, out.size);
	sys_exit(0);
}

static _Noreturn void run(int argc, char **argv, char **envp)
{
	if (argc == 2 && tsc_same_text(argv[1], "version"))
		print_version();
	if (argc > 3 && (tsc_same_text(argv[1], "files") || tsc_same_text(argv[1], "layers"))) {
		sys_prctl(PR_SET_DUMPABLE, 0, 0, 0);
		tsc_reset_signals();
		sys_exit(tsc_serve_files(argc, argv));
	}
	if (argc >= 4 && tsc_same_text(argv[1], "supervise"))
		sys_exit(tsc_supervise(argv + 2, envp));
	if (argc >= 5 && tsc_same_text(argv[1], "with-launcher"))
		sys_exit(tsc_with_launcher(argv + 2, envp));
	bool launch = (argc == 3 || argc == 4) && tsc_same_text(argv[1], "launch");
	bool exec = argc >= 2 && tsc_same_text(argv[1], "exec");
	if (!launch && !exec)
		complain("usage: tsc-shim launch LOCKFILE|- [NAME] | exec [FD COMMAND...] | files PID START |"
				 " layers STATE UPPER WORK LOWER... | supervise LOCKFILE COMMAND... |"
				 " with-launcher LOCKFILE NAME COMMAND... | version\n");
	run_sealed(argv, envp);
	/* No ptrace, no /proc/<us>/fd, no core: for all that is forked from here, until exec (CVE-2016-9962). */
	sys_prctl(PR_SET_DUMPABLE, 0, 0, 0);
	/* Nothing interrupts us: signals are read where they are wanted, and SIGPIPE is an error code. */
	tsc_reset_signals();
	sys_sigmask(~0ull);
	if (launch)
		tsc_launch(argv[2]);
	tsc_exec(argv + 2, envp);
}

__attribute__((no_stack_protector, used)) void tsc_enter(uintptr_t *stack)
{
	int argc = (int)stack[0];
	char **argv = (char **)(stack + 1);
	char **envp = argv + argc + 1;
	char **at = envp;
	while (*at)
		at++;
	for (const uintptr_t *aux = (const uintptr_t *)(at + 1); aux[0] != 0; aux += 2)
		if (aux[0] == AT_RANDOM)
			/* The lowest byte stays zero: it ends a string that runs into the guard. */
			__stack_chk_guard = *(const uintptr_t *)aux[1] & ~(uintptr_t)255;
	run(argc, argv, envp);
}
