#include "text.h"

bool tsc_same_text(const char *left, const char *right)
{
	while (*left && *left == *right)
		left++, right++;
	return *left == *right;
}

bool tsc_starts_with(const char *text, const char *start)
{
	while (*start)
		if (*text++ != *start++)
			return false;
	return true;
}

struct tsc_text tsc_start_text(char *bytes, size_t room)
{
	bytes[0] = 0;
	return (struct tsc_text){.bytes = bytes, .room = room, .size = 0, .cut = false};
}

void tsc_add_bytes(struct tsc_text *text, const char *bytes, size_t size)
{
	size_t left = text->room - 1 - text->size;
	if (size > left) {
		size = left;
		text->cut = true;
	}
	memcpy(text->bytes + text->size, bytes, size);
	text->size += size;
	text->bytes[text->size] = 0;
}

void tsc_add_text(struct tsc_text *text, const char *more)
{
	tsc_add_bytes(text, more, strlen(more));
}

void tsc_add_number(struct tsc_text *text, int64_t number)
{
	char digits[20];
	size_t at = sizeof digits;
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	do
		digits[--at] = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (number < 0)
		tsc_add_bytes(text, "-", 1);
	tsc_add_bytes(text, digits + at, sizeof digits - at);
}

bool tsc_parse_number(const char *text, uint64_t *out, const char **rest)
{
	uint64_t number = 0;
	const char *at = text;
	for (; *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');
		if (number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	if (rest)
		*rest = at;
	*out = number;
	return at != text;
}

static int parse_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool tsc_parse_uuid(const char *text, uint8_t out[16])
{
	unsigned digits = 0;
	for (; *text && *text != '\n'; text++) {
		if (*text == '-')
			continue;
		int digit = parse_hex(*text);
		if (digit < 0 || digits == 32)
			return false;
		unsigned high = digits % 2 == 0 ? 0 : (unsigned)out[digits / 2] << 4;
		out[digits / 2] = (uint8_t)(high | (unsigned)digit);
		digits++;
	}
	return digits == 32;
}

bool tsc_find_field(const char *text, const char *name, uint64_t *out)
{
	size_t size = strlen(name);
	while (*text) {
		if (tsc_starts_with(text, name) && text[size] == ' ')
			return tsc_parse_number(text + size + 1, out, NULL);
		while (*text && *text++ != '\n')
			;
	}
	return false;
}

static uint32_t rotate(uint32_t word, unsigned bits)
{
	return word << bits | word >> (32 - bits);
}

uint32_t tsc_hash_words(const uint32_t *words, size_t count)
{
	/* A record of 256 bytes is read by an interpreter at the other end: words instead of bytes, and no table. */
	uint32_t hash = 0;
	for (size_t i = 0; i < count; i++) {
		hash ^= rotate(words[i] * 0xcc9e2d51u, 15) * 0x1b873593u;
		hash = rotate(hash, 13) * 5 + 0xe6546b64u;
	}
	hash ^= (uint32_t)(count * sizeof *words);
	hash = (hash ^ hash >> 16) * 0x85ebca6bu;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
	return hash ^ hash >> 16;
}

int tsc_next_name(const char **path, char name[256])
{
	const char *at = *path;
	for (;;) {
		while (*at == '/')
			at++;
		if (at[0] != '.' || (at[1] != '/' && at[1] != 0))
			break;
		at++;
	}
	int size = 0;
	for (; *at && *at != '/'; at++) {
		if (size == 255)
			return -1;
		name[size++] = *at;
	}
	name[size] = 0;
	*path = at;
	return size == 2 && name[0] == '.' && name[1] == '.' ? -1 : size;
}

bool tsc_is_plain_path(const char *path)
{
	char name[256];
	int size;
	if (*path != '/')
		return false;
	while ((size = tsc_next_name(&path, name)) > 0)
		;
	return size == 0;
}
