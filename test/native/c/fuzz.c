/*
 * Feeds mutated frames to the decoder and walks through whatever it lets pass, touching every byte it points to. The
 * frame is in a block of exactly its size, so that the sanitizer sees every byte beyond. Arguments: rounds, seed, files
 * with good frames.
 */
#include "random.h"

#include "../../../native/src/frame.h"
#include "../../../native/src/text.h"

static size_t mutate(uint8_t *bytes, size_t size, size_t room)
{
	size = mutate_bytes(bytes, size, 16, room);
	/* An op of another size or kind. */
	if (next(3) == 0 && size >= 24)
		bytes[(next((uint32_t)size - 8) & ~7u) + next(8)] = (uint8_t)next(96);
	/* Mostly a right head: otherwise nothing of the rest is ever reached. */
	if (next(10) != 0) {
		uint32_t whole = (uint32_t)size;
		memcpy(bytes + 8, &whole, 4);
	}
	return size;
}

static uint64_t walk(const struct tsc_frame *frame)
{
	uint64_t sum = 0;
	char **vector = malloc(frame->words * sizeof *vector);
	CHECK(vector);
	for (unsigned phase = TSC_PHASE_HOLD; phase <= TSC_PHASE_CLEANUP; phase++) {
		struct tsc_cursor cursor = tsc_open_phase(frame, (enum tsc_phase)phase);
		struct tsc_op op;
		while (tsc_next_op(&cursor, &op)) {
			CHECK(op.index < frame->ops);
			for (unsigned i = 0; i < TSC_MAX_STRINGS; i++) {
				sum += op.number[i] + (uint8_t)op.string[i][op.length[i]];
				for (uint32_t at = 0; at < op.length[i]; at++)
					sum += (uint8_t)op.string[i][at];
			}
			if (op.kind != TSC_OP_EXEC && op.kind != TSC_OP_ENV)
				continue;
			char **end = tsc_split_words(op.string[0], op.length[0], vector);
			CHECK(end <= vector + frame->words);
			for (char **word = vector; *word; word++)
				sum += strlen(*word);
		}
	}
	free(vector);
	return sum;
}

int main(int argc, char **argv)
{
	unsigned long rounds = strtoul(argv[1], NULL, 10), passed = 0;
	static uint8_t good[16][65536];
	size_t sizes[16], seeds = 0;
	uint64_t sum = 0;
	random_state = strtoull(argv[2], NULL, 10) | 1;
	for (int i = 3; i < argc && seeds < 16; i++) {
		sizes[seeds] = read_input(argv[i], good[seeds], sizeof good[seeds]);
		seeds++;
	}
	CHECK(seeds > 0);
	for (unsigned long round = 0; round < rounds; round++) {
		static uint8_t draft[65536];
		uint32_t which = next((uint32_t)seeds), at;
		memcpy(draft, good[which], sizes[which]);
		size_t size = round < seeds ? sizes[round] : mutate(draft, sizes[which], sizes[which] + 64);
		if (round < seeds)
			memcpy(draft, good[round], size);
		uint8_t *exact = exact_copy(draft, size);
		struct tsc_frame frame;
		int error = tsc_decode_frame(exact, size, &frame, &at);
		CHECK(round >= seeds || error == 0);
		if (error == 0) {
			passed++;
			sum += walk(&frame);
		}
		free(exact);
	}
	printf("%lu frames, %lu decoded, %llu\n", rounds, passed, (unsigned long long)sum);
	return 0;
}
