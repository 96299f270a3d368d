/* The part of Node-API that is used, declared here: not every Node comes with its headers, and its ABI is stable. */
#ifndef TSC_NAPI_H
#define TSC_NAPI_H

#include <stddef.h>
#include <stdint.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);

int napi_create_function(napi_env env, const char *name, size_t length, napi_callback callback, void *data, napi_value *out);
int napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value);
int napi_get_cb_info(napi_env env, napi_callback_info info, size_t *count, napi_value *arguments, napi_value *self,
		     void **data);
int napi_get_buffer_info(napi_env env, napi_value value, void **data, size_t *length);
int napi_get_value_int64(napi_env env, napi_value value, int64_t *out);
int napi_create_int32(napi_env env, int32_t value, napi_value *out);
int napi_create_int64(napi_env env, int64_t value, napi_value *out);

napi_value napi_register_module_v1(napi_env env, napi_value exports);

#endif
