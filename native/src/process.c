/* PROCESS: descriptors, session, user, directory, environment, exec. */
#include "shim.h"
#include "sys_admin.h"

#include <asm/ioctls.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <linux/prctl.h>

#define MESSAGE_FD 3

struct command {
	struct tsc_identity identity;
	struct tsc_op umask, cwd, env, exec;
	bool has_umask, has_cwd, has_env, has_exec;
	struct tsc_report failure;
};

static _Noreturn void give_up(struct command *command, uint32_t op, int error, const char *text)
{
	tsc_fail_report(&command->failure, TSC_PHASE_PROCESS, op, error, text);
	/* write, not sendmsg: by now a system call filter may be in force. */
	sys_write(MESSAGE_FD, &command->failure, sizeof command->failure);
	sys_exit(error == -ENOENT || error == -ENOTDIR ? 127 : 126);
}

static _Noreturn void give_up_limits(struct command *command, uint32_t op, int error)
{
	tsc_fail_report(&command->failure, TSC_PHASE_ATTACH, op, error, "");
	sys_write(MESSAGE_FD, &command->failure, sizeof command->failure);
	sys_exit(126);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wswitch-enum" /* the decoder lets only PROCESS's ops get here */
static void collect(const struct tsc_frame *frame, struct command *command)
{
	struct tsc_cursor cursor = tsc_open_phase(frame, TSC_PHASE_PROCESS);
	struct tsc_op op;
	while (tsc_next_op(&cursor, &op)) {
		switch ((enum tsc_op_kind)op.kind) {
		case TSC_OP_UMASK:
			command->umask = op, command->has_umask = true;
			break;
		case TSC_OP_CWD:
			command->cwd = op, command->has_cwd = true;
			break;
		case TSC_OP_NO_NEW_PRIVS:
			command->identity.no_new_privs = true;
			command->identity.no_new_privs_op = op.index;
			break;
		case TSC_OP_USER:
			command->identity.user = op, command->identity.has_user = true;
			break;
		case TSC_OP_CAPS:
			command->identity.caps = op, command->identity.has_caps = true;
			break;
		case TSC_OP_SECCOMP:
			command->identity.seccomp = op, command->identity.has_seccomp = true;
			break;
		case TSC_OP_ENV:
			command->env = op, command->has_env = true;
			break;
		default:
			command->exec = op, command->has_exec = true;
		}
	}
}
#pragma GCC diagnostic pop

/* 0, 1, 2 and the message socket on 3; everything else is closed for good, not only at exec (CVE-2024-21626). */
static int arrange_descriptors(struct tsc_process *process)
{
	int high[3], message = sys_fcntl(process->message, F_DUPFD_CLOEXEC, 16), error = 0;
	for (unsigned i = 0; i < 3; i++)
		high[i] = process->stdio[i] < 0 ? -1 : sys_fcntl(process->stdio[i], F_DUPFD_CLOEXEC, 16);
	for (int i = 0; i < 3 && error >= 0; i++)
		error = high[i] < 0 ? 0 : sys_dup3(high[i], i, 0);
	if (error >= 0)
		error = sys_dup3(message, MESSAGE_FD, O_CLOEXEC);
	if (error >= 0)
		error = sys_close_range(MESSAGE_FD + 1, ~0u, 0);
	return error < 0 ? error : 0;
}

/*
 * /dev/stdout can then be opened by a user other than root. Pipes and the container's own terminal only: a file, a device
 * or the terminal that somebody called us from is not ours to give away (crun CVE-2026-88265).
 */
static void give_stdio(const struct tsc_op *user, const struct tsc_process *process)
{
	struct statx info;
	struct tsc_statfs fs;
	for (int fd = 0; fd < 3; fd++) {
		if (sys_statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &info) != 0)
			continue;
		bool pipe = (info.stx_mode & 0170000) == 0010000;
		/* A pipe of our caller's that has a name lies somewhere on the host, and belongs to whom it belongs. */
		if (pipe && !process->own_stdio)
			pipe = sys_fstatfs(fd, &fs) == 0 && fs.type == PIPEFS_MAGIC;
		if (pipe || process->tty)
			sys_fchown(fd, (uint32_t)user->number[0], (uint32_t)user->number[1]);
	}
}

static int go_to(const char *path)
{
	/* No magic links: /proc/self/fd/N as working directory is how CVE-2024-21626 got out. */
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
	int fd = sys_openat2(AT_FDCWD, path, &how);
	if (fd < 0)
		return fd;
	int error = sys_fchdir(fd);
	sys_close(fd);
	return error;
}

