/* What the files of the worker share. One thread, one epoll; nothing blocks but the wait itself. */
#ifndef TSC_NET_H
#define TSC_NET_H

#include "../src/text.h"
#include "net-protocol.h"
#include "sys_net.h"

/* Descriptors every process of a pair starts with; the directory is its working directory. */
enum {
	TSC_FD_LOCK = 3,  /* net.lock, flocked: the pair is alive while either holds it */
	TSC_FD_HOST = 4,  /* the host's network namespace */
	TSC_FD_TELL = 5,  /* pipe to the partner: its end of file is our death, a byte means "do not bring me back" */
	TSC_FD_HEAR = 6,  /* pipe from the partner */
	TSC_FD_FIRST_FREE = 7,
};

/* Both of a pair hold this fifo open; whoever reads it sees a hang-up when neither is left. */
void tsc_show_alive(void);

/* Something epoll watches. `ready` may retire the watch; its memory stays valid until the current round is over. */
struct tsc_watch {
	void (*ready)(struct tsc_watch *watch, uint32_t events);
	int fd; /* -1: retired */
};

bool tsc_add_watch(struct tsc_watch *watch, uint32_t events);
void tsc_change_watch(struct tsc_watch *watch, uint32_t events);
/* Closes the descriptor; events of this round that still name the watch are dropped. */
void tsc_retire_watch(struct tsc_watch *watch);

/* A table in memory, its parts found and every index checked. */
struct tsc_view {
	uint8_t *bytes; /* the whole request; from sys_map */
	uint32_t size;
	const struct tsc_net_table *head;
	struct tsc_net_listener *listeners; /* ports are filled in when they are known */
	const struct tsc_net_address *resolvers;
	const struct tsc_net_container *containers;
	const struct tsc_net_client *clients;
	const struct tsc_net_name *names;
	const struct tsc_net_upstream *upstreams;
	const uint32_t *refs;
	const struct tsc_net_fast *fast;
	const struct tsc_net_filter *filters;
	const uint8_t *strings;
};

/* table.c: pure */
bool tsc_read_table(struct tsc_view *view, uint8_t *bytes, uint32_t size);
const struct tsc_net_client *tsc_find_client(const struct tsc_view *view, const struct tsc_net_address *address);
/* The entries of one name in one network: how many, and the first. */
uint32_t tsc_find_name(const struct tsc_view *view, uint32_t network, const uint8_t *name, uint32_t length,
		       const struct tsc_net_name **first);
bool tsc_is_on_network(const struct tsc_view *view, const struct tsc_net_container *container, uint32_t network);
uint32_t tsc_to_sockaddr(union tsc_sockaddr *out, const struct tsc_net_address *address);
void tsc_from_sockaddr(struct tsc_net_address *out, const union tsc_sockaddr *address);
bool tsc_same_address(const struct tsc_net_address *left, const struct tsc_net_address *right);
bool tsc_is_loopback(const struct tsc_net_address *address);

/* worker.c */
extern struct tsc_view tsc_table; /* the table in force */
int tsc_host_socket(int family, int type); /* a socket of the host's namespace, or -errno */
int tsc_socket_in(bool host, int family, int type, int protocol); /* of the host's namespace or the router's */
int64_t tsc_now_ms(void);
void tsc_note_timers(void); /* something has a deadline now: wake up every TSC_TICK_MS */
_Noreturn void tsc_work(void);
enum { TSC_TICK_MS = 250 };

/* A listener and its sockets; index 1 is the [::] of a dual one. */
struct tsc_listener {
	struct tsc_watch watch[2];
	struct tsc_net_listener rule;
	uint32_t index; /* in the table in force */
	bool used;
	bool kept; /* while a new table is taken up: it goes on */
	bool yielded; /* … its port is somebody else's if that table is taken */
};

/* listen.c */
extern struct tsc_listener tsc_listeners[TSC_NET_MAX_LISTENERS];
/* Opens what is new and closes what is gone. On refusal everything is as before and `ports` says what failed. */
int tsc_apply_listeners(struct tsc_view *next, struct tsc_net_port *ports);
void tsc_report_listeners(struct tsc_net_port *ports);
void tsc_pause_listeners(void);  /* out of descriptors: leave clients in the backlog */
void tsc_resume_listeners(void);

/* dial.c: a socket towards a container, in the router's namespace, connecting; or -errno */
int tsc_dial(const struct tsc_listener *listener, const union tsc_sockaddr *client, int type);

/* fastpath.c: what local clients may be spared of the above, as far as the kernel allows */
void tsc_apply_fast_path(const struct tsc_view *view);
bool tsc_is_fast(const struct tsc_net_listener *rule); /* and the fast path is there */

/* filter.c: keeps the tables of the packet filter there */
void tsc_apply_filters(const struct tsc_view *view);
bool tsc_tick_filters(int64_t now); /* false: nothing to be looked at */

/* tcp.c */
void tsc_accept_ready(struct tsc_watch *watch, uint32_t events);
void tsc_end_round(void); /* goes on with what was put off, frees what was retired */
bool tsc_has_work(void);
extern uint32_t tsc_connection_count;

/* udp.c */
void tsc_datagram_ready(struct tsc_watch *watch, uint32_t events);
bool tsc_tick_flows(int64_t now); /* false: no flow is left */
void tsc_drop_flows(const struct tsc_listener *listener);
extern uint32_t tsc_flow_count;

/* dns.c, dns-forward.c, dns-tcp.c */
void tsc_apply_resolvers(const struct tsc_view *next);
enum { TSC_DNS_MAX_UDP = 4096, TSC_DNS_HEADER = 12 };
struct tsc_dns_asker {
	struct tsc_net_address address;
	int udp_fd;         /* the resolver's socket, or -1 */
	uint32_t stream;    /* 1 + index of the TCP connection, or 0 */
	uint32_t stream_id; /* which use of that slot */
};
/* The length of the answer in `out`, 0: it will come later or never. */
uint32_t tsc_answer_dns(const uint8_t *query, uint32_t size, const struct tsc_dns_asker *asker, uint8_t *out,
			uint32_t room);
uint32_t tsc_refuse_dns(const uint8_t *query, uint32_t size, uint32_t code, uint8_t *out);
bool tsc_forward_dns(const uint8_t *query, uint32_t size, const struct tsc_dns_asker *asker,
		     const struct tsc_net_container *container);
void tsc_reply_dns(const struct tsc_dns_asker *asker, const uint8_t *answer, uint32_t size);
bool tsc_tick_forwards(int64_t now);
void tsc_stream_ready(struct tsc_watch *watch, uint32_t events);
void tsc_reply_stream(uint32_t stream, uint32_t stream_id, const uint8_t *answer, uint32_t size);
bool tsc_tick_streams(int64_t now);

/* main.c: starts the other process of the pair with pipes both ways; returns 0 or -errno */
int tsc_start_partner(const char *mode);
struct tsc_control_address {
	uint16_t family;
	char path[108];
};
extern const struct tsc_control_address tsc_control_address; /* net.sock in the working directory */

#endif
