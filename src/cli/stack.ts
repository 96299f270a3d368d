import { join } from 'node:path';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Project, Service } from '../model/project.ts';
import type { FileSource, Inputs, LoadRequest } from '../project/request.ts';
import type { Stack } from '../project/stack.ts';
import type { Result } from '../util/result.ts';
import { err, ok } from '../util/result.ts';
import { checksum } from './cache/checksum.ts';
import { cacheFolder } from './cache/directory.ts';
import { type Model, type PackedModel, packModel, unpackModel } from './cache/model.ts';
import { type Answers, recordFiles, sameAnswers } from './cache/recorded-files.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { hostFiles, readStdin } from './files.ts';
import { report } from './report.ts';
import { version } from './version.ts';

/** Longer standard input is refused by the loader. */
const stdinLimit = 16 << 20;
const modelsKept = 64;

/**
 * The stack that the command line means, resolved; what is wrong with it has been printed. The error is an exit code.
 * When nothing that it was made from has changed since the last time, neither YAML nor schema is loaded.
 */
export async function loadProject(
  context: Context,
  services: readonly string[] = [],
): Promise<Result<Project, number>> {
  return loadFrom(context, requestOf(context, services), hostFiles, { toSay: everything });
}

/**
 * The same for who is going to start it: when the file has mistakes, those of the machine are printed with them, as far as
 * services in which nothing is wrong are concerned.
 */
export async function loadToStart(
  context: Context,
  services: readonly string[] = [],
): Promise<Result<Project, number>> {
  const beside = besideFor(context, services);
  return loadFrom(context, requestOf(context, services), hostFiles, { toSay: everything, beside });
}

/** The same for one command in the place of the service's own, which is not looked for. */
export async function loadToRun(context: Context, service: string): Promise<Result<Project, number>> {
  const examine = besideFor(context, [service]);
  const beside: Beside = (sound) => examine(sound && withoutCommand(sound, service));
  return loadFrom(context, requestOf(context, [service]), hostFiles, { toSay: everything, beside });
}

function withoutCommand({ services, ...project }: Project, name: string): Project {
  const bare = (service: Service): Service => ({ ...service, config: { ...service.config, argv: [] } });
  return { ...project, services: services.map((service) => (service.name === name ? bare(service) : service)) };
}

/** What else is wrong when the file is. */
type Beside = (sound: Project | undefined) => Promise<readonly Diagnostic[]>;

function besideFor(context: Context, services: readonly string[]): Beside {
  return async (sound) => {
    const { machineMistakes } = await import('./preflight.ts');
    return machineMistakes(context, sound, services);
  };
}

/**
 * As much of the stack as is needed to find what is there already. A root file system, a command or a secret that the file
 * lacks by now keeps nobody from looking at what runs and from stopping it. Says errors only.
 */
export async function loadTarget(
  context: Context,
): Promise<Result<Pick<Project, 'name'> & { project?: Project }, number>> {
  const request = requestOf(context, []);
  const whole = await loadFrom(context, request, hostFiles, { toSay: nothing });
  if (whole.ok) return ok({ name: whole.value.name, project: whole.value });
  const { loadProject: load } = await import('../project/load.ts');
  const { stack, project, diagnostics } = load({ ...request, runnable: false }, hostFiles);
  const errors = errorsOnly(diagnostics);
  report(errors, context);
  if (stack === undefined || errors.length > 0) return err(exitCode.invalidFile);
  return ok({ name: stack.name, ...(project === undefined ? {} : { project }) });
}

type Choice = (diagnostics: readonly Diagnostic[]) => readonly Diagnostic[];
const everything: Choice = (diagnostics) => diagnostics;
const nothing: Choice = () => [];
const errorsOnly: Choice = (diagnostics) => diagnostics.filter(({ severity }) => severity === 'error');

type Saying = {
  readonly toSay: Choice;
  readonly beside?: Beside;
};

/** A file that only exists for this command, merged over all others like one more -f. */
export type Overlay = {
  /** What stands for its name in diagnostics. */
  readonly name: string;
  readonly text: string;
  /** As `loadProject` got them. */
  readonly services: readonly string[];
};

/** A stack that has been loaded, with something laid over it. What is wrong has been printed. */
export async function loadWithOverlay(
  context: Context,
  { name: projectName, directory: projectDirectory, files }: Project,
  { name, text, services }: Overlay,
): Promise<Result<Project, number>> {
  const request = requestOf(context, services);
  const path = join(context.cwd, name);
  const bytes = Buffer.from(text);
  const overlaid: FileSource = {
    kind: (asked) => (asked === path ? 'file' : hostFiles.kind(asked)),
    read: (asked, limit) => (asked === path ? { ok: true, bytes } : hostFiles.read(asked, limit)),
  };
  // What there was to say about the file itself has been said.
  const whole = { ...request, projectName, projectDirectory, files: [...files, path] };
  return loadFrom(context, whole, overlaid, { toSay: errorsOnly });
}

