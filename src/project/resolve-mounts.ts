import { posix } from 'node:path';
import type { Device, Mount, Propagation } from '../model/project.ts';
import type { Bytes, GuestPath, HostPath } from '../model/units.ts';
import type { NormalFile, NormalFileReference, NormalMount } from '../spec/normal.ts';
import { parseBytes, parseMode } from '../spec/units.ts';
import type { Subject } from './resolving.ts';
import { sha256 } from './sources.ts';
import { type Path, placeAt } from './view.ts';

/** Contents of configs and secrets are part of what a container is, so they are read; a larger one is better a bind mount. */
const maxFileBytes = 64 * 1024 * 1024;

type Found = { readonly mount: Mount; readonly path: Path };

/** Everything that is mounted, parents before children, with where each was written. */
export function mountsOf(subject: Subject): readonly Mount[] {
  const { service, name, trail } = subject;
  const here: Path = ['services', name];
  const found: Found[] = [];
  service.volumes?.forEach((volume, i) => {
    const mount = mountOf(volume, [...here, 'volumes', i], subject);
    if (mount !== undefined) found.push({ mount, path: ['volumes', i] });
  });
  service.tmpfs?.forEach((text, i) => {
    const mount = tmpfsOf(text, [...here, 'tmpfs', i], subject);
    if (mount !== undefined) found.push({ mount, path: ['tmpfs', i] });
  });
  found.push(...filesOf('configs', subject), ...filesOf('secrets', subject), ...inherited(found, subject));
  const ordered = found
    .map((each, index) => ({ ...each, index, depth: each.mount.target.split('/').length }))
    .sort((a, b) => a.depth - b.depth || a.index - b.index);
  ordered.forEach(({ mount, path }, i) => {
    trail.add(`mounts.${i}`, ...path);
    trail.add(`mounts.${mount.target}`, ...path);
    for (const part of ['source', 'target', 'read_only'] as const) {
      const key = part === 'read_only' ? 'readOnly' : part;
      trail.add(`mounts.${mount.target}.${key}`, ...path, part);
      trail.add(`mounts.${i}.${key}`, ...path, part);
    }
  });
  return ordered.map(({ mount }) => mount);
}

function mountOf(volume: NormalMount, path: Path, subject: Subject): Mount | undefined {
  const { type, source, target } = volume;
  const { view, report, name } = subject;
  if (!target.startsWith('/')) {
    report.error('bad-value', {
      summary: `service "${name}": "${target}" is not an absolute path in the container`,
      at: placeAt(view, ...path, 'target'),
      notes: ['the target of a mount begins with "/"'],
    });
    return undefined;
  }
  const common = { target: target as GuestPath, readOnly: volume.read_only ?? false };
  if (type === 'bind') {
    return {
      kind: 'bind',
      source: (source ?? '') as HostPath,
      ...common,
      createHostPath: volume.bind?.create_host_path ?? true,
      propagation: propagationOf(volume.bind?.propagation),
      recursive: volume.bind?.recursive !== 'disabled',
    };
  }
  if (type === 'tmpfs') {
    const size = Number(volume.tmpfs?.size ?? 0);
    const mode = volume.tmpfs?.mode === undefined ? undefined : parseMode(volume.tmpfs.mode);
    const sized = size > 0 ? { sizeBytes: size as Bytes } : {};
    return {
      kind: 'tmpfs',
      ...common,
      ...sized,
      ...(mode === undefined ? {} : { mode }),
      options: [],
    };
  }
  return type === 'volume' ? (drivenMount(volume, common, subject) ?? volumeMount(volume, common, subject)) : undefined;
}

type VolumeMount = Extract<Mount, { kind: 'volume' }>;
type Common = { readonly target: GuestPath; readonly readOnly: boolean };

function volumeMount({ source, volume }: NormalMount, common: Common, { view }: Subject): VolumeMount {
  const real = source === undefined || source === '' ? undefined : (view.stack.volumes?.[source]?.name ?? source);
  return {
    kind: 'volume',
    ...(real === undefined ? {} : { volume: real }),
    ...common,
    noCopy: volume?.nocopy ?? false,
    ...(volume?.subpath === undefined ? {} : { subpath: volume.subpath }),
  };
}

/**
 * A volume with driver options is what the local driver makes of them, a mount(8) call: a bind mount of its device, or a
 * tmpfs. What else there is (NFS, a block device) is refused before it would be started on an empty directory.
 */
