import type { RootfsSource } from '../model/project.ts';
import type { HostPath } from '../model/units.ts';
import type { NormalRootfs } from '../spec/normal.ts';
import { imagePattern } from './images.ts';
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
    const images = view.stack['x-tscompose']?.images ?? {};
    const pattern = imagePattern(service.image, Object.keys(images));
    const image = pattern === undefined ? undefined : images[pattern];
    if (pattern !== undefined && image !== undefined) {
      trail.add('rootfs', 'image');
      const path = ['x-tscompose', 'images', pattern];
      if (image.rootfs !== undefined) return sourceOf(image.rootfs, [...path, 'rootfs'], subject);
      if (subject.broken.has('x-tscompose.images')) return undefined;
      subject.report.error('missing-key', {
        summary: `image "${pattern}" of the image map needs "rootfs"`,
        at: keyAt(view, ...path),
        notes: ['rootfs: a directory, a tarball, or { host: [programs] }'],
      });
      return undefined;
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
