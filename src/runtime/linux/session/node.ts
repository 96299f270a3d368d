import type { Stats } from 'node:fs';
import type { DeviceNode } from '../sandbox/facts.ts';

type DeviceStats = Pick<Stats, 'rdev' | 'mode' | 'uid' | 'gid' | 'isBlockDevice'>;

/** Major and minor are spread over the bits of a device number as makedev(3) does it. */
export function nodeOf(stats: DeviceStats, target: string): DeviceNode {
  const { rdev, mode, uid, gid } = stats;
  const number = BigInt(rdev);
  const major = Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n));
  const minor = Number((number & 0xffn) | ((number >> 12n) & 0xffffff00n));
  return {
    target,
    type: stats.isBlockDevice() ? 'b' : 'c',
    major,
    minor,
    mode: mode & 0o7777,
    uid,
    gid,
    permissions: 'rwm',
  };
}
