import type { Hook } from '../model/project.ts';
import type { GuestPath } from '../model/units.ts';
import type { NormalHook } from '../spec/normal.ts';
import type { Subject } from './resolving.ts';
import { keyAt } from './view.ts';

/** Entrypoint and command in one list; nothing when the service has neither. */
export function argvOf({ service, trail }: Subject): readonly string[] {
  const entrypoint = service.entrypoint ?? [];
  const command = service.command ?? [];
  trail.add('argv', entrypoint.length > 0 ? 'entrypoint' : 'command');
  return [...entrypoint, ...command];
}

export function checkArgv(argv: readonly string[], subject: Subject): void {
  if (argv.length > 0 && argv[0] !== '') return;
  if (!subject.runnable || subject.broken.has(`services.${subject.name}`)) return;
  const { image } = subject.service;
  const inMap = `or say it for its image: x-tscompose: { images: { "${image}": { rootfs: …, command: [...] } } }`;
  subject.report.error('missing-key', {
    summary: `service "${subject.name}" has no command`,
    at: keyAt(subject.view, 'services', subject.name),
    notes: ['command: what runs, for example ["node", "server.js"]', ...(image ? [inMap] : [])],
  });
}

/** A name without a value that the project's variables do not have either is not in the container at all. */
export function environmentOf({ service, trail }: Subject): { readonly [name: string]: string } {
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(service.environment ?? {})) {
    if (value === null) continue;
    found.set(name, value);
    trail.add(`environment.${name}`, 'environment', name);
  }
  return sorted(found);
}

export function labelsOf({ service, name, view, report, trail }: Subject): { readonly [name: string]: string } {
  for (const key of Object.keys(service.labels ?? {})) {
    trail.add(`labels.${key}`, 'labels', key);
    if (!/^(com\.docker\.compose|tscompose)\./.test(key)) continue;
    report.error('bad-name', {
      summary: `label "${key}" is reserved`,
      at: keyAt(view, 'services', name, 'labels', key),
      notes: ['labels that begin with "com.docker.compose." or "tscompose." are set by the tool'],
    });
  }
  return sortedObject(service.labels);
}

/** Order of keys in the file leaves no trace. */
export const sorted = (map: ReadonlyMap<string, string>): { readonly [name: string]: string } =>
  Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));

export const sortedObject = (
  object: { readonly [name: string]: string } | undefined,
): { readonly [name: string]: string } => (object === undefined ? {} : sorted(new Map(Object.entries(object))));

export function hookOf(hook: NormalHook): Hook {
  const environment = new Map<string, string>();
  for (const [key, value] of Object.entries(hook.environment ?? {})) if (value !== null) environment.set(key, value);
  return {
    argv: hook.command ?? [],
    ...(hook.user === undefined || hook.user === '' ? {} : { user: hook.user }),
    privileged: hook.privileged ?? false,
    ...(hook.working_dir === undefined ? {} : { workingDir: hook.working_dir as GuestPath }),
    environment: sorted(environment),
  };
}
