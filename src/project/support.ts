import type { Note } from '../model/diagnostic.ts';
import type { Origin, SourceFile } from '../model/source.ts';
import { type Support, serviceSupport, topSupport } from '../spec/support.ts';
import { child, type Mapping, originOf, type Place, type Tree } from '../spec/tree.ts';
import type { Resolving } from './resolving.ts';

/** What becomes of one key that is written in the stack. */
export type KeySupport = Support & {
  /** `services.web.ports`. */
  readonly path: string;
  readonly origin: Origin;
};

/** Every key of the stack that somebody wrote, in the order of the text, file by file. */
export const supportOf = (tree: Mapping): readonly KeySupport[] => {
  const files = new Map<SourceFile, KeySupport[]>();
  for (const support of collectAll(tree, () => true)) {
    const { file } = support.origin;
    files.set(file, [...(files.get(file) ?? []), support]);
  }
  return [...files.values()].flatMap((list) => list.sort((a, b) => a.origin.range.start - b.origin.range.start));
};

/** Every key of the stack that somebody wrote and whose verdict is wanted. */
function collectAll(tree: Mapping, wanted: (support: Support) => boolean): KeySupport[] {
  const found: KeySupport[] = [];
  const section = (mapping: Mapping, verdicts: Verdicts, prefix: string): void => {
    for (const [key, { key: at, value }] of mapping.entries) {
      const known = key === 'services' ? undefined : verdicts.parts.get(key);
      if (known !== undefined) collect(value, { verdicts: known, shown: `${prefix}${key}`, key: at, found, wanted });
    }
  };
  section(tree, topVerdicts, '');
  const services = child(tree, 'services');
  if (services?.kind !== 'mapping') return found;
  for (const [name, { value }] of services.entries) {
    if (value.kind === 'mapping') section(value, serviceVerdicts, `services.${name}.`);
  }
  return found;
}

/** The table of verdicts as a tree, so that each key of a file is looked at once. */
type Verdicts = {
  support?: Support;
  /** Verdicts of single values; `service:*` is kept as `service:`. */
  readonly values: Map<string, Support>;
  /** `*` is any key. */
  readonly parts: Map<string, Verdicts>;
};

const empty = (): Verdicts => ({ values: new Map(), parts: new Map() });

function verdictsOf(table: { readonly [path: string]: Support }): Verdicts {
  const all = empty();
  for (const [written, support] of Object.entries(table)) {
    const [path = '', value] = written.split('=', 2);
    let at = all;
    for (const step of path.split('.')) {
      const next = at.parts.get(step) ?? empty();
      at.parts.set(step, next);
      at = next;
    }
    if (value === undefined) at.support = support;
    else at.values.set(value.replace(/\*$/, ''), support);
  }
  return all;
}

const serviceVerdicts = verdictsOf(serviceSupport);
const topVerdicts = verdictsOf(topSupport);

type Collecting = {
  readonly verdicts: Verdicts;
  readonly shown: string;
  readonly key: Place;
  readonly found: KeySupport[];
  readonly wanted: (support: Support) => boolean;
};

/** One entry for a key of the table and one for each of its parts that has a verdict of its own. */
function collect(tree: Tree, at: Collecting): void {
  if (tree.implied !== undefined) return;
  const { verdicts } = at;
  const known = ofValue(verdicts, tree) ?? verdicts.support;
  if (known !== undefined && at.wanted(known)) at.found.push({ ...known, path: at.shown, origin: originOf(at.key) });
  if (known?.verdict === 'notice' || tree.kind !== 'mapping' || verdicts.parts.size === 0) return;
  const any = verdicts.parts.get('*');
  for (const [key, entry] of tree.entries) {
    const part = any ?? verdicts.parts.get(key);
    if (part !== undefined)
      collect(entry.value, { ...at, verdicts: part, shown: `${at.shown}.${key}`, key: entry.key });
  }
}

function ofValue({ values }: Verdicts, tree: Tree): Support | undefined {
  if (values.size === 0 || tree.kind !== 'scalar') return undefined;
  const text = String(tree.value);
  return values.get(text) ?? values.get(text.slice(0, text.indexOf(':') + 1));
}

/** One notice a file, naming every key that is accepted and has no effect. */
export function noticeUnsupported({ view, report }: Pick<Resolving, 'view' | 'report'>): void {
  const files = new Map<SourceFile, KeySupport[]>();
  for (const support of collectAll(view.tree, ({ verdict }) => verdict === 'notice')) {
    const list = files.get(support.origin.file);
    if (list === undefined) files.set(support.origin.file, [support]);
    else list.push(support);
  }
  for (const [, list] of files) {
    const sorted = [...list].sort((a, b) => a.origin.range.start - b.origin.range.start);
    const [first] = sorted;
    if (first === undefined) continue;
    const notes = sorted.map(
      ({ path, reason, origin }): Note => ({
        text: `${path}: ${reason ?? 'no effect'}`,
        // The first one is shown as what the notice is about.
        ...(origin === first.origin ? {} : { origin }),
      }),
    );
    const count = sorted.length === 1 ? 'one setting has' : `${sorted.length} settings have`;
    report.add('notice', 'not-honoured', { summary: `${count} no effect: ${names(sorted)}`, at: first.origin, notes });
  }
}

function names(list: readonly KeySupport[]): string {
  const keys = [...new Set(list.map(({ path }) => path.replace(/^services\.[^.]+\./, '')))];
  return keys.length > 6 ? `${keys.slice(0, 6).join(', ')} and ${keys.length - 6} more` : keys.join(', ');
}
