/*
 * Names (RFC 1035). Who asks is known by the source address, and sees the names of the networks it is on, whichever of
 * their gateways it asks. Names without a dot are ours alone; others that we do not know are asked upstream, except for
 * containers without a way out, whose questions must not find one (CVE-2024-29018).
 */
#include "net.h"

enum {
	TYPE_A = 1,
	TYPE_PTR = 12,
	TYPE_AAAA = 28,
	TYPE_OPT = 41,
	TYPE_ANY = 255,
	CLASS_IN = 1,
	CODE_OK = 0,
	CODE_FORMAT = 1,
	CODE_SERVER = 2,
	CODE_NO_NAME = 3,
	CODE_NOT_DONE = 4,
	CODE_REFUSED = 5,
	MAX_ANSWERS = 64,
	FLAG_RESPONSE = 0x80,
	FLAG_TRUNCATED = 0x02,
	FLAG_RECURSION = 0x01,
	FLAG_AVAILABLE = 0x80,
	FLAG_AUTHORITATIVE = 0x04,
};

struct question {
	uint8_t name[256]; /* lower case, dots between labels, none at the end */
	uint32_t length;
	uint32_t end;      /* offset behind the question */
	uint16_t type;
	uint32_t room;     /* the largest answer the asker takes */
	bool extended;     /* it has an OPT record */
};

struct answer {
	uint8_t *bytes;
	uint32_t size;
	uint32_t room;
	uint16_t count;
	bool cut;
};

static uint32_t read16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

static void write16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c; }

/* The name of the question; compression cannot occur in the first name of a message. */
static bool read_name(const uint8_t *query, uint32_t size, struct question *out)
{
	uint32_t at = TSC_DNS_HEADER;
	out->length = 0;
	for (;;) {
		if (at >= size)
			return false;
		uint32_t label = query[at++];
		if (!label)
			break;
		if (label > 63 || label > size - at || out->length + label + 1 > 254)
			return false;
		if (out->length)
			out->name[out->length++] = '.';
		for (uint32_t i = 0; i < label; i++)
			out->name[out->length++] = lower(query[at + i]);
		at += label;
	}
	out->end = at + 4;
	return out->end <= size;
}

static bool read_question(const uint8_t *query, uint32_t size, struct question *out)
{
	if (read16(query + 4) != 1 || !read_name(query, size, out))
		return false;
	out->type = (uint16_t)read16(query + out->end - 4);
	out->room = 512;
	out->extended = false;
	/* An OPT record is the only one a plain query carries, directly behind the question. */
	const uint8_t *extra = query + out->end;
	if (read16(query + 10) && size - out->end >= 11 && !extra[0] && read16(extra + 1) == TYPE_OPT) {
		uint32_t wanted = read16(extra + 3);
		out->extended = true;
		out->room = wanted < 512 ? 512 : wanted > TSC_DNS_MAX_UDP ? TSC_DNS_MAX_UDP : wanted;
	}
	return read16(query + out->end - 2) == CLASS_IN;
}

static void start_answer(struct answer *answer, const uint8_t *query, uint32_t end)
{
	memcpy(answer->bytes, query, end);
	answer->bytes[2] = (uint8_t)(FLAG_RESPONSE | FLAG_AUTHORITATIVE | (query[2] & (FLAG_RECURSION | 0x78)));
	answer->bytes[3] = FLAG_AVAILABLE;
	memset(answer->bytes + 6, 0, 6);
	answer->size = end;
}

/* One record about the name of the question. Time to live is 0: the next answer may be another. */
static void add_record(struct answer *answer, uint16_t type, const uint8_t *content, uint32_t size)
{
	if (answer->cut || answer->size + 12 + size > answer->room) {
		answer->cut = true;
		return;
	}
	uint8_t *at = answer->bytes + answer->size;
	memset(at, 0, 12);
	write16(at, 0xc000 | TSC_DNS_HEADER);
	write16(at + 2, type);
	write16(at + 4, CLASS_IN);
	write16(at + 10, size);
	memcpy(at + 12, content, size);
	answer->size += 12 + size;
	answer->count++;
}

static uint32_t finish_answer(struct answer *answer, const struct question *question, uint32_t code)
{
	write16(answer->bytes + 6, answer->count);
	answer->bytes[3] = (uint8_t)(answer->bytes[3] | code);
	if (answer->cut)
		answer->bytes[2] |= FLAG_TRUNCATED;
	if (question->extended) {
		uint8_t *at = answer->bytes + answer->size;
		memset(at, 0, 11);
		write16(at + 1, TYPE_OPT);
		write16(at + 3, TSC_DNS_MAX_UDP);
		write16(answer->bytes + 10, 1);
		answer->size += 11;
	}
	return answer->size;
}

uint32_t tsc_refuse_dns(const uint8_t *query, uint32_t size, uint32_t code, uint8_t *out)
{
	struct question question;
	bool whole = size > TSC_DNS_HEADER && read16(query + 4) == 1 && read_name(query, size, &question);
	struct answer answer = {.bytes = out};
	question.extended = false;
	start_answer(&answer, query, whole ? question.end : TSC_DNS_HEADER);
	if (!whole)
		write16(out + 4, 0);
	return finish_answer(&answer, &question, code);
}

/* Every address of the name that this container may know; each answer starts with another one. */
static uint32_t find_addresses(const struct tsc_net_container *container, const struct question *question,
			       const struct tsc_net_name *found[MAX_ANSWERS])
{
	uint32_t count = 0;
	uint32_t self = (uint32_t)(container - tsc_table.containers);
	for (uint32_t i = 0; i <= container->network_count; i++) {
		uint32_t network = i ? tsc_table.refs[container->first_network + i - 1] : self | TSC_NET_PRIVATE;
		const struct tsc_net_name *first;
		uint32_t here = tsc_find_name(&tsc_table, network, question->name, question->length, &first);
		for (uint32_t j = 0; j < here && count < MAX_ANSWERS; j++)
			found[count++] = first + j;
	}
	return count;
}

