import fc from 'fast-check';
import { expect, test } from 'vitest';
import { converge } from '../../../src/apply/converge.ts';
import type { Event } from '../../../src/model/event.ts';
import type { Plan } from '../../../src/model/plan.ts';
import type { Dependency, UpdatePolicy } from '../../../src/model/project.ts';
import type { DesiredState, ObservedState } from '../../../src/model/state.ts';
import type { ServiceName } from '../../../src/model/units.ts';
import { planDown } from '../../../src/plan/down.ts';
import { formatSteps } from '../../../src/plan/format.ts';
import type { ReconcileOptions, RecreatePolicy } from '../../../src/plan/options.ts';
import { reconcile } from '../../../src/plan/reconcile.ts';
import { networksOf, volumesOf } from '../../../src/plan/resources.ts';
import { machines, stacks } from '../../support/arbitrary.ts';
import { compare, desiredState, exited, network, observedState, running } from '../../support/builders.ts';
import { FakeRuntime } from '../../support/fake-runtime.ts';

const policies = fc.constantFrom<RecreatePolicy>('changed', 'changed', 'always', 'never');
const options = fc
  .record({
    services: fc.subarray(['a', 'b', 'c', 'd', 'e']),
    dependencies: fc.constantFrom('follow' as const, 'ignore' as const),
    recreate: policies,
    recreateDependencies: policies,
    start: fc.constantFrom(true, true, false),
    removeOrphans: fc.boolean(),
    renewAnonymousVolumes: fc.boolean(),
  })
  .map((record) => ({ ...record, services: record.services as ServiceName[], compare }) satisfies ReconcileOptions);

/** Only services the stack has can be named: the command line refuses others. */
const fitting = (desired: DesiredState, given: ReconcileOptions): ReconcileOptions => ({
  ...given,
  services: (given.services ?? []).filter((service) => desired.services.includes(service)),
});

const runs = { numRuns: 1500 };

async function up(machine: FakeRuntime, desired: DesiredState, given: ReconcileOptions) {
  return run(machine, (observed, settled) => reconcile(desired, observed, { ...given, settled }));
}

async function run(
  machine: FakeRuntime,
  plan: Parameters<typeof converge>[1]['plan'],
  {
    signal = new AbortController().signal,
    onEvent = () => {},
  }: { signal?: AbortSignal; onEvent?: (event: Event) => void } = {},
) {
  const opened = await machine.open();
  if (!opened.ok) throw new Error('the fake machine opens');
  const session = opened.value;
  try {
    return await converge(session, { plan, signal, onEvent, now: () => 0 });
  } finally {
    await session.close();
  }
}

test('applying a plan makes the next one empty, whatever was there, and breaks no law of the machine', async () => {
  await fc.assert(
    fc.asyncProperty(stacks, machines, options, async (desired, observed, given) => {
      const fit = fitting(desired, given);
      // An old container that is kept may hang on a volume that is lost and no longer in the file: its restart would be
      // refused, rightly. That happens where making anew is forbidden, or beside the named services.
      const isKeeping =
        fit.recreate === 'never' || fit.recreateDependencies === 'never' || (fit.services ?? []).length > 0;
      const machine = new FakeRuntime(isKeeping ? withResources(observed) : observed);
      const result = await up(machine, desired, fit);
      expect(result.outcome).toBe('converged');
      expect(result.rounds.length, formatSteps(result.remaining)).toBeLessThanOrEqual(1);
      // Nothing is left to a later command either, except what was asked to happen each time.
      const next = reconcile(desired, machine.state, {
        ...fit,
        recreate: fit.recreate === 'never' ? 'never' : 'changed',
        recreateDependencies: 'changed',
      });
      if (fit.recreateDependencies !== 'never') expect(formatSteps(next)).toBe('');
    }),
    runs,
  );
});

test('a full up leaves exactly the containers that are wanted, all running, and the orphans', async () => {
  await fc.assert(
    fc.asyncProperty(stacks, machines, async (desired, observed) => {
      const machine = new FakeRuntime(observed);
      await up(machine, desired, { compare, removeOrphans: true });
      const { containers } = machine.state;
      for (const service of desired.services) {
        const wanted = desired.containers.filter((container) => container.service === service);
        const there = containers.filter((container) => container.service === service);
        expect(there.length).toBe(wanted.length);
        expect(there.every(({ status }) => status.kind === 'running')).toBe(true);
        expect(there.every(({ hooksLeft }) => hooksLeft === undefined)).toBe(true);
        expect(there.every(({ config }) => wanted.some((one) => compare(config, one.config).length === 0))).toBe(true);
      }
      const known = [...desired.services, ...desired.disabledServices];
      expect(containers.every(({ service }) => known.includes(service))).toBe(true);
    }),
    runs,
  );
});

