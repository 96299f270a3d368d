import type { ObservedState } from '../../model/state.ts';
import type { ServiceName } from '../../model/units.ts';
import { planRemove } from '../../plan/remove.ts';
import { confirmed } from '../ask.ts';
import { changeStored, ofServices } from '../stored.ts';
import type { Runner } from './runner.ts';

export const rm: Runner<'rm'> = ({ flags, args }, context) =>
  changeStored(context, {
    title: 'rm',
    names: args,
    plan: (observed, services) => planRemove(observed, { services, stop: flags.stop, volumes: flags.volumes }),
    ...(!flags.force && {
      confirm: async (observed: ObservedState, services: readonly ServiceName[]) => {
        const { steps } = planRemove(observed, { services, stop: flags.stop });
        const names = steps.flatMap(({ action }) => (action.kind === 'remove' ? [action.container] : []));
        return names.length === 0 || confirmed(context, `remove ${names.join(', ')}?`);
      },
    }),
    idle: ({ name }) => `no stopped containers${ofServices(args)} in project ${name}`,
  });
