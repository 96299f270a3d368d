/* Numbers and bytes that depend on a seed alone, so that a failure can be repeated. */
#ifndef TSC_RANDOM_H
#define TSC_RANDOM_H

#include "check.h"

#include <stdint.h>
#include <string.h>

static uint64_t random_state;

static inline uint32_t next(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % below;
}

/* Where arithmetic goes wrong. */
static inline uint32_t interesting(void)
{
	static const uint32_t values[] = {0, 1, 7, 8, 9, 0x3f, 0x40, 0x7f, 0xc0, 0xff, 0x100, 0xffff, 0x7fffffff,
					  0x80000000, 0xfffffff8, 0xffffffff, 4u << 20};
	return values[next(sizeof values / sizeof values[0])];
}

/* Changes a few bytes in place, and perhaps the size, which stays from `least` to `most`. */
static inline size_t mutate_bytes(uint8_t *bytes, size_t size, size_t least, size_t most)
{
	for (uint32_t i = 1 + next(5); i > 0 && size > 0; i--) {
		size_t at = next((uint32_t)size);
		uint32_t value = interesting();
		switch (next(5)) {
		case 0:
			bytes[at] = (uint8_t)next(256);
			break;
		case 1:
			bytes[at] ^= (uint8_t)(1u << next(8));
			break;
		case 2:
			at &= ~(size_t)3;
			memcpy(bytes + at, &value, size - at < 4 ? size - at : 4);
			break;
		case 3: /* cut, or grown by what was there before */
			size = least + next((uint32_t)(most - least + 1));
			break;
		default: { /* a piece twice */
			size_t length = 1 + next((uint32_t)(size < 16 ? size : 16));
			memmove(bytes + next((uint32_t)(size - length + 1)), bytes + next((uint32_t)(size - length + 1)), length);
		}
		}
	}
	return size;
}

/* A copy in a block of exactly its size, so that a sanitizer sees every byte beyond. */
static inline uint8_t *exact_copy(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	CHECK(copy);
	memcpy(copy, bytes, size);
	return copy;
}

static inline size_t read_input(const char *path, uint8_t *bytes, size_t room)
{
	FILE *file = fopen(path, "rb");
	CHECK(file);
	size_t size = fread(bytes, 1, room, file);
	CHECK(size > 16);
	fclose(file);
	return size;
}

#endif
