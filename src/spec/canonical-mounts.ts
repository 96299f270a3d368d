import { posix } from 'node:path';
import { family } from './address.ts';
import {
  absolute,
  bool,
  built,
  bytes,
  type Canon,
  fields,
  flatItems,
  integer,
  mode,
  pairs,
  type Scope,
  text,
  untagged,
  withDefaults,
} from './canonical-leaf.ts';
import { parsePort, parseRange } from './ports.ts';
import {
  child,
  implied,
  impliedMapping,
  type Mapping,
  scalarAt,
  sequenceAt,
  type Tree,
  toValue,
  withEntries,
} from './tree.ts';
import { parseVolume } from './volumes.ts';

/** Ports: every item in long form, ranges expanded. */
export const ports: Canon = flatItems((item, scope) => {
  if (item.kind === 'mapping') return longPort(item, scope);
  if (item.kind !== 'scalar') return [item];
  const written = String(item.value);
  const parsed = parsePort(written);
  if (!parsed.ok) {
    if (written.includes('${')) return [item];
    scope.report.error('bad-port', {
      summary: `"${written}" is not a port mapping: ${parsed.error}`,
      at: item,
      notes: ['write [IP:][HOST:]CONTAINER[/PROTOCOL]: "8080:80", "127.0.0.1:5432:5432", "53:53/udp"'],
    });
    return [];
  }
  return parsed.value.map((port) =>
    built(item, {
      mode: 'ingress',
      host_ip: port.hostIp,
      target: port.target,
      published: port.published,
      protocol: port.protocol,
    }),
  );
});

function longPort(item: Mapping, scope: Scope): readonly Tree[] {
  const port = fields({ target: integer, published: text })(item, scope);
  if (child(port, 'target') === undefined) {
    scope.report.error('missing-key', {
      summary: 'a port needs "target"',
      at: item,
      notes: ['target: the port in the container'],
    });
    return [];
  }
  const protocol = child(port, 'protocol');
  const word = protocol?.kind === 'scalar' ? String(protocol.value).toLowerCase() : 'tcp';
  if (protocol !== undefined && !['tcp', 'udp', 'sctp', ''].includes(word) && !word.includes('$')) {
    scope.report.error('bad-port', { summary: `protocol "${word}" is not tcp, udp or sctp`, at: protocol });
  }
  const published = child(port, 'published');
  const range = published?.kind === 'scalar' ? String(published.value) : '';
  const known = withDefaults(port, { mode: 'ingress', protocol: 'tcp' });
  if (range !== '' && parseRange(range) === undefined) return [known];
  return [range === '' && known.kind === 'mapping' ? withEntries(known, { published: undefined }) : known];
}

const bind = fields({ create_host_path: bool });

const longVolume = fields({
  read_only: bool,
  bind,
  volume: fields({ nocopy: bool, labels: pairs('empty') }),
  tmpfs: fields({ size: bytes, mode }),
});

/** Volumes: every item in long form, host paths absolute, targets cleaned. */
export const volumes: Canon = flatItems((item, scope) => {
  if (item.kind === 'mapping') return finishVolume(longVolume(item, scope), scope);
  if (item.kind !== 'scalar' || typeof item.value !== 'string') return [item];
  const parsed = parseVolume(item.value);
  if (!parsed.ok) {
    scope.report.error('bad-value', {
      summary: `"${item.value}" is not a volume: ${parsed.error}`,
      at: item,
      notes: ['write [SOURCE:]TARGET[:OPTIONS]: "./data:/var/lib/app:ro", "cache:/cache"'],
    });
    return [];
  }
  const volume = parsed.value;
  const place = untagged(item);
  const details =
    volume.type === 'bind'
      ? { bind: built(place, { propagation: volume.propagation, create_host_path: true, selinux: volume.selinux }) }
      : { volume: built(place, { nocopy: volume.noCopy ? true : undefined }) };
  const long = built(item, {
    type: volume.type,
    source: volume.source,
    target: volume.target,
    read_only: volume.readOnly ? true : undefined,
    ...details,
  });
  return finishVolume(long, scope);
});

