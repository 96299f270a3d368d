import { posix } from 'node:path';
import type { Report } from '../spec/report.ts';
import { addDefaultEnvFile, addEnvFiles, Environment, namedEnvFiles, split } from './environment.ts';
import type { LoadRequest } from './request.ts';
import type { Sources } from './sources.ts';

/** In the order in which they are looked for. */
export const stackFileNames: readonly string[] = [
  'stack.yml',
  'stack.yaml',
  'compose.yaml',
  'compose.yml',
  'docker-compose.yml',
  'docker-compose.yaml',
];

const overrideNames: readonly string[] = [
  'stack.override.yml',
  'stack.override.yaml',
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

export type Found = {
  /** Absolute paths in order of merging, `-` for standard input. */
  readonly files: readonly string[];
  readonly directory: string;
  readonly environment: Environment;
};

/** Which files make up the stack, the directory that relative paths start from, and the variables. */
export function findStack(request: LoadRequest, sources: Sources, report: Report): Found | undefined {
  const environment = new Environment(sources);
  const options = { sources, report };
  const envFiles = namedEnvFiles(request, sources);
  const wanted =
    request.projectDirectory === undefined ? undefined : posix.resolve(request.cwd, request.projectDirectory);
  const named = request.files === undefined || request.files.length === 0 ? undefined : request.files;
  const fromFlags = named?.map((file) => resolveFile(file, request.cwd));
  const first = wanted ?? directoryOf(fromFlags, request.cwd) ?? request.cwd;
  if (envFiles !== undefined) addEnvFiles(environment, envFiles, options);
  else addDefaultEnvFile(environment, first, options);
  const files =
    fromFlags ?? filesFromVariable(environment, request.cwd) ?? searchUpwards(wanted ?? request.cwd, sources, report);
  if (files === undefined) {
    report.error('file-missing', {
      summary: `no stack file in ${sources.shown(first)} or above`,
      notes: [
        `looked there for ${stackFileNames.join(', ')}`,
        'name one with -f FILE, or write a new one with: tscompose init',
      ],
    });
    return undefined;
  }
  const directory = wanted ?? directoryOf(files, request.cwd) ?? request.cwd;
  if (envFiles === undefined && directory !== first) addDefaultEnvFile(environment, directory, options);
  return { files, directory, environment };
}

const resolveFile = (file: string, cwd: string): string => (file === '-' ? '-' : posix.resolve(cwd, file));

function directoryOf(files: readonly string[] | undefined, cwd: string): string | undefined {
  const first = files?.[0];
  if (first === undefined) return undefined;
  return first === '-' ? cwd : posix.dirname(first);
}

function filesFromVariable(environment: Environment, cwd: string): readonly string[] | undefined {
  const separator = environment.value('COMPOSE_PATH_SEPARATOR') ?? ':';
  return split(environment.value('COMPOSE_FILE'), separator)?.map((file) => resolveFile(file, cwd));
}

/** What may have been meant by a stack file that is not there. */
export function insteadOf(path: string, sources: Sources): readonly string[] {
  const folder = posix.dirname(path);
  const near = stackFileNames.map((name) => posix.join(folder, name)).filter((each) => sources.kind(each) === 'file');
  if (near[0] !== undefined) return [`there is ${sources.shown(near[0])}: name it with -f, or leave -f out to find it`];
  return ['write the path of a stack file after -f; tscompose init writes a new one'];
}

function searchUpwards(from: string, sources: Sources, report: Report): readonly string[] | undefined {
  for (let directory = from; ; directory = posix.dirname(directory)) {
    const present = (names: readonly string[]): string[] =>
      names.map((name) => posix.join(directory, name)).filter((path) => sources.kind(path) !== 'missing');
    const [file, ...others] = present(stackFileNames);
    if (file !== undefined) {
      const override = present(overrideNames)[0];
      if (others.length > 0) {
        report.warning('conflict', {
          summary: `several stack files: ${sources.shown(file)} is used, ${others.map((path) => posix.basename(path)).join(', ')} not`,
          notes: ['name the right one with -f FILE'],
        });
      }
      return override === undefined ? [file] : [file, override];
    }
    if (directory === posix.dirname(directory)) return undefined;
  }
}
