import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { netAbi, netFlag, netMagic, netOp, netSize } from '../../src/runtime/linux/network/net-table.ts';
import { root } from '../support/tree.ts';

const header = readFileSync(join(root, 'native/net/net-protocol.h'), 'utf8');
const number = (text: string | undefined): number => Number((text ?? 'NaN').replace(/u$/, ''));
const defined = (name: string) => number(new RegExp(`#define ${name} (\\w+)`).exec(header)?.[1]);
const member = (name: string) => number(new RegExp(`\\b${name} = (\\w+),`).exec(header)?.[1]);

test('the layouts of native/net/net-protocol.h are those of net-table.ts', () => {
  const asserted = [...header.matchAll(/sizeof\(struct tsc_net_(\w+)\) == (\d+)/g)];
  expect(Object.fromEntries(asserted.map(([, name, size]) => [name, Number(size)]))).toEqual(netSize);
});

test('the numbers of native/net/net-protocol.h are those of net-table.ts', () => {
  expect(defined('TSC_NET_ABI')).toBe(netAbi);
  expect(defined('TSC_NET_REQUEST_MAGIC')).toBe(netMagic.request);
  expect(defined('TSC_NET_REPLY_MAGIC')).toBe(netMagic.reply);
  for (const [name, value] of Object.entries({ ...netOp, ...netFlag }))
    expect(member(`TSC_NET_${name}`), name).toBe(value);
});
