import type { DesiredContainer } from '../../../model/state.ts';
import { portText, whyTaken } from '../network/ports.ts';
import type { PreflightHost } from './host.ts';
import type { Report } from './report.ts';

/** Ports that somebody else has. One that is taken from here on shows when it is bound. */
export function checkPorts(
  container: DesiredContainer,
  { report, host }: { readonly report: Report; readonly host: PreflightHost },
): void {
  for (const [index, port] of container.config.ports.entries()) {
    const taken = host.findTaken(port);
    if (taken === undefined) continue;
    const { reason, notes } = whyTaken(port, taken.holder);
    report.add(container, {
      code: 'port-taken',
      at: `ports.${index}`,
      summary: `cannot publish port ${portText(port)}: ${reason}`,
      notes,
    });
  }
}
