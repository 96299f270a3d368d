/*
 * The contract between tscompose (TypeScript) and its net process (this directory): one process per project that publishes
 * ports or needs names. TypeScript decides addresses, names and ports and hands over one flat *table*; the net process
 * listens, copies bytes and answers questions. src/runtime/linux/network/net-table.ts is the same layout in TypeScript.
 *
 * All integers little-endian, addresses and nothing else in network order. Strings are bytes without NUL.
 *
 *   tsc-net serve DIR    takes flock(DIR/net.lock) and serves in the background; ends when DIR/net.sock takes
 *                        connections (0), somebody else serves already (3), or it cannot (1, 2). DIR/router is the
 *                        router's network namespace, the caller's is the host's. DIR/net.table, if it is there, is
 *                        served at once.
 *   tsc-net revive DIR   the same, but only if there is a DIR/net.table; otherwise 4
 *   DIR/net.sock         requests and replies, one after the other on a connection; 0600
 *
 *   request   struct tsc_net_request · for SET a struct tsc_net_table and its arrays, in the order of its counts
 *   reply     struct tsc_net_reply · struct tsc_net_port[count]
 *
 * Two processes stand for one: the *worker* does everything, the *keeper* only waits for its end. Each starts the other
 * again when it is gone, and the worker takes up the last table from DIR/net.table, so killing either costs the open
 * connections at most. Both hold the fifo DIR/net.alive open, so that others see it when both are gone.
 */
#ifndef TSC_NET_PROTOCOL_H
#define TSC_NET_PROTOCOL_H

#include <stdint.h>

#define TSC_NET_ABI 6
#define TSC_NET_REQUEST_MAGIC 0x514e5354u /* "TSNQ" */
#define TSC_NET_REPLY_MAGIC 0x524e5354u   /* "TSNR" */
#define TSC_NET_MAX_REQUEST (4u << 20)
#define TSC_NET_MAX_LISTENERS 4096

enum tsc_net_op {
	TSC_NET_SET = 1,    /* serve this table instead; all or nothing: a port that is taken leaves the old table in force */
	TSC_NET_QUIT = 2,   /* reply, close everything, end for good */
	TSC_NET_STATUS = 3, /* one tsc_net_port for each listener in force */
};

struct tsc_net_request {
	uint32_t magic;
	uint16_t abi;
	uint16_t op;
	uint32_t size; /* all of it, this header included */
	uint32_t reserved;
};
_Static_assert(sizeof(struct tsc_net_request) == 16, "request layout");

struct tsc_net_reply {
	uint32_t magic;
	uint16_t abi;
	uint16_t op;
	int32_t error; /* errno; EPROTO: the table is not understood; for SET the first listener's that failed */
	uint32_t count;
	int32_t worker_pid;
	int32_t keeper_pid;
	uint32_t connections;
	uint32_t flows;
};
_Static_assert(sizeof(struct tsc_net_reply) == 32, "reply layout");

enum tsc_net_port_flag {
	TSC_NET_IS_FAST = 1, /* local clients are connected past the listener; told by STATUS alone */
};

/* What became of one listener of the table. */
struct tsc_net_port {
	uint32_t listener; /* its index */
	int32_t error;     /* errno, 0 = it listens */
	uint16_t port;     /* the port in force, also where the kernel chose it */
	uint16_t flags;
};
_Static_assert(sizeof(struct tsc_net_port) == 12, "port layout");

struct tsc_net_address {
	uint8_t family; /* 0 none, 4, 6 */
	uint8_t pad;
	uint16_t port;
	uint8_t bytes[16]; /* IPv4: the first four */
};
_Static_assert(sizeof(struct tsc_net_address) == 20, "address layout");

enum tsc_net_listener_flag {
	TSC_NET_UDP = 1,
	TSC_NET_DUAL = 2,       /* host is 0.0.0.0: listen on [::] too, with the same port, where IPv6 is there */
	TSC_NET_KEEP_CLIENT = 4, /* the target sees the client's address (its way back leads through the router) */
	TSC_NET_FAST = 8,        /* local clients may be connected to `target` itself, where the kernel can do that */
};

struct tsc_net_listener {
	struct tsc_net_address host; /* port: the first to try; 0: the kernel's choice */
	uint16_t last_port;          /* the last to try; host.port when there is no choice */
	uint16_t flags;
	struct tsc_net_address target;  /* IPv4, or family 0 */
	struct tsc_net_address target6; /* IPv6, or family 0 */
	/* With TSC_NET_FAST: the index of the bridge that leads to `target`, and the Ethernet address behind it. */
	uint32_t bridge;
	uint8_t mac[6];
	uint16_t pad;
};
_Static_assert(sizeof(struct tsc_net_listener) == 76, "listener layout");

