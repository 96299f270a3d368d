import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { killed, monitorsOf, supervisorsOf } from '../support/leaks.ts';
import { numbersFrom } from '../support/random.ts';
import { ended, type Rig, type ServiceText, scenario } from '../support/scenario.ts';

/** Thousands are for the night. */
const faults = Number(process.env['TSCOMPOSE_CHAOS_FAULTS'] ?? 100);
const limitMs = Math.max(240_000, faults * 6000);
const services = Array.from({ length: 10 }, (_, i) => `s${i}`);

/** Says which life it is in and counts: a line that is missing or comes twice shows. */
const script = (name: string): string =>
  `read life < /shared/${name}; life=$$((life + 1)); echo $$life > /shared/${name}; echo "life $$life" >> /shared/${name}.hooks; n=0; ` +
  'while :; do n=$$((n + 1)); echo "life $$life line $$n"; sleep 0.5; done';

/** Those in which a file tells of lives and hooks: `life 7`, `started`, `ended`, `life 8` … */
const hooked = ['s3', 's4'];

const hooksOf = (name: string): ServiceText => {
  const note = (text: string) => ({ command: ['/bin/sh', '-c', `echo ${text} >> /shared/${name}.hooks`] });
  return { post_start: [note('started')], 'x-tscompose': { post_stop: [note('ended')] } };
};

function stackOf(): { readonly [name: string]: ServiceText } {
  return Object.fromEntries(
    services.map((name, i) => [
      name,
      {
        rootfs: { host: ['/bin/sh', '/bin/sleep'] },
        command: ['/bin/sh', '-c', script(name)],
        network_mode: 'none',
        stop_grace_period: '200ms',
        volumes: ['./shared:/shared'],
        deploy: { restart_policy: { condition: 'any', delay: '50ms' } },
        ...(i % 3 === 0 && { healthcheck: { test: ['CMD', '/bin/sh', '-c', ':'], interval: '2s', retries: 3 } }),
        ...(hooked.includes(name) && hooksOf(name)),
        ...(i > 0 && {
          depends_on: { [`s${Math.floor(i / 2)}`]: { condition: 'service_started', restart: i % 4 === 1 } },
        }),
      },
    ]),
  );
}

type Kind = 'command' | 'supervisor' | 'monitor' | 'init' | 'app';
const kinds: readonly Kind[] = ['command', 'supervisor', 'monitor', 'init', 'app'];

const childOf = (pid: number): number | undefined => {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return child ? Number(child) : undefined;
  } catch {
    return undefined;
  }
};

const pick = <T>(list: readonly T[], random: () => number): T | undefined => list[Math.floor(random() * list.length)];

type Chaos = {
  readonly random: () => number;
  /** Containers whose process runs on after the death of the monitor that was its parent. */
  readonly orphans: Set<string>;
  /** How often nobody was left who could know the exit code: the parent dead, and PID 1 before it could write it down. */
  unknowable: number;
};

/** One process dies; false when there was none of that kind. */
async function strike(rig: Rig, kind: Kind, chaos: Chaos): Promise<boolean> {
  const { random, orphans } = chaos;
  if (kind === 'command') {
    const command = rig.start(
      pick(
        [
          ['up', '-d'],
          ['restart', 's3'],
          ['up', '-d', '--force-recreate', 's4'],
        ],
        random,
      ) ?? [],
    );
    const done = ended(command);
    await new Promise((resolve) => setTimeout(resolve, random() * 400));
    const struck = command.kill('SIGKILL');
    await done;
    // A command that was cut off between a stop and a start of its own is completed by the next one.
    await rig.ok(['up', '-d']);
    return struck;
  }
  if (kind === 'supervisor') return killed(pick(supervisorsOf(rig.project), random) ?? 0x7fffffff);
  if (kind === 'monitor') {
    const monitors = monitorsOf(rig.project).filter(({ command }) => command === 'tsc:monitor');
    const monitor = pick(monitors, random);
    const container = /\/([^/]+-s\d-1)(?:\/|$)/.exec(monitor?.because ?? '')?.[1];
    if (container === undefined) throw new Error(`whose monitor is this? ${monitor?.because}`);
    orphans.add(container);
    return killed(monitor?.pid ?? 0x7fffffff);
  }
  const row = pick(await rig.ps(), random);
  const init = row?.status['pid'];
  if (row === undefined || typeof init !== 'number') return false;
  if (orphans.delete(row.name) && kind === 'init') chaos.unknowable++;
  return killed((kind === 'init' ? init : childOf(init)) ?? 0x7fffffff);
}

