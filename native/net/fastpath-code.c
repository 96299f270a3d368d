/* The programs of the fast path. */
#include "fastpath.h"

enum {
	PASS = -1,      /* TCX_NEXT */
	ALLOW = 1,
	ETHERNET_HEADER = 14,
	IPV4_SEEN = 24, /* an IPv4 header without options, and the two ports */
};

/* What a socket carries: what its program asked for and what it got. */
enum { ASKED_ADDRESS = 0, ASKED_PORT = 4, GOT_ADDRESS = 8, GOT_PORT = 12 };
_Static_assert(GOT_PORT + 4 == TSC_CARRIED_WORDS * 4, "what a socket carries");

/* Offsets in struct bpf_sock_addr: of an IPv4 address, or of one in IPv6's clothes. */
static const int address_at[2] = {4, 20};
enum { USER_PORT = 24, PROTOCOL = 36, SOCKET = 64, SOCK_DEVICE = 0, SOCK_SOURCE = 24, SOCK_TARGET = 52 };

static void leave_unless_mapped(struct tsc_program *program, bool six)
{
	static const int32_t prefix[3] = {0, 0, (int32_t)0xffff0000u}; /* ::ffff:0:0 */
	for (int i = 0; six && i < 3; i++) {
		tsc_bpf_load(program, BPF_W, R1, R6, 8 + i * 4);
		tsc_bpf_leave_unless(program, R1, prefix[i]);
	}
}

/* r0: what the socket in r7 carries. */
static void find_carried(struct tsc_program *program, int map, int32_t make)
{
	tsc_bpf_set_map(program, R1, map);
	tsc_bpf_move(program, R2, R7);
	tsc_bpf_set(program, R3, 0);
	tsc_bpf_set(program, R4, make);
	tsc_bpf_call(program, BPF_FUNC_sk_storage_get);
	tsc_bpf_leave_if_zero(program, R0);
}

static void find_port(struct tsc_program *program, int ports)
{
	tsc_bpf_set_map(program, R1, ports);
	tsc_bpf_set_frame(program, R2, -8);
	tsc_bpf_call(program, BPF_FUNC_map_lookup_elem);
}

int tsc_load_connect(bool six, int attach, const struct tsc_fast_maps *maps, uint64_t host_cookie)
{
	struct tsc_program program = {.count = 0};
	tsc_bpf_move(&program, R6, R1);
	leave_unless_mapped(&program, six);
	tsc_bpf_load(&program, BPF_W, R8, R6, address_at[six]);
	tsc_bpf_move(&program, R1, R8);
	tsc_bpf_add(&program, BPF_ALU | BPF_AND | BPF_K, R1, 0, 0, 0xff);
	tsc_bpf_leave_unless(&program, R1, 127);
	tsc_bpf_load(&program, BPF_W, R1, R6, PROTOCOL);
	tsc_bpf_leave_unless(&program, R1, IPPROTO_TCP);

	/* The address itself, then any. */
	tsc_bpf_load(&program, BPF_W, R9, R6, USER_PORT);
	tsc_bpf_store(&program, FRAME, -8, R8);
	tsc_bpf_store(&program, FRAME, -4, R9);
	find_port(&program, maps->ports);
	uint32_t found = program.count;
	tsc_bpf_add(&program, BPF_JMP | BPF_JNE | BPF_K, R0, 0, 0, 0);
	tsc_bpf_store_value(&program, FRAME, -8, 0);
	find_port(&program, maps->ports);
	program.code[found].off = (int16_t)(program.count - found - 1);
	tsc_bpf_leave_if_zero(&program, R0);
	tsc_bpf_load(&program, BPF_W, R1, R0, 0);
	tsc_bpf_store(&program, FRAME, -16, R1);
	tsc_bpf_load(&program, BPF_W, R1, R0, 4);
	tsc_bpf_store(&program, FRAME, -12, R1);

	/* Containers have a loopback of their own. */
	tsc_bpf_move(&program, R1, R6);
	tsc_bpf_call(&program, BPF_FUNC_get_netns_cookie);
	tsc_bpf_set_wide(&program, R1, host_cookie);
	tsc_bpf_leave_unless_same(&program, R0, R1);

	/* One that is bound to an address or a device could not get there. */
	tsc_bpf_load(&program, BPF_DW, R7, R6, SOCKET);
	tsc_bpf_leave_if_zero(&program, R7);
	tsc_bpf_load(&program, BPF_W, R1, R7, SOCK_SOURCE);
	tsc_bpf_leave_unless(&program, R1, 0);
	tsc_bpf_load(&program, BPF_W, R1, R7, SOCK_DEVICE);
	tsc_bpf_leave_unless(&program, R1, 0);

	find_carried(&program, maps->carried, BPF_SK_STORAGE_GET_F_CREATE);
	tsc_bpf_store(&program, R0, ASKED_ADDRESS, R8);
	tsc_bpf_store(&program, R0, ASKED_PORT, R9);
	tsc_bpf_load(&program, BPF_W, R1, FRAME, -16);
	tsc_bpf_store(&program, R0, GOT_ADDRESS, R1);
	tsc_bpf_store(&program, R6, address_at[six], R1);
	tsc_bpf_load(&program, BPF_W, R1, FRAME, -12);
	tsc_bpf_store(&program, R0, GOT_PORT, R1);
	tsc_bpf_store(&program, R6, USER_PORT, R1);
	tsc_bpf_set(&program, R0, ALLOW);
	return tsc_bpf_finish(&program, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, attach, ALLOW);
}