async function loadFrom(
  context: Context,
  request: LoadRequest,
  files: FileSource,
  { toSay, beside }: Saying,
): Promise<Result<Project, number>> {
  const cache = modelCache(context, request, files);
  const known = cache?.find();
  if (known !== undefined) {
    report(toSay(known.diagnostics), context);
    return ok(known.project);
  }
  const recorded = recordFiles(files);
  const { loadProject: load } = await import('../project/load.ts');
  const outcome = load(request, recorded.files);
  const { project, sound, diagnostics, inputs } = outcome;
  const more = project === undefined ? await beside?.(sound) : undefined;
  report(toSay([...diagnostics, ...(more ?? [])]), context);
  if (project === undefined) return err(exitCode.invalidFile);
  const variables = inputs.variables.map(({ name }) => name);
  cache?.keep({ project, diagnostics }, { answers: recorded.answers(), variables });
  context.ran('load');
  return ok(project);
}

/** A stack that was read anew, and what it was made from: `files` are absolute paths, each with a checksum or `missing`. */
export type FreshProject = {
  /** Absent: something is wrong with it, which has been printed. */
  readonly project?: Project;
  readonly files: Inputs['files'];
};

/** As `loadToStart`, past the cache, for who wants to hear of changes of its files. */
export async function readProject(context: Context, services: readonly string[]): Promise<FreshProject> {
  const { loadProject: load } = await import('../project/load.ts');
  const { project, sound, diagnostics, inputs } = load(requestOf(context, services), hostFiles);
  const more = project === undefined ? await besideFor(context, services)(sound) : [];
  report([...diagnostics, ...more], context);
  return { files: inputs.files, ...(project && { project }) };
}

/** The stack file in normal form, for `config`; notices only when they are wanted. */
export async function loadStack(
  context: Context,
  wishes: Partial<LoadRequest>,
  { notices }: { readonly notices: boolean },
): Promise<Result<Stack, number>> {
  const { loadProject: load } = await import('../project/load.ts');
  const { stack, diagnostics } = load({ ...requestOf(context, wishes.services ?? []), ...wishes }, hostFiles);
  report(notices ? diagnostics : diagnostics.filter(({ severity }) => severity !== 'notice'), context);
  const wrong = stack === undefined || diagnostics.some(({ severity }) => severity === 'error');
  return wrong ? err(exitCode.invalidFile) : ok(stack);
}

let inputRead: string | undefined;

/** It can be read only once. */
function standardInput(): string {
  inputRead ??= readStdin(stdinLimit).toString();
  return inputRead;
}

function requestOf({ globals, cwd, home, environment }: Context, services: readonly string[]): LoadRequest {
  return {
    cwd,
    home,
    environment,
    services,
    ...(globals.file.length > 0 && { files: globals.file }),
    ...(globals.file.includes('-') && { stdin: standardInput() }),
    ...(globals['project-name'] !== undefined && { projectName: globals['project-name'] }),
    ...(globals['project-directory'] !== undefined && { projectDirectory: globals['project-directory'] }),
    ...(globals['env-file'].length > 0 && { envFiles: globals['env-file'] }),
    ...(globals.profile.length > 0 && { profiles: globals.profile }),
  };
}

type Entry = {
  readonly key: string;
  readonly answers: Answers;
  readonly variables: readonly (readonly [name: string, checksum: string])[];
  readonly model: PackedModel;
};

type ModelCache = {
  readonly find: () => Model | undefined;
  readonly keep: (model: Model, made: { readonly answers: Answers; readonly variables: readonly string[] }) => void;
};

function modelCache({ cacheDirectory }: Context, request: LoadRequest, files: FileSource): ModelCache | undefined {
  if (cacheDirectory === undefined || request.stdin !== undefined) return undefined;
  const { environment, ...rest } = request;
  const key = JSON.stringify({ version, ...rest });
  const folder = cacheFolder(join(cacheDirectory, 'model'), modelsKept);
  const name = checksum(Buffer.from(key));
  const sumOf = (variable: string) => {
    const value = environment[variable];
    return value === undefined ? '' : checksum(Buffer.from(value));
  };
  return {
    find: () => {
      const text = folder.read(name);
      if (text === undefined) return undefined;
      const entry = JSON.parse(text) as Entry;
      const { answers, variables, model } = entry;
      const same = entry.key === key && variables.every(([variable, sum]) => sumOf(variable) === sum);
      return same && sameAnswers(answers, files) ? unpackModel(model) : undefined;
    },
    keep: (model, made) => {
      const variables = made.variables.map((variable) => [variable, sumOf(variable)] as const);
      const entry: Entry = { key, answers: made.answers, variables, model: packModel(model) };
      folder.write(name, JSON.stringify(entry));
    },
  };
}
