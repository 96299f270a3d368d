import type { ServiceName } from '../../model/units.ts';
import { formatPlan } from '../../plan/format.ts';
import { planJson } from '../../plan/json.ts';
import { describeContainer } from '../../runtime/linux/describe.ts';
import type { Context } from '../context.ts';
import { type Converging, prepare, warnOfOrphans } from '../converging.ts';
import { exitCode, exitCodeOf } from '../exit-code.ts';
import { sayFailure } from '../explain.ts';
import { openRuntime } from '../runtime.ts';
import { readScales } from '../scales.ts';
import { knownServices } from '../services.ts';
import type { Runner } from './runner.ts';

export const plan: Runner<'plan'> = async ({ flags, args }, context) => {
  const scales = readScales(context, flags.scale);
  if (!scales.ok) return scales.error;
  const prepared = await prepare(context, { flags, names: args, scales: scales.value });
  if (!prepared.ok) return prepared.error;
  if (flags.setup !== undefined) return printSetup(context, prepared.value, flags.setup);
  const something = await printPlan(context, prepared.value);
  return something && flags['detailed-exitcode'] ? exitCode.usage : exitCode.ok;
};

/** Prints what would be done and says whether that is anything. */
export async function printPlan(context: Context, converging: Converging): Promise<boolean> {
  const { stdout, globals } = context;
  const observed = await openRuntime(context).observe(converging.project.name);
  const steps = converging.plan(observed, new Set());
  const removed = new Set(steps.steps.flatMap(({ action }) => (action.kind === 'remove' ? [action.container] : [])));
  const left = observed.containers.filter(({ name }) => !removed.has(name));
  warnOfOrphans(context, converging, { ...observed, containers: left });
  if (globals.json) stdout.write(`${JSON.stringify(planJson(steps), null, 2)}\n`);
  else stdout.write(steps.steps.length === 0 ? 'nothing to do\n' : formatPlan(steps));
  return steps.steps.length > 0;
}

async function printSetup(context: Context, { project, desired }: Converging, name: string): Promise<number> {
  const services = knownServices(context, [name], { project });
  if (!services.ok) return services.error;
  const container = desired.containers.find(({ service }) => service === (name as ServiceName));
  if (container === undefined) {
    context.stdout.write(`${name} has no containers\n`);
    return exitCode.ok;
  }
  const text = await describeContainer(project.name, container, context.environment);
  if (!text.ok) {
    sayFailure(context, text.error);
    return exitCodeOf(text.error.code);
  }
  context.stdout.write(text.value);
  return exitCode.ok;
}
