import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Capability, missing, promised } from './capabilities.ts';
import { beside, codeOf } from './child.ts';
import { later, within } from './later.ts';
import { tracesOf } from './leaks.ts';
import { built } from './programs.ts';
import { holdStrings, type Puppet, type Strings } from './puppet.ts';
import { root } from './tree.ts';

/** How a run of the command line ended, and what it said. */
export type Run = {
  /** 128 + signal when it was killed. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
};

export type RunOptions = {
  /** What it reads; `open`: the test writes to its standard input, and ends it. */
  readonly input?: string | { readonly open: true };
  readonly env?: { readonly [name: string]: string };
  readonly timeoutMs?: number;
  readonly cwd?: string;
};

/** The names of all projects of this file: what the leak check looks for at its end. */
export const openedProjects: string[] = [];

/** What is tested: the build in dist/, or another one, such as an installed package. */
const cliPath = process.env['TSCOMPOSE_CLI'] ?? join(root, 'dist/tscompose.cjs');

/** The environment of a user who has nothing special set: NODE_EXTRA_CA_CERTS alone doubles the start of Node. */
function plainEnvironment(extra: RunOptions['env'] = {}): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _1, NODE_OPTIONS: _2, VITEST: _3, FORCE_COLOR: _4, ...rest } = process.env;
  return { ...rest, NO_COLOR: '1', ...extra };
}

