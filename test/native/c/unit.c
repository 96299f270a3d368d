/* The pure parts of the shim, compiled hosted under sanitizers. */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "../../../native/src/frame.h"
#include "../../../native/src/state.h"
#include "../../../native/src/text.h"

static void test_text(void)
{
	char bytes[8];
	struct tsc_text text = tsc_start_text(bytes, sizeof bytes);
	tsc_add_text(&text, "abc");
	tsc_add_number(&text, -12);
	CHECK(!strcmp(bytes, "abc-12") && !text.cut);
	tsc_add_text(&text, "xyz");
	CHECK(!strcmp(bytes, "abc-12x") && text.cut);
	char wide[24];
	text = tsc_start_text(wide, sizeof wide);
	tsc_add_number(&text, INT64_MIN);
	CHECK(!strcmp(wide, "-9223372036854775808"));
	CHECK(tsc_starts_with("PATH=x", "PATH=") && !tsc_starts_with("PAT", "PATH"));
	CHECK(tsc_same_text("a", "a") && !tsc_same_text("a", "ab") && !tsc_same_text("", "a"));
}

static void test_numbers(void)
{
	uint64_t number;
	const char *rest;
	CHECK(tsc_parse_number("18446744073709551615x", &number, &rest) && number == UINT64_MAX && *rest == 'x');
	CHECK(!tsc_parse_number("18446744073709551616", &number, NULL));
	CHECK(!tsc_parse_number("", &number, NULL) && !tsc_parse_number("-1", &number, NULL));
	CHECK(tsc_find_field("oom_kill_disable 0\nunder_oom 0\noom_kill 17\n", "oom_kill", &number) && number == 17);
	CHECK(!tsc_find_field("oom 1\n", "oom_kill", &number) && !tsc_find_field("", "x", &number));
	uint8_t id[16];
	CHECK(tsc_parse_uuid("00112233-4455-6677-8899-aabbccddeeff\n", id) && id[0] == 0 && id[15] == 0xff);
	CHECK(!tsc_parse_uuid("0011", id) && !tsc_parse_uuid("zz112233-4455-6677-8899-aabbccddeeff", id));
	CHECK(!tsc_parse_uuid("00112233-4455-6677-8899-aabbccddeeff0", id));
}

static void test_sum(void)
{
	/* Values that other implementations of MurmurHash3 give for "test" and for "aaaa". */
	CHECK(tsc_hash_words((const uint32_t[]){0x74736574}, 1) == 0xba6bd213u);
	CHECK(tsc_hash_words(NULL, 0) == 0);
}

static void test_paths(void)
{
	const char *path = "//a/./b//...c/.";
	char name[256], longer[300];
	CHECK(tsc_next_name(&path, name) == 1 && !strcmp(name, "a"));
	CHECK(tsc_next_name(&path, name) == 1 && !strcmp(name, "b"));
	CHECK(tsc_next_name(&path, name) == 4 && !strcmp(name, "...c"));
	CHECK(tsc_next_name(&path, name) == 0);
	CHECK(tsc_is_plain_path("/") && tsc_is_plain_path("/a..b/.c/..d"));
	CHECK(!tsc_is_plain_path("/a/../b") && !tsc_is_plain_path("/..") && !tsc_is_plain_path("a") &&
	      !tsc_is_plain_path(""));
	memset(longer, 'x', sizeof longer);
	longer[0] = '/';
	longer[256] = 0;
	CHECK(tsc_is_plain_path(longer)); /* 255 */
	longer[256] = 'x';
	longer[257] = 0;
	CHECK(!tsc_is_plain_path(longer));
}

static void test_notified(void)
{
	struct tsc_notified record = {.start = 3};
	static const char first[] = "STATUS=half way\nUNKNOWN=1\nREADY=1";
	tsc_take_notification(&record, first, sizeof first - 1, 7);
	CHECK(record.ready && !record.stopping && record.watchdog_boot_ns == 0);
	CHECK(tsc_same_text(record.status, "half way"));
	tsc_take_notification(&record, "WATCHDOG=1\nSTATUS=\nREADY=0\n", 28, 9);
	CHECK(record.ready && record.watchdog_boot_ns == 9 && record.status[0] == 0 && !record.trigger);
	tsc_take_notification(&record, "WATCHDOG=trigger\n\nSTOPPING=1", 28, 9);
	CHECK(record.trigger && record.stopping);
	char flood[5000];
	memset(flood, 'x', sizeof flood);
	memcpy(flood, "STATUS=", 7);
	tsc_take_notification(&record, flood, sizeof flood, 9);
	CHECK(strlen(record.status) == sizeof record.status - 1);
	tsc_seal_notified(&record);
	CHECK(tsc_check_notified(&record, 3) && !tsc_check_notified(&record, 4));
	record.status[0] = 'y';
	CHECK(!tsc_check_notified(&record, 3));
}

