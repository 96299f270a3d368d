import type { CommandSpec, Flag } from '../flag.ts';
import { index, runImageFlags, service } from './shared.ts';

const env = { name: 'env', short: 'e', kind: 'list', value: 'NAME=VALUE', help: 'set a variable' } as const;
const noTty = { name: 'no-tty', short: 'T', kind: 'switch', help: 'no terminal, even when this is one' } as const;
const user = {
  name: 'user',
  short: 'u',
  kind: 'text',
  value: 'USER',
  help: 'run as this user (uid[:gid] or name[:group])',
} as const;
const workdir = { name: 'workdir', short: 'w', kind: 'text', value: 'DIR', help: 'directory to run in' } as const;

/** What fingers type: both are what happens anyway. */
const asDocker = [
  {
    name: 'interactive',
    short: 'i',
    kind: 'switch',
    help: 'accepted and not needed: standard input is always passed on',
  },
  { name: 'tty', short: 't', kind: 'switch', help: 'accepted and not needed: there is a terminal where this is one' },
] as const satisfies readonly Flag[];

/** Commands that reach into a container. */
export const insideCommands = () =>
  [
    {
      name: 'exec',
      group: 'run',
      summary: 'Run a command in a running container',
      details: ['Ends with the exit code of the command: 127 when it is not found, 128 + N when signal N killed it.'],
      arguments: [service, { name: 'COMMAND', help: 'the command and its arguments', many: true, verbatim: true }],
      flags: [
        { name: 'detach', short: 'd', kind: 'switch', help: 'return as soon as the command runs' },
        env,
        index,
        { name: 'privileged', kind: 'switch', help: 'give the command all capabilities' },
        noTty,
        user,
        workdir,
        ...asDocker,
      ],
      conflicts: [['detach', 'tty']],
      examples: [['tscompose exec web sh', 'a shell beside the web server']],
      json: 'none',
      needsFile: false,
    },
    {
      name: 'run',
      group: 'run',
      summary: 'Run one command in a new container of a service',
      details: [
        'The container has the configuration of the service, but not its ports, and is none of its replicas: up leaves it alone, down removes it.',
        'Ends with the exit code of the command: 127 when it is not found, 128 + N when signal N killed it.',
      ],
      arguments: [
        service,
        { name: 'COMMAND', help: "instead of the service's own command", optional: true, many: true, verbatim: true },
      ],
      flags: [
        { name: 'detach', short: 'd', kind: 'switch', help: 'return as soon as the command runs, and print the name' },
        { name: 'rm', kind: 'switch', help: 'remove the container when its command has ended' },
        env,
        {
          name: 'env-from-file',
          kind: 'list',
          value: 'FILE',
          completes: 'file',
          help: 'set the variables of this file',
        },
        { name: 'entrypoint', kind: 'text', value: 'COMMAND', help: "instead of the service's entrypoint" },
        { name: 'name', kind: 'text', value: 'NAME', help: 'name of the container' },
        { name: 'no-deps', kind: 'switch', help: 'do not start what the service depends on' },
        { name: 'publish', short: 'p', kind: 'list', value: 'PORT', help: 'publish this port, as under ports:' },
        { name: 'use-aliases', kind: 'switch', help: 'others find the container by the names of its service' },
        {
          name: 'remove-orphans',
          kind: 'switch',
          help: 'remove containers of services that are no longer in the file',
        },
        { name: 'service-ports', short: 'P', kind: 'switch', help: 'publish the ports of the service' },
        user,
        { name: 'volume', short: 'v', kind: 'list', value: 'VOLUME', help: 'mount this, as under volumes:' },
        workdir,
        { name: 'label', short: 'l', kind: 'list', value: 'NAME=VALUE', help: 'add a label' },
        { name: 'cap-add', kind: 'list', value: 'CAPABILITY', help: 'add a capability' },
        { name: 'cap-drop', kind: 'list', value: 'CAPABILITY', help: 'drop a capability' },
        noTty,
        { name: 'quiet', short: 'q', kind: 'switch', help: 'no progress' },
        ...runImageFlags,
        ...asDocker,
      ],
      examples: [
        ['tscompose run --rm web npm test', 'the tests, in a container of their own'],
        ['tscompose run --rm --no-deps web sh', 'a shell where the service does not start'],
      ],
      json: 'none',
      needsFile: true,
    },
    {
      name: 'attach',
      group: 'run',
      summary: 'Follow the output of a container, and type into it',
      details: [
        'Input needs stdin_open: true in the stack file. The detach keys leave the container running; without a terminal signals that are sent to tscompose go to it.',
        'Ends with the exit code of the container.',
      ],
      arguments: [service],
      flags: [
        {
          name: 'detach-keys',
          kind: 'text',
          value: 'KEYS',
          help: 'what leaves: a letter, or ctrl- and one, by commas (ctrl-p,ctrl-q)',
        },
        index,
        { name: 'no-stdin', kind: 'switch', help: 'only look' },
        { name: 'sig-proxy', kind: 'switch', default: true, help: '=false: signals end tscompose instead' },
      ],
      json: 'none',
      needsFile: false,
    },
    {
      name: 'cp',
      group: 'run',
      summary: 'Copy files between a container and this machine',
      details: [
        'A path in a container is SERVICE:PATH. DIR/. means what is in the directory. - is a tar archive: from standard input, unpacked into a directory, or to standard output.',
        'Copying to a service reaches all its containers, unless --index names one. They need not run.',
      ],
      arguments: [
        { name: 'FROM', help: 'what is copied', completes: 'file' },
        { name: 'TO', help: 'where to', completes: 'file' },
      ],
      flags: [
        { name: 'archive', short: 'a', kind: 'switch', help: 'keep owners; otherwise what is new belongs to root' },
        {
          name: 'follow-link',
          short: 'L',
          kind: 'switch',
          help: 'copy what FROM points to when it is a symbolic link',
        },
        index,
        { name: 'all', kind: 'switch', help: 'accepted and not needed' },
      ],
      examples: [
        ['tscompose cp web:/etc/app.conf .', 'from a container'],
        ['tscompose cp site/. web:/var/www', 'the contents of a directory, into all containers of web'],
      ],
      json: 'none',
      needsFile: false,
    },
    {
      name: 'diff',
      group: 'look',
      summary: 'List what a container has changed in its root filesystem',
      details: ['A is added, C changed, D deleted. Volumes and other mounts are not part of it.'],
      arguments: [service],
      flags: [index],
      json: 'lines',
      needsFile: false,
    },
    {
      name: 'export',
      group: 'look',
      summary: 'Write the files of a container as a tar archive',
      details: ['Without its mounts. What comes out can be the rootfs of a service.'],
      arguments: [service],
      flags: [
        { name: 'output', short: 'o', kind: 'text', value: 'FILE', completes: 'file', help: 'write it here' },
        index,
      ],
      json: 'none',
      needsFile: false,
    },
  ] as const satisfies readonly CommandSpec[];
