import { planRestart } from '../../plan/restart.ts';
import { changeStored, graceOf, hasten } from '../stored.ts';
import type { Runner } from './runner.ts';

export const restart: Runner<'restart'> = ({ flags, args }, context) =>
  changeStored(context, {
    title: 'restart',
    names: args,
    plan: (observed, services) =>
      planRestart(observed, {
        services,
        dependents: flags['no-deps'] ? 'ignore' : 'follow',
        ...graceOf(flags.timeout),
      }),
    once: true,
    urgent: hasten(flags.timeout),
    idle: ({ name }) => `nothing to restart in project ${name}`,
  });
