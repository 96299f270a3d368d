import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import type { RuntimeFailure } from '../../model/event.ts';
import type { ContainerConfig } from '../../model/project.ts';
import type { ContainerName, GuestPath, ProjectName } from '../../model/units.ts';
import { LastBytes } from '../../util/last-bytes.ts';
import { err, ok, type Result } from '../../util/result.ts';
import { becomeShim } from './become.ts';
import { errnoSentence, opFailure } from './errno.ts';
import { encodeFrame, opAt, type SetupProgram } from './frame.ts';
import { readProcessFacts } from './host-facts.ts';
import { initLives } from './lives.ts';
import type { HostEnvironment } from './options.ts';
import { otherVersionOf, refuseOther } from './other-version.ts';
import { containerPaths, hostPaths, projectPaths } from './paths.ts';
import { frameKind, reportKind, size, statePhase } from './protocol.ts';
import { decodeReport, type ShimState } from './records.ts';
import { resolveUser } from './rootfs/users.ts';
import type { ResolvedUser } from './sandbox/facts.ts';
import { op } from './sandbox/op.ts';
import { processOps } from './sandbox/process.ts';
import { attachOps, containerHostname } from './sandbox.ts';
import { shimPath } from './shim-path.ts';
import { type ContainerRecord, makeDirectory, readRecord, readState } from './state-dir.ts';

export type ExecRequest = {
  readonly argv: readonly string[];
  /** On top of the container's own environment. */
  readonly environment: { readonly [name: string]: string };
  /** `uid[:gid]` or names; absent: the user the container runs as. */
  readonly user?: string;
  /** A guest path; absent: the container's. */
  readonly workingDir?: string;
  /** Allocate a terminal inside the container and relay ours to it. */
  readonly tty: boolean;
  readonly privileged?: boolean;
  /** What becomes of its stdio; absent: ours is inherited, and signals that come to us go to the command. */
  readonly stdio?: 'inherit' | 'capture';
  /**
   * A command line that runs the same again and explains why it cannot be done. With it, and with our stdio, this process
   * becomes the shim: it never comes back, and ends as the command does.
   */
  readonly explainer?: readonly string[];
  /** Do not wait for its end: it gets no stdio, and `exitCode` is 0 once it runs. */
  readonly detach?: boolean;
  /** A name: it runs in a cgroup of its own below the container's, and everything in it is killed with it. */
  readonly group?: string;
  /** `end`: what it leaves running in its group is killed when it has ended; absent: that lives on. */
  readonly leftovers?: 'end';
  readonly host?: HostEnvironment;
  /** Aborted: the command is killed. */
  readonly signal?: AbortSignal;
};

/** `output` only with `stdio: 'capture'`: stdout and stderr together, the last 64 KiB of it. */
export type ExecOutcome = { readonly exitCode: number; readonly output: Buffer };

const outputKept = 64 * 1024;
const openOutputMs = 200;
const reapMs = 500;

/** One more process in a running container. Ends when the command ends; `exitCode` is as a shell sees it. */
export async function execInContainer(
  project: ProjectName,
  container: ContainerName,
  request: ExecRequest,
): Promise<Result<ExecOutcome, RuntimeFailure>> {
  const host = request.host ?? process.env;
  const where = containerPaths(projectPaths(hostPaths(host), project), container);
  const record = readRecord(where.record);
  if (record === undefined) {
    return err({ code: 'no-such-container', message: `cannot find the container ${container}`, notes: [] });
  }
  const state = readState(where.stateRecord);
  // Until it is set up there is nothing to come into.
  if (!initLives(state) || state.phase === statePhase.STARTING) {
    return err({ code: 'not-running', message: `cannot run a command in ${container}: it is not running`, notes: [] });
  }
  const other = otherVersionOf(record, state);
  if (other !== undefined) return err(refuseOther(`run a command in ${container}`, other));
  const user = await execUser(project, record, request);
  if (!user.ok) return user;
  const program = execProgram(record, { request, user: user.value, state });
  if (!program.ok) return program;
  if (request.explainer !== undefined) {
    becomeShim(encodeFrame(frameKind.EXEC, 1, program.value), request.explainer, host);
  }
  const group = groupOf(record, request);
  if (group !== undefined) makeDirectory(group, 0o755);
  return runShim(shimPath(host), program.value, { request, group });
}

