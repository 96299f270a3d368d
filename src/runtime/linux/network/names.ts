import { formatAddress, nth, parseCidr } from './addresses.ts';
import type { Attachment, Endpoint, NetworkEntry, NetworkRecord } from './record.ts';

/** Which names there are, and the two files that carry them into a container. Pure. */

/** One name of one address, as the members of `network` may know it. */
export type NameEntry = { readonly network: string; readonly name: string; readonly address: string };

/** Every name the project's containers go by, lower case, in the order of containers. */
export function nameEntries(record: NetworkRecord): NameEntry[] {
  return record.endpoints.flatMap((endpoint) =>
    endpoint.attachments.flatMap((attachment) => {
      const addresses = [attachment.ipv4, attachment.ipv6].filter((text) => text !== undefined);
      return namesOf(endpoint, attachment).flatMap((name) =>
        addresses.map((address) => ({ network: attachment.network, name, address })),
      );
    }),
  );
}

/**
 * The names that `links` give to other services, as only this container knows them. `foreign` are names of other projects'
 * containers on common networks.
 */
export function linkEntries(
  record: NetworkRecord,
  endpoint: Endpoint,
  foreign: readonly NameEntry[] = [],
): Omit<NameEntry, 'network'>[] {
  const networks = new Set(endpoint.attachments.map(({ network }) => network));
  return endpoint.links.flatMap((link) => {
    const [service = '', alias = ''] = link.split(':');
    const name = alias.toLowerCase();
    const abroad = foreign
      .filter((entry) => entry.name === service.toLowerCase() && networks.has(entry.network))
      .map(({ address }) => ({ name, address }));
    const here = record.endpoints
      .filter((other) => other.service === service || other.container === service)
      .flatMap((other) => other.attachments.filter(({ network }) => networks.has(network)))
      .flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].filter((text) => text !== undefined))
      .map((address) => ({ name, address }));
    return [...here, ...abroad];
  });
}

/** Names on one network, without doubles; each also with the network's name behind it, as Docker has it. */
function namesOf(endpoint: Endpoint, { network, aliases }: Attachment): string[] {
  const short = [endpoint.service, endpoint.container, ...aliases, endpoint.hostname ?? ''];
  const plain = new Set(short.filter((name) => name !== '').map((name) => name.toLowerCase()));
  return [...plain].flatMap((name) => [name, `${name}.${network.toLowerCase()}`]);
}

/** The host's address as containers reach it: what `host-gateway` stands for. */
export function hostGateway({ uplink }: NetworkRecord): string | undefined {
  const cidr = parseCidr(uplink ?? '');
  return cidr === undefined ? undefined : formatAddress(nth(cidr, 1));
}

const localNames = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/**
 * /etc/hosts of a container: itself, what the file adds, and every name on its networks that stands for one address only.
 * Those work with nothing of ours running; a name with several addresses is for the DNS server, which takes turns.
 */
export function hostsText(record: NetworkRecord, endpoint: Endpoint): string {
  const own = endpoint.attachments.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].filter((text) => text !== undefined));
  const self = [endpoint.hostname ?? endpoint.container, endpoint.container].filter(
    (name, index, all) => all.indexOf(name) === index,
  );
  const fqdn = endpoint.domainname === undefined ? [] : [`${self[0]}.${endpoint.domainname}`];
  return [
    ...localNames,
    ...own.map((address) => `${address}\t${[...fqdn, ...self].join(' ')}`),
    ...extraLines(endpoint, hostGateway(record)),
    ...neighbourLines(record, endpoint),
    ...soleLines(linkEntries(record, endpoint)),
    '',
  ].join('\n');
}

/** `name:address`, `name=address`, with brackets or without; the address may be `host-gateway`. */
function extraLines(endpoint: Endpoint, gateway: string | undefined): string[] {
  return endpoint.extraHosts.flatMap((text) => {
    const [, name, written] = /^([^:=]+)[:=]\[?([^\]]*)\]?$/.exec(text) ?? [];
    const address = written === 'host-gateway' ? gateway : written;
    return name === undefined || address === undefined ? [] : [`${address}\t${name}`];
  });
}

/** Names with one address: only those are for a file that cannot take turns. */
function soleLines(entries: readonly Omit<NameEntry, 'network'>[]): string[] {
  return entries
    .filter(({ name }) => entries.filter((other) => other.name === name).length === 1)
    .map(({ name, address }) => `${address}\t${name}`);
}

