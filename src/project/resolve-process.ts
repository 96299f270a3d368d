import type { Hook } from '../model/project.ts';
import type { Origin } from '../model/source.ts';
import type { GuestPath } from '../model/units.ts';
import { parseEnv } from '../spec/dotenv.ts';
import type { NormalHook } from '../spec/normal.ts';
import { maxEnvBytes } from '../spec/text.ts';
import type { Subject } from './resolving.ts';
import { keyAt, placeAt } from './view.ts';

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
  subject.report.error('missing-key', {
    summary: `service "${subject.name}" has no command`,
    at: keyAt(subject.view, 'services', subject.name),
    notes: ['command: what runs, for example ["node", "server.js"]'],
  });
}

/**
 * Env files first, then `environment`. A name without a value that the project's variables do not have either is not in
 * the container at all.
 */
export function environmentOf(subject: Subject): { readonly [name: string]: string } {
  const merged = new Map<string, string>();
  for (const [name, { value, origin }] of envFilesOf(subject)) {
    merged.set(name, value);
    subject.trail.put(`environment.${name}`, origin);
  }
  for (const [name, value] of Object.entries(subject.service.environment ?? {})) {
    if (value === null) merged.delete(name);
    else merged.set(name, value);
    subject.trail.add(`environment.${name}`, 'environment', name);
  }
  return sorted(merged);
}

type FromFile = ReadonlyMap<string, { readonly value: string; readonly origin: Origin }>;

/** What the service's env files say; a later file wins. */
export function envFilesOf({ service, name, view, report, sources, environment }: Subject): FromFile {
  const together = new Map<string, { value: string; origin: Origin }>();
  service.env_file?.forEach(({ path, required, format }, i) => {
    const at = placeAt(view, 'services', name, 'env_file', i, 'path');
    if (format !== undefined && format !== '' && format !== 'raw') {
      report.error('env-file', {
        summary: `"${format}" is not a format of env files`,
        at: placeAt(view, 'services', name, 'env_file', i, 'format'),
        notes: ['write raw, or leave it out'],
      });
      return;
    }
    if (!required && sources.kind(path) === 'missing') return;
    const file = sources.text(path, { limit: maxEnvBytes, what: 'env file', at, missing: 'env-file' });
    if (file === undefined) return;
    const lookup = (key: string): string | undefined =>
      environment.value(key) ?? service.environment?.[key] ?? undefined;
    const earlier = (key: string): string | undefined => together.get(key)?.value;
    const entries = parseEnv(file, { lookup, earlier, format: format === 'raw' ? 'raw' : undefined }, report);
    for (const [key, entry] of entries) together.set(key, entry);
  });
  return together;
}

/** Labels from files, then those of the stack file. */
export function labelsOf(subject: Subject): { readonly [name: string]: string } {
  const merged = new Map<string, string>();
  const { service, name, view, report, sources, trail } = subject;
  service.label_file?.forEach((path, i) => {
    const at = placeAt(view, 'services', name, 'label_file', i);
    const file = sources.text(path, { limit: maxEnvBytes, what: 'label file', at, missing: 'env-file' });
    if (file === undefined) return;
    for (const [key, { value, origin }] of parseEnv(file, { lookup: () => undefined }, report)) {
      merged.set(key, value);
      trail.put(`labels.${key}`, origin);
    }
  });
  for (const [key, value] of Object.entries(service.labels ?? {})) {
    merged.set(key, value);
    trail.add(`labels.${key}`, 'labels', key);
    if (!/^(com\.docker\.compose|tscompose)\./.test(key)) continue;
    report.error('bad-name', {
      summary: `label "${key}" is reserved`,
      at: keyAt(view, 'services', name, 'labels', key),
      notes: ['labels that begin with "com.docker.compose." or "tscompose." are set by the tool'],
    });
  }
  return sorted(merged);
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
