import { describe, expect, test } from 'vitest';
import type { Network } from '../../../../../src/model/project.ts';
import { filtersOf, hostTable, routerTable } from '../../../../../src/runtime/linux/network/filters.ts';
import { hostNames } from '../../../../../src/runtime/linux/network/host-names.ts';
import { NETLINK_NETFILTER } from '../../../../../src/runtime/linux/network/netlink-socket.ts';
import { batch, replaceTable } from '../../../../../src/runtime/linux/network/nftables.ts';
import type { NetworkEntry, NetworkRecord } from '../../../../../src/runtime/linux/network/record.ts';
import { network } from '../../../../support/builders.ts';
import { cannotMakeNetns, ScratchNetns } from './scratch.ts';

const entry = (key: string, index: number, more: Partial<Network> = {}): NetworkEntry => ({
  network: network(key, more),
  bridge: `br-${key}`,
  index,
  subnets: [],
});

const record: NetworkRecord = {
  version: 1,
  uplink: '10.205.7.4/30',
  networks: [entry('front', 10), entry('back', 11, { internal: true }), { ...entry('shared', 12), owner: 'other' }],
  endpoints: [],
};
const names = hostNames('/run/tscompose', 'shop');

type Listed = { readonly nftables: readonly { readonly [kind: string]: { readonly [key: string]: unknown } }[] };

/** Chains and rules as nft(8) reads them back, in its own words, without the numbers that the kernel gives. */
function listed(netns: ScratchNetns): unknown[] {
  const { nftables } = netns.json('nft', '-j', 'list', 'ruleset') as Listed;
  return nftables.flatMap(({ chain, rule }): unknown[] => {
    if (chain !== undefined) {
      const { name, type, hook, prio, policy } = chain;
      return [{ name, type, hook, prio, policy }];
    }
    return rule === undefined ? [] : [{ chain: rule['chain'], expr: rule['expr'] }];
  });
}

const by = (key: string, right: string, op = '==') => ({ match: { op, left: { meta: { key } }, right } });
const known = {
  match: { op: 'in', left: { ct: { key: 'state' } }, right: expect.arrayContaining(['established', 'related']) },
};
const from = (protocol: string, right: string) => ({
  match: { op: '==', left: { payload: { protocol, field: 'saddr' } }, right },
});

describe.skipIf(cannotMakeNetns !== undefined)('as nft -j list reads them back', () => {
  test('the router lets its open networks out, answers in, and nothing else', async () => {
    using netns = await ScratchNetns.make();
    const socket = netns.socket(NETLINK_NETFILTER);
    socket.commit(batch(replaceTable(routerTable(record))));
    socket.close();
    expect(listed(netns)).toEqual([
      { name: 'prerouting', type: 'filter', hook: 'prerouting', prio: -150, policy: 'accept' },
      { name: 'forward', type: 'filter', hook: 'forward', prio: 0, policy: 'drop' },
      { name: 'postrouting', type: 'nat', hook: 'postrouting', prio: 100, policy: 'accept' },
      {
        chain: 'prerouting',
        expr: [
          { match: { op: '==', left: { socket: { key: 'transparent' } }, right: 1 } },
          { mangle: { key: { meta: { key: 'mark' } }, value: 1 } },
        ],
      },
      { chain: 'forward', expr: [by('iifname', 'uplink'), known, { accept: null }] },
      { chain: 'forward', expr: [by('iifname', 'br-front'), by('oifname', 'uplink'), { accept: null }] },
      { chain: 'postrouting', expr: [by('oifname', 'uplink'), { masquerade: null }] },
    ]);
  });

  test('the host translates the addresses of the uplink, and lets nobody in that way', async () => {
    using netns = await ScratchNetns.make();
    const socket = netns.socket(NETLINK_NETFILTER);
    socket.commit(batch(replaceTable(hostTable(names, '10.205.7.4/30'))));
    socket.close();
    const out = [by('oifname', names.link, '!='), by('oifname', 'lo', '!='), { masquerade: null }];
    expect(listed(netns)).toEqual([
      { name: 'forward', type: 'filter', hook: 'forward', prio: 0, policy: 'accept' },
      { name: 'postrouting', type: 'nat', hook: 'postrouting', prio: 100, policy: 'accept' },
      { chain: 'forward', expr: [by('oifname', names.link), known, { accept: null }] },
      { chain: 'forward', expr: [by('oifname', names.link), { drop: null }] },
      { chain: 'postrouting', expr: [from('ip', '10.205.7.6'), ...out] },
      { chain: 'postrouting', expr: [from('ip6', expect.stringMatching(/^fd.*::2$/)), ...out] },
    ]);
  });
});

test('what the net process keeps there: the router’s table, and the host’s where there is a way out', () => {
  // The host's table, an accept in DOCKER-USER or FORWARD for each family, and the router's table.
  expect(filtersOf(record, names).map(({ where }) => where)).toEqual([...new Array(5).fill('host'), 'router']);
  const { uplink: _, ...inner } = record;
  expect(filtersOf(inner, names).map(({ where }) => where)).toEqual(['router']);
  expect(
    filtersOf(record, names)[0]
      ?.present.ask.toString('hex')
      .replace(/(.{8})/g, '$1 ')
      .trim(),
  ).toBe(
    [
      '28000000 010a0100 01000000 00000000', // 40 bytes, NFT_MSG_GETTABLE, request without acknowledgement, sequence 1
      '01000000', // nfgenmsg: inet
      '13000100 7473636f 6d706f73 652d7368 6f700000', // the name
    ].join(' '),
  );
});
