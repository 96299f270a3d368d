/* Frames, decoded with every length checked. Pure: this is what the fuzzer drives. */
#ifndef TSC_FRAME_H
#define TSC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../protocol.h"

#define TSC_FRAME_HEAD 16u

/* Where the ops of one phase are. */
struct tsc_span {
	uint32_t offset;
	uint32_t end;
	uint32_t index; /* of the first */
};

struct tsc_frame {
	const uint8_t *bytes;
	uint32_t size;
	uint32_t id;
	uint16_t kind;
	uint32_t ops;
	uint32_t words; /* pointers that its argument and environment vectors need at most, with their NULLs */
	struct tsc_span span[TSC_PHASE_CLEANUP + 1];
};

/* A view into the frame. Numbers and strings that the op does not carry read as 0 and "". */
struct tsc_op {
	uint32_t index;
	uint16_t kind;
	uint64_t number[TSC_MAX_NUMBERS];
	const char *string[TSC_MAX_STRINGS];
	uint32_t length[TSC_MAX_STRINGS];
};

struct tsc_cursor {
	const struct tsc_frame *frame;
	uint32_t offset;
	uint32_t end;
	uint32_t index;
};

/* The size of the frame that starts with these 16 bytes; 0 when they are no head of ours. */
uint32_t tsc_read_head(const uint8_t head[TSC_FRAME_HEAD]);
/* 0 or a positive errno: EPROTO (malformed), EOPNOTSUPP (another ABI), E2BIG. `at` names the op that is wrong. */
int tsc_decode_frame(const uint8_t *bytes, size_t size, struct tsc_frame *out, uint32_t *at);
struct tsc_cursor tsc_open_phase(const struct tsc_frame *frame, enum tsc_phase phase);
bool tsc_next_op(struct tsc_cursor *cursor, struct tsc_op *op);
/* The first op of that kind in the phase. */
bool tsc_find_op(const struct tsc_frame *frame, enum tsc_phase phase, enum tsc_op_kind kind, struct tsc_op *op);
/* Splits NUL-terminated strings into a NULL-terminated vector; returns the place after it. */
char **tsc_split_words(const char *bytes, uint32_t size, char **vector);

#endif
