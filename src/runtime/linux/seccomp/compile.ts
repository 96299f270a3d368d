import { syscallNumbers } from './numbers.ts';

export type Action =
  | { readonly kind: 'allow' | 'kill-process' | 'kill-thread' | 'trap' | 'log' }
  | { readonly kind: 'errno' | 'trace'; readonly errno: number };

export type Comparison = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'masked-eq';

/** About one argument of a call; for `masked-eq`, (argument & value) == second. */
export type Condition = {
  readonly index: number;
  readonly comparison: Comparison;
  readonly value: bigint;
  readonly second: bigint;
  /** How many low bits the kernel looks at. */
  readonly bits: 32 | 64;
};

/** Of the rules that name a call, the first whose conditions all hold decides. */
export type Rule = {
  readonly names: readonly string[];
  readonly action: Action;
  readonly conditions: readonly Condition[];
};

export type Filter = { readonly arch: 'x64' | 'arm64'; readonly rules: readonly Rule[]; readonly otherwise: Action };

/** struct sock_filter; `fail` and `next` stand for jumps that are filled in when the length of what they skip is known. */
type Jump = number | 'fail' | 'next';
type Instruction = { readonly code: number; readonly k: number; readonly jt?: Jump; readonly jf?: Jump };

const op = { load: 0x20, and: 0x54, jump: 0x05, equal: 0x15, greater: 0x25, atLeast: 0x35, ret: 0x06 } as const;
const auditArch = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;
/** Bit 30 of the number marks the x32 calls of x86-64, which nobody uses and few test. */
const x32Bit = 0x40000000;
const ENOSYS = 38;
const actionCodes = {
  allow: 0x7fff0000,
  'kill-process': 0x80000000,
  'kill-thread': 0,
  trap: 0x00030000,
  log: 0x7ffc0000,
  errno: 0x00050000,
  trace: 0x7ff00000,
} as const;

/** struct seccomp_data: nr at 0, arch at 4, six 64-bit arguments from 16 on, low word first. */
const argumentOffset = (index: number, half: 'low' | 'high'): number => 16 + 8 * index + (half === 'low' ? 0 : 4);

/** The most instructions the kernel takes (BPF_MAXINSNS). */
const maxInstructions = 4096;

/**
 * A filter as the kernel wants it (struct sock_filter[]); undefined when it would be too long. Calls of another architecture
 * end the process; numbers no kernel we know of has a call for get ENOSYS, so that newer libraries fall back.
 */
export function compileFilter({ arch, rules, otherwise }: Filter): Buffer | undefined {
  const program: Instruction[] = [
    { code: op.load, k: 4 },
    { code: op.equal, k: auditArch[arch], jt: 1, jf: 0 },
    ret({ kind: 'kill-process' }),
    { code: op.load, k: 0 },
  ];
  if (arch === 'x64')
    program.push({ code: op.atLeast, k: x32Bit, jt: 0, jf: 1 }, ret({ kind: 'errno', errno: ENOSYS }));
  program.push(...searchTree(decisions(arch, rules, otherwise)));
  return program.length > maxInstructions ? undefined : Buffer.concat(program.map(encode));
}

/** From this number on, up to the next entry, this is what happens. */
type Decision = { readonly from: number; readonly code: readonly Instruction[] };

function decisions(arch: Filter['arch'], rules: readonly Rule[], otherwise: Action): Decision[] {
  const numbers = syscallNumbers(arch);
  const names = new Map([...numbers].map(([name, number]) => [number, name]));
  const byName = new Map<string, Rule[]>();
  for (const rule of rules) {
    for (const name of rule.names) {
      const known = byName.get(name);
      if (known === undefined) byName.set(name, [rule]);
      else known.push(rule);
    }
  }
  const found: Decision[] = [];
  // Most calls are decided by their number alone; one object for each such decision makes neighbours easy to compare.
  const plain = new Map<string, readonly Instruction[]>();
  const constant = (action: Action): readonly Instruction[] => {
    const key = `${action.kind} ${'errno' in action ? action.errno : ''}`;
    const code = plain.get(key) ?? [ret(action)];
    plain.set(key, code);
    return code;
  };
  const unknown = constant({ kind: 'errno', errno: ENOSYS });
  const last = Math.max(...names.keys());
  for (let number = 0; number <= last + 1; number++) {
    const name = names.get(number);
    const naming = name === undefined ? undefined : (byName.get(name) ?? []);
    const first = naming?.[0];
    let code: readonly Instruction[];
    if (naming === undefined) code = unknown;
    else if (first === undefined) code = constant(otherwise);
    else code = first.conditions.length === 0 ? constant(first.action) : decide(naming, otherwise);
    if (found.at(-1)?.code !== code) found.push({ from: number, code });
  }
  return found;
}

