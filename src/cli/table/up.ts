import type { CommandSpec, Flag } from '../flag.ts';
import {
  convergeConflicts,
  convergeFlags,
  imageFlags,
  noLogPrefix,
  scale,
  services,
  timeout,
  waitFlags,
} from './shared.ts';

/** Flags that only make sense while output is shown. */
const attachFlags = [
  {
    name: 'attach',
    kind: 'list',
    value: 'SERVICE',
    completes: 'service',
    help: 'show the output of this service only',
  },
  { name: 'attach-dependencies', kind: 'switch', help: 'show the output of dependencies too' },
  { name: 'no-attach', kind: 'list', value: 'SERVICE', completes: 'service', help: 'leave the output of this out' },
  { name: 'abort-on-container-exit', kind: 'switch', help: 'stop all when one container ends, and exit with its code' },
  { name: 'abort-on-container-failure', kind: 'switch', help: 'the same, but only for an exit code other than 0' },
  {
    name: 'exit-code-from',
    kind: 'text',
    value: 'SERVICE',
    completes: 'service',
    help: 'stop all when one container ends, and exit with the code of this service',
  },
  { name: 'timestamps', kind: 'switch', help: 'put the time before every line of output' },
  noLogPrefix,
] as const satisfies readonly Flag[];

const attachConflicts = attachFlags.flatMap(({ name }) => [['detach', name] as const, ['wait', name] as const]);

/** The command that is called most. */
export const upCommands = () =>
  [
    {
      name: 'up',
      group: 'run',
      summary: 'Create and start the stack, or bring it to what the file says now',
      details: [
        'Without -d the output of the containers follows, until they have all ended. The first Ctrl-C stops them in order, the second kills them; in a terminal, d leaves them running.',
      ],
      arguments: [services],
      flags: [
        { name: 'detach', short: 'd', kind: 'switch', help: 'return as soon as the containers run' },
        ...convergeFlags,
        timeout,
        { name: 'dry-run', kind: 'switch', help: 'only print what would be done, as tscompose plan does' },
        { name: 'no-start', kind: 'switch', help: 'create what is missing, start nothing' },
        scale,
        ...waitFlags,
        ...attachFlags,
        {
          name: 'watch',
          short: 'w',
          kind: 'switch',
          help: 'act on every change of its files, as tscompose watch does',
        },
        ...imageFlags,
      ],
      conflicts: [
        ...convergeConflicts,
        ...attachConflicts,
        ['attach', 'attach-dependencies'],
        ['abort-on-container-exit', 'abort-on-container-failure'],
        ['exit-code-from', 'abort-on-container-failure'],
        ['wait', 'no-start'],
        ['watch', 'no-start'],
        ['watch', 'abort-on-container-exit'],
        ['watch', 'abort-on-container-failure'],
        ['watch', 'exit-code-from'],
      ],
      examples: [
        ['tscompose up', 'run the stack of this directory in the foreground'],
        ['tscompose up -d web', 'only web and what it depends on, in the background'],
      ],
      json: 'lines',
      needsFile: true,
    },
  ] as const satisfies readonly CommandSpec[];
