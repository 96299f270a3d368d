import { canonical, withoutFaults } from '../spec/canonical.ts';
import { withoutEmpty } from '../spec/empty.ts';
import { interpolate } from '../spec/interpolate.ts';
import { merge, settle, withUnicity } from '../spec/merge.ts';
import type { Report } from '../spec/report.ts';
import { maxStackBytes } from '../spec/text.ts';
import { type Mapping, withEntries } from '../spec/tree.ts';
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
  const filled = loading.interpolate ? interpolate(document, part.environment, report) : document;
  const faults = validateStack(filled, { interpolated: loading.interpolate }, report);
  for (const fault of faults) loading.broken.add(fault.slice(0, 2).join('.'));
  const sound = withoutVersion(withoutFaults(filled, faults), report);
  const scope = { report, home: loading.home, base: loading.resolvePaths ? part.directory : undefined };
  const ready = markBroken(sound, loading, (tree) => canonical(tree, scope));
  checkVolumesOf(ready, report);
  const included = applyIncludes(ready, part, { loading, assemble });
  return applyExtends(included, { path, part }, loading);
}

/** Runs `step` service by service, so that a mistake it reports makes only that service a broken one. */
function markBroken(tree: Mapping, loading: Loading, step: (tree: Mapping) => Mapping): Mapping {
  const before = loading.report.errors;
  const all = step(tree);
  if (loading.report.errors === before) return all;
  for (const name of namesOf(tree, 'services')) loading.broken.add(`services.${name}`);
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
