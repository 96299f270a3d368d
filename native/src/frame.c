#include "frame.h"

#include <linux/errno.h>

#include "text.h"

/* What an op must look like: its phases (bits), how many strings it needs, which of them may hold NUL bytes (bits). */
struct shape {
	uint8_t phases;
	uint8_t strings;
	uint8_t blobs;
	uint8_t words; /* which of the blobs are lists of NUL-terminated strings (bits) */
};

#define HOLD (1u << TSC_PHASE_HOLD)
#define ATTACH (1u << TSC_PHASE_ATTACH)
#define SETUP (1u << TSC_PHASE_SETUP)
#define PROCESS (1u << TSC_PHASE_PROCESS)
#define CLEANUP (1u << TSC_PHASE_CLEANUP)

static const struct shape shapes[] = {
	[TSC_OP_PHASE] = {0, 0, 0, 0},
	[TSC_OP_STATE_DIR] = {HOLD, 1, 0, 0},
	[TSC_OP_LOG] = {HOLD, 1, 0, 0},
	[TSC_OP_NETNS] = {HOLD, 0, 0, 0},
	[TSC_OP_LO_UP] = {HOLD, 0, 0, 0},
	[TSC_OP_MKDIR] = {HOLD, 1, 0, 0},
	[TSC_OP_WRITE] = {HOLD | ATTACH, 2, 2, 0},
	[TSC_OP_CGROUP2] = {HOLD, 1, 0, 0},
	[TSC_OP_OOM_EVENTS] = {HOLD, 1, 0, 0},
	[TSC_OP_DEVICE_BPF] = {HOLD, 1, 1, 0},
	[TSC_OP_NAMESPACES] = {HOLD, 0, 0, 0},
	[TSC_OP_STDIO] = {HOLD, 0, 0, 0},
	[TSC_OP_INIT] = {HOLD, 0, 0, 0},
	[TSC_OP_SUPERVISOR] = {HOLD, 4, 6, 6},
	[TSC_OP_ON_HANGUP] = {HOLD, 2, 2, 2},
	[TSC_OP_NOTIFY] = {HOLD, 0, 0, 0},
	[TSC_OP_KEEPER] = {HOLD, 2, 0, 0},
	[TSC_OP_PUT] = {HOLD, 2, 2, 0},
	[TSC_OP_NET_SYSCTLS] = {HOLD, 1, 1, 0},
	[TSC_OP_NETLINK] = {HOLD, 2, 2, 0},
	[TSC_OP_ATTACH] = {ATTACH, 1, 0, 0},
	[TSC_OP_RLIMIT] = {ATTACH, 0, 0, 0},
	[TSC_OP_OOM_SCORE] = {ATTACH, 0, 0, 0},
	[TSC_OP_CGROUPNS] = {SETUP, 0, 0, 0},
	[TSC_OP_TIMENS] = {SETUP, 0, 0, 0},
	[TSC_OP_ROOT_OVERLAY] = {SETUP, 1, 1, 1},
	[TSC_OP_MOUNT] = {SETUP, 3, 0, 0},
	[TSC_OP_BIND] = {SETUP, 2, 0, 0},
	[TSC_OP_MKDIR_IN] = {SETUP, 1, 0, 0},
	[TSC_OP_MKNOD] = {SETUP, 1, 0, 0},
	[TSC_OP_SYMLINK] = {SETUP, 2, 0, 0},
	[TSC_OP_FILE] = {SETUP, 2, 2, 0},
	[TSC_OP_PIVOT] = {SETUP, 0, 0, 0},
	[TSC_OP_HOSTNAME] = {SETUP, 1, 0, 0},
	[TSC_OP_DOMAINNAME] = {SETUP, 1, 0, 0},
	[TSC_OP_SYSCTL] = {SETUP, 2, 0, 0},
	[TSC_OP_MASK] = {SETUP, 1, 0, 0},
	[TSC_OP_READONLY] = {SETUP, 1, 0, 0},
	[TSC_OP_ROOT_READONLY] = {SETUP, 0, 0, 0},
	[TSC_OP_CONSOLE] = {SETUP, 0, 0, 0},
	[TSC_OP_UMASK] = {PROCESS, 0, 0, 0},
	[TSC_OP_CWD] = {PROCESS, 1, 0, 0},
	[TSC_OP_NO_NEW_PRIVS] = {PROCESS, 0, 0, 0},
	[TSC_OP_USER] = {PROCESS, 0, 1, 0},
	[TSC_OP_CAPS] = {PROCESS, 0, 0, 0},
	[TSC_OP_SECCOMP] = {PROCESS, 1, 1, 0},
	[TSC_OP_ENV] = {PROCESS, 1, 1, 1},
	[TSC_OP_EXEC] = {PROCESS, 1, 1, 1},
	[TSC_OP_JOIN] = {HOLD, 0, 0, 0},
	[TSC_OP_EXEC_TTY] = {HOLD, 0, 0, 0},
	[TSC_OP_RMDIR] = {CLEANUP, 1, 0, 0},
};

static uint16_t read16(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }
static uint32_t read32(const uint8_t *at) { return (uint32_t)read16(at) | (uint32_t)read16(at + 2) << 16; }
static uint64_t read64(const uint8_t *at) { return (uint64_t)read32(at) | (uint64_t)read32(at + 4) << 32; }

uint32_t tsc_read_head(const uint8_t head[TSC_FRAME_HEAD])
{
	uint32_t size = read32(head + 8);
	if (read32(head) != TSC_FRAME_MAGIC || size < TSC_FRAME_HEAD || size > TSC_MAX_FRAME)
		return 0;
	return size;
}

