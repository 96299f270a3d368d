import type { Report } from './report.ts';
import { child, type Entry, type Mapping, mappingAt, originOf, type Sequence, type Tree, toValue } from './tree.ts';

/**
 * Puts a later file on an earlier one; both are in canonical form, so that lists of ports, maps of variables and the
 * like have one shape each. Maps merge, lists append (those with an identity keep one item for each), scalars replace,
 * `null` changes nothing; the exceptions are in the tables below.
 */
export function merge(earlier: Mapping, later: Mapping, report: Report): Mapping {
  return mergeMappings(earlier, later, { path: [], report, keepTags: false }) as Mapping;
}

/** The same for two services, as `extends` does; marks stay for the files that are merged afterwards. */
export function mergeServices(base: Mapping, service: Mapping, report: Report): Mapping {
  return mergeMappings(base, service, { path: ['services', '*'], report, keepTags: true }) as Mapping;
}

/** Takes out what `!reset` marks when there is nothing left that it could remove. */
export function settle(tree: Tree): Tree {
  if (tree.kind === 'scalar') return tree.tag === undefined ? tree : { ...tree, tag: undefined };
  if (!isMarked(tree)) return tree;
  if (tree.kind === 'sequence') {
    return { ...tree, tag: undefined, items: tree.items.filter((item) => item.tag !== 'reset').map(settle) };
  }
  const entries = new Map<string, Entry>();
  for (const [key, { key: at, value }] of tree.entries) {
    if (value.tag !== 'reset') entries.set(key, { key: at, value: settle(value) });
  }
  return { ...tree, tag: undefined, entries };
}

/** Whether there is a mark anywhere in it: in most files there is none, and nothing has to be made anew. */
function isMarked(tree: Tree): boolean {
  if (tree.tag !== undefined) return true;
  if (tree.kind === 'scalar') return false;
  if (tree.kind === 'sequence') return tree.items.some(isMarked);
  for (const { value } of tree.entries.values()) if (isMarked(value)) return true;
  return false;
}

type Context = {
  readonly path: readonly string[];
  readonly report: Report;
  readonly keepTags: boolean;
};

function mergeTrees(earlier: Tree, later: Tree, context: Context): Tree {
  const rule = ruleAt(context.path);
  if (later.tag === 'override') return replaced(earlier, later);
  if (rule?.kind === 'replace') return replaced(earlier, later);
  if (later.kind === 'scalar' && later.value === null)
    return rule?.kind === 'names' ? replaced(earlier, later) : earlier;
  if (earlier.kind === 'scalar' && earlier.value === null) return later;
  if (earlier.kind === 'mapping' && later.kind === 'mapping') {
    if (rule?.kind === 'logging' && differentDrivers(earlier, later)) return replaced(earlier, later);
    return mergeMappings(earlier, later, context);
  }
  if (earlier.kind === 'sequence' && later.kind === 'sequence') {
    return mergeSequences(earlier, later, { rule: rule?.kind === 'list' ? rule : undefined, context });
  }
  if (earlier.kind === 'scalar' && later.kind === 'scalar') return replaced(earlier, later);
  context.report.error('cannot-merge', {
    summary: `cannot merge ${kindOf(later)} into ${kindOf(earlier)}: ${context.path.join('.')}`,
    at: later,
    notes: [
      { text: `it is ${kindOf(earlier)} here`, origin: originOf(earlier) },
      'write both in the same form, or replace the earlier one with !override',
    ],
  });
  return earlier;
}

const kindOf = (tree: Tree): string =>
  ({ scalar: 'a single value', sequence: 'a list', mapping: 'a mapping' })[tree.kind];

function replaced(earlier: Tree, later: Tree): Tree {
  // The oldest contributor is at the end of the chain: what `later` already replaced itself comes before it.
  const before = later.replaced === undefined ? earlier : replaced(earlier, later.replaced);
  return { ...later, replaced: before };
}

function mergeMappings(earlier: Mapping, later: Mapping, context: Context): Tree {
  const entries = new Map(earlier.entries);
  for (const [key, entry] of later.entries) {
    const before = entries.get(key);
    if (entry.value.tag === 'reset') {
      if (context.keepTags) entries.set(key, entry);
      else entries.delete(key);
      continue;
    }
    if (before === undefined || before.value.tag === 'reset' || key.startsWith('x-')) {
      const own =
        before === undefined || before.value.tag === 'reset' ? entry.value : replaced(before.value, entry.value);
      const value = context.keepTags ? own : settle(own);
      entries.set(
        key,
        key === 'x-tscompose' && before !== undefined
          ? mergeExtension(before, entry, context)
          : { key: entry.key, value },
      );
      continue;
    }
    const merged = mergeTrees(before.value, entry.value, { ...context, path: [...context.path, key] });
    entries.set(key, {
      key: merged === before.value ? before.key : entry.key,
      value: context.keepTags ? merged : settle(merged),
    });
  }
  return { ...mappingAt(later, entries), tag: context.keepTags ? later.tag : undefined, replaced: earlier };
}

/** Our own extension has settings that add up; those of others are replaced as a whole. */
function mergeExtension(before: Entry, entry: Entry, context: Context): Entry {
  return { key: entry.key, value: mergeTrees(before.value, entry.value, { ...context, path: ['x-tscompose'] }) };
}

type ListRule = Extract<Rule, { readonly kind: 'list' }>;

