/** sys/resource.h (the same on x86-64 and arm64); names as compose writes them. */
export const rlimitNumbers: { readonly [name: string]: number } = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
};

const infinity = (1n << 64n) - 1n;

/** -1 means unlimited in a stack file; the kernel's word for that is all bits set. */
export const rlimitValue = (value: number): bigint => (value < 0 ? infinity : BigInt(Math.trunc(value)));

export function rlimitName(number: number | bigint | undefined): string {
  for (const [name, value] of Object.entries(rlimitNumbers)) if (value === Number(number)) return name;
  return `number ${number}`;
}

/** A limit as the kernel has it, in words. */
export const ulimitText = (value: number | bigint | undefined): string =>
  BigInt(value ?? 0) === infinity ? 'unlimited' : String(value);
