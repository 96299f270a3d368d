import type { RuntimeFailure } from '../../../model/event.ts';
import type { Hook } from '../../../model/project.ts';
import type { ContainerName } from '../../../model/units.ts';
import { LastBytes } from '../../../util/last-bytes.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { request } from '../control.ts';
import type { ExecOutcome } from '../exec.ts';
import { openLogs } from '../logs.ts';
import { decodeWaitStatus } from '../observe.ts';
import { containerPaths } from '../paths.ts';
import { findContainer, type SessionContext } from './context.ts';
import { createContainer } from './create.ts';
import { destroyContainer } from './destroy.ts';
import { startContainer } from './start.ts';

type Beside = { readonly container: ContainerName; readonly hook: Hook; readonly signal: AbortSignal };

/** A container with the same root, mounts and networks as another, that runs one command and is removed. */
export async function runBeside(
  context: SessionContext,
  { container, hook, signal }: Beside,
): Promise<Result<ExecOutcome, RuntimeFailure>> {
  const known = findContainer(context, container);
  if (!known.ok) return known;
  const { service, number, config } = known.value.record;
  const name = `${container}.hook` as ContainerName;
  const where = containerPaths(context.at, name);
  const { healthcheck: _, user, workingDir, ...rest } = config;
  const likeIt = {
    ...rest,
    argv: hook.argv,
    environment: { ...config.environment, ...hook.environment },
    ...optional('user', hook.user ?? user),
    ...optional('workingDir', hook.workingDir ?? workingDir),
    privileged: config.privileged || hook.privileged,
    restart: { condition: 'no' },
    tty: false,
    stdinOpen: false,
    ports: [],
  } as const;
  const made = await createContainer(
    context,
    { kind: 'create', container: { name, service, number, config: likeIt, dependsOn: [], origins: {} } },
    { oneOff: 'hook', volumesOf: known.value.record },
  );
  if (!made.ok) return made;
  try {
    const started = await startContainer(context, { kind: 'start', container: name }, signal);
    if (!started.ok) return started;
    const ended = await request(where.controlSocket, { op: 'WAIT' }, { signal });
    if (!ended.ok) return ended;
    const { exitKnown, waitStatus } = ended.value.state;
    const output = await lastOutput(context, name);
    if (exitKnown) return ok({ exitCode: decodeWaitStatus(waitStatus).exitCode, output });
    return err({ code: 'setup-failed', message: `cannot tell how ${hook.argv[0]} ended`, notes: [] });
  } finally {
    await destroyContainer(context, { name, where });
  }
}

const outputKept = 64 * 1024;

async function lastOutput(context: SessionContext, name: ContainerName): Promise<Buffer> {
  const last = new LastBytes(outputKept);
  const host = context.options.environment ?? {};
  const signal = new AbortController().signal;
  for await (const { bytes } of openLogs(context.project, [name], { tail: 20, follow: false, signal, host })) {
    last.add(bytes);
  }
  return last.value();
}

const optional = <K extends string, V>(key: K, value: V | undefined): { readonly [key in K]?: V } =>
  (value === undefined ? {} : { [key]: value }) as { readonly [key in K]?: V };
