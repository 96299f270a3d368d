import type { CommandSpec, Flag } from '../flag.ts';
import { services } from './shared.ts';

/** What is printed instead of the stack file; one at a time. */
const viewFlags = () =>
  [
    { name: 'services', kind: 'switch', help: 'print the names of the services' },
    { name: 'volumes', kind: 'switch', help: 'print the names of the volumes' },
    { name: 'networks', kind: 'switch', help: 'print the names of the networks' },
    { name: 'profiles', kind: 'switch', help: 'print the names of the profiles' },
    { name: 'images', kind: 'switch', help: 'print the images that services name' },
    { name: 'variables', kind: 'switch', help: 'print the variables that the files mention' },
    { name: 'environment', kind: 'switch', help: 'print the variables that were used, and those of the env files' },
    {
      name: 'hash',
      kind: 'text',
      value: 'SERVICES',
      help: 'print what identifies the configuration of services: names with commas between them, or *',
    },
    { name: 'support', kind: 'switch', help: 'print every key of the files with what becomes of it' },
    {
      name: 'explain',
      kind: 'text',
      value: 'PATH',
      help: 'print where a value comes from, as in services.web.environment.PORT',
    },
    { name: 'quiet', short: 'q', kind: 'switch', help: 'print nothing, only check' },
  ] as const satisfies readonly Flag[];

/** The row of the command; a function as all rows are (`groups`). */
export const configCommand = () => {
  const views = viewFlags();
  const onlyOneView = views.flatMap(({ name }, i) => views.slice(i + 1).map((other) => [name, other.name] as const));
  return {
    name: 'config',
    group: 'file',
    summary: 'Check the stack file and print it in normal form',
    details: [
      'The normal form is one file with everything merged, filled in and written out; loading it again gives the same.',
    ],
    arguments: [services],
    flags: [
      {
        name: 'format',
        kind: 'choice',
        value: 'FORMAT',
        choices: ['yaml', 'json'],
        help: 'yaml (the default) or json',
      },
      {
        name: 'output',
        short: 'o',
        kind: 'text',
        value: 'FILE',
        completes: 'file',
        help: 'write there, not to the output',
      },
      ...views,
      { name: 'no-interpolate', kind: 'switch', help: 'leave variables as they are written' },
      { name: 'no-normalize', kind: 'switch', help: 'add no names, no default network and no implied dependencies' },
      { name: 'no-path-resolution', kind: 'switch', help: 'leave relative paths as they are written' },
      { name: 'no-env-resolution', kind: 'switch', help: 'leave env_file where it is, and names without a value' },
      { name: 'no-consistency', kind: 'switch', help: 'do not check that what is referred to is there' },
    ],
    conflicts: onlyOneView,
    examples: [
      ['tscompose config --explain services.web.ports', 'which file, line and variable gave web its ports'],
      ['tscompose config --support', 'what of the file has no effect here, and why'],
    ],
    json: 'document',
    needsFile: true,
  } as const satisfies CommandSpec;
};
