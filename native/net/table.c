/* The table that TypeScript hands over: checked once, completely, then trusted. Pure: the tests compile it hosted. */
#include "net.h"

static bool take(struct tsc_view *view, uint32_t *at, uint32_t count, uint32_t each, const void **out)
{
	uint64_t size = (uint64_t)count * each;
	if (size > view->size - *at)
		return false;
	*out = view->bytes + *at;
	*at += (uint32_t)size;
	return true;
}

static bool is_range(uint32_t first, uint32_t count, uint32_t of) { return first <= of && count <= of - first; }

static int compare_bytes(const uint8_t *left, uint32_t left_size, const uint8_t *right, uint32_t right_size)
{
	int order = memcmp(left, right, left_size < right_size ? left_size : right_size);
	if (order)
		return order;
	return left_size == right_size ? 0 : left_size < right_size ? -1 : 1;
}

static int compare_addresses(const struct tsc_net_address *left, const struct tsc_net_address *right)
{
	if (left->family != right->family)
		return left->family < right->family ? -1 : 1;
	return memcmp(left->bytes, right->bytes, 16);
}

static bool is_address(const struct tsc_net_address *address)
{
	return address->family == 4 || address->family == 6;
}

static bool check_listeners(const struct tsc_view *view)
{
	for (uint32_t i = 0; i < view->head->listeners; i++) {
		const struct tsc_net_listener *each = &view->listeners[i];
		if (!is_address(&each->host) || each->last_port < each->host.port)
			return false;
		if (!is_address(&each->target) && !is_address(&each->target6))
			return false;
	}
	return view->head->listeners <= TSC_NET_MAX_LISTENERS;
}

static bool check_containers(const struct tsc_view *view)
{
	for (uint32_t i = 0; i < view->head->containers; i++) {
		const struct tsc_net_container *each = &view->containers[i];
		if (!is_range(each->first_network, each->network_count, view->head->refs) ||
		    !is_range(each->first_upstream, each->upstream_count, view->head->upstreams))
			return false;
	}
	for (uint32_t i = 0; i < view->head->clients; i++) {
		const struct tsc_net_client *each = &view->clients[i];
		if ((each->container >= view->head->containers && each->container != TSC_NET_NOBODY) || !is_address(&each->address) ||
		    !is_range(each->name, each->name_length, view->head->strings) || each->name_length > 253)
			return false;
		if (i && compare_addresses(&view->clients[i - 1].address, &each->address) >= 0)
			return false;
	}
	return true;
}

static int compare_name(const struct tsc_view *view, const struct tsc_net_name *entry, uint32_t network,
			const uint8_t *name, uint32_t length)
{
	if (entry->network != network)
		return entry->network < network ? -1 : 1;
	return compare_bytes(view->strings + entry->name, entry->name_length, name, length);
}

static bool check_names(const struct tsc_view *view)
{
	for (uint32_t i = 0; i < view->head->names; i++) {
		const struct tsc_net_name *each = &view->names[i];
		if (!is_range(each->name, each->name_length, view->head->strings) || !is_address(&each->address))
			return false;
		if (i && compare_name(view, each - 1, each->network, view->strings + each->name, each->name_length) > 0)
			return false;
	}
	for (uint32_t i = 0; i < view->head->upstreams; i++)
		if (!is_address(&view->upstreams[i].address) || view->upstreams[i].where > TSC_NET_FROM_ROUTER)
			return false;
	for (uint32_t i = 0; i < view->head->resolvers; i++)
		if (!is_address(&view->resolvers[i]))
			return false;
	return true;
}

static bool check_fast(const struct tsc_view *view)
{
	if (view->head->fast > 1)
		return false;
	return !view->head->fast ||
	       (view->fast->host_end.family == 4 &&
		is_range(view->fast->cgroup, view->fast->cgroup_length, view->head->strings) &&
		is_range(view->fast->name, view->fast->name_length, view->head->strings));
}

static bool is_probe(const struct tsc_net_probe *probe, uint32_t strings)
{
	return is_range(probe->ask, probe->ask_length, strings) && is_range(probe->find, probe->find_length, strings);
}

static bool check_filters(const struct tsc_view *view)
{
	uint32_t strings = view->head->strings;
	for (uint32_t i = 0; i < view->head->filters; i++) {
		const struct tsc_net_filter *each = &view->filters[i];
		if (each->where > TSC_NET_FROM_ROUTER || !is_probe(&each->needed, strings) ||
		    !is_probe(&each->present, strings) || !is_range(each->batch, each->batch_length, strings))
			return false;
	}
	return true;
}