test('nothing is started or made for a service that is not in the file', () => {
  fc.assert(
    fc.property(stacks, machines, options, (desired, observed, given) => {
      const { steps } = reconcile(desired, observed, fitting(desired, given));
      const made = steps.flatMap(({ action }) => (action.kind === 'create' ? [action.container] : []));
      for (const { action } of steps) {
        if (action.kind === 'create') expect(desired.services).toContain(action.container.service);
        if (action.kind !== 'start' && action.kind !== 'unpause') continue;
        const name = action.container;
        const service =
          [...made, ...desired.containers].find((container) => container.name === name)?.service ??
          observed.containers.find((container) => container.name === name)?.service;
        expect(desired.services).toContain(service);
      }
    }),
    runs,
  );
});

test('dependents stop before and start after what they depend on', () => {
  fc.assert(
    fc.property(stacks, machines, options, (desired, observed, given) => {
      const plan = reconcile(desired, observed, fitting(desired, given));
      const before = ancestors(plan);
      const inOrder = (first: string, second: string): void => {
        if (before.has(first) && before.has(second)) expect(before.get(second)).toContain(first);
      };
      // What is replaced a few at a time is there all the time, so that nobody has to stop for it.
      const rolled = new Set(plan.steps.flatMap(({ action }) => (action.kind === 'prove' ? [action.container] : [])));
      // A successor may have a number that nobody had.
      const made = plan.steps.flatMap(({ action }) => (action.kind === 'create' ? [action.container] : []));
      const isRolled = (service: string | undefined): boolean =>
        [...desired.containers, ...observed.containers, ...made].some(
          (container) => container.service === service && rolled.has(container.name),
        );
      const serviceOf = (name: string, { containers }: DesiredState | ObservedState) =>
        [...containers].find((container) => container.name === name)?.service;
      for (const [container, needed] of edges(desired)) {
        if (!isRolled(serviceOf(needed, desired))) inOrder(`start ${needed}`, `start ${container}`);
      }
      for (const [container, needed] of edges(observed)) {
        const rolls = [container, needed].some((name) => isRolled(serviceOf(name, observed)));
        if (!rolls) inOrder(`stop ${container}`, `stop ${needed}`);
      }
    }),
    runs,
  );
});

test('who follows a dependency that is brought back stops before it starts', () => {
  const lives = fc.infiniteStream(fc.constantFrom(running, running, exited(1)));
  let seen = 0;
  fc.assert(
    fc.property(stacks, lives, (stack, statuses) => {
      const containers = stack.containers.map((container) => ({
        ...container,
        config: { ...container.config, restart: { condition: 'always' } as const },
      }));
      const desired = { ...stack, containers };
      const changes = containers.map(({ name }) => [name, { status: statuses.next().value }]);
      const plan = reconcile(desired, observedState(desired, Object.fromEntries(changes)), { compare });
      const before = ancestors(plan);
      for (const [follower, dependency] of edges(desired, (edge) => edge.restart)) {
        const [stop, start] = [`stop ${follower}`, `start ${dependency}`];
        if (!before.has(stop) || !before.has(start)) continue;
        seen++;
        expect(before.get(start)).toContain(stop);
      }
    }),
    runs,
  );
  expect(seen).toBeGreaterThan(0);
});

test('an update never has fewer containers of a service running than its policy allows', async () => {
  const policies = fc.record({
    order: fc.constantFrom('start-first' as const, 'stop-first' as const),
    parallelism: fc.integer({ min: 1, max: 3 }),
    replicas: fc.integer({ min: 2, max: 6 }),
  });
  const later = fc.infiniteStream(fc.nat(3));
  await fc.assert(
    fc.asyncProperty(policies, later, async ({ order, parallelism, replicas }, delays) => {
      const update = {
        order,
        parallelism,
        delayMs: 0,
        monitorMs: 0,
        failureAction: 'pause',
      } as unknown as UpdatePolicy;
      const stackOf = (PORT: string): DesiredState => {
        const plain = desiredState([{ name: 'web', replicas, config: { environment: { PORT } } }]);
        return { ...plain, containers: plain.containers.map((container) => ({ ...container, update })) };
      };
      const machine = new FakeRuntime(observedState(stackOf('1')));
      let fewest = replicas;
      machine.delay = async () => {
        for (let turns = delays.next().value ?? 0; turns > 0; turns--) await Promise.resolve();
        const alive = machine.state.containers.filter(({ status }) => status.kind === 'running').length;
        fewest = Math.min(fewest, alive);
      };
      const result = await up(machine, stackOf('2'), { compare });
      expect([result.outcome, result.rounds.length]).toEqual(['converged', 1]);
      expect(machine.state.containers.map(({ config }) => config.environment['PORT'])).toEqual(
        Array.from({ length: replicas }, () => '2'),
      );
      const least = order === 'start-first' ? replicas : Math.max(0, replicas - parallelism);
      expect(fewest).toBeGreaterThanOrEqual(least);
    }),
    { numRuns: 300 },
  );
});