/* getpeername says what was asked for, getsockname the address that such a connection would have come from. */
int tsc_load_name(bool six, int attach, const struct tsc_fast_maps *maps, bool peer)
{
	struct tsc_program program = {.count = 0};
	tsc_bpf_move(&program, R6, R1);
	tsc_bpf_load(&program, BPF_DW, R7, R6, SOCKET);
	tsc_bpf_leave_if_zero(&program, R7);
	find_carried(&program, maps->carried, 0);
	/* The socket may have been used again since. */
	tsc_bpf_load(&program, BPF_W, R1, R0, GOT_ADDRESS);
	tsc_bpf_load(&program, BPF_W, R2, R7, SOCK_TARGET);
	tsc_bpf_leave_unless_same(&program, R1, R2);
	tsc_bpf_load(&program, BPF_W, R1, R0, ASKED_ADDRESS);
	tsc_bpf_store(&program, R6, address_at[six], R1);
	if (peer) {
		tsc_bpf_load(&program, BPF_W, R1, R0, ASKED_PORT);
		tsc_bpf_store(&program, R6, USER_PORT, R1);
	}
	tsc_bpf_set(&program, R0, ALLOW);
	return tsc_bpf_finish(&program, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, attach, ALLOW);
}

/* r0: where to. Straight into the container when it is known behind which port it is, otherwise by way of the bridge. */
static void send_to_container(struct tsc_program *program)
{
	tsc_bpf_move(program, R7, R0);
	tsc_bpf_load(program, BPF_W, R1, R7, offsetof(struct tsc_way, port));
	uint32_t unknown = program->count;
	tsc_bpf_add(program, BPF_JMP | BPF_JEQ | BPF_K, R1, 0, 0, 0);
	tsc_bpf_set(program, R2, 0);
	tsc_bpf_call(program, BPF_FUNC_redirect_peer);
	tsc_bpf_add(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	program->code[unknown].off = (int16_t)(program->count - unknown - 1);
	tsc_bpf_load(program, BPF_W, R1, R7, offsetof(struct tsc_way, bridge));
	tsc_bpf_set(program, R2, 0);
	tsc_bpf_set(program, R3, 0);
	tsc_bpf_set(program, R4, 0);
	tsc_bpf_call(program, BPF_FUNC_redirect_neigh);
}

/* Packets between the host's end of the uplink and a published place: towards it, or back from it. */
int tsc_load_packets(const struct tsc_paths *paths, const struct tsc_fast_maps *maps, bool back)
{
	enum { IP = -IPV4_SEEN, VERSION = IP, FRAGMENT = IP + 6, KIND = IP + 9, SOURCE = IP + 12, TARGET = IP + 16,
	       SOURCE_PORT = IP + 20, TARGET_PORT = IP + 22, KEY = -32, SKB_PROTOCOL = 16 };
	struct tsc_program program = {.count = 0};
	tsc_bpf_move(&program, R6, R1);
	tsc_bpf_load(&program, BPF_W, R1, R6, SKB_PROTOCOL);
	tsc_bpf_leave_unless(&program, R1, 0x0008); /* ETH_P_IP on the wire */
	tsc_bpf_move(&program, R1, R6);
	tsc_bpf_set(&program, R2, ETHERNET_HEADER);
	tsc_bpf_set_frame(&program, R3, IP);
	tsc_bpf_set(&program, R4, IPV4_SEEN);
	tsc_bpf_call(&program, BPF_FUNC_skb_load_bytes);
	tsc_bpf_leave_unless(&program, R0, 0);
	tsc_bpf_load(&program, BPF_B, R1, FRAME, VERSION);
	tsc_bpf_leave_unless(&program, R1, 0x45);
	tsc_bpf_load(&program, BPF_B, R1, FRAME, KIND);
	tsc_bpf_leave_unless(&program, R1, IPPROTO_TCP);
	tsc_bpf_load(&program, BPF_H, R1, FRAME, FRAGMENT);
	tsc_bpf_add(&program, BPF_ALU | BPF_AND | BPF_K, R1, 0, 0, 0xffbf); /* all but "do not fragment" */
	tsc_bpf_leave_unless(&program, R1, 0);
	tsc_bpf_load(&program, BPF_W, R1, FRAME, back ? TARGET : SOURCE);
	tsc_bpf_leave_unless(&program, R1, (int32_t)paths->host_end);
	tsc_bpf_load(&program, BPF_W, R1, FRAME, back ? SOURCE : TARGET);
	tsc_bpf_store(&program, FRAME, KEY, R1);
	tsc_bpf_load(&program, BPF_H, R1, FRAME, back ? SOURCE_PORT : TARGET_PORT);
	tsc_bpf_store(&program, FRAME, KEY + 4, R1);
	tsc_bpf_set_map(&program, R1, maps->targets);
	tsc_bpf_set_frame(&program, R2, KEY);
	tsc_bpf_call(&program, BPF_FUNC_map_lookup_elem);
	tsc_bpf_leave_if_zero(&program, R0);
	if (back) {
		/* Into the host as if it had come out of the uplink there. */
		tsc_bpf_set(&program, R1, (int32_t)paths->uplink);
		tsc_bpf_set(&program, R2, 0);
		tsc_bpf_call(&program, BPF_FUNC_redirect_peer);
	} else {
		send_to_container(&program);
	}
	return tsc_bpf_finish(&program, BPF_PROG_TYPE_SCHED_CLS, 0, PASS);
}
