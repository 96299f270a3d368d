/* The last step: find the program as execvp(3) does, and say what is missing when the kernel says ENOENT. */
#include "shim.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *find_path(char *const *envp)
{
	for (; *envp; envp++)
		if (tsc_starts_with(*envp, "PATH="))
			return *envp + 5;
	return DEFAULT_PATH;
}

static bool exists(const char *path)
{
	struct statx info;
	return sys_statx(AT_FDCWD, path, 0, STATX_TYPE, &info) == 0;
}

/* ENOENT for a file that is there means that its interpreter is not: remembered for the message. */
static int try_program(const char *path, char *const *argv, char *const *envp, char found[TSC_STACK_PATH])
{
	int error = sys_execve(path, argv, envp);
	if ((error != -ENOENT && error != -ENOTDIR) || exists(path)) {
		struct tsc_text text = tsc_start_text(found, TSC_STACK_PATH);
		tsc_add_text(&text, path);
	}
	return error;
}

int tsc_execute(char *const *argv, char *const *envp, char found[TSC_STACK_PATH])
{
	const char *name = argv[0];
	found[0] = 0;
	if (!*name)
		return -ENOENT;
	for (const char *at = name; *at; at++)
		if (*at == '/')
			return try_program(name, argv, envp, found);
	int worst = -ENOENT;
	for (const char *path = find_path(envp); path;) {
		char candidate[TSC_STACK_PATH];
		struct tsc_text text = tsc_start_text(candidate, sizeof candidate);
		const char *end = path;
		while (*end && *end != ':')
			end++;
		tsc_add_bytes(&text, end == path ? "." : path, end == path ? 1 : (size_t)(end - path));
		tsc_add_text(&text, "/");
		tsc_add_text(&text, name);
		int error = text.cut ? -ENAMETOOLONG : try_program(candidate, argv, envp, found);
		/* As execvp: "not allowed" is only the answer when nothing further on can be run. */
		if (error == -EACCES)
			worst = error;
		else if ((error != -ENOENT && error != -ENOTDIR) || exists(candidate))
			return error;
		path = *end ? end + 1 : NULL;
	}
	return worst;
}
