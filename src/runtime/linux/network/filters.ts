import { addressBytes, nth, parseCidr, uniqueLocalSubnet } from './addresses.ts';
import type { HostNames } from './host-names.ts';
import { encodeRequest, type Request } from './netlink.ts';
import {
  batch,
  type Chain,
  fromAddress,
  getTable,
  masquerade,
  ofKnownConnection,
  ofTransparentSocket,
  onInterface,
  replaceTable,
  setMark,
  type Table,
  verdict,
} from './nftables.ts';
import { type NetworkRecord, UPLINK } from './record.ts';

/** The packet filter of a project, in its router and on the host. Pure. */

/** Packets for sockets that stand in for a client carry this mark and are routed by this table. */
export const TRANSPARENT = { mark: 1, table: 100 } as const;

/**
 * What the router lets through: from its networks to the uplink, answers back, and nothing else. Traffic inside a network
 * never comes here; between networks, from internal ones, or from the host's neighbours to a container it ends here.
 */
export function routerTable(record: NetworkRecord): Table {
  const open = record.networks.filter(({ network, owner }) => !network.internal && owner === undefined);
  const chains: readonly Chain[] = [
    {
      name: 'prerouting',
      type: 'filter',
      hook: 'prerouting',
      priority: -150,
      policy: 'accept',
      rules: [[...ofTransparentSocket(), ...setMark(TRANSPARENT.mark)]],
    },
    {
      name: 'forward',
      type: 'filter',
      hook: 'forward',
      priority: 0,
      policy: 'drop',
      rules: [
        [...onInterface('iifname', UPLINK.name), ...ofKnownConnection(), verdict('accept')],
        ...open.map(({ bridge }) => [
          ...onInterface('iifname', bridge),
          ...onInterface('oifname', UPLINK.name),
          verdict('accept'),
        ]),
      ],
    },
    {
      name: 'postrouting',
      type: 'nat',
      hook: 'postrouting',
      priority: 100,
      policy: 'accept',
      rules: [[...onInterface('oifname', UPLINK.name), masquerade()]],
    },
  ];
  return { family: 'inet', name: 'tscompose', chains };
}

/** On the host: translates what comes from the router, and keeps the host's neighbours from reaching into it. */
export function hostTable({ link, table, seed }: HostNames, uplink: string): Table {
  const subnets = [parseCidr(uplink), uniqueLocalSubnet(seed)].filter((subnet) => subnet !== undefined);
  const chains: readonly Chain[] = [
    {
      name: 'forward',
      type: 'filter',
      hook: 'forward',
      priority: 0,
      policy: 'accept',
      rules: [
        [...onInterface('oifname', link), ...ofKnownConnection(), verdict('accept')],
        [...onInterface('oifname', link), verdict('drop')],
      ],
    },
    {
      name: 'postrouting',
      type: 'nat',
      hook: 'postrouting',
      priority: 100,
      policy: 'accept',
      rules: subnets.map((subnet) => [
        ...fromAddress(addressBytes(nth(subnet, 2))),
        ...onInterface('oifname', link, 'is-not'),
        ...onInterface('oifname', 'lo', 'is-not'),
        masquerade(),
      ]),
    },
  ];
  return { family: 'inet', name: table, chains };
}

/** A table that the net process puts back when somebody has flushed it. */
export type Filter = {
  readonly where: 'host' | 'router';
  /** Asks the kernel whether it is there. */
  readonly probe: Buffer;
  /** Makes it. */
  readonly batch: Buffer;
};

/** The tables of a project as datagrams. */
export function filtersOf(record: NetworkRecord, names: HostNames): Filter[] {
  const filter = (where: Filter['where'], table: Table): Filter => ({
    where,
    probe: datagram([getTable(table)]),
    batch: datagram(batch(replaceTable(table))),
  });
  const { uplink } = record;
  return [
    ...(uplink === undefined ? [] : [filter('host', hostTable(names, uplink))]),
    filter('router', routerTable(record)),
  ];
}

const datagram = (requests: readonly Request[]): Buffer =>
  Buffer.concat(requests.map((request, index) => encodeRequest(request, index + 1)));
