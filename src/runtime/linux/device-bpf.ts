import type { DeviceRule } from './sandbox/device-rules.ts';

/*
 * A BPF_PROG_TYPE_CGROUP_DEVICE program is called with struct bpf_cgroup_dev_ctx in r1 and returns 1 to allow:
 *   u32 access_type = (access << 16) | type     type: 1 block, 2 character; access: 1 mknod, 2 read, 4 write
 *   u32 major, u32 minor
 */
const op = {
  loadWord: 0x61, // BPF_LDX | BPF_MEM | BPF_W
  move: 0xb4, // BPF_ALU | BPF_MOV | BPF_K (32 bits)
  moveRegister: 0xbc, // BPF_ALU | BPF_MOV | BPF_X
  and: 0x54, // BPF_ALU | BPF_AND | BPF_K
  shiftRight: 0x74, // BPF_ALU | BPF_RSH | BPF_K
  jumpNotEqual: 0x56, // BPF_JMP32 | BPF_JNE | BPF_K
  jumpNotEqualRegister: 0x5e, // BPF_JMP32 | BPF_JNE | BPF_X
  exit: 0x95,
} as const;

const accessBits: { readonly [letter: string]: number } = { m: 1, r: 2, w: 4 };
const typeNumbers = { b: 1, c: 2 } as const;
const everyAccess = 7;

type Instruction = { code: number; to: number; from?: number; offset?: number; value?: number };

/** The instructions (struct bpf_insn[]) that allow what any of the rules allows and nothing else. */
export function deviceProgram(rules: readonly DeviceRule[]): Buffer {
  const program: Instruction[] = [
    { code: op.loadWord, to: 2, from: 1, offset: 0 },
    { code: op.moveRegister, to: 3, from: 2 },
    { code: op.and, to: 2, value: 0xffff }, // r2: type
    { code: op.shiftRight, to: 3, value: 16 }, // r3: access
    { code: op.loadWord, to: 4, from: 1, offset: 4 }, // r4: major
    { code: op.loadWord, to: 5, from: 1, offset: 8 }, // r5: minor
  ];
  for (const rule of rules) program.push(...ruleBlock(rule));
  program.push({ code: op.move, to: 0, value: 0 }, { code: op.exit, to: 0 });
  return Buffer.concat(program.map(encode));
}

/** Falls through to the next block unless every test passes; the last two instructions say "allowed". */
function ruleBlock(rule: DeviceRule): Instruction[] {
  const tests: Instruction[] = [];
  if (rule.type !== 'a') tests.push({ code: op.jumpNotEqual, to: 2, value: typeNumbers[rule.type] });
  const access = [...rule.permissions].reduce((bits, letter) => bits | (accessBits[letter] ?? 0), 0);
  if (access !== everyAccess) {
    // The request must be a subset: request & allowed == request.
    tests.push(
      { code: op.moveRegister, to: 1, from: 3 },
      { code: op.and, to: 1, value: access },
      { code: op.jumpNotEqualRegister, to: 1, from: 3 },
    );
  }
  if (rule.major !== -1) tests.push({ code: op.jumpNotEqual, to: 4, value: rule.major });
  if (rule.minor !== -1) tests.push({ code: op.jumpNotEqual, to: 5, value: rule.minor });
  const block = [...tests, { code: op.move, to: 0, value: 1 }, { code: op.exit, to: 0 }];
  return block.map((instruction, i) =>
    instruction.code === op.jumpNotEqual || instruction.code === op.jumpNotEqualRegister
      ? { ...instruction, offset: block.length - i - 1 }
      : instruction,
  );
}

function encode({ code, to, from = 0, offset = 0, value = 0 }: Instruction): Buffer {
  const bytes = Buffer.alloc(8);
  bytes[0] = code;
  bytes[1] = (from << 4) | to;
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(value | 0, 4);
  return bytes;
}
