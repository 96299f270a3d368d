import { choose } from '../../plan/choose.ts';
import { planStart } from '../../plan/start.ts';
import { desiredState } from '../../project/desired.ts';
import { awaitReady } from '../await-ready.ts';
import { deadlineIn } from '../deadline.ts';
import { changeStored, ofServices } from '../stored.ts';
import type { Runner } from './runner.ts';

export const start: Runner<'start'> = ({ flags, args }, context) => {
  const deadline = flags.wait ? deadlineIn(flags['wait-timeout']) : undefined;
  return changeStored(context, {
    title: 'start',
    names: args,
    plan: (observed, services) => planStart(observed, { services }),
    idle: ({ name }) =>
      `nothing${ofServices(args)} to start in project ${name}; 'tscompose up' makes what does not exist`,
    ...(flags.wait && {
      after: ({ runtime, target, observed, services, signal }) =>
        awaitReady(context, runtime, {
          project: target.name,
          desired: target.project && desiredState(target.project),
          containers: choose(observed, { services }, { along: 'dependencies' }),
          deadline,
          signal,
        }),
    }),
  });
};