async function isAsWanted(rig: Rig): Promise<void> {
  const rows = (await rig.ps()) as unknown as { service: string; status: { kind: string }; monitored: boolean }[];
  expect(rows.map(({ service }) => service).sort()).toEqual(services);
  const wrong = rows.filter(({ status, monitored }) => status.kind !== 'running' || !monitored);
  expect(wrong.map((row) => JSON.stringify(row))).toEqual([]);
  const monitors = monitorsOf(rig.project).filter(({ command }) => command === 'tsc:monitor');
  expect(monitors).toHaveLength(services.length);
  expect(supervisorsOf(rig.project).length).toBeLessThanOrEqual(1);
}

/** In every life the lines count from 1 on, none is missing and none is there twice. */
function areAccountedFor(log: string): void {
  const last = new Map<string, number>();
  for (const line of log.split('\n').filter((text) => text !== '')) {
    const match = /^life (\d+) line (\d+)$/.exec(line);
    expect(match, line).not.toBeNull();
    const [, life = '', number = ''] = match ?? [];
    expect(Number(number), `life ${life}`).toBe((last.get(life) ?? 0) + 1);
    last.set(life, Number(number));
  }
}

/** After every end its hooks, before the next life; after the last start its own. A killed hook is run again. */
function areHooked(text: string): void {
  const lives = text.split(/^life \d+\n/m).slice(1);
  const last = lives.pop() ?? '';
  for (const [index, life] of lives.entries()) expect(life, `life ${index + 1} of\n${text}`).toContain('ended\n');
  expect(last, text).toContain('started\n');
}

scenario(
  'ten services come back from the death of every process of ours and of theirs, with all lines and exit codes',
  [],
  async (rig) => {
    const seed = Number(process.env['TSCOMPOSE_SEED'] ?? Date.now() % 1_000_000);
    console.log(`chaos: TSCOMPOSE_SEED=${seed}`);
    const chaos: Chaos = { random: numbersFrom(seed), orphans: new Set(), unknowable: 0 };
    for (const name of services) rig.write(`shared/${name}`, '0\n');
    rig.stack(stackOf());
    await rig.up();
    const counts: { [kind in Kind]: number } = { command: 0, supervisor: 0, monitor: 0, init: 0, app: 0 };
    const deadline = performance.now() + limitMs - 60_000;
    let struck = 0;
    while (struck < faults && performance.now() < deadline) {
      const kind = pick(kinds, chaos.random) as Kind;
      if (await strike(rig, kind, chaos)) {
        counts[kind]++;
        struck++;
      }
      await eventually(() => isAsWanted(rig), { withinMs: 30_000 }).catch((error: unknown) => {
        const history = readFileSync(`/var/lib/tscompose/projects/${rig.project}/events`, 'utf8').slice(-6000);
        throw new Error(`after ${struck} faults, the last one of a ${kind}: ${(error as Error).message}\n${history}`);
      });
    }
    console.log(`chaos: ${JSON.stringify(counts)}`);
    // A machine that is busy with something else gets less far; a tenth is the least that says anything.
    expect(struck).toBeGreaterThanOrEqual(faults / 10);
    for (const name of services) areAccountedFor((await rig.ok(['logs', '--no-log-prefix', name])).stdout);
    for (const name of hooked)
      await eventually(() => areHooked(readFileSync(rig.path(`shared/${name}.hooks`), 'utf8')));
    const events = readFileSync(`/var/lib/tscompose/projects/${rig.project}/events`, 'utf8').split('\n');
    const ends = events.filter((line) => line.includes('"kind":"ended"')).map((line) => JSON.parse(line));
    const unknown = ends.filter(({ exitCode }) => exitCode === null);
    expect(unknown.length, JSON.stringify(unknown)).toBeLessThanOrEqual(chaos.unknowable);
  },
  limitMs + 60_000,
);