type Neighbour = { readonly container: string; readonly addresses: string[]; readonly names: string[] };

/** All that are on some networks, and how many of them go by each name. */
type Neighbourhood = { readonly all: readonly Neighbour[]; readonly holders: ReadonlyMap<string, number> };

/** Most containers of a project have the same neighbours: each would look at all of them. */
const neighbourhoods = new WeakMap<NetworkRecord, Map<string, Neighbourhood>>();

function neighbourhoodOf(record: NetworkRecord, { attachments }: Endpoint): Neighbourhood {
  const networks = new Set(attachments.map(({ network }) => network));
  const key = [...networks].sort().join('\n');
  const known = neighbourhoods.get(record) ?? new Map<string, Neighbourhood>();
  neighbourhoods.set(record, known);
  const found = known.get(key);
  if (found !== undefined) return found;
  const holders = new Map<string, number>();
  const all = record.endpoints.flatMap(({ container, service, attachments: others }): Neighbour[] => {
    const seen = others.filter(({ network }) => networks.has(network));
    if (seen.length === 0) return [];
    const names = new Set(seen.flatMap(({ aliases }) => [container, service, ...aliases]));
    for (const name of names) holders.set(name, (holders.get(name) ?? 0) + 1);
    const addresses = seen.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].filter((text) => text !== undefined));
    return [{ container, addresses, names: [...names] }];
  });
  const made = { all, holders };
  known.set(key, made);
  return made;
}

function neighbourLines(record: NetworkRecord, endpoint: Endpoint): string[] {
  const { all, holders } = neighbourhoodOf(record, endpoint);
  const own = all.find(({ container }) => container === endpoint.container)?.names ?? [];
  return all.flatMap(({ container, addresses: [address, ...more], names }) => {
    // Of a name with two families glibc sees only the first line unless host.conf(5) says "multi on".
    if (container === endpoint.container || address === undefined || more.length > 0) return [];
    const others = (name: string): number => (holders.get(name) ?? 0) - Number(own.includes(name));
    const sole = names.filter((name) => others(name) === 1 && name !== endpoint.service);
    return sole.length === 0 ? [] : [`${address}\t${sole.join(' ')}`];
  });
}

/** What the host's resolv.conf says: servers, search list and options. */
export type HostResolver = {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
};

/** Reads resolv.conf(5); zones of link-local servers are dropped with their servers. */
export function parseResolvConf(text: string): HostResolver {
  const words = text
    .split('\n')
    .filter((line) => !/^\s*[#;]/.test(line))
    .map((line) => line.trim().split(/\s+/));
  const after = (key: string): string[][] => words.filter(([first]) => first === key).map(([, ...rest]) => rest);
  return {
    servers: after('nameserver').flatMap(([server]) => (server === undefined || server.includes('%') ? [] : [server])),
    search: [...after('domain'), ...after('search')].at(-1) ?? [],
    options: after('options').flat(),
  };
}

/** Where our router answers questions on a network: at the gateway, or at its leg. */
export const resolversOf = ({ leg, subnets }: NetworkEntry): string[] =>
  leg === undefined
    ? subnets.map(({ gateway }) => gateway)
    : [leg.ipv4, leg.ipv6].filter((address) => address !== undefined);

/** /etc/resolv.conf of a container: its gateway, which knows the project's names and asks on for all others. */
export function resolvConfText(record: NetworkRecord, endpoint: Endpoint, host: HostResolver): string {
  const gateways = endpoint.attachments.flatMap(({ network }) => {
    const entry = record.networks.find((each) => each.network.name === network);
    return entry === undefined ? [] : resolversOf(entry).slice(0, 1);
  });
  const search = endpoint.dnsSearch.length > 0 ? endpoint.dnsSearch : host.search;
  const kept = search.filter((domain) => domain !== '.');
  const options = endpoint.dnsOptions.length > 0 ? endpoint.dnsOptions : host.options;
  // Names without a dot are ours: they are asked as they are before any search domain is tried.
  const ndots = options.some((option) => option.startsWith('ndots:')) ? options : [...options, 'ndots:0'];
  return [
    ...gateways.slice(0, 1).map((gateway) => `nameserver ${gateway}`),
    ...(kept.length === 0 ? [] : [`search ${kept.join(' ')}`]),
    `options ${ndots.join(' ')}`,
    '',
  ].join('\n');
}