static void test_state(void)
{
	struct tsc_state slot[2];
	memset(slot, 0, sizeof slot);
	CHECK(tsc_pick_state(slot) == -1);
	slot[0].sequence = 4;
	tsc_seal_state(&slot[0]);
	CHECK(tsc_pick_state(slot) == 0);
	slot[1].sequence = 5;
	tsc_seal_state(&slot[1]);
	CHECK(tsc_pick_state(slot) == 1);
	for (size_t i = 0; i < sizeof slot[1]; i++) {
		/* A record torn anywhere leaves the other one. */
		((uint8_t *)&slot[1])[i] ^= 1;
		CHECK(tsc_pick_state(slot) == 0);
		((uint8_t *)&slot[1])[i] ^= 1;
	}
	struct tsc_exit record = {.wait_status = 9, .start = 3};
	tsc_seal_exit(&record);
	CHECK(tsc_check_exit(&record, 3) && !tsc_check_exit(&record, 4));
	record.wait_status = 0;
	CHECK(!tsc_check_exit(&record, 3));
	memset(&record, 0, sizeof record);
	CHECK(!tsc_check_exit(&record, 0)); /* the file as it is before anybody wrote to it */
}

static void test_log(void)
{
	CHECK(tsc_log_read_size(0, 65536) == 65536 && tsc_log_read_size(100, 65536) == 100);
	CHECK(!tsc_log_must_rotate(0, 100, 100) && !tsc_log_must_rotate(50, 100, 50));
	CHECK(tsc_log_must_rotate(50, 100, 51) && tsc_log_must_rotate(200, 100, 1));
	CHECK(!tsc_log_must_rotate(UINT64_MAX, 0, 65536));
	CHECK(tsc_log_must_rotate(UINT64_MAX - 1, UINT64_MAX, 65536));
}

static void test_status(void)
{
	CHECK(tsc_code_of_status(7 << 8) == 7 && tsc_code_of_status(9) == 137 && tsc_code_of_status(0x8b) == 139);
	CHECK(tsc_status_of_code(258) == 2 << 8);
}

static size_t put(uint8_t *at, size_t size, uint64_t value)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> 8 * i);
	return size;
}

static size_t put_head(uint8_t *at, uint64_t size)
{
	size_t n = put(at, 4, TSC_FRAME_MAGIC);
	n += put(at + n, 2, TSC_ABI);
	n += put(at + n, 2, TSC_FRAME_CONTAINER);
	n += put(at + n, 4, size);
	return n + put(at + n, 4, 42);
}

static void test_frame(void)
{
	uint8_t bytes[128] = {0};
	struct tsc_frame frame;
	struct tsc_op op;
	uint32_t at;
	size_t n = 16;
	n += put(bytes + n, 4, TSC_OP_PHASE | 1u << 16);
	n += put(bytes + n, 4, 16);
	n += put(bytes + n, 8, TSC_PHASE_PROCESS);
	n += put(bytes + n, 4, TSC_OP_EXEC | 1u << 24);
	n += put(bytes + n, 4, 24);
	n += put(bytes + n, 4, 4);
	memcpy(bytes + n, "a\0b\0", 4);
	n += 12;
	put_head(bytes, n);
	CHECK(tsc_decode_frame(bytes, n, &frame, &at) == 0 && frame.id == 42 && frame.ops == 2);
	CHECK(tsc_find_op(&frame, TSC_PHASE_PROCESS, TSC_OP_EXEC, &op) && op.index == 1 && op.length[0] == 4);
	char *vector[16];
	CHECK(frame.words <= 16 && tsc_split_words(op.string[0], op.length[0], vector) == vector + 3);
	CHECK(!strcmp(vector[0], "a") && !strcmp(vector[1], "b") && vector[2] == NULL);
	CHECK(!tsc_find_op(&frame, TSC_PHASE_HOLD, TSC_OP_EXEC, &op));
	CHECK(tsc_decode_frame(bytes, n - 8, &frame, &at) == EPROTO);
	bytes[n - 5 - 4] = 'x'; /* the last word has no end */
	CHECK(tsc_decode_frame(bytes, n, &frame, &at) == EPROTO && at == 1);
	put(bytes + 4, 2, TSC_ABI + 1);
	CHECK(tsc_decode_frame(bytes, n, &frame, &at) == EOPNOTSUPP);
	put_head(bytes, 16);
	CHECK(tsc_decode_frame(bytes, 16, &frame, &at) == 0 && frame.ops == 0);
	put_head(bytes, (uint64_t)TSC_MAX_FRAME + 1);
	CHECK(tsc_read_head(bytes) == 0);
}

int main(void)
{
	test_text();
	test_numbers();
	test_sum();
	test_paths();
	test_notified();
	test_state();
	test_log();
	test_status();
	test_frame();
	puts("ok");
	return 0;
}
