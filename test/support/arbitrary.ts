import fc from 'fast-check';
import type { DependencyCondition } from '../../src/model/project.ts';
import type { ContainerStatus, DesiredState, ObservedContainer, ObservedState } from '../../src/model/state.ts';
import type { Millis, ServiceName } from '../../src/model/units.ts';
import {
  attach,
  desiredState,
  exited,
  network,
  observedState,
  project,
  running,
  type ServiceSketch,
  volume,
} from './builders.ts';

const names = ['a', 'b', 'c', 'd', 'e'] as const;
const conditions: readonly DependencyCondition[] = ['service_started', 'service_healthy', 'service_log_line'];

const hook = { argv: ['a'], privileged: false, environment: {} } as const;
const hooksFor = (count: number): readonly (typeof hook)[] => Array.from({ length: count }, () => hook);

const updates = fc.record({
  order: fc.constantFrom('start-first' as const, 'stop-first' as const),
  parallelism: fc.integer({ min: 0, max: 2 }),
  delayMs: fc.constant(0 as Millis),
  monitorMs: fc.constant(0 as Millis),
  failureAction: fc.constantFrom('pause' as const, 'continue' as const, 'rollback' as const),
});

/** Any stack of up to five services: a service only needs earlier ones in a shuffled order, so that there is no cycle. */
export const stacks: fc.Arbitrary<DesiredState> = fc
  .tuple(
    fc.shuffledSubarray([...names]),
    fc.array(
      fc.record({
        replicas: fc.integer({ min: 0, max: 3 }),
        fixedName: fc.boolean(),
        port: fc.constantFrom('1', '2'),
        volume: fc.constantFrom(undefined, 'shop_x', 'shop_y'),
        network: fc.constantFrom(undefined, 'front', 'back'),
        shares: fc.boolean(),
        hooks: fc.constantFrom(0, 0, 1, 2),
        update: fc.option(updates, { nil: undefined }),
        edges: fc.array(
          fc.record({ restart: fc.boolean(), condition: fc.constantFrom(...conditions), there: fc.boolean() }),
          {
            minLength: names.length,
            maxLength: names.length,
          },
        ),
      }),
      { minLength: names.length, maxLength: names.length },
    ),
    fc.boolean(),
    fc.subarray([...names]),
  )
  .map(([order, traits, internal, disabled]) => {
    const sketches = order.map((name, index): ServiceSketch => {
      const trait = traits[names.indexOf(name)]!;
      const earlier = order.slice(0, index);
      const parent = trait.shares ? earlier[0] : undefined;
      return {
        name,
        replicas: trait.fixedName ? Math.min(1, trait.replicas) : trait.replicas,
        ...(trait.fixedName && { containerName: `fixed-${name}` }),
        config: {
          environment: { PORT: trait.port },
          hooks: {
            preStart: [hook],
            postStart: hooksFor(trait.hooks),
            preStop: [hook],
            postStop: hooksFor(trait.hooks),
          },
          mounts:
            trait.volume === undefined
              ? []
              : [{ kind: 'volume', volume: trait.volume, target: '/data' as never, readOnly: false, noCopy: false }],
          networks: trait.network === undefined || parent !== undefined ? [] : [attach(trait.network)],
          ...(parent !== undefined && { networkMode: { kind: 'service', service: parent as ServiceName } }),
        },
      };
    });
    const desired = desiredState(sketches, {
      volumes: [volume('x'), volume('y')],
      networks: [network('front', { internal }), network('back')],
      disabled: disabled.filter((name) => !order.includes(name)),
    });
    return {
      ...desired,
      containers: desired.containers.map((container) => {
        const index = order.indexOf(container.service as (typeof names)[number]);
        const edges = traits[names.indexOf(container.service as (typeof names)[number])]!.edges;
        const dependsOn = order.slice(0, index).flatMap((service, position) => {
          const { there, ...edge } = edges[position]!;
          const isParent = container.config.networkMode.kind === 'service' && position === 0;
          if (!there && !isParent) return [];
          return [{ service: service as ServiceName, required: true, ...edge, ...(isParent && { restart: true }) }];
        });
        const { update } = traits[names.indexOf(container.service as (typeof names)[number])]!;
        return { ...container, dependsOn, ...(update && { update }) };
      }),
    };
  });

const statuses = fc.constantFrom<ContainerStatus>(
  running,
  running,
  running,
  exited(0),
  exited(1),
  { kind: 'created' },
  { kind: 'paused', pid: 1, startedAtMs: 1 },
  { kind: 'failed', message: 'cannot start', exitCode: 127, finishedAtMs: 1 },
);

/** Any machine: what some stack made, with containers lost, ended, paused or left over, and volumes and networks lost. */
export const machines: fc.Arbitrary<ObservedState> = fc
  .tuple(
    stacks,
    fc.array(fc.record({ status: statuses, monitored: fc.boolean(), there: fc.boolean(), hooksRun: fc.nat(2) }), {
      minLength: 15,
      maxLength: 15,
    }),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([stack, fates, volumesThere, networksThere]) => {
    const all = observedState(stack);
    const containers = all.containers.flatMap((container, index): readonly ObservedContainer[] => {
      const { status, monitored, there, hooksRun } = fates[index % fates.length]!;
      const { postStart, postStop } = container.config.hooks;
      const hooks = 'startedAtMs' in status ? (status.kind === 'exited' ? postStop : postStart) : [];
      const left = hooksRun < hooks.length ? { hooksLeft: { from: hooksRun, failed: hooksRun === 1 } } : {};
      return there ? [{ ...container, status, monitored, ...left }] : [];
    });
    const used = (list: boolean): boolean => list || containers.length === 0;
    return {
      project,
      containers,
      volumes: used(volumesThere) ? all.volumes : [],
      networks: used(networksThere) ? all.networks : [],
    };
  });
