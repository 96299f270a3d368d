/*
 * Tables of the net process and questions to its DNS, mutated: what containers send must never make it read or write what
 * is not there, and every answer is one to its question. Arguments: rounds, seed, a file with a good SET request.
 */
#include "random.h"

#include "../../../native/net/net.h"

struct tsc_view tsc_table;
static unsigned long forwarded, sum;
static bool overloaded; /* the last question found no place among those that are out */

/* Upstream, which is not there: only what is handed over is looked at. */
bool tsc_forward_dns(const uint8_t *query, uint32_t size, const struct tsc_dns_asker *asker,
		     const struct tsc_net_container *container)
{
	CHECK(size >= TSC_DNS_HEADER && asker->address.family && container >= tsc_table.containers);
	sum += query[size - 1];
	forwarded++;
	overloaded = next(2);
	return !overloaded;
}

static size_t put_name(uint8_t *at, const char *name)
{
	size_t size = 0;
	for (const char *end = name; *name; name = *end ? end + 1 : end) {
		for (end = name; *end && *end != '.'; end++)
			;
		at[size++] = (uint8_t)(end - name);
		memcpy(at + size, name, (size_t)(end - name));
		size += (size_t)(end - name);
	}
	at[size++] = 0;
	return size;
}

static size_t make_query(uint8_t *query)
{
	static const char *const names[] = {"web", "WEB", "api.example", "api", "rest", "nobody", "example.com", "",
					    "2.1.201.10.in-addr.arpa", "4.1.201.10.in-addr.arpa", "1.in-addr.arpa",
					    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa"};
	static const uint8_t types[] = {1, 12, 28, 255, 16};
	memset(query, 0, TSC_DNS_HEADER);
	query[0] = (uint8_t)next(256);
	query[1] = (uint8_t)next(256);
	query[2] = 1;
	query[5] = 1;
	size_t size = TSC_DNS_HEADER + put_name(query + TSC_DNS_HEADER, names[next(sizeof names / sizeof names[0])]);
	query[size++] = 0;
	query[size++] = types[next(sizeof types)];
	query[size++] = 0;
	query[size++] = 1;
	if (next(2)) {
		static const uint8_t opt[] = {0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0};
		memcpy(query + size, opt, sizeof opt);
		query[11] = 1;
		size += sizeof opt;
	}
	return size;
}

/* One question of a client, through a block that ends where the answer must. */
static bool ask(const uint8_t *query, size_t size)
{
	enum { MOST = 4096 + 512 };
	uint8_t *exact = exact_copy(query, size), *out = malloc(MOST);
	struct tsc_dns_asker asker = {.udp_fd = -1, .stream = next(2)};
	CHECK(out);
	if (tsc_table.head->clients)
		asker.address = tsc_table.clients[next(tsc_table.head->clients)].address;
	if (next(8) == 0)
		asker.address.bytes[3] ^= 1;
	overloaded = false;
	uint32_t answer = tsc_answer_dns(exact, (uint32_t)size, &asker, out, MOST);
	CHECK(answer <= MOST && (answer == 0 || answer >= TSC_DNS_HEADER));
	bool found = false;
	if (answer) {
		CHECK(out[0] == query[0] && out[1] == query[1] && out[2] & 0x80);
		CHECK(asker.stream || answer <= TSC_DNS_MAX_UDP);
		found = out[7] != 0;
		/* Nobody knows whether such a name exists. */
		CHECK(!overloaded || (out[3] & 15) == 2);
	}
	free(exact);
	free(out);
	return found;
}

int main(int argc, char **argv)
{
	static uint8_t good[65536], draft[65536];
	CHECK(argc == 4);
	unsigned long rounds = strtoul(argv[1], NULL, 10), tables = 0, found = 0;
	random_state = strtoull(argv[2], NULL, 10) | 1;
	size_t size = read_input(argv[3], good, sizeof good - 64);
	for (unsigned long round = 0; round < rounds; round++) {
		memcpy(draft, good, size);
		/* Half of the rounds ask a good table, half hand over a mutated one. */
		size_t length = round % 2 ? mutate_bytes(draft, size, sizeof(struct tsc_net_request), size + 64) : size;
		uint8_t *bytes = exact_copy(draft, length);
		tsc_table = (struct tsc_view){0};
		bool valid = tsc_read_table(&tsc_table, bytes, (uint32_t)length);
		CHECK(valid || round % 2);
		tables += valid;
		for (unsigned i = 0; valid && i < 4; i++) {
			uint8_t query[1024];
			size_t asked = make_query(query);
			if (next(3))
				asked = mutate_bytes(query, asked, 0, asked + 32);
			found += ask(query, asked);
		}
		free(bytes);
	}
	printf("%lu rounds, %lu tables, %lu found, %lu forwarded, %lu\n", rounds, tables, found, forwarded, sum);
	return 0;
}
