/*
 * Programs of a container, mutated: finding what interprets them must end, with a name that fits. Arguments: rounds, seed,
 * a file that is an ELF program.
 */
#define _GNU_SOURCE
#include "random.h"

#include <sys/mman.h>
#include <unistd.h>

#include "../../../native/src/shim.h"

int main(int argc, char **argv)
{
	static uint8_t elf[4096], draft[4096 + 64];
	static const char script[] = "#! /usr/bin/env  -S sh -e\n: a script that is longer than its first line\n";
	CHECK(argc == 4);
	unsigned long rounds = strtoul(argv[1], NULL, 10), named = 0;
	random_state = strtoull(argv[2], NULL, 10) | 1;
	size_t size = read_input(argv[3], elf, sizeof elf);
	int file = memfd_create("program", 0);
	char path[32];
	CHECK(file >= 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	for (unsigned long round = 0; round < rounds; round++) {
		bool is_elf = next(3) != 0;
		size_t length = is_elf ? size : sizeof script - 1;
		memcpy(draft, is_elf ? elf : (const uint8_t *)script, length);
		if (round > 1) {
			/* Most of what matters is in the headers. */
			size_t head = is_elf && next(4) ? 64 + 56 * 13 : length;
			size_t changed = mutate_bytes(draft, head < length ? head : length, 0, length);
			length = is_elf && next(4) ? length : changed;
		}
		CHECK(ftruncate(file, 0) == 0 && pwrite(file, draft, length, 0) == (ssize_t)length);
		char *out = malloc(256);
		CHECK(out);
		memset(out, 'x', 256);
		if (tsc_find_interpreter(path, out)) {
			CHECK(memchr(out, 0, 256) && *out);
			named++;
		}
		free(out);
	}
	printf("%lu programs, %lu named\n", rounds, named);
	return 0;
}