static void add_addresses(struct answer *answer, const struct question *question,
			  const struct tsc_net_name *const found[], uint32_t count)
{
	static uint32_t turn;
	turn++;
	for (uint32_t i = 0; i < count; i++) {
		const struct tsc_net_address *each = &found[(turn + i) % count]->address;
		uint16_t type = each->family == 4 ? TYPE_A : TYPE_AAAA;
		if (question->type == type || question->type == TYPE_ANY)
			add_record(answer, type, each->bytes, each->family == 4 ? 4 : 16);
	}
}

static bool take_suffix(const struct question *question, const char *suffix, uint32_t *rest)
{
	uint32_t size = (uint32_t)strlen(suffix);
	if (question->length <= size || memcmp(question->name + question->length - size, suffix, size))
		return false;
	*rest = question->length - size;
	return true;
}

static bool read_hex(uint8_t digit, uint8_t *out)
{
	if (digit >= '0' && digit <= '9')
		*out = (uint8_t)(digit - '0');
	else if (digit >= 'a' && digit <= 'f')
		*out = (uint8_t)(digit - 'a' + 10);
	else
		return false;
	return true;
}

/* The address whose name is asked for: 4.3.2.1.in-addr.arpa, or 32 nibbles under ip6.arpa. */
static bool read_reverse(const struct question *question, struct tsc_net_address *out)
{
	uint32_t rest;
	memset(out, 0, sizeof *out);
	if (take_suffix(question, ".ip6.arpa", &rest) && rest == 63) {
		out->family = 6;
		for (uint32_t i = 0; i < 32; i++) {
			uint8_t nibble;
			if (!read_hex(question->name[i * 2], &nibble))
				return false;
			out->bytes[15 - i / 2] |= (uint8_t)(i % 2 ? nibble << 4 : nibble);
		}
		return true;
	}
	if (!take_suffix(question, ".in-addr.arpa", &rest))
		return false;
	out->family = 4;
	uint32_t part = 0, at = 3;
	for (uint32_t i = 0; i < rest; i++) {
		uint8_t c = question->name[i];
		if (c == '.' && at)
			out->bytes[at--] = (uint8_t)part, part = 0;
		else if (c >= '0' && c <= '9' && part < 26)
			part = part * 10 + (uint32_t)(c - '0');
		else
			return false;
	}
	out->bytes[0] = (uint8_t)part;
	return at == 0 && part < 256;
}

static void add_pointer(struct answer *answer, const struct tsc_net_client *client)
{
	uint8_t name[256];
	const uint8_t *text = tsc_table.strings + client->name;
	uint32_t size = 0, label = 0;
	for (uint32_t i = 0; i <= client->name_length; i++) {
		if (i < client->name_length && text[i] != '.')
			continue;
		uint32_t length = i - label;
		if (!length || length > 63)
			return;
		name[size++] = (uint8_t)length;
		memcpy(name + size, text + label, length);
		size += length;
		label = i + 1;
	}
	name[size++] = 0;
	add_record(answer, TYPE_PTR, name, size);
}

uint32_t tsc_answer_dns(const uint8_t *query, uint32_t size, const struct tsc_dns_asker *asker, uint8_t *out,
			uint32_t room)
{
	struct question question;
	if (size < TSC_DNS_HEADER || query[2] & FLAG_RESPONSE)
		return 0;
	const struct tsc_net_client *client = tsc_find_client(&tsc_table, &asker->address);
	if (!client || client->container == TSC_NET_NOBODY)
		return tsc_refuse_dns(query, size, CODE_REFUSED, out);
	if (query[2] & 0x78)
		return tsc_refuse_dns(query, size, CODE_NOT_DONE, out);
	if (!read_question(query, size, &question))
		return tsc_refuse_dns(query, size, CODE_FORMAT, out);

	const struct tsc_net_container *container = &tsc_table.containers[client->container];
	const struct tsc_net_name *found[MAX_ANSWERS];
	struct answer answer = {.bytes = out, .room = asker->stream ? room : question.room};
	answer.room -= question.extended ? 11 : 0;
	start_answer(&answer, query, question.end);

	uint32_t count = find_addresses(container, &question, found);
	if (count) {
		add_addresses(&answer, &question, found, count);
		return finish_answer(&answer, &question, CODE_OK);
	}
	struct tsc_net_address reverse;
	if ((question.type == TYPE_PTR || question.type == TYPE_ANY) && read_reverse(&question, &reverse)) {
		const struct tsc_net_client *named = tsc_find_client(&tsc_table, &reverse);
		if (named && named->name_length && tsc_is_on_network(&tsc_table, container, named->network)) {
			add_pointer(&answer, named);
			return finish_answer(&answer, &question, CODE_OK);
		}
	}
	bool dotted = false;
	for (uint32_t i = 0; i < question.length; i++)
		dotted |= question.name[i] == '.';
	if (!(dotted || !question.length) || !(container->flags & TSC_NET_FORWARD) || !container->upstream_count)
		return finish_answer(&answer, &question, CODE_NO_NAME);
	/* Too many are out already: whether there is such a name, and how long that may be remembered, is not ours to say. */
	return tsc_forward_dns(query, size, asker, container) ? 0 : finish_answer(&answer, &question, CODE_SERVER);
}
