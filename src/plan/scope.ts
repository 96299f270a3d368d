import type { DesiredState } from '../model/state.ts';
import type { ServiceName } from '../model/units.ts';
import type { ReconcileOptions } from './options.ts';
import { serviceGraph, withDependencies } from './order.ts';

/**
 * Why a service takes part in a plan: it was named (or nothing was), a named one needs it, or it is only there to feel the
 * consequences when something it depends on is made anew.
 */
export type Role = 'named' | 'dependency' | 'bystander' | 'outside';
export type Scope = { readonly roles: ReadonlyMap<ServiceName, Role> };

export type ScopeOptions = Pick<ReconcileOptions, 'services' | 'dependencies'>;

export function scopeOf(desired: DesiredState, { services = [], dependencies }: ScopeOptions): Scope {
  const named = new Set(services.length === 0 ? desired.services : services);
  const isAll = desired.services.every((service) => named.has(service));
  const needed = isAll ? named : withDependencies(named, serviceGraph(desired.containers));
  const role = (service: ServiceName): Role => {
    if (named.has(service)) return 'named';
    if (dependencies === 'ignore') return 'outside';
    if (!needed.has(service)) return 'bystander';
    return dependencies === 'leave' ? 'outside' : 'dependency';
  };
  return { roles: new Map(desired.services.map((service) => [service, role(service)])) };
}
