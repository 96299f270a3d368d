import type { ObservedContainer } from '../../model/state.ts';
import { planDown } from '../../plan/down.ts';
import type { Runtime, Watching } from '../../runtime/runtime.ts';
import { exitCode } from '../exit-code.ts';
import { sayError } from '../say.ts';
import { lookAround } from '../situation.ts';
import { changeStored } from '../stored.ts';
import type { Target } from '../target.ts';
import type { Runner } from './runner.ts';

export const wait: Runner<'wait'> = async ({ flags, args }, context) => {
  const situation = await lookAround(context, args);
  if (!situation.ok) return situation.error;
  const { name, runtime, observed, services } = situation.value;
  const isChosen = ({ service }: ObservedContainer): boolean => services.includes(service);
  if (!observed.containers.some(isChosen)) {
    const hint = `start it with: tscompose up -d ${args.join(' ')}`;
    sayError(context, { code: 'not-running', message: `there is no container of ${args.join(', ')}`, hint });
    return exitCode.failed;
  }
  const first = await firstEnd(runtime, situation.value, isChosen);
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
