import type { BridgeOptions, Network, Subnet } from '../model/project.ts';
import type { NormalNetwork } from '../spec/normal.ts';
import { originOf } from '../spec/tree.ts';
import { specialNetwork } from './resolve-network.ts';
import { sortedObject } from './resolve-process.ts';
import type { Resolving } from './resolving.ts';
import { keyAt, placeAt } from './view.ts';

/** The networks of a project, and what their `driver_opts` mean: those of Docker's bridge driver that have a sense here. */

type Reading = { readonly options: BridgeOptions } | { readonly wrong: string } | 'unknown';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/;
const taken = new Set(['lo', 'uplink', 'all', 'default']);
const truths: { readonly [text: string]: boolean | undefined } = { true: true, '1': true, false: false, '0': false };

const readers: { readonly [key: string]: (value: string) => Reading } = {
  'com.docker.network.driver.mtu': (value) => {
    const mtu = Number(value);
    return Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535 ? { options: { mtu } } : { wrong: 'write 68 to 65535' };
  },
  'com.docker.network.bridge.name': (value) =>
    NAME.test(value) && !taken.has(value) && !value.startsWith('veth')
      ? { options: { bridgeName: value } }
      : { wrong: 'write the name of an interface: at most 15 letters, digits, and _ . -' },
  'com.docker.network.container_iface_prefix': (value) =>
    NAME.test(value) && value.length <= 12 && value !== 'lo'
      ? { options: { interfacePrefix: value } }
      : { wrong: 'write the beginning of the name of an interface, at most 12 letters' },
  'com.docker.network.bridge.host_binding_ipv4': (value) =>
    /^\d+(\.\d+){3}$/.test(value) ? { options: { hostIp: value } } : { wrong: 'write an IPv4 address of this host' },
  'com.docker.network.bridge.enable_icc': (value) => {
    const connected = truths[value];
    if (connected === undefined) return { wrong: 'write true or false' };
    return { options: connected ? {} : { isolated: true } };
  },
  // As it is in any case.
  'com.docker.network.bridge.enable_ip_masquerade': (value) => (truths[value] === true ? { options: {} } : 'unknown'),
  'com.docker.network.bridge.default_bridge': (value) => (truths[value] === false ? { options: {} } : 'unknown'),
};

/** The options of one network; what is wrong or unknown is reported. */
function bridgeOptionsOf(
  { view, report }: Pick<Resolving, 'view' | 'report'>,
  { key, network }: { readonly key: string; readonly network: NormalNetwork },
): BridgeOptions | undefined {
  let options: BridgeOptions = {};
  for (const [name, value] of Object.entries(network.driver_opts ?? {})) {
    const read = Object.hasOwn(readers, name) ? (readers[name]?.(String(value)) ?? 'unknown') : 'unknown';
    const at = placeAt(view, 'networks', key, 'driver_opts', name);
    if (read === 'unknown')
      report.warning('not-honoured', {
        summary: `network "${key}": the option ${name} has no effect with "${value}"`,
        at,
        notes: [`options are ${Object.keys(readers).slice(0, 5).join(', ')}`],
      });
    else if ('wrong' in read)
      report.error('bad-value', { summary: `network "${key}": "${value}" is no ${name}`, at, notes: [read.wrong] });
    else options = { ...options, ...read.options };
  }
  return Object.keys(options).length === 0 ? undefined : options;
}

/** The networks that services of the project are on, by name. */
export function networksOfProject(context: Resolving, project: string): readonly Network[] {
  const { view, report } = context;
  const services = Object.values(view.stack.services ?? {});
  const used = new Set(
    services.flatMap((service) =>
      service.network_mode === 'bridge' ? ['default'] : Object.keys(service.networks ?? {}),
    ),
  );
  const declared = view.stack.networks ?? {};
  // `network_mode: bridge` joins the default network, which nobody has to declare.
  const known =
    used.has('default') && !Object.hasOwn(declared, 'default')
      ? { ...declared, default: { name: `${project}_default` } }
      : declared;
  return Object.entries(known)
    .filter(([key, network]) => used.has(key) && specialNetwork(network) === undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, network]): Network => {
      const driver = network.driver === undefined || network.driver === '' ? 'bridge' : network.driver;
      if (driver !== 'bridge') {
        report.warning('not-honoured', {
          summary: `network "${key}": driver "${driver}" is not there; a bridge is made instead`,
          at: placeAt(view, 'networks', key, 'driver'),
          notes: ['drivers are bridge, host and none'],
        });
      }
      if (network.enable_ipv4 === false && network.enable_ipv6 !== true) {
        report.error('conflict', {
          summary: `network "${key}": without IPv4 and IPv6 it has no addresses`,
          at: placeAt(view, 'networks', key, 'enable_ipv4'),
          notes: ['add enable_ipv6: true'],
        });
      }
      const options = bridgeOptionsOf(context, { key, network });
      return {
        key,
        name: network.name ?? key,
        driver: 'bridge',
        external: network.external ?? false,
        internal: network.internal ?? false,
        ...(network.enable_ipv4 === false ? { enableIpv4: false } : {}),
        enableIpv6: network.enable_ipv6 ?? false,
        subnets: (network.ipam?.config ?? []).flatMap((config): Subnet[] =>
          config.subnet === undefined
            ? []
            : [
                {
                  subnet: config.subnet,
                  ...(config.gateway === undefined ? {} : { gateway: config.gateway }),
                  ...(config.ip_range === undefined ? {} : { ipRange: config.ip_range }),
                  auxAddresses: sortedObject(config.aux_addresses),
                },
              ],
        ),
        labels: sortedObject(network.labels),
        ...(options === undefined ? {} : { options }),
        origin: originOf(keyAt(view, 'networks', key)),
      };
    });
}
