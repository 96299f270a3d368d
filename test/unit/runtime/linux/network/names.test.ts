import { expect, test } from 'vitest';
import type { PublishedPort } from '../../../../../src/model/project.ts';
import { type Address, parseAddress } from '../../../../../src/runtime/linux/network/addresses.ts';
import {
  hostsText,
  nameEntries,
  parseResolvConf,
  resolvConfText,
} from '../../../../../src/runtime/linux/network/names.ts';
import { encodeNetTable, netFlag, netSize } from '../../../../../src/runtime/linux/network/net-table.ts';
import type { Endpoint } from '../../../../../src/runtime/linux/network/record.ts';
import { endpoint, on, sampleRecord as record } from '../../../../support/network-record.ts';

const [web, , api, db] = record.endpoints as [Endpoint, Endpoint, Endpoint, Endpoint];
const own = (text: string) => text.split('\n').slice(5).join('\n');

test('the hosts file has the container itself, what the file adds, and names that stand for one address', () => {
  expect(own(hostsText(record, web))).toBe(
    [
      '10.201.1.2\tweb-1',
      '192.0.2.9\tprinter',
      '10.205.0.5\thost.docker.internal',
      'fd00::1\tsix',
      '10.201.1.3\tweb-2',
      '10.201.1.4\tapi-1 api rest',
      '10.201.1.4\tfriend',
      '',
    ].join('\n'),
  );
  expect(own(hostsText(record, db))).toBe('10.201.2.5\tdb-1\n10.201.2.4\tapi-1 api\n');
});

test('a name with several addresses is left to the DNS server, and nobody sees a network he is not on', () => {
  expect(own(hostsText(record, api))).toBe(
    '10.201.1.4\tapi.shop.example api.shop api-1\n10.201.2.4\tapi.shop.example api.shop api-1\n10.201.1.2\tweb-1\n10.201.1.3\tweb-2\n10.201.2.5\tdb-1 db\n',
  );
});

test('every name is known plain and with its network behind it', () => {
  const names = nameEntries(record).filter(({ network: name }) => name === 'shop_back');
  expect(names.map(({ name, address }) => `${name} ${address}`)).toEqual([
    'api 10.201.2.4',
    'api.shop_back 10.201.2.4',
    'api-1 10.201.2.4',
    'api-1.shop_back 10.201.2.4',
    'api.shop 10.201.2.4',
    'api.shop.shop_back 10.201.2.4',
    'db 10.201.2.5',
    'db.shop_back 10.201.2.5',
    'db-1 10.201.2.5',
    'db-1.shop_back 10.201.2.5',
  ]);
});

test('resolv.conf names the gateway, keeps the search list, and asks for short names as they are', () => {
  const host = parseResolvConf(
    '# comment\ndomain old\nsearch corp.example lab.example\nnameserver 127.0.0.53\nnameserver fe80::1%eth0\noptions edns0\n',
  );
  expect(host).toEqual({ servers: ['127.0.0.53'], search: ['corp.example', 'lab.example'], options: ['edns0'] });
  expect(resolvConfText(record, web, host)).toBe(
    'nameserver 10.201.1.1\nsearch corp.example lab.example\noptions edns0 ndots:0\n',
  );
  const asked = endpoint('x', [on('back', 9)], { dnsSearch: ['.'], dnsOptions: ['ndots:2'] });
  expect(resolvConfText(record, asked, host)).toBe('nameserver 10.201.2.1\noptions ndots:2\n');
});

test('the table for the net process has the counts and the size that it says', () => {
  const table = encodeNetTable(record, {
    hostServers: ['192.0.2.53'],
    filters: [{ where: 'host', present: { ask: Buffer.from('probe') }, batch: Buffer.from('batch') }],
  });
  expect(table.readUInt32LE(8)).toBe(table.length);
  const counts = Array.from({ length: 10 }, (_, index) => table.readUInt32LE(netSize.request + index * 4));
  // listeners, resolvers, containers, clients, names, upstreams, refs, fast paths, filters, bytes of text
  expect(counts.slice(0, 9)).toEqual([0, 2, 4, 5, 27, 4, 5, 0, 1]);
  // A UDP flow that was never answered, and any other.
  expect([10, 11].map((index) => table.readUInt32LE(netSize.request + index * 4))).toEqual([30_000, 120_000]);
  const sizes = [
    netSize.listener,
    netSize.address,
    netSize.container,
    netSize.client,
    netSize.name,
    netSize.upstream,
    4,
    netSize.fast,
    netSize.filter,
    1,
  ];
  const body = counts.reduce((sum, count, index) => sum + count * (sizes[index] ?? 0), 0);
  expect(netSize.request + netSize.table + body).toBe(table.length);
});

test('a listener has a fast path only over TCP, and on a network that the host has a way to', () => {
  const port = (protocol: PublishedPort['protocol'], target: number) => ({ protocol, target, bound: target });
  const reached = endpoint('web', [on('front', 9)], { ports: [port('tcp', 80), port('udp', 81)] });
  const other = endpoint('other', [on('back', 9, { gateway: true })], { ports: [port('tcp', 82)] });
  const hostEnd = parseAddress('10.205.0.1') as Address;
  const fastPath = { hostEnd, uplink: 2, cgroup: '/cgroup', name: 'tsc1', bridges: new Map([['shop_front', 10]]) };
  const table = encodeNetTable({ ...record, endpoints: [reached, other] }, { hostServers: [], fastPath });
  const at = (index: number) => netSize.request + netSize.table + index * netSize.listener;
  const said = [0, 1, 2].map((index) => [
    table.readUInt16LE(at(index) + 22) & netFlag.FAST,
    table.readUInt32LE(at(index) + 64),
  ]);
  expect(said).toEqual([
    [netFlag.FAST, 10],
    [0, 0],
    [0, 0],
  ]);
  expect(table.readUInt32LE(netSize.request + 7 * 4)).toBe(1);
});
