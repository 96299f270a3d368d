import type { ObservedState } from '../../model/state.ts';
import type { ServiceName } from '../../model/units.ts';
import { planRestart } from '../../plan/restart.ts';
import { refuseOther } from '../../runtime/linux/other-version.ts';
import { changeStored, graceOf, hasten, ofServices } from '../stored.ts';
import type { Runner } from './runner.ts';

export const restart: Runner<'restart'> = ({ flags, args }, context) => {
  const plan = (observed: ObservedState, services: readonly ServiceName[]) =>
    planRestart(observed, {
      services,
      dependents: flags['no-deps'] ? 'ignore' : 'follow',
      ...graceOf(flags.timeout),
    });
  return changeStored(context, {
    title: 'restart',
    names: args,
    plan,
    refuse: (observed, services) => {
      const { steps } = plan(observed, services);
      return observed.containers
        .filter(({ name, startable }) => startable === false && steps.some(({ id }) => id === `start ${name}`))
        .map(({ name, otherVersion = '' }) => refuseOther(`restart ${name}`, otherVersion));
    },
    once: true,
    urgent: hasten(flags.timeout),
    idle: ({ name }) => `nothing${ofServices(args)} to restart in project ${name}`,
  });
};