/** Starts the built command line, with nothing on its standard input unless it is written to. */
export function startCli(args: readonly string[], options: RunOptions = {}): ChildProcess {
  const stdin = options.input === undefined ? 'ignore' : 'pipe';
  const child = beside(
    spawn(process.execPath, [cliPath, ...args], {
      env: plainEnvironment(options.env),
      stdio: [stdin, 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    }),
  );
  if (typeof options.input === 'string') child.stdin?.end(options.input);
  return child;
}

/** Waits for a started command line, for a bounded time; mostly begun long before anybody awaits it. */
export const ended = (child: ChildProcess, timeoutMs = 60_000): Promise<Run> => later(runOf(child, timeoutMs));

async function runOf(child: ChildProcess, timeoutMs: number): Promise<Run> {
  const began = performance.now();
  const texts = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout?.on('data', (chunk: Buffer) => texts.stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => texts.stderr.push(chunk));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const code = await codeOf(child).finally(() => clearTimeout(timer));
  const run = {
    code,
    stdout: Buffer.concat(texts.stdout).toString('utf8'),
    stderr: Buffer.concat(texts.stderr).toString('utf8'),
    ms: performance.now() - began,
  };
  if (late)
    throw new Error(`still running after ${timeoutMs} ms: ${child.spawnargs.join(' ')}\n${run.stdout}${run.stderr}`);
  return run;
}

export const runCli = (args: readonly string[], options: RunOptions = {}): Promise<Run> =>
  ended(startCli(args, options), options.timeoutMs);

/** A service that is a puppet, with further keys of the stack file. */
export type ServiceText = { readonly [key: string]: unknown };

/** One row of `ps --json`: what the tests rely on. */
export type Row = {
  readonly name: string;
  readonly service: string;
  readonly status: { readonly [key: string]: unknown };
};

/** A project of one test: its own directory, its own name, and the command line bound to both. */
export class Rig {
  readonly project: string;
  readonly directory: string;
  /** Variables that every command of this rig gets. */
  environment: { readonly [name: string]: string } = {};
  #strings: Strings | undefined;
  readonly #commands = new Set<ChildProcess>();
  #abandoned = false;

  constructor(label: string) {
    this.project = `t${label.replace(/[^a-z0-9]+/g, '')}-${randomBytes(4).toString('hex')}`;
    this.directory = mkdtempSync(join(tmpdir(), 'tsc-'));
    openedProjects.push(this.project);
  }

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  /** Writes a file of the project; a stack given as data is written as JSON, which is YAML. */
  write(name: string, content: string | object): string {
    const path = this.path(name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
    return path;
  }

  stack(services: { readonly [name: string]: ServiceText }, top: ServiceText = {}): void {
    this.write('stack.yml', { ...top, services });
  }

  /** A root filesystem with the test programs in it and nothing else; made once, never changed. */
  puppetRoot(): string {
    const path = this.path('root');
    if (existsSync(path)) return path;
    for (const folder of ['bin', 'etc', 'tmp', 'strings']) mkdirSync(join(path, folder), { recursive: true });
    for (const name of ['puppet', 'inspect'] as const) {
      copyFileSync(built(name), join(path, 'bin', name));
      chmodSync(join(path, 'bin', name), 0o755);
    }
    writeFileSync(join(path, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    mkdirSync(this.path('strings'));
    return path;
  }

  /** The keys of a service that runs the puppet called `name`. */
  puppet(name: string, more: ServiceText = {}): ServiceText {
    this.puppetRoot();
    const { volumes = [], ...rest } = more as { volumes?: readonly unknown[] };
    return {
      rootfs: './root',
      command: ['/bin/puppet', '/strings/ctl', name],
      network_mode: 'none',
      volumes: ['./strings:/strings', ...volumes],
      stop_grace_period: '1s',
      ...rest,
    };
  }

  /** The keys of a service that prints what it is and sees, and ends. */
  inspector(more: ServiceText = {}): ServiceText {
    this.puppetRoot();
    return { rootfs: './root', command: ['/bin/inspect', '--try'], network_mode: 'none', ...more };
  }

  async hold(): Promise<Strings> {
    if (this.#abandoned) throw new Error('the test is over: no more puppets');
    this.puppetRoot();
    this.#strings ??= await holdStrings(this.path('strings/ctl'));
    return this.#strings;
  }

  /** The next life of a puppet. */
  async next(name: string): Promise<Puppet> {
    return (await this.hold()).next(name);
  }

  #bound(args: readonly string[]): string[] {
    return ['-p', this.project, '-f', this.path('stack.yml'), ...args];
  }

  #options(options: RunOptions): RunOptions {
    return { cwd: this.directory, ...options, env: { ...this.environment, ...options.env } };
  }

  cli(args: readonly string[], options: RunOptions = {}): Promise<Run> {
    return ended(this.start(args, options), options.timeoutMs);
  }

  start(args: readonly string[], options: RunOptions = {}): ChildProcess {
    if (this.#abandoned && args[0] !== 'down') throw new Error(`the test is over: no tscompose ${args.join(' ')}`);
    const command = startCli(this.#bound(args), this.#options(options));
    this.#commands.add(command);
    command.once('exit', () => this.#commands.delete(command));
    return command;
  }

  /** Runs a command that must succeed; its output is the message of a failure. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<Run> {
    const run = await this.cli(args, options);
    expect(run.code, `tscompose ${args.join(' ')}\n${run.stdout}\n${run.stderr}`).toBe(0);
    return run;
  }

  /** `up -d` with the puppets' strings in our hands before they call. */
  async up(...args: string[]): Promise<Run> {
    await this.hold();
    return this.ok(['up', '-d', ...args]);
  }

  async ps(): Promise<Row[]> {
    const lines = (await this.ok(['ps', '-a', '--json'])).stdout.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line));
  }

  async row(service: string): Promise<Row> {
    const rows = await this.ps();
    const row = rows.find((candidate) => candidate.service === service);
    if (!row) throw new Error(`ps shows no container of ${service}: ${JSON.stringify(rows)}`);
    return row;
  }

  /** The commands that have been started and have not ended. */
  get unfinished(): readonly string[] {
    return [...this.#commands].map(({ spawnargs }) => spawnargs.slice(2).join(' '));
  }

  /**
   * Ends what a failed test has left running, and lets it start nothing more, should it go on, but a `down`: nobody waits
   * for that any more, and what it made would be there after everything was taken down.
   */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    const started = [...this.#commands].filter(({ pid }) => pid !== undefined);
    await Promise.all(
      started.map((command) => {
        const gone = new Promise((resolve) => command.once('exit', resolve));
        command.kill('SIGKILL');
        return gone;
      }),
    );
  }

  /** Takes everything down that the test made. */
  async close(): Promise<void> {
    const traces = Object.values(tracesOf([this.project])).flat();
    try {
      if (traces.length === 0) return;
      // What a failed test has left may have a grace of minutes, of which it would have seen to the end itself.
      const grace = this.#abandoned ? ['-t', '0'] : [];
      // A test may have left a file that is refused: what is there can be removed by the name of the project alone.
      const down = await this.cli(['down', '-v', '--remove-orphans', ...grace]);
      if (down.code !== 0) {
        const byName = await runCli(['-p', this.project, 'down', '-v', ...grace], this.#options({ cwd: '/' }));
        expect(byName.code, down.stderr + byName.stderr).toBe(0);
      }
    } finally {
      await this.#strings?.close();
      rmSync(this.directory, { recursive: true, force: true });
    }
  }
}

/** How long a test that is too late may take to undo what it did itself, and how long all that comes after its end may take. */
const lastWordMs = 30_000;
const closingMs = 150_000;

/**
 * A test on the real kernel. Its project is taken down whatever happens, unless KEEP_FAILED=1 asks to keep what failed; it
 * is skipped, with the reason in its title, where the machine lacks what it needs. Its time limit is kept here: after one of
 * Vitest's own the next test would begin while everything of this one is still there.
 */
export function scenario(
  title: string,
  needs: readonly Capability[],
  body: (rig: Rig) => Promise<void>,
  timeoutMs = 60_000,
): void {
  const reasons = missing(['root', 'cc', ...needs]);
  if (reasons.length === 0) test(title, () => inRig(title, body, timeoutMs), timeoutMs + closingMs);
  else if (promised(needs)) test(title, () => expect(reasons, 'promised by TSCOMPOSE_TEST_EXPECT').toEqual([]));
  else test.skip(`${title} (skipped: ${reasons.join(', ')})`);
}

/** Runs a test in a project of its own, and takes that down. */
export async function inRig(title: string, body: (rig: Rig) => Promise<void>, timeoutMs: number): Promise<void> {
  const rig = new Rig(title.toLowerCase().split(' ').slice(0, 3).join('').slice(0, 12));
  const work = body(rig);
  try {
    const late = () => `not over after ${timeoutMs} ms; still running: ${rig.unfinished.join('; ') || 'no command'}`;
    await within(timeoutMs, work, late);
  } catch (error) {
    if (process.env['KEEP_FAILED'] === '1') {
      console.log(`kept: project ${rig.project} in ${rig.directory}`);
      openedProjects.splice(openedProjects.indexOf(rig.project), 1);
    } else {
      await rig.abandon();
      await within(lastWordMs, work, () => 'it goes on').catch(() => {});
      await rig.close().catch((reason: unknown) => console.log(`cannot take ${rig.project} down: ${reason}`));
    }
    throw error;
  }
  await rig.close();
}
