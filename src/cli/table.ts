import type { Argument, CommandSpec, Flag, FlagValues } from './flag.ts';

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
  { name: 'no-color', kind: 'switch', help: 'no colours (also: NO_COLOR=1)' },
  { name: 'help', short: 'h', kind: 'switch', help: 'show help' },
  { name: 'version', kind: 'switch', help: 'show the version' },
] as const satisfies readonly Flag[];

const services = {
  name: 'SERVICE',
  help: 'services of the stack; all when none is named',
  optional: true,
  many: true,
  completes: 'service',
} as const satisfies Argument;

const service = { name: 'SERVICE', help: 'a service of the stack', completes: 'service' } as const satisfies Argument;

const timeout = {
  name: 'timeout',
  short: 't',
  kind: 'seconds',
  value: 'SECONDS',
  help: 'grace before a container that does not stop is killed',
} as const satisfies Flag;

const noLogPrefix = { name: 'no-log-prefix', kind: 'switch', help: 'no container names before the lines' } as const;
const index = { name: 'index', kind: 'count', value: 'N', help: 'which replica of the service' } as const;

const convergeFlags = [
  { name: 'always-recreate-deps', kind: 'switch', help: 'recreate what the named services depend on, too' },
  {
    name: 'renew-anon-volumes',
    short: 'V',
    kind: 'switch',
    help: 'recreated containers start with fresh anonymous volumes',
  },
  { name: 'no-deps', kind: 'switch', help: 'leave the services that these depend on alone' },
  { name: 'force-recreate', kind: 'switch', help: 'recreate containers even if nothing has changed' },
  { name: 'no-recreate', kind: 'switch', help: 'keep containers even if they have changed' },
  { name: 'remove-orphans', kind: 'switch', help: 'remove containers of services that are no longer in the file' },
] as const satisfies readonly Flag[];

const convergeConflicts = [
  ['force-recreate', 'no-recreate'],
  ['always-recreate-deps', 'no-recreate'],
  ['renew-anon-volumes', 'no-recreate'],
] as const;

