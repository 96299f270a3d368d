/*
 * The fast path of local clients. A program at the root of the cgroups turns connect(127.0.0.1:PUBLISHED) of a process in
 * the host's network namespace into connect(CONTAINER:PORT); one at the uplink and one at each bridge carry the packets of
 * such connections past the router's packet filter. Whatever they do not know goes on as it would without them, and a
 * refusal of the kernel at any point means that there is no fast path. Everything hangs on descriptors of this process: it
 * is gone with it, and connections then begin at the listeners, which are always there.
 */
#include "fastpath.h"

enum {
	MAX_BRIDGES = 64,
	MAX_LINKS = 8 + MAX_BRIDGES,
	SO_NETNS_COOKIE = 71,
};

static struct tsc_paths now;
static struct tsc_fast_maps maps = {-1, -1, -1};
static int links[MAX_LINKS];
static uint32_t link_count;

static uint32_t word_of(const struct tsc_net_address *address)
{
	uint32_t word;
	memcpy(&word, address->bytes, sizeof word);
	return word;
}

static uint32_t wire_port(uint16_t port) { return (uint32_t)(uint16_t)(port << 8 | port >> 8); }

/* Whether a listener is one whose local clients can be connected to its target. */
static bool is_eligible(const struct tsc_net_listener *rule)
{
	bool local = rule->host.family == 4 && (!word_of(&rule->host) || tsc_is_loopback(&rule->host));
	return (rule->flags & TSC_NET_FAST) && rule->target.family == 4 && local;
}

bool tsc_is_fast(const struct tsc_net_listener *rule) { return link_count > 0 && is_eligible(rule); }

static bool read_paths(struct tsc_paths *paths, const struct tsc_view *view)
{
	paths->count = 0;
	if (!view->head->fast)
		return false;
	paths->host_end = word_of(&view->fast->host_end);
	paths->uplink = view->fast->uplink;
	for (uint32_t i = 0; i < view->head->listeners && paths->count < TSC_MAX_PATHS; i++) {
		const struct tsc_net_listener *each = &view->listeners[i];
		if (!is_eligible(each))
			continue;
		paths->each[paths->count++] = (struct tsc_path){
			.host = {word_of(&each->host), wire_port(each->host.port)},
			.target = {word_of(&each->target), wire_port(each->target.port)},
			.way = {.bridge = each->bridge},
		};
		memcpy(paths->each[paths->count - 1].mac, each->mac, sizeof each->mac);
	}
	return paths->count > 0;
}

/* The link keeps the program. */
static bool attach(int program, int target, int where)
{
	if (program < 0)
		return false;
	int link = link_count < MAX_LINKS ? tsc_bpf_link(program, target, where) : -EMFILE;
	sys_close(program);
	if (link < 0)
		return false;
	links[link_count++] = link;
	return true;
}

static bool attach_names(int cgroup)
{
	static const int where[2][2] = {{BPF_CGROUP_INET4_GETPEERNAME, BPF_CGROUP_INET4_GETSOCKNAME},
					{BPF_CGROUP_INET6_GETPEERNAME, BPF_CGROUP_INET6_GETSOCKNAME}};
	for (int six = 0; six < 2; six++)
		for (int name = 0; name < 2; name++)
			if (!attach(tsc_load_name(six, where[six][name], &maps, name == 0), cgroup, where[six][name]))
				return false;
	return true;
}

static bool attach_connect(int cgroup)
{
	static const int where[2] = {BPF_CGROUP_INET4_CONNECT, BPF_CGROUP_INET6_CONNECT};
	uint64_t cookie;
	uint32_t size = sizeof cookie;
	int host = tsc_host_socket(TSC_AF_INET, TSC_SOCK_DGRAM | TSC_SOCK_CLOEXEC);
	if (host < 0)
		return false;
	int error = sys_getsockopt(host, TSC_SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size);
	sys_close(host);
	for (int six = 0; !error && six < 2; six++)
		if (!attach(tsc_load_connect(six, where[six], &maps, cookie), cgroup, where[six]))
			return false;
	return !error;
}

