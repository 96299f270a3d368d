/*
 * tsc-become.node: what Node needs to become another program. A command that has nothing left to do but to wait for the
 * shim becomes the shim instead; a shell in a container then costs what the shim does, and not a whole Node beside it.
 *
 * The part of Node-API that is used is declared here: not every Node comes with its headers, and its ABI is stable. Nothing
 * of libc is used but `environ`, which Node has loaded.
 */
#include "../src/sys.h"

#define MAX_WORDS 4096u

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);

int napi_create_function(napi_env env, const char *name, size_t length, napi_callback callback, void *data, napi_value *out);
int napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value);
int napi_get_cb_info(napi_env env, napi_callback_info info, size_t *count, napi_value *arguments, napi_value *self,
		     void **data);
int napi_get_buffer_info(napi_env env, napi_value value, void **data, size_t *length);
int napi_create_int32(napi_env env, int32_t value, napi_value *out);

napi_value napi_register_module_v1(napi_env env, napi_value exports);

extern char **environ;

struct bytes {
	char *at;
	size_t size;
};

/* The one argument both functions have: a Buffer. Anything else is empty. */
static struct bytes argument(napi_env env, napi_callback_info info)
{
	napi_value value = NULL;
	void *at = NULL;
	size_t count = 1, size = 0;
	if (napi_get_cb_info(env, info, &count, &value, NULL, NULL) != 0 || count < 1 ||
	    napi_get_buffer_info(env, value, &at, &size) != 0)
		return (struct bytes){NULL, 0};
	return (struct bytes){at, size};
}

static napi_value answer(napi_env env, long value)
{
	napi_value out = NULL;
	napi_create_int32(env, (int32_t)value, &out);
	return out;
}

/* memory(bytes): a descriptor from which they can be read, and which survives exec; or -errno. */
static napi_value memory(napi_env env, napi_callback_info info)
{
	struct bytes bytes = argument(env, info);
	int fd = sys_memfd("tscompose", 0);
	for (size_t done = 0; fd >= 0 && done < bytes.size;) {
		long put = sys_pwrite(fd, bytes.at + done, bytes.size - done, done);
		if (put > 0) {
			done += (size_t)put;
			continue;
		}
		sys_close(fd);
		fd = put < 0 ? (int)put : -5; /* EIO */
	}
	return answer(env, fd);
}

/* become(words): execve(2) of the first of NUL-terminated words with all of them as its arguments. Returns only -errno. */
static napi_value become(napi_env env, napi_callback_info info)
{
	static char *words[MAX_WORDS + 1];
	struct bytes bytes = argument(env, info);
	size_t count = 0;
	for (size_t at = 0; at < bytes.size && count < MAX_WORDS; at++)
		if (at == 0 || bytes.at[at - 1] == 0)
			words[count++] = bytes.at + at;
	words[count] = NULL;
	if (count == 0 || count == MAX_WORDS || bytes.at[bytes.size - 1] != 0)
		return answer(env, -22); /* EINVAL */
	/* Node has marked the standard streams so that no child gets them by accident. */
	for (int fd = 0; fd < 3; fd++)
		sys_fcntl(fd, F_SETFD, 0);
	int error = sys_execve(words[0], words, environ);
	for (int fd = 0; fd < 3; fd++)
		sys_fcntl(fd, F_SETFD, FD_CLOEXEC);
	return answer(env, error);
}

static void export(napi_env env, napi_value exports, const char *name, napi_callback callback)
{
	napi_value function = NULL;
	if (napi_create_function(env, name, ~(size_t)0, callback, NULL, &function) == 0)
		napi_set_named_property(env, exports, name, function);
}

__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports)
{
	export(env, exports, "memory", memory);
	export(env, exports, "become", become);
	return exports;
}
