import type { Context } from './context.ts';

type Asked = Pick<Context, 'environment'>;

/** As docker compose reads its variables. */
const isOn = (text = ''): boolean => /^\s*(1|t|true|y)\s*$/i.test(text);

/** Whether containers of services that are not in the file are left out of what is said. */
export const ignoresOrphans = ({ environment }: Asked): boolean => isOn(environment['COMPOSE_IGNORE_ORPHANS']);

/** Whether they are removed, by flag or by variable. */
export const removesOrphans = ({ environment }: Asked, flag = false): boolean =>
  flag || isOn(environment['COMPOSE_REMOVE_ORPHANS']);
