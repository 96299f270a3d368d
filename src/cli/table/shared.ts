import type { Argument, Flag } from '../flag.ts';

export const services = {
  name: 'SERVICE',
  help: 'services of the stack; all when none is named',
  optional: true,
  many: true,
  completes: 'service',
} as const satisfies Argument;

export const service = {
  name: 'SERVICE',
  help: 'a service of the stack',
  completes: 'service',
} as const satisfies Argument;

export const timeout = {
  name: 'timeout',
  short: 't',
  kind: 'seconds',
  value: 'SECONDS',
  help: 'grace before a container that does not stop is killed',
} as const satisfies Flag;

export const format = { name: 'format', kind: 'text', value: 'FORMAT' } as const;
export const filter = { name: 'filter', kind: 'list', value: 'NAME=VALUE' } as const;

export const noLogPrefix = {
  name: 'no-log-prefix',
  kind: 'switch',
  help: 'no container names before the lines',
} as const;
export const index = { name: 'index', kind: 'count', value: 'N', help: 'which replica of the service' } as const;

export const convergeFlags = [
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

const build = { name: 'build', kind: 'switch', help: 'accepted with a notice: there are no images to build' } as const;
const pull = {
  name: 'pull',
  kind: 'choice',
  value: 'POLICY',
  choices: ['always', 'missing', 'never', 'build', 'policy'],
  help: 'accepted, "always" with a notice: there are no images to pull',
} as const;
const quietPull = { name: 'quiet-pull', kind: 'switch', help: 'accepted: nothing is pulled' } as const;
const quietBuild = { name: 'quiet-build', kind: 'switch', help: 'accepted: nothing is built' } as const;

/** What command lines written for docker compose say about images. */
export const runImageFlags = [build, pull, quietPull, quietBuild] as const satisfies readonly Flag[];

/** The same of commands that may also be told to build nothing, and to ask nothing. */
export const imageFlags = [
  build,
  { name: 'no-build', kind: 'switch', help: 'accepted: nothing is built' },
  pull,
  quietPull,
  quietBuild,
  { name: 'yes', short: 'y', kind: 'switch', help: 'accepted: nothing is asked' },
] as const satisfies readonly Flag[];

export const scale = {
  name: 'scale',
  kind: 'list',
  value: 'SERVICE=N',
  help: 'this many containers, whatever the file says',
} as const satisfies Flag;

export const waitFlags = [
  { name: 'wait', kind: 'switch', help: 'return when all run and are healthy, or have done their work' },
  {
    name: 'wait-timeout',
    kind: 'seconds',
    value: 'SECONDS',
    help: 'with --wait: give up after this time, and exit 5; 0: never',
  },
] as const satisfies readonly Flag[];

export const convergeConflicts = [
  ['force-recreate', 'no-recreate'],
  ['always-recreate-deps', 'no-recreate'],
  ['renew-anon-volumes', 'no-recreate'],
  ['build', 'no-build'],
] as const;