function finishVolume(volume: Tree, scope: Scope): readonly Tree[] {
  if (volume.kind !== 'mapping') return [volume];
  const target = child(volume, 'target');
  if (target === undefined) {
    scope.report.error('missing-key', {
      summary: 'a volume needs "target"',
      at: volume,
      notes: ['target: the path in the container'],
    });
    return [];
  }
  const source = child(volume, 'source');
  const type = toValue(child(volume, 'type') ?? volume);
  const changes: { [key: string]: Tree } = {};
  if (target.kind === 'scalar' && typeof target.value === 'string' && target.value !== '') {
    changes['target'] = scalarAt(target, cleanTarget(target.value));
  }
  if (type === 'bind' && source?.kind === 'scalar' && typeof source.value === 'string') {
    changes['source'] = scalarAt(source, absolute(source.value, scope));
  }
  if (type === 'bind' && (source === undefined || toValue(source) === '')) {
    scope.report.error('missing-key', {
      summary: 'a bind mount needs "source"',
      at: volume,
      notes: ['source: the path on the host'],
    });
    return [];
  }
  if (type === 'bind') {
    const settings = child(volume, 'bind') ?? impliedMapping(volume, new Map());
    if (child(settings, 'create_host_path') === undefined && settings.kind === 'mapping') {
      changes['bind'] = withEntries(settings, { create_host_path: implied(settings, true) });
    }
  }
  if (type === 'volume' && child(volume, 'volume') === undefined) changes['volume'] = impliedMapping(volume, new Map());
  return [withEntries(volume, changes)];
}

const cleanTarget = (target: string): string => {
  const clean = posix.normalize(target);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
};

/** Configs and secrets of a service: every item in long form. */
export const fileReferences = (directory: string): Canon =>
  flatItems((item, scope) => {
    const long = item.kind === 'scalar' ? built(item, { source: item.value as string }) : fields({ mode })(item, scope);
    const source = child(long, 'source');
    if (long.kind !== 'mapping' || source === undefined) {
      scope.report.error('missing-key', { summary: 'a reference to a config or secret needs "source"', at: item });
      return [];
    }
    const target = child(long, 'target');
    const name = target?.kind === 'scalar' && target.value !== '' ? String(target.value) : undefined;
    if (directory === '') return [long];
    const full = name === undefined ? `${directory}/${String(toValue(source))}` : posix.resolve(directory, name);
    return [withEntries(long, { target: target === undefined ? implied(long, full) : scalarAt(target, full) })];
  });

/** Devices: every item in long form. */
export const devices: Canon = flatItems((item, scope) => {
  if (item.kind === 'mapping') return [finishDevice(item)];
  if (item.kind !== 'scalar' || typeof item.value !== 'string') return [item];
  const parts = item.value.split(':');
  const [source, second, third] = parts;
  // `SOURCE:rwm` leaves the target out.
  const permissionsSecond = parts.length === 2 && /^[rwm]+$/.test(second ?? '');
  const permissions = third ?? (permissionsSecond ? second : 'rwm');
  const wrong =
    parts.length > 3 || parts.some((part) => part === '')
      ? 'it has the wrong number of parts'
      : /^[rwm]{1,3}$/.test(permissions ?? '')
        ? undefined
        : `"${permissions}" is not a subset of rwm`;
  if (wrong !== undefined) {
    scope.report.error('bad-value', {
      summary: `"${item.value}" is not a device: ${wrong}`,
      at: item,
      notes: ['write SOURCE[:TARGET[:rwm]]: "/dev/fuse", "/dev/sda:/dev/xvda:r"'],
    });
    return [];
  }
  return [built(item, { source, target: permissionsSecond ? source : (second ?? source), permissions })];
});

function finishDevice(item: Mapping): Tree {
  const source = child(item, 'source');
  const target = child(item, 'target') ?? (source === undefined ? undefined : implied(item, toValue(source) as string));
  return withEntries(item, { target, permissions: child(item, 'permissions') ?? implied(item, 'rwm') });
}

/** `host=address` lines from both forms. */
export const extraHosts: Canon = (tree, scope) => {
  const lines: Tree[] = [];
  const add = (at: Tree, host: string, address: string): void => {
    const plain = address.replace(/^\[(.*)\]$/, '$1');
    if (host !== '' && (plain === 'host-gateway' || family(plain) !== 0 || plain.includes('$'))) {
      lines.push(scalarAt(untagged(at), `${host}=${plain}`));
      return;
    }
    scope.report.error('bad-value', {
      summary: host === '' ? 'a host name is missing' : `"${host}" has no IP address: "${address}"`,
      at,
      notes: ['write NAME=ADDRESS: "api.local=10.0.0.5"; host-gateway stands for the host'],
    });
  };
  if (tree.kind === 'sequence') {
    for (const item of tree.items) if (item.kind === 'scalar') splitHost(item, String(item.value), add);
    return sequenceAt(tree, lines);
  }
  if (tree.kind !== 'mapping') return tree;
  for (const [host, { value }] of tree.entries) {
    for (const address of value.kind === 'sequence' ? value.items : [value])
      add(address, host, String(toValue(address)));
  }
  return sequenceAt(tree, lines);
};

function splitHost(item: Tree, written: string, add: (at: Tree, host: string, address: string) => void): void {
  const equals = written.indexOf('=');
  const at = equals === -1 ? written.indexOf(':') : equals;
  const host = at === -1 ? written : written.slice(0, at);
  for (const address of (at === -1 ? '' : written.slice(at + 1)).split(',')) add(item, host.trim(), address.trim());
}