function drivenMount(written: NormalMount, common: Common, subject: Subject): Mount | undefined {
  const { source = '', volume } = written;
  const { type = 'none', o = '', device = '' } = subject.view.stack.volumes?.[source]?.driver_opts ?? {};
  if (type === 'none' && o === '' && device === '') return undefined;
  const options = o.split(',').filter((option) => option !== '');
  const readOnly = common.readOnly || options.includes('ro');
  if (options.includes('bind') && device !== '') {
    const at = volume?.subpath === undefined ? device : posix.join(device, volume.subpath);
    const how = { createHostPath: false, propagation: 'rprivate', recursive: true } as const;
    return { kind: 'bind', source: at as HostPath, ...common, ...how, readOnly };
  }
  if (type === 'tmpfs') return { kind: 'tmpfs', ...common, readOnly, options };
  const elsewhere = [type, device].filter((part) => part !== '').join(' ');
  return { ...volumeMount(written, common, subject), elsewhere };
}

const propagationOf = (text: string | undefined): Propagation =>
  text === undefined || text === '' ? 'rprivate' : (text as Propagation);

const flags =
  'ro rw exec noexec suid nosuid dev nodev sync async atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime mand nomand'.split(
    ' ',
  );

/** `PATH[:option,…]` */
function tmpfsOf(text: string, path: Path, { report, view, name }: Subject): Mount | undefined {
  const colon = text.indexOf(':');
  const target = colon === -1 ? text : text.slice(0, colon);
  const words =
    colon === -1
      ? []
      : text
          .slice(colon + 1)
          .split(',')
          .filter((word) => word !== '');
  const wrong = (what: string, note: string): undefined => {
    report.error('bad-value', { summary: `service "${name}": ${what}`, at: placeAt(view, ...path), notes: [note] });
    return undefined;
  };
  if (!target.startsWith('/'))
    return wrong(`"${target}" is not an absolute path in the container`, 'write PATH[:size=64m,mode=1777]');
  const numbers: { sizeBytes?: Bytes; mode?: number; uid?: number; gid?: number } = {};
  const options: string[] = [];
  for (const word of words) {
    const [key = '', value] = word.split('=', 2);
    const parsed = value === undefined ? undefined : tmpfsNumber(key, value);
    if (parsed !== undefined) Object.assign(numbers, parsed);
    else if (value === undefined && flags.includes(key)) options.push(key);
    else if (!['nr_inodes', 'nr_blocks', 'huge', 'mpol'].includes(key))
      return wrong(
        `"${word}" is not an option of a tmpfs`,
        'options are size, mode, uid, gid and mount flags such as noexec',
      );
    else options.push(word);
  }
  const readOnly = options.filter((word) => word === 'ro' || word === 'rw').at(-1) === 'ro';
  return {
    kind: 'tmpfs',
    target: target as GuestPath,
    readOnly,
    ...numbers,
    options: options.filter((word) => word !== 'ro' && word !== 'rw'),
  };
}

function tmpfsNumber(key: string, value: string): { [name: string]: number } | undefined {
  if (key === 'size') {
    const size = parseBytes(value);
    return size === undefined || size < 0 ? undefined : { sizeBytes: size };
  }
  if (key === 'mode') {
    const mode = parseMode(value);
    return mode === undefined ? undefined : { mode };
  }
  return (key === 'uid' || key === 'gid') && /^\d{1,10}$/.test(value) ? { [key]: Number(value) } : undefined;
}

function filesOf(section: 'configs' | 'secrets', subject: Subject): readonly Found[] {
  const references = subject.service[section] ?? [];
  return references.flatMap((reference, i): Found[] => {
    const element = subject.view.stack[section]?.[reference.source];
    const path: Path = ['services', subject.name, section, i];
    const mount = element === undefined ? undefined : fileOf(reference, element, { section, path, subject });
    return mount === undefined ? [] : [{ mount, path: [section, i] }];
  });
}

type FilePlace = { readonly section: 'configs' | 'secrets'; readonly path: Path; readonly subject: Subject };

