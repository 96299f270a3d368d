import type { DesiredContainer, ObservedContainer } from '../model/state.ts';
import type { ContainerName } from '../model/units.ts';

/** How the containers there are fill the places of the replicas wanted. */
export type Pairing = {
  readonly kept: readonly { readonly desired: DesiredContainer; readonly observed: ObservedContainer }[];
  readonly fresh: readonly { readonly desired: DesiredContainer; readonly replaces?: ObservedContainer }[];
  readonly surplus: readonly ObservedContainer[];
};

/**
 * Pairs one service's replicas. Which number a replica has does not matter, how many there are does: when there are too
 * many, obsolete ones go first, then those with the highest numbers; when there are too few, the lowest free numbers are
 * taken. So after `web-1` of three was dropped as obsolete, `web-2` and `web-3` are the two that were wanted, and the
 * next plan is empty.
 */
export function pairReplicas(
  wanted: readonly DesiredContainer[],
  present: readonly ObservedContainer[],
  isObsolete: (observed: ObservedContainer, desired: DesiredContainer) => boolean,
): Pairing {
  const [first] = wanted;
  if (first === undefined) return { kept: [], fresh: [], surplus: present };

  const misnamed = present.filter((observed) => observed.name !== nameOf(first, observed.number));
  const named = present.filter((observed) => !misnamed.includes(observed));
  const asDesired = (observed: ObservedContainer): DesiredContainer => {
    const template = wanted.find(({ number }) => number === observed.number) ?? first;
    const { name, number } = observed;
    return template.name === name && template.number === number ? template : { ...template, name, number };
  };
  // Comparing configurations is much of a plan's work, and with room for all there is nothing to choose.
  const rivals = named.length > wanted.length ? named : [];
  const obsolete = new Set(rivals.filter((observed) => isObsolete(observed, asDesired(observed))));
  const byWorth = [...named].sort((a, b) => Number(obsolete.has(a)) - Number(obsolete.has(b)) || a.number - b.number);
  const keptContainers = byWorth.slice(0, wanted.length);
  const kept = keptContainers.map((observed) => ({ desired: asDesired(observed), observed }));

  const taken = new Set(keptContainers.map(({ number }) => number));
  const missing = wanted.filter(({ number }) => !taken.has(number)).slice(0, wanted.length - kept.length);
  const fresh = missing.map((desired) => {
    const replaces = misnamed.find(({ number }) => number === desired.number);
    return { desired, ...(replaces && { replaces }) };
  });
  const replaced = new Set(fresh.map(({ replaces }) => replaces));
  const surplus = [...misnamed.filter((observed) => !replaced.has(observed)), ...byWorth.slice(wanted.length)];
  return { kept, fresh, surplus };
}

/** The name replica `number` has beside `sibling`; a fixed `container_name` has room for one only. */
export function nameOf(sibling: DesiredContainer, number: number): ContainerName | undefined {
  if (number === sibling.number) return sibling.name;
  const suffix = `-${sibling.number}`;
  if (!sibling.name.endsWith(suffix)) return undefined;
  return `${sibling.name.slice(0, -suffix.length)}-${number}` as ContainerName;
}
