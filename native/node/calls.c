/*
 * tsc-calls.node: system calls that Node has no name for, as functions of their names. Numbers are passed on as they are, and
 * a Buffer as where its bytes are, for as long as the call takes; the answer is the kernel's, negative for an errno. They are
 * checked where they are called from (native.ts): nothing here knows what they mean.
 */
#include "../src/sys.h"
#include "napi.h"

#define MOST_ARGUMENTS 6u

static const struct {
	const char *name;
	long number;
} calls[] = {
	{"close", __NR_close},
	{"flock", __NR_flock},
	{"setns", __NR_setns},
	{"unshare", __NR_unshare},
	{"mount", __NR_mount},
	{"umount2", __NR_umount2},
	{"pidfd_open", __NR_pidfd_open},
	{"pidfd_send_signal", __NR_pidfd_send_signal},
	{"lgetxattr", __NR_lgetxattr},
	{"socket", __NR_socket},
	{"setsockopt", __NR_setsockopt},
	{"getsockopt", __NR_getsockopt},
	{"connect", __NR_connect},
	{"sendto", __NR_sendto},
	{"recvfrom", __NR_recvfrom},
	{"ppoll", __NR_ppoll},
};

/* A Buffer, or else a number; anything else is 0. */
static long operand(napi_env env, napi_value value)
{
	void *bytes = NULL;
	size_t size = 0;
	int64_t number = 0;
	if (napi_get_buffer_info(env, value, &bytes, &size) == 0)
		return (long)bytes;
	return napi_get_value_int64(env, value, &number) == 0 ? (long)number : 0;
}

static napi_value call(napi_env env, napi_callback_info info)
{
	napi_value values[MOST_ARGUMENTS], out = NULL;
	long operands[MOST_ARGUMENTS] = {0};
	size_t count = MOST_ARGUMENTS;
	void *number = NULL;
	if (napi_get_cb_info(env, info, &count, values, NULL, &number) != 0)
		count = 0;
	for (size_t i = 0; i < count && i < MOST_ARGUMENTS; i++)
		operands[i] = operand(env, values[i]);
	long answer = tsc_syscall((long)number, operands[0], operands[1], operands[2], operands[3], operands[4], operands[5]);
	napi_create_int64(env, answer, &out);
	return out;
}

__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		napi_value function = NULL;
		if (napi_create_function(env, calls[i].name, ~(size_t)0, call, (void *)calls[i].number, &function) == 0)
			napi_set_named_property(env, exports, calls[i].name, function);
	}
	return exports;
}