bool tsc_read_table(struct tsc_view *view, uint8_t *bytes, uint32_t size)
{
	uint32_t at = sizeof(struct tsc_net_request);
	const void *listeners, *strings;
	view->bytes = bytes;
	view->size = size;
	if (size < at || !take(view, &at, 1, sizeof *view->head, (const void **)&view->head))
		return false;
	const struct tsc_net_table *head = view->head;
	if (!take(view, &at, head->listeners, sizeof *view->listeners, &listeners) ||
	    !take(view, &at, head->resolvers, sizeof *view->resolvers, (const void **)&view->resolvers) ||
	    !take(view, &at, head->containers, sizeof *view->containers, (const void **)&view->containers) ||
	    !take(view, &at, head->clients, sizeof *view->clients, (const void **)&view->clients) ||
	    !take(view, &at, head->names, sizeof *view->names, (const void **)&view->names) ||
	    !take(view, &at, head->upstreams, sizeof *view->upstreams, (const void **)&view->upstreams) ||
	    !take(view, &at, head->refs, sizeof *view->refs, (const void **)&view->refs) ||
	    !take(view, &at, head->fast, sizeof *view->fast, (const void **)&view->fast) ||
	    !take(view, &at, head->filters, sizeof *view->filters, (const void **)&view->filters) ||
	    !take(view, &at, head->strings, 1, &strings) || at != size)
		return false;
	view->listeners = (struct tsc_net_listener *)(bytes + ((const uint8_t *)listeners - bytes));
	view->strings = strings;
	return check_listeners(view) && check_containers(view) && check_names(view) && check_fast(view) &&
	       check_filters(view);
}

const struct tsc_net_client *tsc_find_client(const struct tsc_view *view, const struct tsc_net_address *address)
{
	uint32_t low = 0, high = view->head ? view->head->clients : 0;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = compare_addresses(&view->clients[middle].address, address);
		if (!order)
			return &view->clients[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

uint32_t tsc_find_name(const struct tsc_view *view, uint32_t network, const uint8_t *name, uint32_t length,
		       const struct tsc_net_name **first)
{
	uint32_t low = 0, high = view->head->names, count = 0;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (compare_name(view, &view->names[middle], network, name, length) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*first = &view->names[low];
	while (low + count < view->head->names &&
	       !compare_name(view, &view->names[low + count], network, name, length))
		count++;
	return count;
}

bool tsc_is_on_network(const struct tsc_view *view, const struct tsc_net_container *container, uint32_t network)
{
	for (uint32_t i = 0; i < container->network_count; i++)
		if (view->refs[container->first_network + i] == network)
			return true;
	return false;
}

static uint16_t swap16(uint16_t value) { return (uint16_t)(value << 8 | value >> 8); }

uint32_t tsc_to_sockaddr(union tsc_sockaddr *out, const struct tsc_net_address *address)
{
	memset(out, 0, sizeof *out);
	if (address->family == 4) {
		out->v4.sin_family = TSC_AF_INET;
		out->v4.sin_port = swap16(address->port);
		memcpy(&out->v4.sin_addr, address->bytes, 4);
		return sizeof out->v4;
	}
	out->v6.sin6_family = TSC_AF_INET6;
	out->v6.sin6_port = swap16(address->port);
	memcpy(&out->v6.sin6_addr, address->bytes, 16);
	return sizeof out->v6;
}

void tsc_from_sockaddr(struct tsc_net_address *out, const union tsc_sockaddr *address)
{
	memset(out, 0, sizeof *out);
	if (address->family == TSC_AF_INET) {
		out->family = 4;
		out->port = swap16(address->v4.sin_port);
		memcpy(out->bytes, &address->v4.sin_addr, 4);
		return;
	}
	out->family = 6;
	out->port = swap16(address->v6.sin6_port);
	memcpy(out->bytes, &address->v6.sin6_addr, 16);
}

bool tsc_same_address(const struct tsc_net_address *left, const struct tsc_net_address *right)
{
	return left->port == right->port && !compare_addresses(left, right);
}

bool tsc_is_loopback(const struct tsc_net_address *address)
{
	if (address->family == 4)
		return address->bytes[0] == 127;
	for (int i = 0; i < 15; i++)
		if (address->bytes[i])
			return false;
	return address->bytes[15] == 1;
}