const nobodyStays = ({ detach, explainer }: ExecRequest): boolean => detach === true || explainer !== undefined;

/** undefined: none was asked for, or there is no cgroup2 to make it in. */
const groupOf = ({ cgroups }: ContainerRecord, { group }: ExecRequest): string | undefined =>
  group === undefined || cgroups.v2 === undefined ? undefined : `${cgroups.v2.dir}/${group}`;

async function execUser(
  project: ProjectName,
  record: ContainerRecord,
  { user, host = process.env }: ExecRequest,
): Promise<Result<ResolvedUser, RuntimeFailure>> {
  if (user === undefined) return ok(record.user);
  const { liveAccounts } = await import('./live-accounts.ts');
  const accounts = await liveAccounts(project, record.name, host);
  return accounts.ok ? resolveUser(accounts.value, user, record.config.groupAdd) : accounts;
}

type Joined = { readonly request: ExecRequest; readonly user: ResolvedUser; readonly state: ShimState };

function execProgram(record: ContainerRecord, { request, user, state }: Joined): Result<SetupProgram, RuntimeFailure> {
  const { initPid, initStart } = state;
  // Every end of a container uses cgroup.kill.
  const neverKilled = state.starts === 1 && state.adoptions === 0 && request.group === undefined;
  const host = readProcessFacts();
  const config: ContainerConfig = {
    ...record.config,
    argv: request.argv,
    tty: request.tty,
    environment: { ...record.config.environment, ...request.environment },
    privileged: record.config.privileged || request.privileged === true,
    ...(request.workingDir === undefined ? {} : { workingDir: request.workingDir as GuestPath }),
  };
  const ours = processOps(config, { ...host, user, hostname: containerHostname(config, record.name) });
  if (!ours.ok) return ours;
  return ok([
    {
      phase: 'HOLD',
      ops: [
        op('JOIN', {
          numbers: [initPid, initStart, Number(neverKilled)],
          strings: [groupOf(record, request) ?? record.cgroups.v2?.dir ?? ''],
        }),
        op('EXEC_TTY', { numbers: [Number(request.tty), nobodyStays(request) ? 0 : process.pid] }),
      ],
    },
    { phase: 'ATTACH', ops: attachOps(config, record.cgroups) },
    { phase: 'PROCESS', ops: ours.value },
  ]);
}

async function runShim(
  shim: string,
  program: SetupProgram,
  { request, group }: { readonly request: ExecRequest; readonly group: string | undefined },
): Promise<Result<ExecOutcome, RuntimeFailure>> {
  const child = spawn(shim, ['exec'], {
    stdio: [...stdioOf(request), 'pipe', 'pipe'],
    env: {},
    cwd: '/',
    // Keys of a terminal are not meant for what we run on our own account.
    detached: request.detach === true || request.stdio === 'capture',
  });
  const output = keepLast([child.stdout, child.stderr], outputKept);
  const outcome = readOutcome(child, program);
  const abort = (): void => killCommand(child, group);
  request.signal?.addEventListener('abort', abort);
  if (request.signal?.aborted) abort();
  const stopRelaying = request.stdio === 'capture' || request.detach ? () => {} : relaySignals(child);
  const frame = child.stdio[3] as Writable;
  frame.on('error', () => {});
  frame.end(encodeFrame(frameKind.EXEC, 1, program));
  try {
    const end = endOf(child, () => request.leftovers && killGroup(group));
    if (request.detach) {
      end.catch(() => {});
      if ((await outcome) === 'started') {
        child.unref();
        return ok({ exitCode: 0, output: output() });
      }
    }
    const [code, signal] = await end;
    const refused = await outcome;
    if (typeof refused === 'object') return err(refused);
    const interrupted = request.signal?.aborted === true;
    if (code === 0 || (code !== null && !interrupted)) return ok({ exitCode: code, output: output() });
    const message = `cannot tell how the command ended: ${interrupted ? 'it was given up' : `its shim was killed by ${signal}`}`;
    return err({ code: interrupted ? 'interrupted' : 'shim-failed', message, notes: [] });
  } catch (cause) {
    return err({ code: 'shim-failed', message: `cannot start ${shim}: ${(cause as Error).message}`, notes: [] });
  } finally {
    stopRelaying();
    request.signal?.removeEventListener('abort', abort);
  }
}

