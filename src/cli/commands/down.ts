import { planDown } from '../../plan/down.ts';
import { desiredState } from '../../project/desired.ts';
import { endWatch } from '../../runtime/linux/watch-lock.ts';
import { noteImages } from '../images.ts';
import { removesOrphans } from '../orphans.ts';
import { changeStored, graceOf, hasten, ofServices } from '../stored.ts';
import type { Runner } from './runner.ts';

export const down: Runner<'down'> = ({ flags, args }, context) => {
  noteImages(context, flags);
  return changeStored(context, {
    title: 'down',
    names: args,
    // Whoever watches its files would otherwise bring back what is being taken down.
    before: async ({ name }) => {
      if (args.length === 0) await endWatch(name, context.environment);
    },
    plan: (observed, services, { project }) =>
      planDown(observed, {
        services,
        desired: project && desiredState(project),
        volumes: flags.volumes,
        removeOrphans: removesOrphans(context, flags['remove-orphans']),
        ...graceOf(flags.timeout),
      }),
    urgent: hasten(flags.timeout),
    idle: ({ name }) => `nothing${ofServices(args)} to remove for project ${name}`,
  });
};