function fileOf(reference: NormalFileReference, element: NormalFile, place: FilePlace): Mount | undefined {
  const { section, path, subject } = place;
  const { view, report, name } = subject;
  const target = reference.target ?? `/${reference.source}`;
  const id = (key: 'uid' | 'gid'): number => {
    const text = reference[key] ?? '0';
    if (/^\d{1,10}$/.test(text)) return Number(text);
    report.error('bad-user', {
      summary: `service "${name}": "${text}" is not a numeric ${key}`,
      at: placeAt(view, ...path, key),
      notes: ['write a number in quotes: "1000"'],
    });
    return 0;
  };
  const content = contentOf(reference.source, element, place);
  if (content === undefined) return undefined;
  return {
    kind: 'file',
    target: (target.startsWith('/') ? target : `/${target}`) as GuestPath,
    content,
    mode: parseMode(reference.mode ?? '0444') ?? 0o444,
    uid: id('uid'),
    gid: id('gid'),
    secret: section === 'secrets',
  };
}

type Content = Extract<Mount, { kind: 'file' }>['content'];

function contentOf(source: string, element: NormalFile, { section, path, subject }: FilePlace): Content | undefined {
  const { view, report, sources, environment, runnable } = subject;
  // What is in it is no business of `config`.
  if (!runnable) return undefined;
  const kind = section.slice(0, -1);
  if (element.external === true) {
    report.error('unknown-reference', {
      summary: `external ${kind} "${source}" cannot be had: there is no store of ${section} on this machine`,
      at: placeAt(view, ...path),
      notes: [`give the ${kind} a file or an environment variable`],
    });
    return undefined;
  }
  if (element.file !== undefined) {
    const at = placeAt(view, section, source, 'file');
    const bytes = sources.bytes(element.file, { limit: maxFileBytes, what: kind, at });
    return bytes === undefined ? undefined : { sha256: sha256(bytes), path: element.file as HostPath };
  }
  if (element.environment !== undefined) {
    const text = environment.value(element.environment);
    if (text !== undefined) return { sha256: sha256(text), text };
    report.error('required-variable', {
      summary: `${kind} "${source}" is in variable ${element.environment}, which is not set`,
      at: placeAt(view, section, source, 'environment'),
      notes: ['set it in the environment or in the .env file'],
    });
    return undefined;
  }
  return element.content === undefined ? undefined : { sha256: sha256(element.content), text: element.content };
}

/** What `volumes_from` adds: the mounts of another service, except where there is one already. */
function inherited(own: readonly Found[], subject: Subject): Found[] {
  const taken = new Set(own.map(({ mount }) => mount.target));
  const added: Found[] = [];
  (subject.service.volumes_from ?? []).forEach((text, i) => {
    if (text.startsWith('container:')) return;
    const [from = '', access] = text.split(':');
    for (const mount of mountsFrom(from, subject, new Set([subject.name]))) {
      if (taken.has(mount.target)) continue;
      taken.add(mount.target);
      added.push({
        mount: access === 'ro' ? ({ ...mount, readOnly: true } as Mount) : mount,
        path: ['volumes_from', i],
      });
    }
  });
  return added;
}

function mountsFrom(name: string, subject: Subject, seen: Set<string>): Mount[] {
  const service = subject.view.stack.services?.[name];
  if (service === undefined || seen.has(name)) return [];
  seen.add(name);
  const own = (service.volumes ?? []).flatMap(
    (volume, i) => mountOf(volume, ['services', name, 'volumes', i], subject) ?? [],
  );
  const others = (service.volumes_from ?? []).flatMap((text) =>
    mountsFrom(text.split(':')[0] as string, subject, seen),
  );
  // An anonymous volume belongs to one container and cannot be shared.
  return [...own, ...others].filter((mount) => mount.kind !== 'volume' || mount.volume !== undefined);
}

export function devicesOf({ service, trail, name, view, report }: Subject): readonly Device[] {
  return (service.devices ?? []).map(({ source, target, permissions }, i) => {
    trail.add(`devices.${i}`, 'devices', i);
    trail.add(`devices.${target}`, 'devices', i);
    const wrong = [source, target].find((path) => !path.startsWith('/'));
    if (wrong !== undefined) {
      report.error('bad-value', {
        summary: `service "${name}": "${wrong}" is not the path of a device`,
        at: placeAt(view, 'services', name, 'devices', i),
        notes: ['write SOURCE[:TARGET[:rwm]] with absolute paths'],
      });
    }
    const rights = ['r', 'w', 'm'].filter((right) => permissions.includes(right)).join('');
    return { source: source as HostPath, target: target as GuestPath, permissions: rights };
  });
}
