import type { Context } from '../context.ts';
import type { Converging } from '../converging.ts';
import { sayError } from '../say.ts';

/** Whether any of the chosen services says what to watch; when none does, that has been said. */
export function hasWatchRules(context: Context, { project, services }: Converging): boolean {
  const chosen = project.services.filter(({ name }) => services.length === 0 || services.includes(name));
  if (chosen.some(({ watch }) => watch !== undefined && watch.length > 0)) return true;
  const message =
    services.length === 0 ? 'no service says what to watch' : `${services.join(' and ')} does not say what to watch`;
  const hint = 'give it develop: { watch: [{ path: ./src, action: sync, target: /app }] }';
  sayError(context, { code: 'nothing-to-watch', message, hint });
  return false;
}
