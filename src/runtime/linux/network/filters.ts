import { addressBytes, nth, parseCidr, uniqueLocalSubnet } from './addresses.ts';
import type { HostNames } from './host-names.ts';
import { encodeRequests, type Request } from './netlink.ts';
import {
  batch,
  type Chain,
  counter,
  dropPolicy,
  dumpRules,
  fromAddress,
  getChain,
  getTable,
  interfaceName,
  masquerade,
  newRule,
  ofKnownConnection,
  ofTransparentSocket,
  onInterface,
  type RulePlace,
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

/** Rules that let the uplink's packets through a chain of iptables. An accept of ours cannot overrule a drop of theirs. */
export const acceptRules = (place: RulePlace, link: string): Request[] =>
  (['iifname', 'oifname'] as const).map((key) =>
    newRule({ ...place, rule: [...onInterface(key, link), counter(), verdict('accept')], position: 'first' }),
  );

/** A question to the packet filter, as a datagram, and bytes that an answer holds; without them any answer is one. */
export type Probe = { readonly ask: Buffer; readonly find?: Buffer };

/** Part of the packet filter that the net process puts back where it is `needed` and not `present`. */
export type Filter = {
  readonly where: 'host' | 'router';
  /** Absent: always. */
  readonly needed?: Probe;
  readonly present: Probe;
  /** Makes it. */
  readonly batch: Buffer;
};

/** What a project has in packet filters, as datagrams. */
export function filtersOf(record: NetworkRecord, names: HostNames): Filter[] {
  const table = (where: Filter['where'], wanted: Table): Filter => ({
    where,
    present: { ask: datagram([getTable(wanted)]) },
    batch: datagram(batch(replaceTable(wanted))),
  });
  const { uplink } = record;
  return [
    ...(uplink === undefined ? [] : [table('host', hostTable(names, uplink)), ...acceptances(names.link)]),
    table('router', routerTable(record)),
  ];
}

/**
 * The accepts among the rules of iptables: in DOCKER-USER, which Docker leaves to others, or else in FORWARD where that
 * drops by default (Docker, ufw).
 */
function acceptances(link: string): Filter[] {
  const find = interfaceName(link);
  return (['ip', 'ip6'] as const).flatMap((family) => {
    const table = { family, name: 'filter' };
    const accept = (chain: string, needed: Buffer | undefined, present: Request): Filter => ({
      where: 'host',
      needed: { ask: datagram([getChain({ ...table, chain })]), ...(needed === undefined ? {} : { find: needed }) },
      present: { ask: datagram([present]), find },
      batch: datagram(batch(acceptRules({ ...table, chain }, link))),
    });
    return [
      accept('DOCKER-USER', undefined, dumpRules({ ...table, chain: 'DOCKER-USER' })),
      accept('FORWARD', dropPolicy(), dumpRules(table)),
    ];
  });
}

const datagram = (requests: readonly Request[]): Buffer => encodeRequests(requests, 1);