test('a plan that is interrupted or fails at any step is followed by one that converges', async () => {
  await fc.assert(
    fc.asyncProperty(
      stacks,
      machines,
      fc.nat(30),
      fc.boolean(),
      fc.infiniteStream(fc.nat(3)),
      async (desired, observed, nth, fails, delays) => {
        const machine = new FakeRuntime(observed);
        machine.delay = async () => {
          for (let turns = delays.next().value ?? 0; turns > 0; turns--) await Promise.resolve();
        };
        const abort = new AbortController();
        let count = 0;
        const refusal = { code: 'io', message: 'cannot do it', notes: [] } as const;
        if (fails) machine.failure = () => (count++ === nth ? refusal : undefined);
        const onEvent = (event: Event): void => {
          if (!fails && event.kind === 'step-started' && count++ === nth) abort.abort();
        };
        const plan = (now: ObservedState, settled: ReconcileOptions['settled']): Plan =>
          reconcile(desired, now, { compare, settled });
        await run(machine, plan, { signal: abort.signal, onEvent });
        machine.failure = () => undefined;
        const result = await up(machine, desired, { compare });
        expect(result.outcome).toBe('converged');
        expect(result.rounds.length).toBeLessThanOrEqual(1);
      },
    ),
    runs,
  );
});

test('the order of services, containers and keys leaves no trace in a plan', () => {
  fc.assert(
    fc.property(stacks, machines, options, (desired, observed, given) => {
      const fit = fitting(desired, given);
      const turned: DesiredState = {
        ...desired,
        containers: [...desired.containers].reverse().map((container) => ({
          ...container,
          config: Object.fromEntries(Object.entries(container.config).reverse()) as typeof container.config,
        })),
        volumes: [...desired.volumes].reverse(),
        networks: [...desired.networks].reverse(),
        services: [...desired.services].reverse(),
      };
      const mirrored: ObservedState = {
        ...observed,
        containers: [...observed.containers].reverse(),
        volumes: [...observed.volumes].reverse(),
        networks: [...observed.networks].reverse(),
      };
      const plain = formatSteps(reconcile(desired, observed, fit));
      expect(formatSteps(reconcile(turned, mirrored, fit))).toBe(plain);
    }),
    runs,
  );
});

test('the planner changes nothing of what it is given', () => {
  fc.assert(
    fc.property(stacks, machines, options, (desired, observed, given) => {
      const before = JSON.stringify([desired, observed]);
      reconcile(desired, observed, fitting(desired, given));
      planDown(observed, { desired, volumes: true });
      expect(JSON.stringify([desired, observed])).toBe(before);
    }),
    runs,
  );
});

test('down with everything leaves nothing', async () => {
  await fc.assert(
    fc.asyncProperty(machines, async (observed) => {
      const machine = new FakeRuntime(observed);
      const result = await run(machine, (now) => planDown(now, { volumes: true }));
      expect(result.outcome).toBe('converged');
      expect(machine.state).toMatchObject({ containers: [], volumes: [], networks: [] });
    }),
    runs,
  );
});

/** The machine with every volume and network its containers were made with. */
function withResources(observed: ObservedState): ObservedState {
  const volumes = new Set([...observed.volumes.map(({ name }) => name), ...observed.containers.flatMap(volumesOf)]);
  const networks = new Map([
    ...observed.containers.flatMap(networksOf).map((key) => [key, network(key)] as const),
    ...observed.networks.map((there) => [there.network.key, there.network] as const),
  ]);
  return {
    ...observed,
    volumes: [...volumes].map((name) => ({ name, key: name })),
    networks: [...networks.values()].map((one) => ({ name: one.name, network: one })),
  };
}

/** Pairs of container names, the dependent first. */
const edges = (
  { containers }: DesiredState | ObservedState,
  counts: (edge: Dependency) => boolean = () => true,
): readonly (readonly [string, string])[] =>
  [...containers].flatMap(({ name, dependsOn }) =>
    dependsOn
      .filter(counts)
      .flatMap(({ service }) =>
        [...containers].filter((other) => other.service === service).map((needed) => [name, needed.name] as const),
      ),
  );

function ancestors(plan: Plan): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const { id, after } of plan.steps) {
    const own = new Set(after);
    for (const other of after) for (const further of found.get(other) ?? []) own.add(further);
    found.set(id, own);
  }
  return found;
}
