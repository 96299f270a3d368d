import { err, ok, type Result } from '../../../util/result.ts';
import { type CapabilityName, capabilityNames } from '../caps.ts';
import type { Action, Comparison, Condition, Rule } from './compile.ts';

/** A seccomp profile as Docker and Podman read it from JSON. */
export type Profile = { readonly rules: readonly Rule[]; readonly otherwise: Action };

type Surroundings = { readonly capabilities: readonly CapabilityName[]; readonly arch: 'x64' | 'arm64' };

const EPERM = 1;
const archNames = { x64: 'amd64', arm64: 'arm64' } as const;

const comparisons: { readonly [name: string]: Comparison } = {
  SCMP_CMP_EQ: 'eq',
  SCMP_CMP_NE: 'ne',
  SCMP_CMP_LT: 'lt',
  SCMP_CMP_LE: 'le',
  SCMP_CMP_GT: 'gt',
  SCMP_CMP_GE: 'ge',
  SCMP_CMP_MASKED_EQ: 'masked-eq',
};

/** The rules of a profile that apply here; the error is a sentence about what in it cannot be understood. */
export function parseProfile(text: string, surroundings: Surroundings): Result<Profile, string> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    return err(`it is not JSON: ${(cause as Error).message}`);
  }
  const root = record(json);
  const otherwise = parseAction(root?.['defaultAction'], root?.['defaultErrnoRet']);
  if (root === undefined || otherwise === undefined) return err('it has no defaultAction we know');
  const rules: Rule[] = [];
  for (const [i, entry] of list(root['syscalls']).entries()) {
    const rule = parseRule(record(entry), surroundings);
    if (!rule.ok) return err(`syscalls[${i}]: ${rule.error}`);
    if (rule.value !== undefined) rules.push(rule.value);
  }
  return ok({ rules, otherwise });
}

type Json = { readonly [key: string]: unknown };
const record = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** undefined: it is for other containers or machines. */
function parseRule(entry: Json | undefined, surroundings: Surroundings): Result<Rule | undefined, string> {
  if (entry === undefined) return err('it is no object');
  if (!included(record(entry['includes']), surroundings) || excluded(record(entry['excludes']), surroundings)) {
    return ok(undefined);
  }
  const names = [...list(entry['names']), entry['name']].filter((name): name is string => typeof name === 'string');
  const action = parseAction(entry['action'], entry['errnoRet']);
  if (action === undefined) return err(`there is no action ${JSON.stringify(entry['action'])}`);
  const conditions: Condition[] = [];
  for (const argument of list(entry['args'])) {
    const condition = parseCondition(record(argument));
    if (condition === undefined) return err(`an argument cannot be understood: ${JSON.stringify(argument)}`);
    conditions.push(condition);
  }
  return ok({ names, action, conditions });
}

function included(filter: Json | undefined, { capabilities, arch }: Surroundings): boolean {
  if (filter === undefined) return true;
  const caps = list(filter['caps']).every((name) => hasCapability(capabilities, name));
  const arches = list(filter['arches']);
  return caps && (arches.length === 0 || arches.includes(archNames[arch]));
}

function excluded(filter: Json | undefined, { capabilities, arch }: Surroundings): boolean {
  if (filter === undefined) return false;
  if (list(filter['arches']).includes(archNames[arch])) return true;
  return list(filter['caps']).some((name) => hasCapability(capabilities, name));
}

const hasCapability = (capabilities: readonly CapabilityName[], name: unknown): boolean => {
  const short = String(name).replace(/^CAP_/, '') as CapabilityName;
  return capabilityNames.includes(short) && capabilities.includes(short);
};

function parseAction(name: unknown, errnoRet: unknown): Action | undefined {
  const errno = typeof errnoRet === 'number' ? errnoRet : EPERM;
  switch (name) {
    case 'SCMP_ACT_ALLOW':
      return { kind: 'allow' };
    case 'SCMP_ACT_ERRNO':
      return { kind: 'errno', errno };
    case 'SCMP_ACT_TRACE':
      return { kind: 'trace', errno };
    case 'SCMP_ACT_LOG':
      return { kind: 'log' };
    case 'SCMP_ACT_TRAP':
      return { kind: 'trap' };
    case 'SCMP_ACT_KILL':
    case 'SCMP_ACT_KILL_THREAD':
      return { kind: 'kill-thread' };
    case 'SCMP_ACT_KILL_PROCESS':
      return { kind: 'kill-process' };
    default:
      return undefined;
  }
}

function parseCondition(argument: Json | undefined): Condition | undefined {
  const comparison = comparisons[String(argument?.['op'])];
  const index = argument?.['index'];
  const value = argument?.['value'];
  const second = argument?.['valueTwo'] ?? 0;
  const whole = [index, value, second].every((number) => Number.isInteger(number) && (number as number) >= 0);
  if (comparison === undefined || !whole || (index as number) > 5) return undefined;
  return {
    index: index as number,
    comparison,
    value: BigInt(value as number),
    second: BigInt(second as number),
    bits: 64,
  };
}
