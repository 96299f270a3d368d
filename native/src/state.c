#include "state.h"

#include "text.h"

void tsc_seal_state(struct tsc_state *state)
{
	state->magic = TSC_STATE_MAGIC;
	state->abi = TSC_ABI;
	state->checksum = tsc_hash_words((const uint32_t *)state, offsetof(struct tsc_state, checksum) / 4);
}

bool tsc_check_state(const struct tsc_state *state)
{
	return state->magic == TSC_STATE_MAGIC && state->abi == TSC_ABI &&
	       state->checksum == tsc_hash_words((const uint32_t *)state, offsetof(struct tsc_state, checksum) / 4);
}

int tsc_pick_state(const struct tsc_state slot[2])
{
	bool first = tsc_check_state(&slot[0]), second = tsc_check_state(&slot[1]);
	if (first && second)
		return slot[0].sequence > slot[1].sequence ? 0 : 1;
	if (first || second)
		return first ? 0 : 1;
	return -1;
}

void tsc_seal_exit(struct tsc_exit *record)
{
	record->magic = TSC_STATE_MAGIC;
	record->checksum = tsc_hash_words((const uint32_t *)record, offsetof(struct tsc_exit, checksum) / 4);
}

bool tsc_check_exit(const struct tsc_exit *record, uint32_t start)
{
	return record->magic == TSC_STATE_MAGIC && record->start == start &&
	       record->checksum == tsc_hash_words((const uint32_t *)record, offsetof(struct tsc_exit, checksum) / 4);
}

uint32_t tsc_log_read_size(uint64_t limit, uint32_t wanted)
{
	return limit != 0 && limit < wanted ? (uint32_t)limit : wanted;
}

bool tsc_log_must_rotate(uint64_t size, uint64_t limit, uint32_t length)
{
	return limit != 0 && size != 0 && (size >= limit || length > limit - size);
}

int32_t tsc_status_of_code(int code) { return (int32_t)(((unsigned)code & 255) << 8); }

int tsc_code_of_status(int32_t status)
{
	int signal = status & 127;
	return signal ? 128 + signal : status >> 8 & 255;
}
