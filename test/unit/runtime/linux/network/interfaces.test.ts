import { expect, test } from 'vitest';
import { interfaceOps, isConnectedWithin, placesOf } from '../../../../../src/runtime/linux/network/interfaces.ts';
import type { Endpoint } from '../../../../../src/runtime/linux/network/record.ts';
import { sampleRecord } from '../../../../support/network-record.ts';

const ways = { record: sampleRecord, outsideMtu: 1500, router: '/run/router' };
const [web, , api] = sampleRecord.endpoints as [Endpoint, Endpoint, Endpoint];
const ends = [
  { name: 'veth1000', index: 1000 },
  { name: 'veth1001', index: 1001 },
];

test('each interface is made from the router, and the container’s namespace goes where the kernel looks for it', () => {
  const ops = interfaceOps(api, { ...ways, near: ends });
  expect(ops.map(({ kind, strings: [where] }) => [kind, where])).toEqual([
    ['NET_SYSCTLS', expect.stringContaining('ipv6/conf/default/disable_ipv6=1\0')],
    ['NETLINK', '/run/router'],
    ['NETLINK', '/run/router'],
    ['NET_SYSCTLS', ''],
    ['NETLINK', ''],
  ]);
  const [, cable, , , own] = ops;
  const bytes = Buffer.from(cable?.strings[1] ?? '');
  expect(bytes.readUInt32LE(Number(cable?.numbers[0]))).toBe(0x6e637374);
  expect(bytes.includes('veth1000\0')).toBe(true);
  expect(own?.numbers).toEqual([0]);
});

test('a program that is planned again has as many ops, and makes no interface', () => {
  const again = interfaceOps(api, { ...ways, near: [] });
  expect(again.map(({ kind }) => kind)).toEqual(interfaceOps(api, { ...ways, near: ends }).map(({ kind }) => kind));
  expect(again.filter(({ strings: [where, bytes] }) => where === '/run/router' && bytes?.length !== 0)).toEqual([]);
});

test('IPv6 is brought up on the interfaces that have such an address', () => {
  const attachments = web.attachments.map((each) => ({ ...each, ipv6: 'fd00::2' }));
  const ops = interfaceOps({ ...web, attachments }, { ...ways, near: ends });
  expect(ops[2]?.strings).toEqual(['ipv6/conf/eth0/disable_ipv6=0\0']);
});

test('a network of another project is not for a monitor to connect to', () => {
  const networks = sampleRecord.networks.map((entry, at) => (at === 1 ? { ...entry, owner: 'other' } : entry));
  const record = { ...sampleRecord, networks };
  expect(isConnectedWithin(placesOf(web, record))).toBe(true);
  expect(isConnectedWithin(placesOf(api, record))).toBe(false);
});
