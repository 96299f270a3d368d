import { posix } from 'node:path';
import { child, type Entry, type Mapping, originOf, sameValue, type Tree, toValue, withEntries } from '../spec/tree.ts';

import { addDefaultEnvFile, addEnvFiles, Environment } from './environment.ts';
import { type Loading, type Part, resolveIn, withSection } from './loading.ts';

/** Includes of includes end here: symbolic links can make a circle whose paths never repeat. */
const maxIncludes = 32;

type Context = {
  readonly loading: Loading;
  readonly assemble: (part: Part, loading: Loading) => Mapping | undefined;
};

/** Copies what the included files define into the document that includes them. */
export function applyIncludes(document: Mapping, part: Part, context: Context): Mapping {
  const list = child(document, 'include');
  const own = withEntries(document, { include: undefined });
  if (list?.kind !== 'sequence') return own;
  return list.items.reduce<Mapping>((model, item) => {
    const included = item.kind === 'mapping' ? load(item, part, context) : undefined;
    return included === undefined ? model : importAll(model, included, item, context.loading);
  }, own);
}

function load(item: Mapping, part: Part, context: Context): Mapping | undefined {
  const { loading } = context;
  const { report, sources, home } = loading;
  const paths = child(item, 'path');
  const [first, ...overrides] = texts(paths).map((path) => resolveIn(part.directory, path, home));
  if (first === undefined) {
    report.error('include', {
      summary: 'an include needs "path"',
      at: item,
      notes: ['path: the stack file to include'],
    });
    return undefined;
  }
  const at = paths ?? item;
  const chain = [...part.chain, ...part.files.slice(0, 1)];
  if (chain.includes(first) || chain.length > maxIncludes) {
    const members = [...chain.slice(Math.max(0, chain.indexOf(first))), first].map((path) => sources.shown(path));
    report.error('include', {
      summary: `files include each other in a circle: ${members.slice(-6).join(' → ')}`,
      at,
      notes: ['take one of the includes away'],
    });
    return undefined;
  }
  const wanted = child(item, 'project_directory');
  const directory =
    wanted === undefined ? posix.dirname(first) : resolveIn(part.directory, String(toValue(wanted)), home);
  const environment = new Environment(sources, part.environment);
  const envFiles = child(item, 'env_file');
  if (envFiles === undefined) {
    addDefaultEnvFile(environment, directory, { sources, report });
  } else {
    const named = texts(envFiles).map((path) => resolveIn(part.directory, path, home));
    addEnvFiles(
      environment,
      named.filter((path) => path !== '/dev/null'),
      { sources, report, at: envFiles },
    );
  }
  return context.assemble({ files: [first, ...overrides], directory, environment, chain, at }, loading);
}

const texts = (tree: Tree | undefined): string[] => {
  if (tree === undefined) return [];
  return tree.kind === 'sequence' ? tree.items.map((item) => String(toValue(item))) : [String(toValue(tree))];
};

const sections = ['services', 'jobs', 'networks', 'volumes', 'configs', 'secrets', 'models'];

function importAll(model: Mapping, included: Mapping, item: Tree, loading: Loading): Mapping {
  return sections.reduce((tree, section) => importSection(tree, included, { section, item, loading }), model);
}

function importSection(
  model: Mapping,
  included: Mapping,
  options: { readonly section: string; readonly item: Tree; readonly loading: Loading },
): Mapping {
  const { section, loading } = options;
  const from = child(included, section);
  if (from?.kind !== 'mapping' || from.entries.size === 0) return model;
  const to = child(model, section);
  const entries = new Map<string, Entry>(to?.kind === 'mapping' ? to.entries : []);
  for (const [name, entry] of from.entries) {
    const own = entries.get(name);
    if (own === undefined) entries.set(name, entry);
    else if (!sameValue(own.value, entry.value)) {
      loading.report.error('include', {
        summary: `${section.slice(0, -1)} "${name}" is defined here and, differently, in an included file`,
        at: own.key,
        notes: [
          { text: 'the included one is here', origin: originOf(entry.key) },
          'change included elements in a second file: path: [included.yml, changes.yml]',
        ],
      });
    }
  }
  return to === undefined
    ? withEntries(model, { [section]: { ...from, entries } })
    : withSection(model, section, entries);
}
