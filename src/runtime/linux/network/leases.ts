import { InternalError } from '../../../util/assert.ts';
import { hashOfText } from '../../../util/hash.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { type Address, type Cidr, containsAddress, overlaps, sizeOf, width } from './addresses.ts';

/** Which subnet a network gets, and which address a container. Pure. */

export type SubnetChoice = {
  readonly pools: readonly Cidr[];
  /** What the subnet must not touch: host routes, subnets of other projects, fixed ones of this. */
  readonly taken: readonly Cidr[];
  /** Wanted prefix length; a longer one is taken when no such subnet is left. */
  readonly length: number;
  /** The longest prefix that still is of use. */
  readonly longest: number;
  /** The same seed meets the same subnet again while that is free. */
  readonly seed: string;
};

/** A subnet of the pools that touches nothing in `taken`, the wanted size first; undefined when the pools are full. */
export function chooseSubnet({ pools, taken, length, longest, seed }: SubnetChoice): Cidr | undefined {
  const start = hashOfText(seed);
  for (let size = length; size <= longest; size += 2) {
    const counts = pools.map((pool) => (pool.length > size ? 0 : Math.min(2 ** (size - pool.length), 65_536)));
    const total = counts.reduce((sum, count) => sum + count, 0);
    for (let step = 0; step < total; step++) {
      const candidate = subnetAt({ pools, counts, size }, (start + step) % total);
      if (!taken.some((other) => overlaps(candidate, other))) return candidate;
    }
  }
  return undefined;
}

function subnetAt(
  { pools, counts, size }: { pools: readonly Cidr[]; counts: readonly number[]; size: number },
  index: number,
): Cidr {
  let rest = index;
  for (const [at, pool] of pools.entries()) {
    const count = counts[at] ?? 0;
    if (rest < count)
      return {
        family: pool.family,
        base: pool.base + BigInt(rest) * (1n << BigInt(width(pool.family) - size)),
        length: size,
      };
    rest -= count;
  }
  throw new InternalError(`subnet ${index} is beyond the pools`);
}

export type Lessor = {
  readonly subnet: Cidr;
  /** Where addresses are taken from when nobody asks for one: `ip_range`, or the subnet. */
  readonly range: Cidr;
  readonly gateway: Address;
  /** `aux_addresses` and whatever else must not be given away. */
  readonly reserved: readonly Address[];
};

export type Claim = {
  readonly container: string;
  /** `ipv4_address` or `ipv6_address`. */
  readonly fixed?: Address;
  /** What it had before; it gets that again if nobody else has it by now. */
  readonly before?: Address;
};

export type LeaseRefusal =
  | { readonly kind: 'outside'; readonly container: string; readonly address: Address }
  | { readonly kind: 'taken'; readonly container: string; readonly address: Address; readonly by: string }
  | { readonly kind: 'exhausted'; readonly container: string };

/**
 * An address for each claim: first those that ask for one, then those that had one, then the lowest free ones in the
 * order of the claims. `held` are addresses of containers that make no claim now.
 */
export function lease(
  lessor: Lessor,
  { claims, held }: { readonly claims: readonly Claim[]; readonly held: ReadonlyMap<string, Address> },
): Result<ReadonlyMap<string, Address>, LeaseRefusal> {
  const ledger = new Ledger(lessor, held);
  for (const { container, fixed } of claims) {
    if (fixed === undefined) continue;
    if (!isUsable(lessor.subnet, fixed)) return err({ kind: 'outside', container, address: fixed });
    const by = ledger.ownerOf(fixed);
    if (by !== undefined) return err({ kind: 'taken', container, address: fixed, by });
    ledger.give(container, fixed);
  }
  for (const { container, before } of claims) {
    if (before === undefined || ledger.given.has(container)) continue;
    if (isUsable(lessor.subnet, before) && ledger.ownerOf(before) === undefined) ledger.give(container, before);
  }
  for (const { container } of claims)
    if (!ledger.given.has(container) && !ledger.giveLowest(container)) return err({ kind: 'exhausted', container });
  return ok(ledger.given);
}

class Ledger {
  readonly given = new Map<string, Address>();
  readonly #lessor: Lessor;
  readonly #owners = new Map<bigint, string>();
  #next: bigint;

  constructor(lessor: Lessor, held: ReadonlyMap<string, Address>) {
    this.#lessor = lessor;
    this.#next = lessor.range.base;
    this.#owners.set(lessor.gateway.value, 'the gateway');
    for (const address of lessor.reserved) this.#owners.set(address.value, 'aux_addresses');
    for (const [container, address] of held) this.#owners.set(address.value, container);
  }

  ownerOf(address: Address): string | undefined {
    return this.#owners.get(address.value);
  }

  give(container: string, address: Address): void {
    this.#owners.set(address.value, container);
    this.given.set(container, address);
  }

  /** false: the range is used up. */
  giveLowest(container: string): boolean {
    const { range, subnet } = this.#lessor;
    const end = range.base + sizeOf(range);
    for (; this.#next < end; this.#next++) {
      const address: Address = { family: subnet.family, value: this.#next };
      if (this.#owners.has(this.#next) || !isUsable(subnet, address)) continue;
      this.give(container, address);
      return true;
    }
    return false;
  }
}

/** Inside the subnet, and neither its own address nor (IPv4) its broadcast address. */
function isUsable(subnet: Cidr, address: Address): boolean {
  if (!containsAddress(subnet, address)) return false;
  if (subnet.length >= width(subnet.family) - 1) return true;
  const last = subnet.base + sizeOf(subnet) - 1n;
  return address.value !== subnet.base && (subnet.family === 6 || address.value !== last);
}
