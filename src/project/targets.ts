import type { Report } from '../spec/report.ts';
import { child, type Mapping, originOf, type Place, toValue } from '../spec/tree.ts';

export type Twice = {
  readonly service: string;
  readonly target: string;
  readonly first: Place;
  readonly second: Place;
};

/** `/x/` is `/x`. */
export const cleanTarget = (target: string): string => (target.length > 1 ? target.replace(/\/+$/, '') : target);

/** Two mounts on one path would hide one another. */
export function reportTwice({ service, target, first, second }: Twice, report: Report): void {
  report.error('duplicate-target', {
    summary: `service "${service}" mounts two things on ${target}`,
    at: second,
    notes: [{ text: 'the first one is here', origin: originOf(first) }, 'keep one of them'],
  });
}

/**
 * Two different volumes on one target in one list, in canonical form. Of lists that are merged the later one wins, which
 * is what merging is for; within one list it would drop what somebody wrote without a word. The same one twice is one.
 */
export function checkVolumesOf(document: Mapping, report: Report): void {
  const services = child(document, 'services');
  if (services?.kind !== 'mapping') return;
  for (const [service, { value }] of services.entries) {
    const volumes = child(value, 'volumes');
    if (volumes?.kind !== 'sequence') continue;
    const seen = new Map<string, { readonly place: Place; readonly text: string }>();
    for (const volume of volumes.items) {
      const at = child(volume, 'target');
      if (at?.kind !== 'scalar') continue;
      const target = cleanTarget(String(at.value));
      const text = JSON.stringify(toValue(volume));
      const first = seen.get(target);
      if (first === undefined) seen.set(target, { place: at, text });
      else if (first.text !== text) reportTwice({ service, target, first: first.place, second: at }, report);
    }
  }
}
