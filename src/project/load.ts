import type { Diagnostic } from '../model/diagnostic.ts';
import type { ServiceName } from '../model/units.ts';
import { describeVariables, type VariableDescription } from '../spec/interpolate.ts';
import { Report } from '../spec/report.ts';
import { maxStackBytes } from '../spec/text.ts';
import type { Mapping } from '../spec/tree.ts';
import { assemble } from './assemble.ts';
import { checkConsistency } from './consistency.ts';
import { foldFiles } from './env-files.ts';
import { type Environment, split } from './environment.ts';
import { withImages } from './images.ts';
import { documentsOf, type Loading, namesOf } from './loading.ts';
import { type Found, findStack, insteadOf } from './lookup.ts';
import { projectName } from './name.ts';
import { normalise } from './normalise.ts';
import { selectProfiles } from './profiles.ts';
import type { FileSource, LoadOutcome, LoadRequest } from './request.ts';
import { type Resolved, resolveProject } from './resolve.ts';
import { soundPart } from './sound.ts';
import { Sources } from './sources.ts';
import type { Stack } from './stack.ts';
import { noticeUnsupported } from './support.ts';
import { viewOf } from './view.ts';

/** Text → Spec → Project; pure: files, environment, working directory and home are arguments. */
export function loadProject(request: LoadRequest, source: FileSource): LoadOutcome {
  const report = new Report();
  const sources = new Sources(request, source, report);
  const found = findStack(request, sources, report);
  const loaded = found === undefined ? undefined : loadFound(request, found, { report, sources });
  const diagnostics = report.sorted();
  return {
    ...(loaded === undefined ? {} : { ...projectsOf(loaded, diagnostics), stack: loaded.stack }),
    diagnostics,
    inputs: sources.inputs(),
  };
}

type Loaded = {
  readonly stack: Stack;
  readonly resolved?: Resolved | undefined;
  /** As in `Loading`. */
  readonly broken: ReadonlySet<string>;
};

function projectsOf(
  { stack, resolved, broken }: Loaded,
  diagnostics: readonly Diagnostic[],
): Pick<LoadOutcome, 'project' | 'sound'> {
  if (resolved === undefined) return {};
  const wrong = diagnostics.some(({ severity }) => severity === 'error');
  if (resolved.complete && !wrong) return { project: resolved.project };
  const sound = wrong ? soundPart(resolved.project, { tree: stack.tree, diagnostics, broken }) : undefined;
  return sound === undefined ? {} : { sound };
}

function loadFound(
  request: LoadRequest,
  found: Found,
  { report, sources }: { readonly report: Report; readonly sources: Sources },
): Loaded | undefined {
  const loading: Loading = {
    report,
    sources,
    home: request.home,
    interpolate: request.interpolate !== false,
    resolvePaths: request.resolvePaths !== false,
    resolveEnvironment: request.resolveEnvironment !== false,
    broken: new Set(),
    documents: new Map(),
  };
  const { environment, directory, files } = found;
  const documents = files.flatMap((path) => {
    const file = sources.text(path, {
      limit: maxStackBytes,
      what: 'stack file',
      remedy: () => insteadOf(path, sources),
    });
    return file === undefined ? [] : documentsOf(file, loading);
  });
  const name = projectName({ request, environment, directory, documents, report });
  if (name === undefined || documents.length === 0) return undefined;
  environment.projectName = name;
  const model = assemble({ files, directory, environment, chain: [] }, loading);
  if (model === undefined) return undefined;
  if (namesOf(model, 'services').length === 0 && report.errors === 0) {
    report.error('yaml-shape', {
      summary: 'the stack has no services',
      at: model,
      notes: ['write them below "services:"'],
    });
  }
  const normal = request.normalize === false ? model : normalise(model, name);
  const selection = { profiles: profilesOf(request, environment), services: request.services ?? [] };
  const { model: enabled, disabled, profiles } = selectProfiles(normal, selection);
  const tree = loading.resolveEnvironment && loading.interpolate ? foldFiles(enabled, environment, loading) : enabled;
  const stack: Stack = {
    name,
    directory,
    files,
    tree,
    services: namesOf(tree, 'services').map((each) => ({ name: each as ServiceName })),
    disabled: disabled as readonly ServiceName[],
    profiles,
    variables: variablesOf([...loading.documents.values()].flat()),
    environment: environmentOf(environment, sources),
    interpolated: loading.interpolate,
  };
  const resolved = resolvedOf(request, stack, { found, loading, known: namesOf(normal, 'services') });
  return { stack, resolved, broken: loading.broken };
}

function resolvedOf(
  request: LoadRequest,
  stack: Stack,
  { found, loading, known }: { readonly found: Found; readonly loading: Loading; readonly known: readonly string[] },
): Resolved | undefined {
  const { report, sources, broken } = loading;
  const view = viewOf(withImages(stack.tree));
  if (request.checkConsistency !== false && request.normalize !== false) {
    checkConsistency({ view, report, known, disabled: new Set(stack.disabled), broken });
  }
  if (!isWhole(request)) return undefined;
  const context = {
    view,
    report,
    sources,
    broken,
    environment: found.environment,
    directory: found.directory,
    home: request.home,
    runnable: request.runnable !== false,
  };
  noticeUnsupported(context);
  return resolveProject(context, { name: stack.name, files: stack.files, disabled: stack.disabled });
}

const isWhole = (request: LoadRequest): boolean =>
  request.interpolate !== false &&
  request.resolvePaths !== false &&
  request.normalize !== false &&
  request.checkConsistency !== false &&
  request.resolveEnvironment !== false;

const profilesOf = (request: LoadRequest, environment: Environment): readonly string[] =>
  request.profiles !== undefined && request.profiles.length > 0
    ? request.profiles
    : (split(environment.value('COMPOSE_PROFILES'), ',') ?? []);

function variablesOf(documents: readonly Mapping[]): readonly VariableDescription[] {
  const merged = new Map<string, VariableDescription>();
  for (const each of documents.flatMap(describeVariables)) {
    const before = merged.get(each.name);
    merged.set(each.name, { ...before, ...each, required: each.required || (before?.required ?? false) });
  }
  return [...merged.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function environmentOf(environment: Environment, sources: Sources): Stack['environment'] {
  const all = new Map<string, string>();
  for (const [name, { value }] of environment.fromFiles()) all.set(name, value);
  for (const { name, value } of sources.inputs().variables) if (value !== undefined) all.set(name, value);
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => ({ name, value }));
}
