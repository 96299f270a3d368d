import type { CommandSpec } from '../flag.ts';
import { configCommand } from './config.ts';
import { convergeConflicts, convergeFlags, services, timeout } from './shared.ts';

/** Commands about the stack file. */
export const fileCommands = [
  {
    name: 'plan',
    group: 'file',
    summary: 'Show what up would do, and why',
    arguments: [services],
    flags: [
      ...convergeFlags,
      timeout,
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
  configCommand,
] as const satisfies readonly CommandSpec[];
