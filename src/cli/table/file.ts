import type { CommandSpec } from '../flag.ts';
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
  {
    name: 'config',
    group: 'file',
    summary: 'Check the stack file and print it in normal form',
    arguments: [services],
    flags: [
      {
        name: 'format',
        kind: 'choice',
        value: 'FORMAT',
        choices: ['yaml', 'json'],
        help: 'yaml (the default) or json',
      },
      { name: 'quiet', short: 'q', kind: 'switch', help: 'print nothing, only check' },
    ],
    json: 'document',
    needsFile: true,
  },
] as const satisfies readonly CommandSpec[];
