import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { Flags } from './table.ts';
import { readVariables } from './variables.ts';

type RunLine = {
  readonly service: string;
  /** Empty: the service's own. */
  readonly argv: readonly string[];
  readonly flags: Flags<'run'>;
  readonly cwd: string;
  readonly environment: { readonly [name: string]: string | undefined };
};

/**
 * What the command line of `run` says about the service, as a stack file: so it means what it would mean there, and what
 * is wrong with it is found and shown by the loader.
 */
export function runOverlay({ service, argv, flags, cwd, environment }: RunLine): string {
  const { entrypoint, user, workdir } = flags;
  const lines: [key: string, value: string][] = [];
  const add = (key: string, value: unknown, tag = '') => lines.push([key, `${tag}${asYaml(value)}`]);
  if (entrypoint !== undefined) add('entrypoint', entrypoint, '!override ');
  // Another entrypoint has no use for the arguments of the old one.
  if (argv.length > 0 || entrypoint !== undefined) add('command', argv, '!override ');
  if (flags.env.length > 0) add('environment', readVariables(flags.env, environment));
  if (flags['env-from-file'].length > 0)
    add(
      'env_file',
      flags['env-from-file'].map((path) => resolve(cwd, path)),
    );
  if (user !== undefined) add('user', user);
  if (workdir !== undefined) add('working_dir', workdir);
  if (flags.volume.length > 0)
    add(
      'volumes',
      flags.volume.map((text) => absolute(text, cwd)),
    );
  if (flags.label.length > 0) add('labels', flags.label);
  if (flags['cap-add'].length > 0) add('cap_add', flags['cap-add']);
  if (flags['cap-drop'].length > 0) add('cap_drop', flags['cap-drop']);
  if (flags.publish.length > 0) add('ports', flags.publish, flags['service-ports'] ? '' : '!override ');
  else if (!flags['service-ports']) lines.push(['ports', '!reset []']);
  const body = lines.map(([key, value]) => `    ${key}: ${value}\n`).join('');
  return `services:\n  ${asYaml(service)}:\n${body}`;
}

/** JSON is YAML; variables were the shell's business, so a dollar is a dollar. */
const asYaml = (value: unknown): string => JSON.stringify(value).replaceAll('$', '$$$$');

/** On a command line a relative path starts where the user is, not where the stack file lies. */
function absolute(volume: string, cwd: string): string {
  const [source = '', ...rest] = volume.split(':');
  if (rest.length === 0) return volume;
  if (source === '.' || source === '..' || source.startsWith('./') || source.startsWith('../')) {
    return [resolve(cwd, source), ...rest].join(':');
  }
  return source === '~' || source.startsWith('~/') ? [`${homedir()}${source.slice(1)}`, ...rest].join(':') : volume;
}