/**
 * With all that came of it, where it has a cgroup of its own. Its shim is left the time to reap it: until that is done
 * the container could not end.
 */
function killCommand(child: ChildProcess, group: string | undefined): void {
  if (group === undefined) return void child.kill('SIGKILL');
  killGroup(group);
  const late = setTimeout(() => {
    killGroup(group);
    child.kill('SIGKILL');
  }, reapMs);
  child.once('exit', () => clearTimeout(late));
}

function killGroup(group: string | undefined): void {
  if (group === undefined) return;
  try {
    writeFileSync(`${group}/cgroup.kill`, '1');
  } catch {
    // It went with the container.
  }
}

/** What the command leaves running may keep its output open for as long as it likes: then what is there is all of it. */
async function endOf(child: ChildProcess, onEnd: () => void): Promise<readonly [number | null, NodeJS.Signals | null]> {
  const closed = once(child, 'close');
  closed.catch(() => {});
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  onEnd();
  await Promise.race([closed, sleep(openOutputMs, undefined, { ref: false })]);
  child.stdout?.destroy();
  child.stderr?.destroy();
  return [code, signal];
}

function stdioOf({ stdio, detach }: ExecRequest) {
  if (stdio === 'capture') return ['ignore', 'pipe', 'pipe'] as const;
  return detach ? (['ignore', 'ignore', 'ignore'] as const) : (['inherit', 'inherit', 'inherit'] as const);
}

const relayed = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/**
 * What is sent to us is meant for the command. The keys of a terminal reach the shim by themselves, being in our process
 * group: passed on by us as well, the command would hear every Ctrl-C twice.
 */
function relaySignals(child: ChildProcess): () => void {
  const terminal = [0, 1, 2].some((fd) => isatty(fd));
  const relay = (signal: NodeJS.Signals): void => {
    if (!terminal || (signal !== 'SIGINT' && signal !== 'SIGQUIT')) child.kill(signal);
  };
  for (const signal of relayed) process.on(signal, relay);
  return () => {
    for (const signal of relayed) process.off(signal, relay);
  };
}

/** `started`, or what the shim refused to do (its exit code then means nothing); undefined when it said neither. */
async function readOutcome(
  child: ChildProcess,
  program: SetupProgram,
): Promise<'started' | RuntimeFailure | undefined> {
  let bytes: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of child.stdio[4] as Readable) {
      bytes = Buffer.concat([bytes, chunk]);
      for (; bytes.length >= size.report; bytes = bytes.subarray(size.report)) {
        const report = decodeReport(bytes.subarray(0, size.report));
        if (report.kind === reportKind.STARTED) return 'started';
        if (report.kind === reportKind.FAILED) return failureOf(report, program);
      }
    }
  } catch {
    // It ends with the shim, whatever became of that.
  }
  return undefined;
}

function failureOf(report: ReturnType<typeof decodeReport>, program: SetupProgram): RuntimeFailure {
  const found = opAt(program, report.op);
  if (found !== undefined) return opFailure({ op: found.op, errno: report.error, text: report.text });
  const message = `cannot run the command: ${report.text === '' ? '' : `${report.text}: `}${errnoSentence(report.error)}`;
  return { code: 'shim-failed', message, notes: [] };
}

function keepLast(streams: readonly (Readable | null)[], limit: number): () => Buffer {
  const last = new LastBytes(limit);
  for (const stream of streams) stream?.on('data', (bytes: Buffer) => last.add(bytes));
  return () => last.value();
}
