import { planKill } from '../../plan/signal.ts';
import { parseSignal } from '../../spec/units.ts';
import { exitCode } from '../exit-code.ts';
import { sayError } from '../say.ts';
import { changeStored } from '../stored.ts';
import type { Runner } from './runner.ts';

export const kill: Runner<'kill'> = async ({ flags, args }, context) => {
  const signal = parseSignal(flags.signal ?? 'SIGKILL');
  if (signal === undefined) {
    const hint = 'a signal is a name like SIGHUP or HUP, or a number';
    sayError(context, { code: 'usage', message: `there is no signal "${flags.signal}"`, hint });
    return exitCode.usage;
  }
  return changeStored(context, {
    title: 'kill',
    names: args,
    plan: (observed, services) => planKill(observed, { services, signal }),
    once: true,
    idle: ({ name }) => `nothing is running in project ${name}`,
    idleCode: exitCode.failed,
  });
};
