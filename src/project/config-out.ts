import { printYaml } from '../spec/print.ts';
import { toValue } from '../spec/tree.ts';
import type { Stack } from './stack.ts';

type Data = { [key: string]: unknown };

export type ConfigOptions = {
  /** JSON leaves foreign extensions of services out and always shows `command` and `entrypoint`, as docker compose does. */
  readonly format: 'json' | 'yaml';
  /** Only these services and what they need. */
  readonly services?: readonly string[];
};

/**
 * The normal form: what the stack means with everything written out, so that it can be loaded again (and then prints the
 * same). Elements that no service uses are left out.
 */
export function configData(stack: Stack, options: ConfigOptions): Data {
  const whole = toValue(stack.tree) as Data;
  const services = selected((whole['services'] ?? {}) as Elements, options.services);
  const used = usedBy(services);
  const data: Data = { name: whole['name'] ?? stack.name };
  const names = Object.keys(services).sort();
  data['services'] = Object.fromEntries(names.map((name) => [name, serviceData(services[name] as Data, options)]));
  for (const section of ['networks', 'volumes', 'secrets', 'configs'] as const) {
    const elements = elementsData(section, (whole[section] ?? {}) as Elements, used[section]);
    if (Object.keys(elements).length > 0) data[section] = elements;
  }
  for (const key of Object.keys(whole).sort()) {
    if (key.startsWith('x-') || key === 'jobs' || (key === 'models' && options.format === 'yaml'))
      data[key] = whole[key];
  }
  return stack.interpolated ? (escaped(data) as Data) : data;
}

export const configJson = (stack: Stack, services?: readonly string[]): string =>
  `${JSON.stringify(configData(stack, { format: 'json', ...(services === undefined ? {} : { services }) }), null, 2)}\n`;

export const configYaml = (stack: Stack, services?: readonly string[]): string =>
  printYaml(configData(stack, { format: 'yaml', ...(services === undefined ? {} : { services }) }));

type Elements = { readonly [name: string]: Data };

/** The named services and what they depend on. */
function selected(services: Elements, names: readonly string[] | undefined): Elements {
  if (names === undefined || names.length === 0) return services;
  const found = new Set<string>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const service = services[name];
    if (service === undefined || found.has(name)) continue;
    found.add(name);
    open.push(...Object.keys((service['depends_on'] ?? {}) as Data));
  }
  return Object.fromEntries(Object.entries(services).filter(([name]) => found.has(name)));
}

type Used = { readonly [section in 'networks' | 'volumes' | 'secrets' | 'configs']: ReadonlySet<string> };

function usedBy(services: Elements): Used {
  const used = {
    networks: new Set<string>(),
    volumes: new Set<string>(),
    secrets: new Set<string>(),
    configs: new Set<string>(),
  };
  for (const service of Object.values(services)) {
    for (const network of Object.keys((service['networks'] ?? {}) as Data)) used.networks.add(network);
    for (const { type, source } of list(service['volumes'])) if (type === 'volume') used.volumes.add(String(source));
    for (const section of ['secrets', 'configs'] as const) {
      for (const { source } of list(service[section])) used[section].add(String(source));
    }
    for (const { source } of list((service['build'] as Data | undefined)?.['secrets']))
      used.secrets.add(String(source));
  }
  return used;
}

const list = (value: unknown): readonly Data[] => (Array.isArray(value) ? (value as readonly Data[]) : []);

function serviceData(service: Data, { format }: ConfigOptions): Data {
  const data: Data = format === 'json' ? { command: null, entrypoint: null } : {};
  for (const key of Object.keys(service).sort()) {
    const value = service[key];
    if (key.startsWith('x-') && key !== 'x-tscompose' && format === 'json') continue;
    const kept = key === 'command' || key === 'entrypoint' ? value : trimmed(key, value);
    if (kept !== undefined && !(kept === null && (format === 'yaml' || !(key in data)))) data[key] = kept;
  }
  if (Array.isArray(data['extra_hosts'])) data['extra_hosts'] = [...(data['extra_hosts'] as string[])].sort();
  return data;
}

/** Keys whose `false`, 0 and empty text say something. */
const meaningful = [
  'attach',
  'init',
  'scale',
  'required',
  'create_host_path',
  'replicas',
  'retries',
  'enable_ipv4',
  'enable_ipv6',
  'parallelism',
  'max_attempts',
];
const sizes = ['mem_limit', 'mem_reservation', 'memswap_limit', 'shm_size', 'memory'];
/** Keys whose empty mapping is part of the normal form. */
const shells = ['bind', 'volume', 'ipam'];
const opaque = [
  'environment',
  'labels',
  'annotations',
  'sysctls',
  'args',
  'options',
  'driver_opts',
  'networks',
  'storage_opt',
  'aux_addresses',
];

/** Leaves out what is the same as not being there. */
function trimmed(key: string, value: unknown): unknown {
  if (meaningful.includes(key) || key.startsWith('x-')) return value;
  if (value === false || value === '' || value === 0 || (value === '0' && sizes.includes(key))) return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value))
    return value.length === 0
      ? undefined
      : value.map((item) => (typeof item === 'object' ? trimmedParts(item as Data) : item));
  if (opaque.includes(key)) return Object.keys(value).length === 0 ? undefined : value;
  const parts = trimmedParts(value as Data);
  return Object.keys(parts).length === 0 && !shells.includes(key) ? undefined : parts;
}

function trimmedParts(data: Data): Data {
  const kept: Data = {};
  for (const [key, value] of Object.entries(data)) {
    const part = trimmed(key, value);
    if (part !== undefined) kept[key] = part;
  }
  return kept;
}

function elementsData(section: keyof Used, elements: Elements, used: ReadonlySet<string>): Data {
  const data: Data = {};
  for (const name of Object.keys(elements).sort()) {
    if (!used.has(name)) continue;
    const element = trimmedParts(elements[name] as Data);
    data[name] =
      section === 'networks' && element['external'] !== true && element['ipam'] === undefined
        ? { ...element, ipam: {} }
        : element;
  }
  return data;
}

/** Doubled dollar signs, so that loading the output again gives the same texts. */
function escaped(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$');
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, escaped(each)]));
}