function mergeSequences(
  earlier: Sequence,
  later: Sequence,
  { rule, context }: { readonly rule: ListRule | undefined; readonly context: Context },
): Sequence {
  const base = { ...later, tag: undefined, replaced: earlier };
  const items = [...earlier.items, ...later.items];
  if (rule === undefined) return { ...base, items };
  const combine = (before: Tree, item: Tree): Tree =>
    rule.merges === true ? mergeTrees(before, item, context) : replaced(before, item);
  return { ...base, items: unique(items, rule.identity, combine) };
}

function unique(items: readonly Tree[], identity: Identity, combine = replaced): readonly Tree[] {
  if (items.length < 2) return items;
  const kept = new Map<string, Tree>();
  for (const item of items) {
    const id = identity(item);
    const before = kept.get(id);
    kept.set(id, before === undefined ? item : combine(before, item));
  }
  return [...kept.values()];
}

/** Brings lists with an identity down to one item for each, the last one at the place of the first. */
export function withUnicity(stack: Mapping): Mapping {
  const services = child(stack, 'services');
  if (services?.kind !== 'mapping') return stack;
  const entries = new Map<string, Entry>();
  let changed = false;
  for (const [name, entry] of services.entries) {
    const value = uniqueLists(entry.value);
    changed ||= value !== entry.value;
    entries.set(name, value === entry.value ? entry : { key: entry.key, value });
  }
  if (!changed) return stack;
  const all = new Map(stack.entries);
  const old = all.get('services') as Entry;
  all.set('services', { key: old.key, value: mappingAt(services, entries) });
  return mappingAt(stack, all);
}

function uniqueLists(service: Tree): Tree {
  if (service.kind !== 'mapping') return service;
  let entries: Map<string, Entry> | undefined;
  for (const [key, entry] of service.entries) {
    const rule = rules.get(`services.*.${key}`);
    if (rule?.kind !== 'list' || entry.value.kind !== 'sequence') continue;
    const items = unique(entry.value.items, rule.identity);
    if (items.length === entry.value.items.length) continue;
    entries ??= new Map(service.entries);
    entries.set(key, { key: entry.key, value: { ...entry.value, items } });
  }
  return entries === undefined ? service : mappingAt(service, entries);
}

function differentDrivers(earlier: Mapping, later: Mapping): boolean {
  const a = child(earlier, 'driver');
  const b = child(later, 'driver');
  return a !== undefined && b !== undefined && toValue(a) !== toValue(b);
}

type Identity = (item: Tree) => string;

type Rule =
  | { readonly kind: 'replace' | 'logging' }
  /** A map of names to values in which a name without a value is a statement of its own. */
  | { readonly kind: 'names' }
  | {
      readonly kind: 'list';
      readonly identity: Identity;
      /** Two items that are the same become one of both; otherwise the later one takes the place of the earlier. */
      readonly merges?: true;
    };

const itself: Identity = (item) => JSON.stringify(toValue(item));
const by =
  (...keys: readonly string[]): Identity =>
  (item) =>
    item.kind === 'mapping' ? JSON.stringify(keys.map((key) => fieldOf(item, key))) : itself(item);
const fieldOf = (item: Tree, key: string): unknown => {
  const value = child(item, key);
  return value === undefined ? null : toValue(value);
};
const byTarget: Identity = (item) => String(fieldOf(item, 'target') ?? `/${String(fieldOf(item, 'source'))}`);

const list = (identity: Identity): Rule => ({ kind: 'list', identity });
const replace: Rule = { kind: 'replace' };

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['services.*.command', replace],
  ['services.*.entrypoint', replace],
  ['services.*.healthcheck.test', replace],
  ['services.*.ulimits.*', replace],
  ['services.*.rootfs', replace],
  ['services.*.logging', { kind: 'logging' }],
  ['services.*.environment.*', { kind: 'names' }],
  ['services.*.build.args.*', { kind: 'names' }],
  ['services.*.ports', list(by('host_ip', 'target', 'published', 'protocol'))],
  ['services.*.volumes', list(by('target'))],
  ['services.*.devices', list(by('target'))],
  ['services.*.configs', list(byTarget)],
  ['services.*.secrets', list(byTarget)],
  ['services.*.env_file', list(by('path'))],
  ['networks.*.ipam.config', { kind: 'list', identity: by('subnet'), merges: true }],
  ...(
    'services.*.dns services.*.dns_opt services.*.dns_search services.*.tmpfs services.*.label_file services.*.cap_add ' +
    'services.*.cap_drop services.*.expose services.*.links services.*.profiles services.*.extra_hosts ' +
    'services.*.external_links services.*.group_add services.*.networks.*.aliases ' +
    'services.*.networks.*.link_local_ips services.*.build.tags services.*.build.extra_hosts ' +
    'services.*.build.platforms'
  )
    .split(' ')
    .map((path): [string, Rule] => [path, list(itself)]),
]);

/** What is one value wherever it is in our extension. */
const wholeInExtension: ReadonlySet<string> = new Set(['command', 'entrypoint', 'test', 'rootfs']);

/** `services.web.ports` is looked up as `services.*.ports`. */
function ruleAt(path: readonly string[]): Rule | undefined {
  if (path.length < 3) return undefined;
  if (path[0] === 'x-tscompose') return wholeInExtension.has(path.at(-1) as string) ? replace : undefined;
  // A job is made of what a service is made of.
  const section = path[0] === 'jobs' ? 'services' : path[0];
  const ofElement = `${section}.*`;
  const exact = rules.get(`${ofElement}.${path.slice(2).join('.')}`);
  if (exact !== undefined || path.length < 4) return exact;
  return (
    rules.get(`${ofElement}.${path.slice(2, -1).join('.')}.*`) ??
    rules.get([ofElement, path[2], '*', ...path.slice(4)].join('.'))
  );
}
