import type { RootfsSource } from '../model/project.ts';
import type { HostPath } from '../model/units.ts';
import type { NormalRootfs } from '../spec/normal.ts';
import type { Subject } from './resolving.ts';
import { keyAt, type Path, placeAt } from './view.ts';

/** Where the service's root file system comes from: its own key, our extension, or the image map. */
export function rootfsOf(subject: Subject): RootfsSource | undefined {
  const { service, name, trail, view } = subject;
  const own: readonly (readonly [NormalRootfs | undefined, Path])[] = [
    [service.rootfs as NormalRootfs | undefined, ['rootfs']],
    [service['x-tscompose']?.rootfs, ['x-tscompose', 'rootfs']],
  ];
  for (const [rootfs, path] of own) {
    if (rootfs === undefined) continue;
    trail.add('rootfs', ...path);
    return sourceOf(rootfs, ['services', name, ...path], subject);
  }
  if (service.image !== undefined && service.image !== '') {
    const pattern = imagePattern(service.image, Object.keys(imagesOf(subject)));
    if (pattern !== undefined) {
      trail.add('rootfs', 'image');
      return sourceOf(imagesOf(subject)[pattern] as NormalRootfs, ['x-tscompose', 'images', pattern], subject);
    }
  }
  if (subject.runnable && !subject.broken.has(`services.${name}`)) missing(subject);
  return undefined;

  function missing({ report }: Subject): void {
    const { image, build } = service;
    const howTo = 'rootfs: a directory, a tarball, or { host: [programs] }';
    if (image !== undefined && image !== '') {
      report.error('no-rootfs', {
        summary: `service "${name}": nothing says what image "${image}" is`,
        at: placeAt(view, 'services', name, 'image'),
        notes: [
          `add it to the image map: x-tscompose: { images: { "${image}": ./path/to/rootfs } }`,
          `or give the service a ${howTo}`,
        ],
      });
      return;
    }
    const at = build === undefined ? keyAt(view, 'services', name) : keyAt(view, 'services', name, 'build');
    const what = build === undefined ? 'has no root file system' : 'can only be built, and there is no builder';
    report.error('no-rootfs', {
      summary: `service "${name}" ${what}`,
      at,
      notes: [`give it a ${howTo}`, 'or an image that the image map of x-tscompose knows'],
    });
  }
}

const imagesOf = ({ view }: Subject): { readonly [pattern: string]: NormalRootfs } =>
  (view.stack['x-tscompose']?.images ?? {}) as { readonly [pattern: string]: NormalRootfs };

const tarball = /\.(tar|tar\.(gz|xz|zst|bz2)|tgz|txz)$/i;

function sourceOf(rootfs: NormalRootfs, path: Path, { name, view, report }: Subject): RootfsSource | undefined {
  if (typeof rootfs === 'string') {
    if (rootfs === '') {
      report.error('rootfs-invalid', {
        summary: `service "${name}": the root file system is empty text`,
        at: placeAt(view, ...path),
        notes: ['write the path of a directory or a tarball'],
      });
      return undefined;
    }
    return { kind: tarball.test(rootfs) ? 'tarball' : 'directory', path: rootfs as HostPath };
  }
  const programs = rootfs.host ?? [];
  const bad = programs.findIndex((program) => program === '' || /[\s\0]/.test(program));
  if (programs.length === 0 || bad !== -1) {
    report.error('rootfs-invalid', {
      summary: `service "${name}": ${programs.length === 0 ? 'a userspace needs at least one program' : `"${programs[bad]}" is not the name of a program`}`,
      at: placeAt(view, ...path, 'host', ...(bad === -1 ? [] : [bad])),
      notes: ['host: [node, sh] copies these programs with all they link to'],
    });
  }
  return { kind: 'host', programs };
}

/**
 * Which line of the image map an image reference means: the reference itself, then the longest pattern that matches. The
 * registry and library prefixes that Docker leaves out do not count, nor does the tag "latest".
 */
export function imagePattern(image: string, patterns: readonly string[]): string | undefined {
  const names = namesOf(image);
  const exact = patterns.find(
    (pattern) => names.includes(pattern) || namesOf(pattern).some((each) => names.includes(each)),
  );
  if (exact !== undefined) return exact;
  return patterns
    .filter((pattern) => /[*?]/.test(pattern) && names.some((name) => glob(pattern).test(name)))
    .sort((a, b) => b.length - a.length)[0];
}

function namesOf(image: string): readonly string[] {
  const short = image.replace(/^docker\.io\//, '').replace(/^library\//, '');
  const tagged = /[:@][^/]*$/.test(short);
  if (!tagged) return [short, `${short}:latest`];
  return short.endsWith(':latest') ? [short, short.slice(0, -':latest'.length)] : [short];
}

const glob = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*/g, '.*')
      .replace(/\?/g, '.')}$`,
  );