static bool attach_packets(void)
{
	uint32_t bridges[MAX_BRIDGES], count = 0;
	if (!attach(tsc_load_packets(&now, &maps, false), (int)now.uplink, TSC_BPF_TCX_INGRESS))
		return false;
	for (uint32_t i = 0; i < now.count; i++) {
		uint32_t bridge = now.each[i].way.bridge, at = 0;
		while (at < count && bridges[at] != bridge)
			at++;
		if (at < count)
			continue;
		if (count == MAX_BRIDGES)
			return false;
		bridges[count++] = bridge;
		if (!attach(tsc_load_packets(&now, &maps, true), (int)bridge, TSC_BPF_TCX_INGRESS) ||
		    !tsc_is_way_open(&now.each[i]))
			return false;
	}
	return true;
}

static bool fill_maps(void)
{
	maps.ports = tsc_bpf_map(BPF_MAP_TYPE_HASH, sizeof(struct tsc_place), sizeof(struct tsc_place), now.count);
	maps.targets = tsc_bpf_map(BPF_MAP_TYPE_HASH, sizeof(struct tsc_place), sizeof(struct tsc_way), now.count);
	if (maps.carried < 0)
		maps.carried = tsc_bpf_socket_map(TSC_CARRIED_WORDS);
	if (maps.ports < 0 || maps.targets < 0 || maps.carried < 0)
		return false;
	for (uint32_t i = 0; i < now.count; i++) {
		const struct tsc_path *each = &now.each[i];
		if (tsc_bpf_put(maps.ports, &each->host, &each->target) ||
		    tsc_bpf_put(maps.targets, &each->target, &each->way))
			return false;
	}
	return true;
}

static int open_cgroup(const struct tsc_view *view)
{
	char path[256];
	if (view->fast->cgroup_length >= sizeof path)
		return -ENAMETOOLONG;
	memcpy(path, view->strings + view->fast->cgroup, view->fast->cgroup_length);
	path[view->fast->cgroup_length] = '\0';
	return sys_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

/* The way is there before the first connection is sent along it. */
static bool start(const struct tsc_view *view)
{
	int cgroup = open_cgroup(view);
	if (cgroup < 0)
		return false;
	tsc_bpf_set_name(view->strings + view->fast->name, view->fast->name_length);
	bool fine = fill_maps() && attach_packets() && attach_names(cgroup) && attach_connect(cgroup) &&
		    tsc_follow_bridges(&now, maps.targets);
	sys_close(cgroup);
	return fine;
}

/* Newest first: no connection is sent along a way that is gone. */
static void end_links(const int *ended, uint32_t count)
{
	while (count)
		sys_close(ended[--count]);
}

static void close_map(int *map)
{
	if (*map >= 0)
		sys_close(*map);
	*map = -1;
}

static bool is_same(const struct tsc_paths *left, const struct tsc_paths *right)
{
	if (left->count != right->count || left->host_end != right->host_end || left->uplink != right->uplink)
		return false;
	for (uint32_t i = 0; i < left->count; i++) {
		const struct tsc_path *one = &left->each[i], *other = &right->each[i];
		if (memcmp(&one->host, &other->host, sizeof one->host) || one->way.bridge != other->way.bridge ||
		    memcmp(&one->target, &other->target, sizeof one->target) ||
		    memcmp(one->mac, other->mac, sizeof one->mac))
			return false;
	}
	return true;
}

void tsc_apply_fast_path(const struct tsc_view *view)
{
	static struct tsc_paths next;
	int old[MAX_LINKS];
	uint32_t old_count = link_count;
	bool wanted = read_paths(&next, view);
	if (link_count && wanted && is_same(&next, &now))
		return;
	memcpy(old, links, link_count * sizeof *links);
	link_count = 0;
	tsc_leave_bridges();
	close_map(&maps.ports);
	close_map(&maps.targets);
	now.count = next.count;
	now.host_end = next.host_end;
	now.uplink = next.uplink;
	memcpy(now.each, next.each, next.count * sizeof *next.each);
	if (wanted && !start(view)) {
		end_links(links, link_count);
		link_count = 0;
		close_map(&maps.ports);
		close_map(&maps.targets);
		close_map(&maps.carried);
	}
	end_links(old, old_count);
}
