import type { PublishedPort } from '../../model/project.ts';
import type { ObservedContainer } from '../../model/state.ts';
import { plural } from '../../util/text.ts';
import type { Paint } from './color.ts';
import { columnsOf, printable } from './width.ts';
import { elapsed } from './words.ts';

/** Ports that everybody knows to speak something else than HTTP. */
const notHttp = new Set([
  21, 22, 25, 53, 110, 143, 389, 636, 1433, 1521, 1883, 3306, 5432, 5672, 6379, 9042, 11211, 27017,
]);

/** The end of `up`: how many containers run, how long it took, and where they can be reached. Ends with a newline. */
export function upSummary(
  containers: readonly ObservedContainer[],
  { tookMs, paint }: { readonly tookMs: number; readonly paint: Paint },
): string {
  const running = containers.filter(({ status }) => status.kind === 'running');
  const doors = running.flatMap(doorsOf);
  const width = Math.max(0, ...doors.map(({ address }) => columnsOf(address)));
  const lines = doors.map(({ address, behind }) => {
    const padding = ' '.repeat(width - columnsOf(address));
    return `  ${paint('cyan', printable(address))}${padding}  ${paint('dim', printable(behind))}`;
  });
  return `${[`${plural(running.length, 'container runs', 'containers run')} after ${elapsed(tookMs)}`, ...lines].join('\n')}\n`;
}

/**
 * The end of an `up` that did not succeed: what of it runs all the same, and what the others are. Ends with a newline; empty
 * when nothing was made.
 */
export function partSummary(containers: readonly ObservedContainer[]): string {
  if (containers.length === 0) return '';
  const running = containers.filter(({ status }) => status.kind === 'running');
  const others = containers.filter(({ status }) => status.kind !== 'running');
  const list = (some: readonly ObservedContainer[]): string => some.map(({ name }) => printable(name)).join(', ');
  const lines = [
    running.length === 0 ? 'no container runs' : `running: ${list(running)}`,
    ...(others.length === 0 ? [] : [`not running: ${list(others)}`]),
    '  = the next up goes on from here; down takes away what there is',
  ];
  return `${lines.join('\n')}\n`;
}

type Door = { readonly address: string; readonly behind: string };

function doorsOf({ service, ports, config }: ObservedContainer): readonly Door[] {
  const doors = (ports ?? config.ports).flatMap((port) => {
    const address = addressOf(port);
    return address === undefined ? [] : [{ address, behind: `${service}, port ${port.target}` }];
  });
  // One port that is open on IPv4 and on IPv6 is one door.
  return doors.filter((door, at) => doors.findIndex(({ address }) => address === door.address) === at);
}

function addressOf({ hostIp, published, target, protocol }: PublishedPort): string | undefined {
  // A choice that the kernel has not made yet is nothing that anybody can go to.
  if (published === undefined || published.first !== published.last) return undefined;
  const anywhere = hostIp === undefined || hostIp === '' || hostIp === '0.0.0.0' || hostIp === '::';
  const host = anywhere ? 'localhost' : hostIp.includes(':') ? `[${hostIp}]` : hostIp;
  const place = `${host}:${published.first}`;
  if (protocol === 'udp') return `${place}/udp`;
  if (notHttp.has(target)) return place;
  return target === 443 || target === 8443 ? `https://${place}` : `http://${place}`;
}
