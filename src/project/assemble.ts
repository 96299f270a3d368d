import type { Origin } from '../model/source.ts';
import { canonical, withoutFaults } from '../spec/canonical.ts';
import { withoutEmpty } from '../spec/empty.ts';
import { interpolate } from '../spec/interpolate.ts';
import { merge, settle, withUnicity } from '../spec/merge.ts';
import type { Report } from '../spec/report.ts';
import { maxStackBytes } from '../spec/text.ts';
import { child, type Mapping, withEntries } from '../spec/tree.ts';
import { validateStack } from '../spec/validate.ts';
import { applyExtends } from './extends.ts';
import { applyIncludes } from './include.ts';
import { resolveNames } from './key-only.ts';
import { documentsOf, type Loading, namesOf, type Part } from './loading.ts';
import { checkVolumesOf } from './targets.ts';

/** Reads, checks and merges the files of one model; nothing when none of them could be read. */
export function assemble(part: Part, loading: Loading): Mapping | undefined {
  let model: Mapping | undefined;
  for (const path of part.files) {
    const file = loading.sources.text(path, { limit: maxStackBytes, what: 'stack file', at: part.at });
    if (file === undefined) continue;
    for (const document of documentsOf(file, loading)) {
      const ready = prepare(withoutEmpty(document, model), path, part, loading);
      model = withUnicity(model === undefined ? (settle(ready) as Mapping) : merge(model, ready, loading.report));
    }
  }
  return model === undefined || !loading.resolveEnvironment ? model : resolveNames(model, part.environment);
}

/** One document up to the point where it can be merged on what came before. */
function prepare(document: Mapping, path: string, part: Part, loading: Loading): Mapping {
  const { report } = loading;
  const fill = (tree: Mapping) => interpolate(tree, part.environment, report);
  const filled = loading.interpolate ? markBroken(document, loading, { step: fill, unplaced: [] }) : document;
  const faults = validateStack(filled, { interpolated: loading.interpolate }, report);
  for (const fault of faults) loading.broken.add(fault.slice(0, 2).join('.'));
  const sound = withoutVersion(withoutFaults(filled, faults), report);
  const scope = { report, home: loading.home, base: loading.resolvePaths ? part.directory : undefined };
  const ready = markBroken(sound, loading, {
    step: (tree) => canonical(tree, scope),
    unplaced: namesOf(sound, 'services'),
  });
  checkVolumesOf(ready, report);
  const included = applyIncludes(ready, part, { loading, assemble });
  return applyExtends(included, { path, part }, loading);
}

type Watched = {
  readonly step: (tree: Mapping) => Mapping;
  /** Whose mistake it may be when it is in the text of no service. */
  readonly unplaced: readonly string[];
};

/** Runs `step`; services that it reports mistakes of are broken ones. */
function markBroken(tree: Mapping, { report, broken }: Loading, { step, unplaced }: Watched): Mapping {
  const before = report.errors;
  const all = step(tree);
  if (report.errors === before) return all;
  const services = child(tree, 'services');
  const isIn = ({ file, range }: Origin, name: string): boolean => {
    const service = child(services, name);
    return service?.file === file && range.start >= service.start && range.end <= service.end;
  };
  for (const { subject } of report.latest(report.errors - before)) {
    const its = subject === undefined ? [] : namesOf(tree, 'services').filter((name) => isIn(subject, name));
    for (const name of its.length > 0 ? its : unplaced) broken.add(`services.${name}`);
  }
  return all;
}

function withoutVersion(tree: Mapping, report: Report): Mapping {
  const version = tree.entries.get('version');
  if (version === undefined) return tree;
  report.warning('obsolete', {
    summary: '"version" has no meaning any more',
    at: version.key,
    notes: ['remove the line'],
  });
  return withEntries(tree, { version: undefined });
}
