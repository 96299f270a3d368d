import { setTimeout as sleep } from 'node:timers/promises';
import { exitCode } from '../exit-code.ts';
import { openRuntime } from '../runtime.ts';
import { sayError } from '../say.ts';
import { knownServices } from '../services.ts';
import { findTarget } from '../target.ts';
import type { Runner } from './runner.ts';

const pollMs = 100;

export const wait: Runner<'wait'> = async ({ args }, context) => {
  const target = await findTarget(context);
  if (!target.ok) return target.error;
  const { name, project } = target.value;
  const runtime = openRuntime(context);
  for (;;) {
    const observed = await runtime.observe(name);
    const services = knownServices(context, args, { project, observed });
    if (!services.ok) return services.error;
    const chosen = observed.containers.filter(({ service }) => services.value.includes(service));
    if (chosen.length === 0) {
      const hint = `start it with: tscompose up -d ${args.join(' ')}`;
      sayError(context, { code: 'not-running', message: `there is no container of ${args.join(', ')}`, hint });
      return exitCode.failed;
    }
    for (const { status } of chosen) {
      if (status.kind !== 'exited' && status.kind !== 'failed') continue;
      context.stdout.write(`${status.exitCode ?? 'unknown'}\n`);
      return status.exitCode ?? exitCode.failed;
    }
    await sleep(pollMs);
  }
};
