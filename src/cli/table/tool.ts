import type { CommandSpec } from '../flag.ts';
import { services } from './shared.ts';

/** Commands about tscompose and this machine. */
export const toolCommands = () =>
  [
    {
      name: 'doctor',
      group: 'tool',
      summary: 'Show what this kernel and host offer and lack',
      details: ['Every lack comes with its effect and the line that mends it. Exits 4 when no container can run here.'],
      arguments: [],
      flags: [{ name: 'quiet', short: 'q', kind: 'switch', help: 'only what is lacking' }],
      json: 'document',
      needsFile: false,
    },
    {
      name: 'supervise',
      group: 'tool',
      hidden: true,
      summary: 'Look after a project until nothing in it needs time any more',
      details: [
        'Started by the monitors of containers, when one has ended or has a health check; never needed by hand. Of a project there is only one.',
      ],
      arguments: [{ name: 'PROJECT', help: 'its name' }],
      flags: [],
      json: 'none',
      needsFile: false,
    },
    {
      name: 'install-unit',
      group: 'tool',
      summary: 'Write a systemd unit that runs the stack after a boot',
      details: [
        'The unit keeps the stack as tscompose up does in the foreground: its output is in the journal, stopping the unit stops the containers in order, and a failure of tscompose itself leaves them running until it is back.',
      ],
      arguments: [services],
      flags: [
        { name: 'print', kind: 'switch', help: 'print the unit and install nothing' },
        {
          name: 'output',
          short: 'o',
          kind: 'text',
          value: 'FILE',
          completes: 'file',
          help: 'where it is written; /etc/systemd/system/tscompose-PROJECT.service when not given',
        },
      ],
      conflicts: [['print', 'output']],
      examples: [['tscompose install-unit', 'then: systemctl daemon-reload; systemctl enable --now tscompose-PROJECT']],
      json: 'none',
      needsFile: true,
    },
    {
      name: 'completion',
      group: 'tool',
      summary: 'Print a script that completes commands, flags and names in a shell',
      arguments: [{ name: 'SHELL', help: 'bash, zsh or fish', choices: ['bash', 'zsh', 'fish'] }],
      flags: [],
      examples: [
        ['source <(tscompose completion bash)', 'in ~/.bashrc; zsh is the same'],
        ['tscompose completion fish | source', 'in ~/.config/fish/config.fish'],
      ],
      json: 'none',
      needsFile: false,
    },
    {
      name: '__complete',
      group: 'tool',
      summary: 'List what the last word of a line can become, for a shell',
      hidden: true,
      arguments: [{ name: 'WORD', help: 'the words of the line', optional: true, many: true, verbatim: true }],
      flags: [],
      json: 'none',
      needsFile: false,
    },
    {
      name: 'version',
      group: 'tool',
      summary: 'Print the version',
      arguments: [],
      flags: [
        {
          name: 'format',
          kind: 'choice',
          value: 'FORMAT',
          choices: ['pretty', 'json'],
          help: 'pretty (the default) or json',
        },
        { name: 'short', kind: 'switch', help: 'only the number' },
      ],
      json: 'document',
      needsFile: false,
    },
    {
      name: 'help',
      group: 'tool',
      summary: 'Show the help of a command',
      arguments: [{ name: 'COMMAND', help: 'a command of tscompose', optional: true }],
      flags: [],
      json: 'none',
      needsFile: false,
    },
  ] as const satisfies readonly CommandSpec[];
