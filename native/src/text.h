/* The few things one misses without a libc. Pure: also compiled hosted, under sanitizers, by the tests. */
#ifndef TSC_TEXT_H
#define TSC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *left, const void *right, size_t size);
size_t strlen(const char *text);

bool tsc_same_text(const char *left, const char *right);
bool tsc_starts_with(const char *text, const char *start);

/* Text that is put together in a buffer of fixed size; too much is cut and remembered. Always NUL-terminated. */
struct tsc_text {
	char *bytes;
	size_t room; /* including the NUL */
	size_t size;
	bool cut;
};
struct tsc_text tsc_start_text(char *bytes, size_t room);
void tsc_add_bytes(struct tsc_text *text, const char *bytes, size_t size);
void tsc_add_text(struct tsc_text *text, const char *more);
void tsc_add_number(struct tsc_text *text, int64_t number);

/* Decimal digits at the start of `text`; false when there are none or they exceed 64 bits. */
bool tsc_parse_number(const char *text, uint64_t *out, const char **rest);
/* 32 hex digits with dashes anywhere (boot_id) to 16 bytes. */
bool tsc_parse_uuid(const char *text, uint8_t out[16]);
/* The number after "name " in a flat keyed kernel file; false when it is not there. */
bool tsc_find_field(const char *text, const char *name, uint64_t *out);

uint32_t tsc_hash_words(const uint32_t *words, size_t count); /* MurmurHash3 (x86, 32 bits), seed 0 */

/* Next component of an absolute or relative path: its length, 0 at the end, -1 for ".." and for names over 255 bytes. */
int tsc_next_name(const char **path, char name[256]);
/* Absolute and without "..". */
bool tsc_is_plain_path(const char *path);

#endif
