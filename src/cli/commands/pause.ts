import { planPause, planUnpause } from '../../plan/signal.ts';
import { changeStored, ofServices } from '../stored.ts';
import type { Runner } from './runner.ts';

export const pause: Runner<'pause'> = ({ args }, context) =>
  changeStored(context, {
    title: 'pause',
    names: args,
    plan: (observed, services) => planPause(observed, { services }),
    idle: ({ name }) => `nothing${ofServices(args)} is running in project ${name}`,
  });

export const unpause: Runner<'unpause'> = ({ args }, context) =>
  changeStored(context, {
    title: 'unpause',
    names: args,
    plan: (observed, services) => planUnpause(observed, { services }),
    idle: ({ name }) => `nothing${ofServices(args)} is paused in project ${name}`,
  });
