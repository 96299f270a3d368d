import { planStop } from '../../plan/stop.ts';
import { changeStored, graceOf, hasten, ofServices } from '../stored.ts';
import type { Runner } from './runner.ts';

export const stop: Runner<'stop'> = ({ flags, args }, context) =>
  changeStored(context, {
    title: 'stop',
    names: args,
    plan: (observed, services) => planStop(observed, { services, ...graceOf(flags.timeout) }),
    urgent: hasten(flags.timeout),
    idle: ({ name }) => `nothing${ofServices(args)} is running in project ${name}`,
  });