/* What a fast path needs beside its listeners. */
struct tsc_net_fast {
	struct tsc_net_address host_end; /* the host's address on the uplink, IPv4 */
	uint32_t uplink;                 /* index of the router's end */
	uint32_t cgroup;                 /* in `strings`: the directory whose processes are local clients */
	uint32_t cgroup_length;
	uint32_t name; /* in `strings`: what programs and maps are called */
	uint32_t name_length;
};
_Static_assert(sizeof(struct tsc_net_fast) == 40, "fast layout");

enum tsc_net_container_flag {
	TSC_NET_FORWARD = 1, /* names that are not ours are asked upstream; otherwise they do not exist */
};

struct tsc_net_container {
	uint32_t first_network; /* the networks it is on: indices in `refs` */
	uint32_t network_count;
	uint32_t first_upstream;
	uint32_t upstream_count;
	uint32_t flags;
};
_Static_assert(sizeof(struct tsc_net_container) == 20, "container layout");

/* tsc_net_client.container of what has a reverse name, and is none of ours that could ask. */
#define TSC_NET_NOBODY 0xffffffffu

/* One address of one container: who asks, and what a reverse look-up finds. Sorted by family, then bytes. */
struct tsc_net_client {
	struct tsc_net_address address;
	uint32_t container;
	uint32_t network;
	uint32_t name; /* in `strings` */
	uint32_t name_length;
};
_Static_assert(sizeof(struct tsc_net_client) == 36, "client layout");

/* A bit of tsc_net_name.network: the rest is a container, and only that container knows the name (`links`). */
#define TSC_NET_PRIVATE 0x80000000u

/* One address of one name in one network. Sorted by network, then name (bytes, lower case, shorter first). */
struct tsc_net_name {
	uint32_t network;
	uint32_t name; /* in `strings` */
	uint32_t name_length;
	struct tsc_net_address address;
};
_Static_assert(sizeof(struct tsc_net_name) == 32, "name layout");

enum tsc_net_where {
	TSC_NET_FROM_HOST = 0,   /* the host's own resolvers: they may be on its loopback */
	TSC_NET_FROM_ROUTER = 1, /* what a service asks for with `dns:` */
};

struct tsc_net_upstream {
	struct tsc_net_address address;
	uint32_t where;
};
_Static_assert(sizeof(struct tsc_net_upstream) == 24, "upstream layout");

/* A question to the packet filter and what its answers must hold, both in `strings`. */
struct tsc_net_probe {
	uint32_t ask; /* a whole datagram for NETLINK_NETFILTER */
	uint32_t ask_length; /* 0: nothing is asked, and the answer is yes */
	uint32_t find; /* bytes of one of the answers */
	uint32_t find_length; /* 0: any answer will do but -ENOENT */
};
_Static_assert(sizeof(struct tsc_net_probe) == 16, "probe layout");

/* Part of the packet filter that is put back when it is gone: where `needed` is found and `present` is not. */
struct tsc_net_filter {
	uint32_t where; /* enum tsc_net_where */
	struct tsc_net_probe needed;
	struct tsc_net_probe present;
	uint32_t batch; /* in `strings`: makes it; a whole datagram */
	uint32_t batch_length;
};
_Static_assert(sizeof(struct tsc_net_filter) == 44, "filter layout");

struct tsc_net_table {
	uint32_t listeners;  /* struct tsc_net_listener[] */
	uint32_t resolvers;  /* struct tsc_net_address[]: answer DNS here, in the router */
	uint32_t containers; /* struct tsc_net_container[] */
	uint32_t clients;    /* struct tsc_net_client[] */
	uint32_t names;      /* struct tsc_net_name[] */
	uint32_t upstreams;  /* struct tsc_net_upstream[] */
	uint32_t refs;       /* uint32_t[] */
	uint32_t fast;       /* struct tsc_net_fast[]: none or one */
	uint32_t filters;    /* struct tsc_net_filter[] */
	uint32_t strings;    /* bytes, padded to a multiple of 4 */
	/* UDP flows end after so long a silence. */
	uint32_t unanswered_ms; /* … where the container has never answered */
	uint32_t answered_ms;
};
_Static_assert(sizeof(struct tsc_net_table) == 48, "table layout");

#endif