/** Halves the numbers until one decision is left: some seven comparisons for any call. */
function searchTree(choices: readonly Decision[]): Instruction[] {
  const [only] = choices;
  if (choices.length === 1 && only !== undefined) return [...only.code];
  const middle = choices.length >> 1;
  const low = searchTree(choices.slice(0, middle));
  const high = searchTree(choices.slice(middle));
  const split = choices[middle]?.from ?? 0;
  if (low.length <= 255) return [{ code: op.atLeast, k: split, jt: low.length, jf: 0 }, ...low, ...high];
  // A conditional jump has 8 bits; an unconditional one has 32.
  return [{ code: op.atLeast, k: split, jt: 0, jf: 1 }, { code: op.jump, k: low.length }, ...low, ...high];
}

function decide(rules: readonly Rule[], otherwise: Action): Instruction[] {
  const code: Instruction[] = [];
  for (const { conditions, action } of rules) {
    const tests = conditions.flatMap((condition) => resolve(test(condition), 'next', 0));
    code.push(...resolve([...tests, ret(action)], 'fail', 0));
    if (conditions.length === 0) return code;
  }
  return [...code, ret(otherwise)];
}

/** Fills in jumps to the end of a piece of code (plus `beyond`). */
function resolve(code: readonly Instruction[], label: 'fail' | 'next', beyond: number): Instruction[] {
  return code.map((instruction, i) => {
    const distance = code.length - 1 - i + beyond;
    const fill = (jump: Jump | undefined): Jump => (jump === label ? distance : (jump ?? 0));
    return { ...instruction, jt: fill(instruction.jt), jf: fill(instruction.jf) };
  });
}

/** Falls through when the condition holds and jumps to `fail` when not; `next` is the end of the test. */
function test({ index, comparison, value, second, bits }: Condition): Instruction[] {
  const half = (which: 'low' | 'high') => ({ code: op.load, k: argumentOffset(index, which) });
  const low = Number(value & 0xffffffffn);
  const high = Number((value >> 32n) & 0xffffffffn);
  if (comparison === 'masked-eq') {
    const mask = (which: 'low' | 'high', shift: bigint): Instruction[] => [
      half(which),
      { code: op.and, k: Number((value >> shift) & 0xffffffffn) },
      { code: op.equal, k: Number((second >> shift) & 0xffffffffn), jt: 0, jf: 'fail' },
    ];
    return bits === 32 ? mask('low', 0n) : [...mask('high', 32n), ...mask('low', 0n)];
  }
  const lowTest = [half('low'), compareLow(comparison, low)];
  return bits === 32 ? lowTest : [half('high'), ...compareHigh(comparison, high), ...lowTest];
}

function compareLow(comparison: Exclude<Comparison, 'masked-eq'>, k: number): Instruction {
  switch (comparison) {
    case 'eq':
      return { code: op.equal, k, jt: 0, jf: 'fail' };
    case 'ne':
      return { code: op.equal, k, jt: 'fail', jf: 0 };
    case 'ge':
      return { code: op.atLeast, k, jt: 0, jf: 'fail' };
    case 'gt':
      return { code: op.greater, k, jt: 0, jf: 'fail' };
    case 'le':
      return { code: op.greater, k, jt: 'fail', jf: 0 };
    case 'lt':
      return { code: op.atLeast, k, jt: 'fail', jf: 0 };
  }
}

/** Only equal high words leave the decision to the low ones. */
function compareHigh(comparison: Exclude<Comparison, 'masked-eq'>, k: number): Instruction[] {
  switch (comparison) {
    case 'eq':
      return [{ code: op.equal, k, jt: 0, jf: 'fail' }];
    case 'ne':
      return [{ code: op.equal, k, jt: 0, jf: 'next' }];
    case 'ge':
    case 'gt':
      return [
        { code: op.greater, k, jt: 'next', jf: 0 },
        { code: op.equal, k, jt: 0, jf: 'fail' },
      ];
    case 'le':
    case 'lt':
      return [
        { code: op.greater, k, jt: 'fail', jf: 0 },
        { code: op.equal, k, jt: 0, jf: 'next' },
      ];
  }
}

function ret(action: Action): Instruction {
  const errno = 'errno' in action ? action.errno & 0xffff : 0;
  return { code: op.ret, k: (actionCodes[action.kind] | errno) >>> 0 };
}

function encode({ code, k, jt = 0, jf = 0 }: Instruction): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes[2] = Number(jt);
  bytes[3] = Number(jf);
  bytes.writeUInt32LE(k, 4);
  return bytes;
}