/* Number of strings in a list of NUL-terminated strings, -1 when the last one has no end. */
static int64_t count_words(const uint8_t *bytes, uint32_t size)
{
	int64_t words = 0;
	if (size > 0 && bytes[size - 1] != 0)
		return -1;
	for (uint32_t i = 0; i < size; i++)
		words += bytes[i] == 0;
	return words;
}

static bool check_string(const struct shape *shape, unsigned which, const uint8_t *bytes, uint32_t size, uint32_t *words)
{
	if (!(shape->blobs >> which & 1)) {
		for (uint32_t i = 0; i < size; i++)
			if (bytes[i] == 0)
				return false;
	}
	if (shape->words >> which & 1) {
		int64_t count = count_words(bytes, size);
		if (count < 0)
			return false;
		*words += (uint32_t)count + 1;
	}
	return bytes[size] == 0;
}

/* `size` is the op's own, already known to lie within the frame. */
static bool check_op(const uint8_t *op, uint32_t size, const struct shape *shape, uint32_t *words)
{
	unsigned numbers = op[2], strings = op[3];
	uint32_t at = 8 + 8 * numbers;
	if (numbers > TSC_MAX_NUMBERS || strings > TSC_MAX_STRINGS || strings < shape->strings || at > size)
		return false;
	for (unsigned i = 0; i < strings; i++) {
		if (size - at < 5)
			return false;
		uint32_t length = read32(op + at);
		if (length > size - at - 5)
			return false;
		if (!check_string(shape, i, op + at + 4, length, words))
			return false;
		at += 4 + length + 1;
	}
	return size - at < 8;
}

static int enter_phase(struct tsc_frame *frame, uint64_t phase, uint32_t *current, uint32_t offset)
{
	/* Ordered by phase, each at most once: a span then is all there is of it. */
	if (phase < TSC_PHASE_HOLD || phase > TSC_PHASE_CLEANUP || phase <= *current)
		return EPROTO;
	frame->span[*current].end = offset;
	*current = (uint32_t)phase;
	return 0;
}

int tsc_decode_frame(const uint8_t *bytes, size_t size, struct tsc_frame *out, uint32_t *at)
{
	*out = (struct tsc_frame){.bytes = bytes};
	*at = 0;
	if (size < TSC_FRAME_HEAD || tsc_read_head(bytes) != size)
		return EPROTO;
	if (read16(bytes + 4) != TSC_ABI)
		return EOPNOTSUPP;
	out->kind = read16(bytes + 6);
	out->size = (uint32_t)size;
	out->id = read32(bytes + 12);
	if (out->kind < TSC_FRAME_CONTAINER || out->kind > TSC_FRAME_START_HELD)
		return EPROTO;
	uint32_t offset = TSC_FRAME_HEAD, phase = TSC_PHASE_NONE;
	out->words = 8;
	for (; offset < out->size; out->ops++, *at = out->ops) {
		uint32_t left = out->size - offset;
		const uint8_t *op = bytes + offset;
		if (left < 8 || out->ops == TSC_MAX_OPS)
			return left < 8 ? EPROTO : E2BIG;
		uint16_t kind = read16(op);
		uint32_t length = read32(op + 4);
		if (length < 8 || length % 8 != 0 || length > left || kind >= sizeof shapes / sizeof shapes[0])
			return EPROTO;
		if (!check_op(op, length, &shapes[kind], &out->words))
			return EPROTO;
		offset += length;
		if (kind != TSC_OP_PHASE) {
			if (phase == TSC_PHASE_NONE || !(shapes[kind].phases >> phase & 1))
				return EPROTO;
			continue;
		}
		int error = op[2] < 1 ? EPROTO : enter_phase(out, read64(op + 8), &phase, offset);
		if (error)
			return error;
		out->span[phase] = (struct tsc_span){offset, out->size, out->ops + 1};
	}
	return 0;
}

struct tsc_cursor tsc_open_phase(const struct tsc_frame *frame, enum tsc_phase phase)
{
	const struct tsc_span *span = &frame->span[phase];
	return (struct tsc_cursor){frame, span->offset, span->end, span->index};
}

bool tsc_next_op(struct tsc_cursor *cursor, struct tsc_op *op)
{
	for (;;) {
		if (cursor->offset >= cursor->end)
			return false;
		const uint8_t *bytes = cursor->frame->bytes + cursor->offset;
		uint32_t at = 8;
		op->kind = read16(bytes);
		op->index = cursor->index++;
		for (unsigned i = 0; i < TSC_MAX_NUMBERS; i++) {
			op->number[i] = i < bytes[2] ? read64(bytes + at) : 0;
			at += i < bytes[2] ? 8 : 0;
		}
		for (unsigned i = 0; i < TSC_MAX_STRINGS; i++) {
			bool there = i < bytes[3];
			op->length[i] = there ? read32(bytes + at) : 0;
			op->string[i] = there ? (const char *)bytes + at + 4 : "";
			at += there ? op->length[i] + 5 : 0;
		}
		cursor->offset += read32(bytes + 4);
		if (op->kind != TSC_OP_PHASE)
			return true;
	}
}

bool tsc_find_op(const struct tsc_frame *frame, enum tsc_phase phase, enum tsc_op_kind kind, struct tsc_op *op)
{
	struct tsc_cursor cursor = tsc_open_phase(frame, phase);
	while (tsc_next_op(&cursor, op))
		if (op->kind == kind)
			return true;
	return false;
}

char **tsc_split_words(const char *bytes, uint32_t size, char **vector)
{
	for (uint32_t at = 0; at < size; at += (uint32_t)strlen(bytes + at) + 1) {
		union {
			const char *in;
			char *out;
		} word = {.in = bytes + at}; /* execve(2) takes them non-const and leaves them alone */
		*vector++ = word.out;
	}
	*vector++ = NULL;
	return vector;
}
