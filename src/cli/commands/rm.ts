import { planRemove } from '../../plan/remove.ts';
import { changeStored, ofServices } from '../stored.ts';
import type { Runner } from './runner.ts';

export const rm: Runner<'rm'> = ({ flags, args }, context) =>
  changeStored(context, {
    title: 'rm',
    names: args,
    plan: (observed, services) => planRemove(observed, { services, stop: flags.stop, volumes: flags.volumes }),
    idle: ({ name }) => `no stopped containers${ofServices(args)} in project ${name}`,
  });
