import type { RuntimeFailure } from '../../../model/event.ts';
import type { Network } from '../../../model/project.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { addNetworkEntry, type ForeignAddresses, freeAddress } from './address-plan.ts';
import { type Address, formatAddress, macOf, parseAddress } from './addresses.ts';
import { type NameEntry, nameEntries } from './names.ts';
import type { NetworkEntry, NetworkRecord } from './record.ts';

/**
 * Networks that several projects are on. One has made it and has the bridge; the others have joined it, each with its
 * containers and with a leg: an interface of its own router, from which it serves names and ports. Pure.
 */

/** A project and its networks. */
export type Member = { readonly project: string; readonly record: NetworkRecord };

const identityOf = (project: string, { owner, network }: NetworkEntry): string => `${owner ?? project}/${network.name}`;

/** The project that has made a network of this name, which others may join. */
export function findOwner(
  name: string,
  others: readonly Member[],
): { readonly project: string; readonly entry: NetworkEntry } | undefined {
  for (const { project, record } of others) {
    const entry = record.networks.find(({ owner, network }) => owner === undefined && network.name === name);
    if (entry !== undefined) return { project, entry };
  }
  return undefined;
}

/** Those who have joined a network that `project` has made. */
export const joinersOf = (project: string, name: string, others: readonly Member[]): string[] =>
  others
    .filter(({ record }) => record.networks.some(({ owner, network }) => owner === project && network.name === name))
    .map((other) => other.project);

/** Those who are on a network together with this one. */
export function sharersOf<M extends Member>({ project, record }: Member, others: readonly M[]): M[] {
  const own = new Set(record.networks.map((entry) => identityOf(project, entry)));
  return others.filter((other) => other.record.networks.some((entry) => own.has(identityOf(other.project, entry))));
}

/** Real names of the networks that `other` has in common with `member`. */
function commonNames(member: Member, other: Member): ReadonlySet<string> {
  const own = new Set(member.record.networks.map((entry) => identityOf(member.project, entry)));
  const common = other.record.networks.filter((entry) => own.has(identityOf(other.project, entry)));
  return new Set(common.map(({ network }) => network.name));
}

/** Names of other projects' containers on common networks. */
export const foreignNames = (member: Member, others: readonly Member[]): NameEntry[] =>
  others.flatMap((other) => {
    const common = commonNames(member, other);
    return common.size === 0 ? [] : nameEntries(other.record).filter(({ network }) => common.has(network));
  });

/** Addresses that others have on common networks: their containers, and the legs of their routers. */
export function foreignAddresses(member: Member, others: readonly Member[]): ForeignAddresses {
  const legs = others.flatMap((other) => {
    const common = commonNames(member, other);
    const of = (network: string, who: string, texts: readonly (string | undefined)[]) =>
      common.has(network) ? texts.flatMap((text) => addressIn(text).map((address) => ({ network, who, address }))) : [];
    return [
      ...other.record.networks.flatMap(({ network, leg }) =>
        of(network.name, `the router of ${other.project}`, [leg?.ipv4, leg?.ipv6]),
      ),
    ];
  });
  return [...legs, ...foreignHosts(member, others)];
}

/** Containers of others on common networks. */
export const foreignHosts = (member: Member, others: readonly Member[]): ForeignAddresses =>
  others.flatMap((other) => {
    const common = commonNames(member, other);
    return other.record.endpoints.flatMap(({ container, attachments }) =>
      attachments
        .filter(({ network }) => common.has(network))
        .flatMap(({ network, ipv4, ipv6 }) =>
          [ipv4, ipv6].flatMap((text) => addressIn(text).map((address) => ({ network, who: container, address }))),
        ),
    );
  });

const addressIn = (text: string | undefined): Address[] => {
  const address = parseAddress(text ?? '');
  return address === undefined ? [] : [address];
};

/** The record with a place on another project's network. */
export function joinNetwork(
  { project, record }: Member,
  network: Network,
  others: readonly Member[],
): Result<NetworkRecord, RuntimeFailure> {
  if (record.networks.some((entry) => entry.network.name === network.name)) return ok(record);
  const found = findOwner(network.name, others);
  if (found === undefined)
    return err({
      code: 'setup-failed',
      message: `cannot join the network ${network.name}: no project that is up has one of this name`,
      configPath: 'networks',
      notes: [
        `another project makes it, with: networks: { NAME: { name: ${network.name} } }`,
        'take "external" away if it shall be this project’s own',
      ],
    });
  const { entry, project: owner } = found;
  const joined: Network = { ...entry.network, key: network.key, external: true };
  const added = addNetworkEntry(record, { network: joined, subnets: entry.subnets, owner });
  const foreign = foreignAddresses({ project, record: added }, others);
  const leg: { ipv4?: string; ipv6?: string } = {};
  for (const subnet of entry.subnets) {
    const address = freeAddress(entry, subnet, { who: `the router of ${project}`, foreign });
    if (!address.ok) return address;
    leg[address.value.family === 4 ? 'ipv4' : 'ipv6'] = formatAddress(address.value);
  }
  const mac = macOf(parseAddress(leg.ipv4 ?? leg.ipv6 ?? '') as Address).toString('hex');
  const networks = added.networks.map((each) =>
    each.network.name === network.name ? { ...each, leg: { ...leg, mac } } : each,
  );
  return ok({ ...added, networks });
}
