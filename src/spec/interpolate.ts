import type { Origin } from '../model/source.ts';
import type { Report } from './report.ts';
import { fillTemplate, type Part, parseTemplate, type Substitution, type TemplateError } from './template.ts';
import type { Entry, Place, Scalar, Tree, VariableUse } from './tree.ts';

/** The variables a file may use; what the shell says wins over env files. */
export type Variables = {
  find(name: string): Variable | undefined;
  /** Names that were reported as unset already: one warning a variable. */
  readonly warned: Set<string>;
};

export type Variable = {
  readonly value: string;
  readonly source:
    | { readonly kind: 'environment' | 'built-in' }
    | { readonly kind: 'env-file'; readonly origin: Origin };
};

/** Replaces variables in all values (never in keys); the rest of the tree is shared with the old one. */
export function interpolate<T extends Tree>(tree: T, variables: Variables, report: Report): T {
  const walk = (node: Tree): Tree =>
    node.kind === 'scalar' ? scalar(node, variables, report) : collection(node, walk);
  return walk(tree) as T;
}

function collection(node: Exclude<Tree, Scalar>, walk: (node: Tree) => Tree): Tree {
  if (node.kind === 'sequence') {
    let items: Tree[] | undefined;
    node.items.forEach((item, index) => {
      const next = walk(item);
      if (next === item && items === undefined) return;
      items ??= node.items.slice(0, index);
      items.push(next);
    });
    return items === undefined ? node : { ...node, items };
  }
  let entries: Map<string, Entry> | undefined;
  for (const [key, entry] of node.entries) {
    const next = walk(entry.value);
    if (next === entry.value) continue;
    entries ??= new Map(node.entries);
    entries.set(key, { key: entry.key, value: next });
  }
  return entries === undefined ? node : { ...node, entries };
}

function scalar(node: Scalar, variables: Variables, report: Report): Scalar {
  const template = node.value;
  if (typeof template !== 'string' || !template.includes('$')) return node;
  const parts = parseTemplate(template);
  if (!parts.ok) {
    badTemplate(node, parts.error, report);
    return node;
  }
  const uses: VariableUse[] = [];
  const filled = fillTemplate(parts.value, {
    get: (name) => variables.find(name)?.value,
    used: (part, how) => {
      uses.push({ name: part.name, source: sourceOf(variables, part, how) });
      if (how === 'unset' && part.operator === undefined) warnUnset(node, part, variables, report);
    },
  });
  if (!filled.ok) {
    report.error('required-variable', {
      summary: filled.error.message,
      at: spanIn(node, filled.error),
      notes: ['set it in the environment or in the .env file'],
    });
    // The empty text stands for a value that is reported already.
    return { ...node, value: '', uses };
  }
  return { ...node, value: filled.value, uses: uses.length === 0 ? undefined : uses };
}

function sourceOf(
  variables: Variables,
  part: Substitution,
  how: 'value' | 'default' | 'alternate' | 'unset',
): VariableUse['source'] {
  if (how === 'value') return variables.find(part.name)?.source ?? { kind: 'unset' };
  return { kind: how };
}

function warnUnset(node: Scalar, part: Substitution, variables: Variables, report: Report): void {
  if (variables.warned.has(part.name)) return;
  variables.warned.add(part.name);
  report.warning('variable-unset', {
    summary: `variable ${part.name} is not set; it becomes empty text`,
    at: spanIn(node, part),
    notes: [`set it, or write \${${part.name}:-default}; a literal dollar sign is written $$`],
  });
}

function badTemplate(node: Scalar, error: TemplateError, report: Report): void {
  report.error('bad-interpolation', {
    summary: error.message,
    at: spanIn(node, error),
    notes: ['variables are written $NAME, ${NAME} or ${NAME:-default}; a literal dollar sign is written $$'],
  });
}

/** Where a span of the value is in the file: exact when it stands there letter by letter, else the whole scalar. */
function spanIn(node: Scalar, span: { readonly start: number; readonly end: number }): Place {
  const template = String(node.value);
  const wanted = template.slice(span.start, span.end);
  const written = node.file.text.slice(node.start, node.end);
  let at = written.indexOf(wanted);
  for (let before = template.indexOf(wanted); before !== -1 && before < span.start && at !== -1; ) {
    at = written.indexOf(wanted, at + 1);
    before = template.indexOf(wanted, before + 1);
  }
  if (wanted === '' || at === -1) return { file: node.file, start: node.start, end: node.end };
  return { file: node.file, start: node.start + at, end: node.start + at + wanted.length };
}

/** One line of `config --variables`. */
export type VariableDescription = {
  readonly name: string;
  readonly required: boolean;
  readonly default?: string;
  readonly alternate?: string;
};

/** Every variable that a file mentions, also in words that are not used, sorted by name. */
export function describeVariables(tree: Tree): VariableDescription[] {
  const found = new Map<string, VariableDescription>();
  const parts = (list: readonly Part[]): void => {
    for (const part of list) {
      if (part.kind === 'text') continue;
      const before = found.get(part.name);
      found.set(part.name, {
        name: part.name,
        required: (before?.required ?? false) || part.operator === '?',
        ...pick('default', part.operator === '-' ? part.wordText : before?.default),
        ...pick('alternate', part.operator === '+' ? part.wordText : before?.alternate),
      });
      parts(part.word);
    }
  };
  const walk = (node: Tree): void => {
    if (node.kind === 'sequence') node.items.forEach(walk);
    else if (node.kind === 'mapping') for (const entry of node.entries.values()) walk(entry.value);
    else if (typeof node.value === 'string' && node.value.includes('$')) {
      const parsed = parseTemplate(node.value);
      if (parsed.ok) parts(parsed.value);
    }
  };
  walk(tree);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const pick = <K extends string>(key: K, value: string | undefined): { [P in K]?: string } =>
  value === undefined ? {} : ({ [key]: value } as { [P in K]: string });
