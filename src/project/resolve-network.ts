import type { NetworkAttachment, NetworkMode, PublishedPort } from '../model/project.ts';
import type { ServiceName } from '../model/units.ts';
import type { NormalNetwork } from '../spec/normal.ts';
import { parseRange } from '../spec/ports.ts';
import type { Subject } from './resolving.ts';
import { placeAt } from './view.ts';

export function networkModeOf(subject: Subject): NetworkMode {
  const { service, trail, name, view, report } = subject;
  const mode = service.network_mode ?? '';
  trail.add('networkMode', 'network_mode');
  if (mode === '') return modeOfNetworks(subject);
  if (mode === 'bridge' || mode === 'default') return { kind: 'networks' };
  if (mode === 'none' || mode === 'host') return { kind: mode };
  const [kind, target = ''] = [mode.slice(0, mode.indexOf(':')), mode.slice(mode.indexOf(':') + 1)];
  if (kind === 'service' && target !== '') return { kind: 'service', service: target as ServiceName };
  if (kind === 'container' && target !== '') return { kind: 'container', container: target };
  report.error('bad-value', {
    summary: `service "${name}": "${mode}" is not a network mode`,
    at: placeAt(view, 'services', name, 'network_mode'),
    notes: ['write none, host, bridge, service:NAME or container:NAME'],
  });
  return { kind: 'networks' };
}

/** `host` or `none` when that is what the only network of a service stands for. */
function modeOfNetworks({ service, name, view, report }: Subject): NetworkMode {
  const keys = Object.keys(service.networks ?? {});
  const special = keys.find((key) => specialNetwork(view.stack.networks?.[key]) !== undefined);
  const kind = special === undefined ? undefined : specialNetwork(view.stack.networks?.[special]);
  if (special === undefined || kind === undefined) return { kind: 'networks' };
  if (keys.length > 1) {
    report.error('conflict', {
      summary: `service "${name}": the network "${special}" (driver ${kind}) excludes other networks`,
      at: placeAt(view, 'services', name, 'networks', special),
      notes: [`take ${keys.filter((key) => key !== special).join(', ')} away, or "${special}"`],
    });
  }
  return { kind };
}

/** `driver: host` or `none`, and the networks of these names that every Docker engine has. */
export function specialNetwork(network: NormalNetwork | null | undefined): 'host' | 'none' | undefined {
  const word = network?.external === true ? network.name : network?.driver;
  return word === 'host' || word === 'none' ? word : undefined;
}

/** In the order in which they are joined: by falling priority, then by name. */
export function networksOf({ service, trail, view }: Subject): readonly NetworkAttachment[] {
  // `bridge` is the network that services share when nothing is said.
  const joined = service.network_mode === 'bridge' ? { default: null } : (service.networks ?? {});
  return Object.entries(joined)
    .filter(([network]) => specialNetwork(view.stack.networks?.[network]) === undefined)
    .map(([network, settings]): NetworkAttachment => {
      trail.add(`networks.${network}`, 'networks', network);
      const { aliases, ipv4_address: ipv4, ipv6_address: ipv6, interface_name: name } = settings ?? {};
      const local = settings?.link_local_ips ?? [];
      const mac = settings?.mac_address ?? (Object.keys(joined).length === 1 ? service.mac_address : undefined);
      return {
        network,
        aliases: aliases ?? [],
        ...(ipv4 ? { ipv4Address: ipv4 } : {}),
        ...(ipv6 ? { ipv6Address: ipv6 } : {}),
        ...(mac ? { macAddress: mac } : {}),
        ...(name ? { interfaceName: name } : {}),
        ...(local.length === 0 ? {} : { linkLocalIps: local }),
        priority: settings?.priority ?? 0,
        gatewayPriority: settings?.gw_priority ?? 0,
      };
    })
    .sort((a, b) => b.priority - a.priority || (a.network < b.network ? -1 : 1));
}

export function portsOf({ service, trail, name, view, report }: Subject, mode: NetworkMode): readonly PublishedPort[] {
  if (mode.kind !== 'networks' && (service.ports ?? []).length > 0) {
    const remedies = {
      host: 'its ports are those of the host already',
      none: 'nothing can reach it: take "ports" away, or give it a network',
      service: 'publish them at the service whose network it shares',
      container: 'publish them at the container whose network it shares',
    };
    report.warning('not-honoured', {
      summary: `service "${name}": nothing is published, because it has no network of its own`,
      at: placeAt(view, 'services', name, 'ports'),
      notes: [remedies[mode.kind]],
    });
    return [];
  }
  // Docker's default of a network for those that name no address.
  const anywhere = Object.keys(service.networks ?? {})
    .map((network) => view.stack.networks?.[network]?.driver_opts?.['com.docker.network.bridge.host_binding_ipv4'])
    .find((address) => address !== undefined);
  return (service.ports ?? []).flatMap((port, i): PublishedPort[] => {
    if (port.protocol !== 'tcp' && port.protocol !== 'udp') return [];
    trail.add(`ports.${i}`, 'ports', i);
    trail.add(`ports.${portName(port)}`, 'ports', i);
    const published = port.published === undefined ? undefined : parseRange(port.published);
    const wanted = port.host_ip === undefined || port.host_ip === '' ? anywhere : port.host_ip;
    const hostIp = wanted === undefined ? {} : { hostIp: wanted };
    return [
      { ...hostIp, ...(published === undefined ? {} : { published }), target: port.target, protocol: port.protocol },
    ];
  });
}

/** The name of a port in the fingerprint: what is inside the container. */
export const portName = ({ target, protocol }: { readonly target: number; readonly protocol: string }): string =>
  `${target}/${protocol}`;

/** `.` alone means that there is no search domain. */
export const searchDomainsOf = ({ service }: Subject): readonly string[] =>
  (service.dns_search ?? []).filter((domain) => domain !== '');

/**
 * A link without an alias says nothing that the network does not say. One to a container of another project is known by
 * that container's name, on networks that both are on.
 */
export function linksOf({ service }: Subject): readonly string[] | undefined {
  const links = [...new Set([...(service.links ?? []), ...(service.external_links ?? [])])]
    .filter((link) => link.includes(':'))
    .sort();
  return links.length === 0 ? undefined : links;
}
