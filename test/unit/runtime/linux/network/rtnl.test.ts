import { describe, expect, test } from 'vitest';
import { encodeRequest } from '../../../../../src/runtime/linux/network/netlink.ts';
import { NETLINK_ROUTE } from '../../../../../src/runtime/linux/network/netlink-socket.ts';
import {
  AF_INET,
  AF_INET6,
  decodeAddress,
  decodeLink,
  decodeRoute,
  dumpAddresses,
  dumpLinks,
  dumpRoutes,
  isolatePort,
  newAddress,
  newBridge,
  newMarkRule,
  newRoute,
  newVeth,
  setLinkAlias,
  setLinkUp,
} from '../../../../../src/runtime/linux/network/rtnl.ts';
import { cannotMakeNetns, ScratchNetns } from './scratch.ts';

const mac = (last: number) => Buffer.from([0x02, 0x42, 10, 1, 2, last]);
const v4 = (last: number) => Buffer.from([10, 1, 2, last]);
const v6 = (last: number) => Buffer.from([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);

test('a request for a bridge is these bytes', () => {
  const bytes = encodeRequest(newBridge({ name: 'br0', index: 10, mac: mac(1), mtu: 1500 }), 7);
  expect(bytes.toString('hex').replace(/(.{8})/g, '$1 ')).toBe(
    [
      '68000000 10000506 07000000 00000000', // length 104, RTM_NEWLINK, create+excl+ack+request, sequence 7
      '00000000 0a000000 00000000 00000000', // ifinfomsg, index 10
      '08000300 62723000', // name
      '0a000100 02420a01 02010000', // address
      '08000400 dc050000', // mtu
      '2c001280 0b000100 62726964 67650000', // linkinfo: kind bridge
      '1c000280 08000100 00000000 08000500 00000000 05001700 00000000 ', // forward delay, stp, snooping
    ].join(' '),
  );
});

describe.skipIf(cannotMakeNetns !== undefined)('in a namespace of its own', () => {
  test('a bridge, a veth into another namespace, addresses and routes are what ip(8) reads back', async () => {
    using router = await ScratchNetns.make();
    using inside = await ScratchNetns.make();
    const near = router.socket(NETLINK_ROUTE);
    const far = inside.socket(NETLINK_ROUTE);
    near.perform([
      newBridge({ name: 'br0', index: 10, mac: mac(1), mtu: 1400 }),
      newAddress(10, { bytes: v4(1), length: 24 }),
      newAddress(10, { bytes: v6(1), length: 64 }),
      setLinkUp(10),
      newVeth({
        near: { name: 'veth11', index: 11, master: 10 },
        far: { name: 'eth0', index: 2000, mac: mac(5), netnsFd: inside.fd },
        mtu: 1400,
      }),
    ]);
    far.perform([
      newAddress(2000, { bytes: v4(5), length: 24 }),
      setLinkUp(2000),
      newAddress(2000, { bytes: v6(5), length: 64 }),
      newRoute({ family: AF_INET, via: v4(1), index: 2000, mtu: 1300 }),
      newRoute({ family: AF_INET6, via: v6(1), index: 2000, mtu: 1300 }),
    ]);
    near.perform([isolatePort(11), setLinkAlias(11, 'tscompose shop')]);

    expect(router.json('ip', '-j', '-d', 'link', 'show', 'br0')).toMatchObject([
      {
        ifindex: 10,
        address: '02:42:0a:01:02:01',
        mtu: 1400,
        linkinfo: { info_kind: 'bridge', info_data: { stp_state: 0, mcast_snooping: 0, forward_delay: 0 } },
      },
    ]);
    expect(router.json('ip', '-j', 'link', 'show', 'veth11')).toMatchObject([
      { ifindex: 11, master: 'br0', operstate: 'UP', mtu: 1400 },
    ]);
    expect(inside.json('ip', '-j', '-d', 'link', 'show', 'eth0')).toMatchObject([
      { num_tx_queues: 1, num_rx_queues: 1 },
    ]);
    expect(inside.json('ip', '-j', 'addr', 'show', 'eth0')).toMatchObject([
      {
        ifindex: 2000,
        address: '02:42:0a:01:02:05',
        addr_info: [
          { family: 'inet', local: '10.1.2.5', prefixlen: 24, broadcast: '10.1.2.255' },
          { family: 'inet6', local: 'fd00::5', prefixlen: 64, nodad: true },
          {},
        ],
      },
    ]);
    const metrics = [{ mtu: 1300 }];
    expect(inside.json('ip', '-j', 'route', 'show', 'default')).toMatchObject([
      { gateway: '10.1.2.1', dev: 'eth0', metrics },
    ]);
    expect(inside.json('ip', '-j', '-6', 'route', 'show', 'default')).toMatchObject([
      { gateway: 'fd00::1', dev: 'eth0', metrics },
    ]);
    expect(router.json('ip', '-j', '-d', 'link', 'show', 'veth11')).toMatchObject([
      {
        num_tx_queues: 1,
        num_rx_queues: 1,
        ifalias: 'tscompose shop',
        linkinfo: { info_slave_kind: 'bridge', info_slave_data: { isolated: true } },
      },
    ]);

    const links = near.dump(dumpLinks()).map(decodeLink);
    expect(links.find((link) => link.name === 'veth11')).toMatchObject({ index: 11, master: 10, up: true, peer: 2000 });
    const addresses = near.dump(dumpAddresses()).map(decodeAddress);
    expect(
      addresses.filter((address) => address.index === 10).map(({ bytes }) => Buffer.from(bytes).toString('hex')),
    ).toEqual(expect.arrayContaining([v4(1).toString('hex'), v6(1).toString('hex')]));
    const routes = far.dump(dumpRoutes()).map(decodeRoute);
    expect(routes.some((route) => route.to === undefined && route.index === 2000 && route.table === 254)).toBe(true);
    near.close();
    far.close();
  });

  test('a mark rule and a local route into its table send marked packets to the namespace itself', async () => {
    using router = await ScratchNetns.make();
    const socket = router.socket(NETLINK_ROUTE);
    socket.perform([
      setLinkUp(1),
      ...[AF_INET, AF_INET6].flatMap((family) => [
        newMarkRule(family, { mark: 1, table: 100 }),
        newRoute({ family: family as 2 | 10, index: 1, table: 100, kind: 'local' }),
      ]),
    ]);
    expect(router.json('ip', '-j', 'rule')).toContainEqual(expect.objectContaining({ fwmark: '0x1', table: '100' }));
    expect(router.run('ip', 'route', 'show', 'table', '100')).toMatch(/^local default dev lo proto static scope host/);
    expect(router.run('ip', '-6', 'route', 'show', 'table', '100')).toMatch(/^local default dev lo proto static/);
    socket.close();
  });

  test('a refusal names what was asked and what the kernel said', async () => {
    using router = await ScratchNetns.make();
    const socket = router.socket(NETLINK_ROUTE);
    expect(() => socket.perform([newAddress(99, { bytes: v4(1), length: 24 })])).toThrow(
      /add an address to interface 99: ENODEV/,
    );
    const bridge = newBridge({ name: 'br0', index: 10, mac: mac(1), mtu: 1500 });
    socket.perform([bridge]);
    expect(() => socket.perform([bridge])).toThrow(/EEXIST/);
    socket.perform([bridge], 'fine');
    socket.close();
  });
});
