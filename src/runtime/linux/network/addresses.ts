import { isIPv6 } from 'node:net';
import { hexOfText } from '../../../util/hash.ts';

/** IP addresses and prefixes as numbers: IPv4 and IPv6 by the same arithmetic. Pure. */

export type Family = 4 | 6;
export type Address = { readonly family: Family; readonly value: bigint };
/** `base` has no bit set beyond the first `length`. */
export type Cidr = { readonly family: Family; readonly base: bigint; readonly length: number };

/** Bits of an address. */
export const width = (family: Family): number => (family === 4 ? 32 : 128);

/** The address in `text`, or undefined when it is none; no zone, no brackets, no names. */
export function parseAddress(text: string): Address | undefined {
  // Node's expressions take longer to compile than all addresses of a project to read.
  if (!text.includes(':')) return parseFour(text);
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return { family: 6, value: groupsOf(text).reduce((sum, group) => sum * 65_536n + BigInt(group), 0n) };
}

function parseFour(text: string): Address | undefined {
  const bytes = text.split('.');
  if (bytes.length !== 4 || !bytes.every((byte) => /^(?:0|[1-9]\d{0,2})$/.test(byte) && Number(byte) < 256))
    return undefined;
  return { family: 4, value: BigInt(bytes.reduce((sum, byte) => sum * 256 + Number(byte), 0)) };
}

function groupsOf(text: string): number[] {
  const [head = '', tail] = text.split('::');
  const left = expandGroups(head);
  if (tail === undefined) return left;
  const right = expandGroups(tail);
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}

/** `1:2:10.0.0.1` → [1, 2, 0x0a00, 0x0001]. */
function expandGroups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

/** The usual text form; IPv6 as RFC 5952 wants it. */
export function formatAddress({ family, value }: Address): string {
  const bytes = addressBytes({ family, value });
  if (family === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  const gap = longestZeros(groups);
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (gap.length < 2) return hex(groups);
  return `${hex(groups.slice(0, gap.at))}::${hex(groups.slice(gap.at + gap.length))}`;
}

function longestZeros(groups: readonly number[]): { at: number; length: number } {
  let best = { at: 0, length: 0 };
  for (let at = 0; at < groups.length; at++) {
    let length = 0;
    while (groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  return best;
}

/** 4 or 16 bytes in network order. */
export function addressBytes({ family, value }: Address): Buffer {
  return Buffer.from(value.toString(16).padStart(width(family) / 4, '0'), 'hex');
}

/** The address in 4 or 16 bytes. */
export function addressFromBytes(bytes: Uint8Array): Address {
  const hex = Buffer.from(bytes).toString('hex');
  return { family: bytes.length === 4 ? 4 : 6, value: BigInt(`0x${hex || '0'}`) };
}

/** `10.1.2.0/24`; host bits are cleared, as routers do. */
export function parseCidr(text: string): Cidr | undefined {
  const [head = '', tail, ...more] = text.split('/');
  const address = parseAddress(head);
  if (address === undefined || tail === undefined || more.length > 0 || !/^\d{1,3}$/.test(tail)) return undefined;
  const length = Number(tail);
  return length > width(address.family) ? undefined : cidrOf(address, length);
}

/** The prefix of `length` bits that `address` lies in. */
export function cidrOf({ family, value }: Address, length: number): Cidr {
  const rest = BigInt(width(family) - length);
  return { family, base: (value >> rest) << rest, length };
}

export const formatCidr = ({ family, base, length }: Cidr): string =>
  `${formatAddress({ family, value: base })}/${length}`;

/** How many addresses the prefix has, the unusable ones included. */
export const sizeOf = ({ family, length }: Cidr): bigint => 1n << BigInt(width(family) - length);

export function containsAddress(cidr: Cidr, address: Address): boolean {
  return cidr.family === address.family && address.value >= cidr.base && address.value < cidr.base + sizeOf(cidr);
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.base < b.base + sizeOf(b) && b.base < a.base + sizeOf(a);
}

/** The nth address of the prefix, 0 being its base. */
export const nth = ({ family, base }: Cidr, index: number): Address => ({ family, value: base + BigInt(index) });

/** A /64 out of fd00::/8 (RFC 4193) that two different seeds share only by a 1 in 2^56 chance. */
export function uniqueLocalSubnet(seed: string): Cidr {
  // What is the same in one of two hashes of a text must not be so in the other: it comes after something else there.
  const hash = `${hexOfText(seed)}${hexOfText(`64/${seed}`)}`.slice(0, 14);
  return { family: 6, base: BigInt(`0xfd${hash}`) << 64n, length: 64 };
}

/**
 * A MAC that follows from the IPv4 address, so that neighbours that remember it for an address are right even after the
 * address has gone to another container. The first byte says "locally administered".
 */
export function macOf(address: Address): Buffer {
  const bytes = addressBytes(address);
  return Buffer.concat([Buffer.from([0x02, 0x42]), bytes.subarray(-4)]);
}

/** `02:42:ac:11:00:03` as bytes; undefined when it is no MAC. */
export function parseMac(text: string): Buffer | undefined {
  return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text) ? Buffer.from(text.replace(/[:-]/g, ''), 'hex') : undefined;
}
