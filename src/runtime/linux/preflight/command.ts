import { posix } from 'node:path';
import type { ContainerConfig, RootfsSource } from '../../../model/project.ts';
import type { DesiredContainer } from '../../../model/state.ts';
import type { HostPath } from '../../../model/units.ts';
import { closest } from '../../../util/text.ts';
import { listNames } from '../rootfs/glob.ts';
import { type Guest, searchPath } from './guest.ts';
import type { Look } from './look.ts';
import type { Report } from './report.ts';

type Wanted = {
  readonly argv: readonly string[];
  /** Where in `ContainerConfig`. */
  readonly at: string;
  /** What it is, for the sentence: "the command", "the health check". */
  readonly title: string;
};

/** Whether the command, and what is run beside it, is in the root filesystem and can be executed (exits 126 and 127). */
export function checkCommands(
  container: DesiredContainer,
  guest: Guest,
  { report, look }: { readonly report: Report; readonly look: Look },
): void {
  const { config } = container;
  const context = { container, guest, report, look };
  checkCommand(context, { argv: config.argv, at: 'argv', title: 'the command' });
  if (config.healthcheck !== undefined) {
    checkCommand(context, { argv: config.healthcheck.argv, at: 'healthcheck.argv', title: 'the health check' });
  }
}

type Context = {
  readonly container: DesiredContainer;
  readonly guest: Guest;
  readonly report: Report;
  readonly look: Look;
};

function checkCommand(context: Context, wanted: Wanted): void {
  const name = wanted.argv[0];
  if (name === undefined || name === '') return;
  const { container, guest, report, look } = context;
  const candidates = candidatesFor(container.config, name);
  let blocked: string | undefined;
  for (const path of candidates) {
    const seen = look.seenAt(guest, path);
    if (seen.kind === 'unknown') return;
    if (seen.kind === 'missing') continue;
    if (seen.isFile && (seen.mode & 0o111) !== 0) {
      checkInterpreter(context, { ...wanted, path, host: seen.host });
      return;
    }
    blocked ??= `${path} ${seen.isFile ? 'is not executable' : 'is a directory'}`;
  }
  if (blocked !== undefined) {
    const notes = [blocked.endsWith('executable') ? 'make it executable: chmod +x' : 'name the program in it'];
    report.add(container, {
      code: 'command-not-executable',
      at: wanted.at,
      summary: `cannot run ${wanted.title}: ${blocked}`,
      notes,
    });
    return;
  }
  report.add(container, {
    code: 'command-missing',
    at: wanted.at,
    summary: `cannot run ${wanted.title}: "${name}" is not in the root filesystem`,
    notes: remedies(context, name, candidates),
  });
}

function candidatesFor(config: ContainerConfig, name: string): readonly string[] {
  if (name.includes('/')) return [posix.resolve(config.workingDir ?? '/', name)];
  return searchPath(config).map((directory) => `${directory}/${name}`);
}

function remedies(context: Context, name: string, candidates: readonly string[]): readonly string[] {
  const { container, guest, look } = context;
  const searched = name.includes('/') ? [] : [`searched: ${searchPath(container.config).join(':')}`];
  const { rootfs } = container.config;
  if (rootfs.kind === 'host') return [...hostRemedy(rootfs, name, look), ...searched];
  const directories = [...new Set(candidates.map((path) => posix.dirname(path)))];
  const names = directories.flatMap((directory) => guest.layers.flatMap((layer) => listNames(`${layer}${directory}`)));
  const similar = closest(posix.basename(name), new Set(names));
  const remedy = similar === undefined ? 'put it there, or correct its name' : `did you mean "${similar}"?`;
  return [remedy, ...searched];
}

function hostRemedy(
  { programs }: Extract<RootfsSource, { kind: 'host' }>,
  name: string,
  look: Look,
): readonly string[] {
  const isOnHost = name.startsWith('/') || look.isProgram(name);
  const list = [...programs, name].join(', ');
  return isOnHost ? [`add it: rootfs: { host: [${list}] }`] : [`this host does not have it either: install it first`];
}

function checkInterpreter(
  context: Context,
  { path, host, title, at }: Wanted & { readonly path: string; readonly host: HostPath },
): void {
  const { container, guest, report, look } = context;
  const { layers } = guest;
  const missing = look.missingInterpreter(host, { layers, directories: searchPath(container.config) });
  if (missing === undefined) return;
  const { interpreter, kind } = missing;
  // What the layers lack, a mount may bring along.
  const places = kind === 'env' ? searchPath(container.config).map((dir) => `${dir}/${interpreter}`) : [interpreter];
  if (places.some((place) => look.seenAt(guest, place).kind !== 'missing')) return;
  const reason = {
    elf: `${path} needs the loader ${interpreter}, which is not in the root filesystem`,
    script: `${path} is a script for ${interpreter}, which is not in the root filesystem`,
    env: `${path} is a script for "${interpreter}", which is not in the root filesystem`,
  }[kind];
  const note =
    kind === 'elf'
      ? 'the program was built for another distribution (glibc or musl?); take one that fits, or a static one'
      : 'add the interpreter to the root filesystem';
  report.add(container, { code: 'command-missing', at, summary: `cannot run ${title}: ${reason}`, notes: [note] });
}
