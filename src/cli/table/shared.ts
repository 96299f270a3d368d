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

export const convergeConflicts = [
  ['force-recreate', 'no-recreate'],
  ['always-recreate-deps', 'no-recreate'],
  ['renew-anon-volumes', 'no-recreate'],
] as const;
