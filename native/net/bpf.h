/* bpf(2) without libbpf: programs put together instruction by instruction, maps, links that live as long as their descriptor. */
#ifndef TSC_BPF_H
#define TSC_BPF_H

#include <linux/bpf.h>

#include "net.h"

enum {
	TSC_BPF_MAX_CODE = 96,
	TSC_BPF_TCX_INGRESS = 46, /* newer than some headers */
	TSC_BPF_LEAVE = 0x7fff,   /* a jump to where the program leaves things as they are */
};

/* Registers as in the kernel's own words: r0 result, r1-r5 arguments, r6-r9 ours, r10 frame. */
enum { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FRAME };

struct tsc_program {
	struct bpf_insn code[TSC_BPF_MAX_CODE];
	uint32_t count;
};

void tsc_bpf_add(struct tsc_program *program, int code, int to, int from, int offset, int32_t value);
/* `width` is BPF_B, BPF_H, BPF_W or BPF_DW. */
void tsc_bpf_load(struct tsc_program *program, int width, int to, int from, int offset);
void tsc_bpf_store(struct tsc_program *program, int to, int offset, int from); /* 32 bits */
void tsc_bpf_store_value(struct tsc_program *program, int to, int offset, int32_t value);
void tsc_bpf_move(struct tsc_program *program, int to, int from);
void tsc_bpf_set(struct tsc_program *program, int to, int32_t value);
void tsc_bpf_set_wide(struct tsc_program *program, int to, uint64_t value);
void tsc_bpf_set_map(struct tsc_program *program, int to, int map);
void tsc_bpf_set_frame(struct tsc_program *program, int to, int offset);
void tsc_bpf_call(struct tsc_program *program, int helper);
void tsc_bpf_leave_unless(struct tsc_program *program, int reg, int32_t value);      /* 32 bits */
void tsc_bpf_leave_unless_same(struct tsc_program *program, int left, int right);    /* 64 bits */
void tsc_bpf_leave_if_zero(struct tsc_program *program, int reg);                    /* 64 bits */
/* Ends here with r0; whatever leaves ends with `otherwise`. Returns the program's descriptor or -errno. */
int tsc_bpf_finish(struct tsc_program *program, enum bpf_prog_type type, int attach, int32_t otherwise);

/* What programs and maps are called that are made from now on, for whoever lists them. */
void tsc_bpf_set_name(const uint8_t *name, uint32_t length);

int tsc_bpf_map(enum bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t entries);
/* Memory of a socket's own, gone with it: `words` 32-bit words. */
int tsc_bpf_socket_map(uint32_t words);
int tsc_bpf_put(int map, const void *key, const void *value);
/* `target` is a cgroup's descriptor or an interface index, as `attach` wants it. */
int tsc_bpf_link(int program, int target, int attach);

#endif
