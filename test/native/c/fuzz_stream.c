/*
 * Questions to the DNS over TCP, in pieces as a client likes to cut them: each comes whole, in order and once, whatever
 * length it claims, and every answer goes back in a frame. Arguments: rounds, seed.
 */
#include "random.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../native/net/dns-tcp.c"

enum { MOST_QUESTIONS = 12, MOST = 65536 };

static uint8_t sent[MOST];
static size_t expected_at[MOST_QUESTIONS], expected_size[MOST_QUESTIONS], expected, answered, apart;

struct tsc_view tsc_table;
bool tsc_add_watch(struct tsc_watch *watch, uint32_t events) { return watch->fd >= 0 && events; }
void tsc_retire_watch(struct tsc_watch *watch)
{
	close(watch->fd);
	watch->fd = -1;
}
int64_t tsc_now_ms(void) { return 0; }
void tsc_note_timers(void) {}

/* Answers with the question, now and then as what was asked elsewhere: by the number of the stream. */
uint32_t tsc_answer_dns(const uint8_t *query, uint32_t size, const struct tsc_dns_asker *asker, uint8_t *to, uint32_t room)
{
	CHECK(answered < expected && size == expected_size[answered] && size <= room);
	CHECK(!memcmp(query, sent + expected_at[answered], size));
	answered++;
	if (next(4) == 0) {
		tsc_reply_dns(asker, query, size);
		apart++;
		return 0;
	}
	memcpy(to, query, size);
	return size;
}

/* Frames with good lengths, then perhaps one with a bad one, and what is behind it; how many bytes. */
static size_t make_stream(void)
{
	size_t size = 0;
	expected = answered = 0;
	for (uint32_t i = next(MOST_QUESTIONS); i > 0; i--) {
		uint32_t length = TSC_DNS_HEADER + next(next(4) ? 100 : STREAM_BUFFER - 2 - TSC_DNS_HEADER + 1);
		sent[size++] = (uint8_t)(length >> 8);
		sent[size++] = (uint8_t)length;
		expected_at[expected] = size;
		expected_size[expected++] = length;
		for (uint32_t at = 0; at < length; at++)
			sent[size++] = (uint8_t)next(256);
	}
	if (next(2)) {
		uint32_t bad = next(2) ? next(TSC_DNS_HEADER) : STREAM_BUFFER - 1 + next(1000);
		sent[size++] = (uint8_t)(bad >> 8);
		sent[size++] = (uint8_t)bad;
		for (uint32_t at = next(200); at > 0; at--)
			sent[size++] = (uint8_t)next(256);
	}
	return size;
}

/* Takes back what was answered, and compares it frame by frame. */
static size_t read_answers(int fd, size_t from)
{
	static uint8_t got[MOST];
	size_t have = 0, at = 0;
	for (;;) {
		ssize_t size = recv(fd, got + have, sizeof got - have, MSG_DONTWAIT);
		if (size <= 0)
			break;
		have += (size_t)size;
	}
	while (have - at >= 2 && from < answered) {
		size_t length = (size_t)got[at] << 8 | got[at + 1];
		CHECK(length == expected_size[from] && have - at - 2 >= length);
		CHECK(!memcmp(got + at + 2, sent + expected_at[from], length));
		at += 2 + length;
		from++;
	}
	CHECK(at == have);
	return from;
}

int main(int argc, char **argv)
{
	CHECK(argc == 3);
	unsigned long rounds = strtoul(argv[1], NULL, 10), whole = 0, ended = 0;
	random_state = strtoull(argv[2], NULL, 10) | 1;
	for (unsigned long round = 0; round < rounds; round++) {
		int pair[2];
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
		struct stream *stream = &streams[next(MAX_STREAMS)];
		memset(stream, 0xa5, sizeof *stream);
		stream->watch = (struct tsc_watch){tsc_stream_ready, pair[0]};
		stream->id = ++last_id;
		stream->got = 0;
		stream->used = true;
		live++;
		size_t size = make_stream(), done = 0;
		for (size_t at = 0; at < size && stream->used;) {
			size_t piece = 1 + next(next(2) ? 8 : 5000);
			piece = piece < size - at ? piece : size - at;
			CHECK(send(pair[1], sent + at, piece, 0) == (ssize_t)piece);
			at += piece;
			/* Once for each event: as long as there is something, the next one comes. */
			for (int left = 1; stream->used && left > 0;) {
				tsc_stream_ready(&stream->watch, EPOLLIN);
				CHECK(!stream->used || ioctl(pair[0], FIONREAD, &left) == 0);
			}
			done = read_answers(pair[1], done);
		}
		CHECK(answered == expected && done == expected);
		whole += answered;
		ended += !stream->used;
		close(pair[1]);
		if (stream->used)
			tsc_stream_ready(&stream->watch, EPOLLHUP);
		CHECK(!stream->used && live == 0);
	}
	printf("%lu rounds, %lu whole, %lu ended, %zu apart\n", rounds, whole, ended, apart);
	return 0;
}
