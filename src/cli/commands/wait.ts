import type { ObservedContainer } from '../../model/state.ts';
import { planDown } from '../../plan/down.ts';
import type { Runtime, Watching } from '../../runtime/runtime.ts';
import { exitCode } from '../exit-code.ts';
import { openRuntime } from '../runtime.ts';
import { sayError } from '../say.ts';
import { knownServices } from '../services.ts';
import { changeStored } from '../stored.ts';
import { findTarget, type Target } from '../target.ts';
import type { Runner } from './runner.ts';

export const wait: Runner<'wait'> = async ({ flags, args }, context) => {
  const target = await findTarget(context);
  if (!target.ok) return target.error;
  const { name, project } = target.value;
  const runtime = openRuntime(context);
  const observed = await runtime.observe(name);
  const services = knownServices(context, args, { project, observed });
  if (!services.ok) return services.error;
  const isChosen = ({ service }: ObservedContainer): boolean => services.value.includes(service);
  if (!observed.containers.some(isChosen)) {
    const hint = `start it with: tscompose up -d ${args.join(' ')}`;
    sayError(context, { code: 'not-running', message: `there is no container of ${args.join(', ')}`, hint });
    return exitCode.failed;
  }
  const first = await firstEnd(runtime, target.value, isChosen);
  context.stdout.write(`${first ?? 'unknown'}\n`);
  if (flags['down-project']) {
    const plan: Parameters<typeof changeStored>[1]['plan'] = (state) => planDown(state, {});
    const idle = () => `nothing to remove for project ${name}`;
    const code = await changeStored(context, { title: 'down', names: [], plan, idle });
    if (code !== exitCode.ok) return code;
  }
  return first ?? exitCode.failed;
};

/** The exit code of the first chosen container that has ended or ends; null when nobody knows it, or it was removed. */
function firstEnd(
  runtime: Runtime & Watching,
  { name }: Target,
  isChosen: (container: ObservedContainer) => boolean,
): Promise<number | null> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const names = new Set<string>();
    const finish = (code: number | null): void => {
      over.abort();
      resolve(code);
    };
    void runtime.watch(name, {
      signal: over.signal,
      onChange: (container) => {
        if (!isChosen(container)) return;
        names.add(container.name);
        const { status } = container;
        if (status.kind === 'exited' || status.kind === 'failed') finish(status.exitCode);
      },
      onGone: (gone) => {
        names.delete(gone);
        if (names.size === 0) finish(null);
      },
    });
  });
}
