import type { CommandSpec } from '../flag.ts';
import { configCommand } from './config.ts';
import { convergeConflicts, convergeFlags, scale, services, timeout } from './shared.ts';

/** Commands about the stack file. */
export const fileCommands = () =>
  [
    {
      name: 'plan',
      group: 'file',
      summary: 'Show what up would do, and why',
      arguments: [services],
      flags: [
        ...convergeFlags,
        timeout,
        scale,
        {
          name: 'setup',
          kind: 'text',
          value: 'SERVICE',
          completes: 'service',
          help: 'print how the container of a service is set up, operation by operation',
        },
        { name: 'detailed-exitcode', kind: 'switch', help: 'exit 2 when there is something to do' },
      ],
      conflicts: convergeConflicts,
      json: 'document',
      needsFile: true,
    },
    configCommand(),
    {
      name: 'init',
      group: 'file',
      summary: 'Write a stack file to start from',
      details: [
        'It runs as it is. Its first line tells editors where the schema is, which lets them complete and check.',
      ],
      arguments: [
        {
          name: 'DIR',
          help: 'where; made when it is not there; this directory when not given',
          optional: true,
          completes: 'directory',
        },
      ],
      flags: [],
      json: 'none',
      needsFile: false,
    },
  ] as const satisfies readonly CommandSpec[];
