/* The calls and the little assembler. */
#include "bpf.h"

static char name[BPF_OBJ_NAME_LEN];

static int sys_bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
	return (int)SYS3(__NR_bpf, command, attributes, sizeof *attributes);
}

void tsc_bpf_set_name(const uint8_t *text, uint32_t length)
{
	memset(name, 0, sizeof name);
	memcpy(name, text, length < sizeof name ? length : sizeof name - 1);
}

void tsc_bpf_add(struct tsc_program *program, int code, int to, int from, int offset, int32_t value)
{
	if (program->count == TSC_BPF_MAX_CODE)
		__builtin_trap();
	program->code[program->count++] = (struct bpf_insn){
		.code = (uint8_t)code,
		.dst_reg = (unsigned)to & 15u,
		.src_reg = (unsigned)from & 15u,
		.off = (int16_t)offset,
		.imm = value,
	};
}

void tsc_bpf_load(struct tsc_program *program, int width, int to, int from, int offset)
{
	tsc_bpf_add(program, BPF_LDX | BPF_MEM | width, to, from, offset, 0);
}

void tsc_bpf_store(struct tsc_program *program, int to, int offset, int from)
{
	tsc_bpf_add(program, BPF_STX | BPF_MEM | BPF_W, to, from, offset, 0);
}

void tsc_bpf_store_value(struct tsc_program *program, int to, int offset, int32_t value)
{
	tsc_bpf_add(program, BPF_ST | BPF_MEM | BPF_W, to, 0, offset, value);
}

void tsc_bpf_move(struct tsc_program *program, int to, int from)
{
	tsc_bpf_add(program, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

void tsc_bpf_set(struct tsc_program *program, int to, int32_t value)
{
	tsc_bpf_add(program, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

void tsc_bpf_set_wide(struct tsc_program *program, int to, uint64_t value)
{
	tsc_bpf_add(program, BPF_LD | BPF_DW | BPF_IMM, to, 0, 0, (int32_t)(uint32_t)value);
	tsc_bpf_add(program, 0, 0, 0, 0, (int32_t)(uint32_t)(value >> 32));
}

void tsc_bpf_set_map(struct tsc_program *program, int to, int map)
{
	tsc_bpf_add(program, BPF_LD | BPF_DW | BPF_IMM, to, BPF_PSEUDO_MAP_FD, 0, map);
	tsc_bpf_add(program, 0, 0, 0, 0, 0);
}

void tsc_bpf_set_frame(struct tsc_program *program, int to, int offset)
{
	tsc_bpf_move(program, to, FRAME);
	tsc_bpf_add(program, BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, offset);
}

void tsc_bpf_call(struct tsc_program *program, int helper)
{
	tsc_bpf_add(program, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

void tsc_bpf_leave_unless(struct tsc_program *program, int reg, int32_t value)
{
	tsc_bpf_add(program, BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, TSC_BPF_LEAVE, value);
}

void tsc_bpf_leave_unless_same(struct tsc_program *program, int left, int right)
{
	tsc_bpf_add(program, BPF_JMP | BPF_JNE | BPF_X, left, right, TSC_BPF_LEAVE, 0);
}

void tsc_bpf_leave_if_zero(struct tsc_program *program, int reg)
{
	tsc_bpf_add(program, BPF_JMP | BPF_JEQ | BPF_K, reg, 0, TSC_BPF_LEAVE, 0);
}

int tsc_bpf_finish(struct tsc_program *program, enum bpf_prog_type type, int attach, int32_t otherwise)
{
	tsc_bpf_add(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	for (uint32_t i = 0; i < program->count; i++)
		if (program->code[i].off == TSC_BPF_LEAVE)
			program->code[i].off = (int16_t)(program->count - i - 1);
	tsc_bpf_set(program, R0, otherwise);
	tsc_bpf_add(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);

	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.prog_type = type;
	attributes.insns = (uintptr_t)program->code;
	attributes.insn_cnt = program->count;
	attributes.license = (uintptr_t) "MIT";
	attributes.expected_attach_type = (uint32_t)attach;
	memcpy(attributes.prog_name, name, sizeof name);
	return sys_bpf(BPF_PROG_LOAD, &attributes);
}

int tsc_bpf_map(enum bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t entries)
{
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.map_type = type;
	attributes.key_size = key_size;
	attributes.value_size = value_size;
	attributes.max_entries = entries;
	memcpy(attributes.map_name, name, sizeof name);
	return sys_bpf(BPF_MAP_CREATE, &attributes);
}

/* The kernel wants to know the types of what a socket carries: an int as key, an array of words as value. */
static int load_types(uint32_t words)
{
	struct {
		uint16_t magic;
		uint8_t version, flags;
		uint32_t head_size, types_at, types_size, strings_at, strings_size;
		uint32_t number[4], array[6];
		char strings[4];
	} types = {
		.magic = 0xeb9f,
		.version = 1,
		.head_size = 24,
		.types_size = sizeof types.number + sizeof types.array,
		.strings_at = sizeof types.number + sizeof types.array,
		.strings_size = 3,
		.number = {1, 1u << 24, 4, 32},       /* name, kind, bytes, bits */
		.array = {0, 3u << 24, 0, 1, 1, words}, /* name, kind, size, of what, indexed by, how many */
		.strings = "\0i",
	};
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.btf = (uintptr_t)&types;
	attributes.btf_size = 24 + types.types_size + types.strings_size;
	return sys_bpf(BPF_BTF_LOAD, &attributes);
}

int tsc_bpf_socket_map(uint32_t words)
{
	int types = load_types(words);
	if (types < 0)
		return types;
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.map_type = BPF_MAP_TYPE_SK_STORAGE;
	attributes.key_size = 4;
	attributes.value_size = words * 4;
	attributes.map_flags = BPF_F_NO_PREALLOC;
	memcpy(attributes.map_name, name, sizeof name);
	attributes.btf_fd = (uint32_t)types;
	attributes.btf_key_type_id = 1;
	attributes.btf_value_type_id = 2;
	int map = sys_bpf(BPF_MAP_CREATE, &attributes);
	sys_close(types);
	return map;
}

int tsc_bpf_put(int map, const void *key, const void *value)
{
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.map_fd = (uint32_t)map;
	attributes.key = (uintptr_t)key;
	attributes.value = (uintptr_t)value;
	return sys_bpf(BPF_MAP_UPDATE_ELEM, &attributes);
}

int tsc_bpf_link(int program, int target, int attach)
{
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.link_create.prog_fd = (uint32_t)program;
	attributes.link_create.target_fd = (uint32_t)target;
	attributes.link_create.attach_type = (uint32_t)attach;
	return sys_bpf(BPF_LINK_CREATE, &attributes);
}
