import { expect, test } from 'vitest';
import { acceptRules, hostTable, routerTable } from '../../src/runtime/linux/network/filters.ts';
import { encodeRequest, type Request } from '../../src/runtime/linux/network/netlink.ts';
import { batch, deleteTable, dumpRules, getChain, replaceTable } from '../../src/runtime/linux/network/nftables.ts';
import type { NetworkRecord } from '../../src/runtime/linux/network/record.ts';
import {
  AF_INET,
  AF_INET6,
  deleteLink,
  dumpRoutes,
  isolatePort,
  newAddress,
  newBridge,
  newMarkRule,
  newRoute,
  newVeth,
  setLinkAlias,
  setLinkUp,
} from '../../src/runtime/linux/network/rtnl.ts';
import { network } from '../support/builders.ts';

/* Each request as the bytes that the kernel gets, in words of four. `vitest -u` writes the file. */

const mac = Buffer.from('02420a010205', 'hex');
const v4 = Buffer.from([10, 1, 2, 5]);
const v6 = Buffer.from('fd000000000000000000000000000005', 'hex');
const names = { link: 'tsc0123abcd', table: 'tscompose-shop', seed: 'uplink/shop' };
const front = { network: network('front'), bridge: 'br-front', index: 10, subnets: [] };
const record: NetworkRecord = { version: 1, uplink: '10.205.7.4/30', networks: [front], endpoints: [] };
const forward = { family: 'ip', name: 'filter', chain: 'FORWARD' } as const;

const requests: { readonly [what: string]: readonly Request[] } = {
  'a bridge': [newBridge({ name: 'br0', index: 10, mac, mtu: 1500 })],
  'a veth into another namespace': [
    newVeth({
      near: { name: 'veth1000', index: 1000, master: 10 },
      far: { name: 'eth0', index: 10, mac, netnsFd: 7 },
      mtu: 65_535,
    }),
  ],
  'an interface up, described, isolated, gone': [
    setLinkUp(10),
    setLinkAlias(10, 'tscompose shop'),
    isolatePort(1000),
    deleteLink(10),
  ],
  addresses: [newAddress(10, { bytes: v4, length: 24 }), newAddress(10, { bytes: v6, length: 64 })],
  'routes: default, to a subnet, local, and what is marked': [
    newRoute({ family: AF_INET, via: v4, index: 10, mtu: 1500 }),
    newRoute({ family: AF_INET6, to: { bytes: v6, length: 64 }, index: 10 }),
    newRoute({ family: AF_INET, index: 1, table: 100, kind: 'local' }),
    newMarkRule(AF_INET, { mark: 1, table: 100 }),
  ],
  'a dump of routes': [dumpRoutes()],
  'the table of a router': batch(replaceTable(routerTable(record))),
  'the table on the host': batch(replaceTable(hostTable(names, '10.205.7.4/30'))),
  'no table': batch(deleteTable({ family: 'inet', name: 'tscompose-shop' })),
  'accepts among the rules of iptables': batch(acceptRules(forward, names.link)),
  'questions to the packet filter': [
    getChain(forward),
    dumpRules(forward),
    dumpRules({ family: 'ip6', name: 'filter' }),
  ],
};

const words = (bytes: Buffer): string =>
  bytes
    .toString('hex')
    .match(/.{1,8}/g)
    ?.join(' ') ?? '';

test('requests to the kernel are these bytes', async () => {
  const text = Object.entries(requests).map(([what, list]) => {
    const lines = list.map((request, index) => `${request.intent}\n  ${words(encodeRequest(request, index + 1))}`);
    return `== ${what}\n${lines.join('\n')}\n`;
  });
  await expect(text.join('\n')).toMatchFileSnapshot('netlink.txt');
});
