/* The state record and the arithmetic of the log. Pure. */
#ifndef TSC_STATE_H
#define TSC_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "../protocol.h"

void tsc_seal_state(struct tsc_state *state);
bool tsc_check_state(const struct tsc_state *state);
/* The valid slot with the higher sequence, -1 when neither is. */
int tsc_pick_state(const struct tsc_state slot[2]);

void tsc_seal_exit(struct tsc_exit *record);
bool tsc_check_exit(const struct tsc_exit *record, uint32_t start);

void tsc_seal_notified(struct tsc_notified *record);
bool tsc_check_notified(const struct tsc_notified *record, uint32_t start);
/* One datagram of sd_notify(3): lines of NAME=value; unknown ones are skipped. `now` is CLOCK_BOOTTIME. */
void tsc_take_notification(struct tsc_notified *record, const char *bytes, size_t size, uint64_t now);

/* How much of `wanted` bytes one read may take so that a log file never exceeds `limit` bytes (0 = no limit). */
uint32_t tsc_log_read_size(uint64_t limit, uint32_t wanted);
/* Whether `length` more bytes belong into a new file. */
bool tsc_log_must_rotate(uint64_t size, uint64_t limit, uint32_t length);

/* A wait status (waitpid(2)) from an exit code, and the exit code a shell would give for a wait status. */
int32_t tsc_status_of_code(int code);
int tsc_code_of_status(int32_t status);

#endif