/* -EACCES is no failure yet: root without DAC_OVERRIDE may be refused where the user is not. */
static int enter_directory(const struct command *command)
{
	const struct tsc_op *user = &command->identity.user;
	const struct tsc_owner owner = {0755, (uint32_t)user->number[0], (uint32_t)user->number[1]};
	int error = go_to(command->cwd.string[0]);
	if (error != -ENOENT || command->cwd.number[0] != 1)
		return error;
	int root = sys_open("/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	int made = root < 0 ? root
			    : tsc_make_target(root, command->cwd.string[0], TSC_TARGET_DIRECTORY, TSC_RESOLVE_INSIDE,
					      &owner);
	if (root >= 0)
		sys_close(root);
	if (made < 0)
		return made;
	sys_close(made);
	return go_to(command->cwd.string[0]);
}

/* A directory outside the root shows as "(unreachable)/…": whatever led there, it is not given to the command. */
static int check_directory(void)
{
	char path[TSC_STACK_PATH];
	long size = sys_getcwd(path, sizeof path);
	if (size < 0)
		return (int)size;
	return path[0] == '/' ? 0 : -EPERM;
}

static void settle(struct tsc_process *process, struct command *command)
{
	uint32_t op = command->exec.index;
	int error = arrange_descriptors(process);
	if (error)
		give_up(command, op, error, "file descriptors");
	/* A session of its own: signals of a terminal outside do not reach it, nor TIOCSTI back (CVE-2017-5226). */
	sys_setsid();
	if (process->tty && (error = sys_ioctl_int(0, TIOCSCTTY, 0)) != 0)
		give_up(command, op, error, "terminal");
	if (command->identity.has_user)
		give_stdio(&command->identity.user, process);
	sys_umask(command->has_umask ? (unsigned)command->umask.number[0] & 0777 : 0022);
	int entered = command->has_cwd ? enter_directory(command) : sys_chdir("/");
	if (entered && entered != -EACCES && entered != -EPERM)
		give_up(command, command->cwd.index, entered, command->cwd.string[0]);
	error = tsc_take_limits(process->frame, &op);
	if (error)
		give_up_limits(command, op, error);
	error = tsc_take_identity(&command->identity, &op);
	if (error)
		give_up(command, op, error, "");
	if (entered)
		entered = go_to(command->cwd.string[0]);
	if (entered || (entered = check_directory()) != 0)
		give_up(command, command->cwd.index, entered, command->cwd.string[0]);
}

/* The program is there: what is missing is the interpreter it names. */
static _Noreturn void blame_interpreter(struct command *command, const char *program)
{
	char interpreter[256], message[sizeof command->failure.text];
	struct tsc_text text = tsc_start_text(message, sizeof message);
	tsc_add_text(&text, program);
	if (tsc_find_interpreter(program, interpreter)) {
		tsc_add_text(&text, " (interpreter ");
		tsc_add_text(&text, interpreter);
		tsc_add_text(&text, ")");
	}
	command->failure.number = 1;
	give_up(command, command->exec.index, -ENOENT, message);
}

_Noreturn void tsc_become_command(struct tsc_process *process)
{
	static struct command command; /* zero, and not on the stack of what will be exec'ed */
	static char found[TSC_STACK_PATH];
	collect(process->frame, &command);
	command.failure = tsc_make_report(process->frame->id, TSC_REPORT_FAILED);
	char **argv = process->vector;
	char **envp = tsc_split_words(command.exec.string[0], command.exec.length[0], argv);
	tsc_split_words(command.has_env ? command.env.string[0] : "", command.env.length[0], envp);
	settle(process, &command);
	if (!argv[0])
		give_up(&command, command.exec.index, -EINVAL, "no command");
	/* From here on nobody ends with us; the container outlives its monitor. (setresuid has cleared it already.) */
	sys_prctl(PR_SET_PDEATHSIG, 0, 0, 0);
	struct tsc_report ready = tsc_make_report(process->frame->id, TSC_NOTE_READY);
	sys_write(MESSAGE_FD, &ready, sizeof ready);
	/* Dispositions are the default ones since our start; only the mask is ours. After READY: a stop that came during
	 * set-up ends the command, it does not make the set-up fail. */
	sys_sigmask(0);
	if (command.identity.has_seccomp && command.identity.no_new_privs) {
		int error = tsc_seal_syscalls(&command.identity.seccomp);
		if (error)
			give_up(&command, command.identity.seccomp.index, error, "");
	}
	int error = tsc_execute(argv, envp, found);
	if (error == -ENOENT && found[0])
		blame_interpreter(&command, found);
	give_up(&command, command.exec.index, error, found[0] ? found : argv[0]);
}
