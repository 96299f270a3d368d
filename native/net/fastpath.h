/* The fast path of local clients: what its files share. */
#ifndef TSC_FASTPATH_H
#define TSC_FASTPATH_H

#include "bpf.h"

enum { TSC_MAX_PATHS = 1024, TSC_CARRIED_WORDS = 4 };

/* Addresses and ports as they are in packets; ports are widened to a word. */
struct tsc_place {
	uint32_t address, port;
};

/* Interface indices in the router: a bridge, and the port of it behind which the container is; 0: not known yet. */
struct tsc_way {
	uint32_t bridge, port;
};

struct tsc_path {
	struct tsc_place host; /* address 0: any on loopback */
	struct tsc_place target;
	struct tsc_way way;
	uint8_t mac[8]; /* of the container; six bytes */
};

struct tsc_paths {
	uint32_t count;
	uint32_t host_end, uplink;
	struct tsc_path each[TSC_MAX_PATHS];
};

struct tsc_fast_maps {
	int ports;   /* struct tsc_place on the host → struct tsc_place of the container */
	int targets; /* struct tsc_place of the container → struct tsc_way */
	int carried; /* by socket */
};

/* fastpath-code.c: descriptors of programs, or -errno. `six`: sockets of IPv6 that mean an IPv4 address (::ffff:127.0.0.1) */
int tsc_load_connect(bool six, int attach, const struct tsc_fast_maps *maps, uint64_t host_cookie);
int tsc_load_name(bool six, int attach, const struct tsc_fast_maps *maps, bool peer);
int tsc_load_packets(const struct tsc_paths *paths, const struct tsc_fast_maps *maps, bool back);

/* fastpath-probe.c: waits a little when it is not */
bool tsc_is_way_open(const struct tsc_path *path);

/* fastpath-ports.c: keeps `port` of all paths true, in the map as well, from what the bridges learn */
bool tsc_follow_bridges(struct tsc_paths *paths, int targets);
void tsc_leave_bridges(void);

#endif
