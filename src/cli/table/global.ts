import type { Flag } from '../flag.ts';

/** Options that every command takes, before or after its name. */
export const globalFlags = [
  {
    name: 'file',
    short: 'f',
    kind: 'list',
    value: 'FILE',
    completes: 'file',
    help: 'stack file; may be given several times, later ones override; - is standard input',
  },
  { name: 'project-name', short: 'p', kind: 'text', value: 'NAME', completes: 'project', help: 'name of the project' },
  {
    name: 'project-directory',
    kind: 'text',
    value: 'DIR',
    completes: 'directory',
    help: 'what relative paths in the stack file start from',
  },
  { name: 'profile', kind: 'list', value: 'NAME', help: 'turn on the services of this profile' },
  { name: 'env-file', kind: 'list', value: 'FILE', completes: 'file', help: 'read variables from here, not from .env' },
  {
    name: 'progress',
    kind: 'choice',
    value: 'MODE',
    choices: ['auto', 'tty', 'plain', 'json', 'quiet'],
    help: 'how progress is shown on standard error',
  },
  { name: 'json', kind: 'switch', help: 'print results, and errors, as JSON' },
  {
    name: 'ansi',
    kind: 'choice',
    value: 'WHEN',
    choices: ['auto', 'always', 'never'],
    help: 'colours: for a terminal, always, or never',
  },
  { name: 'no-color', kind: 'switch', help: 'no colours (also: NO_COLOR=1)' },
  { name: 'help', short: 'h', kind: 'switch', help: 'show help' },
  { name: 'version', short: 'v', kind: 'switch', help: 'show the version' },
] as const satisfies readonly Flag[];
