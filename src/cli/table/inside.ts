import type { CommandSpec } from '../flag.ts';
import { index, service } from './shared.ts';

/** Commands that reach into a container. */
export const insideCommands = [
  {
    name: 'exec',
    group: 'run',
    summary: 'Run a command in a running container',
    details: ['Ends with the exit code of the command: 127 when it is not found, 128 + N when signal N killed it.'],
    arguments: [service, { name: 'COMMAND', help: 'the command and its arguments', many: true, verbatim: true }],
    flags: [
      { name: 'no-tty', short: 'T', kind: 'switch', help: 'no terminal, even when this is one' },
      { name: 'env', short: 'e', kind: 'list', value: 'NAME=VALUE', help: 'set a variable' },
      { name: 'user', short: 'u', kind: 'text', value: 'USER', help: 'run as this user (uid[:gid] or name[:group])' },
      { name: 'workdir', short: 'w', kind: 'text', value: 'DIR', help: 'directory to run in' },
      index,
    ],
    examples: [['tscompose exec web sh', 'a shell beside the web server']],
    json: 'none',
    needsFile: false,
  },
] as const satisfies readonly CommandSpec[];
