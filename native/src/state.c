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

void tsc_seal_notified(struct tsc_notified *record)
{
	record->magic = TSC_STATE_MAGIC;
	record->checksum =
		tsc_hash_words((const uint32_t *)record, offsetof(struct tsc_notified, checksum) / 4);
}

bool tsc_check_notified(const struct tsc_notified *record, uint32_t start)
{
	return record->magic == TSC_STATE_MAGIC && record->start == start &&
	       record->checksum ==
		       tsc_hash_words((const uint32_t *)record, offsetof(struct tsc_notified, checksum) / 4);
}

static bool is_line(const char *line, size_t size, const char *wanted)
{
	return size == strlen(wanted) && memcmp(line, wanted, size) == 0;
}

static void take_line(struct tsc_notified *record, const char *line, size_t size, uint64_t now)
{
	static const char status[] = "STATUS=";
	if (is_line(line, size, "READY=1"))
		record->ready = 1;
	else if (is_line(line, size, "STOPPING=1"))
		record->stopping = 1;
	else if (is_line(line, size, "WATCHDOG=1"))
		record->watchdog_boot_ns = now;
	else if (is_line(line, size, "WATCHDOG=trigger"))
		record->trigger = 1;
	else if (size >= sizeof status - 1 && memcmp(line, status, sizeof status - 1) == 0) {
		struct tsc_text text = tsc_start_text(record->status, sizeof record->status);
		memset(record->status, 0, sizeof record->status);
		tsc_add_bytes(&text, line + sizeof status - 1, size - (sizeof status - 1));
	}
}

void tsc_take_notification(struct tsc_notified *record, const char *bytes, size_t size, uint64_t now)
{
	for (size_t at = 0; at < size;) {
		size_t end = at;
		while (end < size && bytes[end] != '\n')
			end++;
		take_line(record, bytes + at, end - at, now);
		at = end + 1;
	}
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
