import { planStart } from '../../plan/start.ts';
import { changeStored } from '../stored.ts';
import type { Runner } from './runner.ts';

export const start: Runner<'start'> = ({ args }, context) =>
  changeStored(context, {
    title: 'start',
    names: args,
    plan: (observed, services) => planStart(observed, { services }),
    idle: ({ name }) => `nothing to start in project ${name}; 'tscompose up' makes what does not exist`,
  });
