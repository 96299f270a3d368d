import { expect, test } from 'vitest';
import { NETLINK_NETFILTER } from '../../../../../src/runtime/linux/network/netlink-socket.ts';
import {
  batch,
  counter,
  decodeChain,
  decodeRule,
  deleteRule,
  deleteTable,
  dumpChains,
  dumpRules,
  fromAddress,
  masquerade,
  mentionsInterface,
  newRule,
  ofKnownConnection,
  ofTransparentSocket,
  onInterface,
  replaceTable,
  setMark,
  type Table,
  verdict,
} from '../../../../../src/runtime/linux/network/nftables.ts';
import { cannotMakeNetns, ScratchNetns } from './scratch.ts';

const table: Table = {
  family: 'inet',
  name: 'tscompose-shop',
  chains: [
    {
      name: 'prerouting',
      type: 'filter',
      hook: 'prerouting',
      priority: -150,
      policy: 'accept',
      rules: [[...ofTransparentSocket(), ...setMark(1)]],
    },
    {
      name: 'forward',
      type: 'filter',
      hook: 'forward',
      priority: 0,
      policy: 'drop',
      rules: [
        [...onInterface('iifname', 'uplink'), ...ofKnownConnection(), verdict('accept')],
        [...onInterface('oifname', 'uplink', 'is-not'), counter(), verdict('drop')],
      ],
    },
    {
      name: 'postrouting',
      type: 'nat',
      hook: 'postrouting',
      priority: 100,
      policy: 'accept',
      rules: [[...fromAddress(Buffer.from([10, 1, 2, 3])), ...onInterface('oifname', 'uplink'), masquerade()]],
    },
  ],
};

test.skipIf(cannotMakeNetns !== undefined)('nft(8) reads the table that was written', async () => {
  using scratch = await ScratchNetns.make();
  const socket = scratch.socket(NETLINK_NETFILTER);
  socket.commit(batch(replaceTable(table)));
  expect(scratch.run('nft', '-n', 'list', 'ruleset')).toBe(`table inet tscompose-shop {
	chain prerouting {
		type filter hook prerouting priority -150; policy accept;
		socket transparent 1 meta mark set 0x00000001
	}

	chain forward {
		type filter hook forward priority 0; policy drop;
		iifname "uplink" ct state 0x2,0x4 accept
		oifname != "uplink" counter packets 0 bytes 0 drop
	}

	chain postrouting {
		type nat hook postrouting priority 100; policy accept;
		ip saddr 10.1.2.3 oifname "uplink" masquerade
	}
}
`);
  socket.close();
});

test.skipIf(cannotMakeNetns !== undefined)('replacing and deleting a table touches no other', async () => {
  using scratch = await ScratchNetns.make();
  const socket = scratch.socket(NETLINK_NETFILTER);
  scratch.run('nft', 'add table ip other; add chain ip other keep');
  socket.commit(batch(replaceTable(table)));
  socket.commit(batch(replaceTable({ ...table, chains: table.chains.slice(0, 1) })));
  expect(socket.dump(dumpChains('inet')).map(decodeChain)).toEqual([
    { table: 'tscompose-shop', name: 'prerouting', hook: 0, policy: 'accept' },
  ]);
  socket.commit(batch(deleteTable(table)));
  socket.commit(batch(deleteTable(table)));
  expect(scratch.run('nft', 'list', 'ruleset')).toBe('table ip other {\n\tchain keep {\n\t}\n}\n');
  socket.close();
});

test.skipIf(cannotMakeNetns !== undefined)(
  'a rule in a chain of iptables is one that iptables can read, and goes by its interface',
  async () => {
    using scratch = await ScratchNetns.make();
    scratch.run('iptables', '-P', 'FORWARD', 'DROP');
    scratch.run('iptables', '-A', 'FORWARD', '-s', '10.0.0.0/8', '-j', 'DROP');
    const socket = scratch.socket(NETLINK_NETFILTER);
    const place = { family: 'ip', name: 'filter', chain: 'FORWARD' } as const;
    const rule = [...onInterface('iifname', 'tsc0'), counter(), verdict('accept')];
    socket.commit(batch([newRule({ ...place, rule, position: 'first' })]));
    expect(scratch.run('iptables', '-S', 'FORWARD')).toBe(
      '-P FORWARD DROP\n-A FORWARD -i tsc0 -j ACCEPT\n-A FORWARD -s 10.0.0.0/8 -j DROP\n',
    );
    const seen = socket.dump(dumpRules(place)).map(decodeRule);
    const ours = seen.filter((each) => mentionsInterface(each, 'tsc0'));
    expect([seen.length, ours.length]).toEqual([2, 1]);
    socket.commit(batch(ours.map(({ handle }) => deleteRule({ ...place, handle }))));
    expect(scratch.run('iptables', '-S', 'FORWARD')).toBe('-P FORWARD DROP\n-A FORWARD -s 10.0.0.0/8 -j DROP\n');
    socket.close();
  },
);

test.skipIf(cannotMakeNetns !== undefined)(
  'a batch that the kernel refuses changes nothing and is reported',
  async () => {
    using scratch = await ScratchNetns.make();
    const socket = scratch.socket(NETLINK_NETFILTER);
    const stray = newRule({ family: 'inet', name: 'absent', chain: 'x', rule: [verdict('drop')], position: 'last' });
    expect(() => socket.commit(batch([...replaceTable(table), stray]))).toThrow(/table absent: ENOENT/);
    expect(scratch.run('nft', 'list', 'ruleset')).toBe('');
    socket.close();
  },
);