/** Every command there is, in the order of `--help`. */
export const commands = [
  {
    name: 'up',
    group: 'run',
    summary: 'Create and start the stack, or bring it to what the file says now',
    details: [
      'Without -d the output of the containers follows, until they have all ended. The first Ctrl-C stops them in order, the second kills them.',
    ],
    arguments: [services],
    flags: [
      { name: 'detach', short: 'd', kind: 'switch', help: 'return as soon as the containers run' },
      ...convergeFlags,
      timeout,
      { name: 'dry-run', kind: 'switch', help: 'only print what would be done, as tscompose plan does' },
      { name: 'no-start', kind: 'switch', help: 'create what is missing, start nothing' },
      { name: 'scale', kind: 'list', value: 'SERVICE=N', help: 'this many containers, whatever the file says' },
      { name: 'timestamps', kind: 'switch', help: 'put the time before every line of output' },
      noLogPrefix,
    ],
    conflicts: [...convergeConflicts, ['detach', 'timestamps'], ['detach', 'no-log-prefix']],
    examples: [
      ['tscompose up', 'run the stack of this directory in the foreground'],
      ['tscompose up -d web', 'only web and what it depends on, in the background'],
    ],
    json: 'lines',
    needsFile: true,
  },
  {
    name: 'down',
    group: 'run',
    summary: 'Stop and remove the containers of the project',
    details: ['Needs no stack file when the project is named with -p.'],
    arguments: [services],
    flags: [
      { name: 'volumes', short: 'v', kind: 'switch', help: 'remove its volumes too: their data is lost' },
      { name: 'remove-orphans', kind: 'switch', help: 'also what belongs to services that are no longer in the file' },
      timeout,
    ],
    json: 'lines',
    needsFile: false,
  },
  {
    name: 'create',
    group: 'run',
    summary: 'Create the containers of the stack without starting them',
    arguments: [services],
    flags: [...convergeFlags, timeout],
    conflicts: convergeConflicts,
    json: 'lines',
    needsFile: true,
  },
  {
    name: 'start',
    group: 'run',
    summary: 'Start containers that exist and do not run',
    arguments: [services],
    flags: [],
    json: 'lines',
    needsFile: false,
  },
  {
    name: 'stop',
    group: 'run',
    summary: 'Stop containers and keep them',
    arguments: [services],
    flags: [timeout],
    json: 'lines',
    needsFile: false,
  },
  {
    name: 'restart',
    group: 'run',
    summary: 'Stop and start containers; changes of the file are not applied',
    arguments: [services],
    flags: [timeout, { name: 'no-deps', kind: 'switch', help: 'leave services that ask to be restarted along alone' }],
    json: 'lines',
    needsFile: false,
  },
  {
    name: 'kill',
    group: 'run',
    summary: 'Send a signal to running containers',
    arguments: [services],
    flags: [
      {
        name: 'signal',
        short: 's',
        kind: 'text',
        value: 'SIGNAL',
        completes: 'signal',
        help: 'which one, by name or number; SIGKILL when not given',
      },
    ],
    json: 'lines',
    needsFile: false,
  },
  {
    name: 'pause',
    group: 'run',
    summary: 'Freeze running containers',
    arguments: [services],
    flags: [],
    json: 'lines',
    needsFile: false,
  },
  {
    name: 'unpause',
    group: 'run',
    summary: 'Let frozen containers go on',
    arguments: [services],
    flags: [],
    json: 'lines',
    needsFile: false,
  },
  {
    name: 'rm',
    group: 'run',
    summary: 'Remove stopped containers',
    arguments: [services],
    flags: [
      { name: 'stop', short: 's', kind: 'switch', help: 'stop them first when they run' },
      { name: 'volumes', short: 'v', kind: 'switch', help: 'remove their anonymous volumes too' },
      { name: 'force', short: 'f', kind: 'switch', help: 'accepted and not needed: nothing is asked' },
    ],
    json: 'lines',
    needsFile: false,
  },
  {
    name: 'scale',
    group: 'run',
    summary: 'Change how many containers services have',
    arguments: [
      { name: 'SERVICE=N', help: 'a service and its number of containers', many: true, completes: 'service' },
    ],
    flags: [{ name: 'no-deps', kind: 'switch', help: 'leave the services that these depend on alone' }],
    json: 'lines',
    needsFile: true,
  },
  {
    name: 'wait',
    group: 'look',
    summary: 'Wait until a container ends, print its exit code and end with it',
    arguments: [{ ...service, many: true }],
    flags: [],
    json: 'none',
    needsFile: false,
  },
  {
    name: 'ls',
    group: 'look',
    summary: 'List the projects of this machine',
    arguments: [],
    flags: [
      { name: 'all', short: 'a', kind: 'switch', help: 'also those where nothing runs' },
      { name: 'quiet', short: 'q', kind: 'switch', help: 'only names' },
    ],
    json: 'lines',
    needsFile: false,
  },
  {
    name: 'ps',
    group: 'look',
    summary: 'List the containers of the project',
    arguments: [services],
    flags: [
      { name: 'all', short: 'a', kind: 'switch', help: 'stopped ones too' },
      { name: 'quiet', short: 'q', kind: 'switch', help: 'only names' },
    ],
    json: 'lines',
    needsFile: false,
  },
  {
    name: 'logs',
    group: 'look',
    summary: 'Print what the containers have written',
    arguments: [services],
    flags: [
      { name: 'follow', short: 'f', kind: 'switch', help: 'go on with what they write from now on' },
      { name: 'tail', short: 'n', kind: 'tail', value: 'N', help: 'only the last N lines of each container' },
      { name: 'timestamps', short: 't', kind: 'switch', help: 'put the time before every line' },
      noLogPrefix,
    ],
    json: 'lines',
    needsFile: false,
  },
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
    name: 'version',
    group: 'tool',
    summary: 'Print the version',
    arguments: [],
    flags: [{ name: 'short', kind: 'switch', help: 'only the number' }],
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

export type CommandName = (typeof commands)[number]['name'];
type SpecOf<N extends CommandName> = Extract<(typeof commands)[number], { readonly name: N }>;

/** What was given for the flags of a command. */
export type Flags<N extends CommandName> = FlagValues<SpecOf<N>['flags']>;
export type GlobalFlags = FlagValues<typeof globalFlags>;

/** A call of one command. */
export type InvocationOf<N extends CommandName> = {
  readonly command: N;
  readonly globals: GlobalFlags;
  readonly flags: Flags<N>;
  readonly args: readonly string[];
};

/** A command line that makes sense, as far as the table can tell; `help` has become something else by then. */
export type Invocation = { readonly [N in Exclude<CommandName, 'help'>]: InvocationOf<N> }[Exclude<
  CommandName,
  'help'
>];

/** The table's row for a command. */
export function specOf(name: string): CommandSpec | undefined {
  return commands.find((command) => command.name === name);
}
