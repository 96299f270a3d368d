import type { Diagnostic, DiagnosticCode, Note, Severity } from '../model/diagnostic.ts';
import type { Origin } from '../model/source.ts';
import { originOf, type Place, type Tree } from './tree.ts';

/** Where diagnostics go while a stack is loaded: everything wrong is collected, nothing is thrown. */
export class Report {
  #found: Diagnostic[] = [];
  readonly #seen = new Set<string>();
  readonly #files = new Map<unknown, number>();
  #errors = 0;

  get errors(): number {
    return this.#errors;
  }

  /** The last `count` errors. */
  latest(count: number): readonly Diagnostic[] {
    return count <= 0 ? [] : this.#found.filter(({ severity }) => severity === 'error').slice(-count);
  }

  add(severity: Severity, code: DiagnosticCode, text: Text): void {
    const subject = text.at === undefined ? undefined : toOrigin(text.at);
    const file = subject === undefined ? 0 : this.#number(subject.file);
    const id = `${code} ${file} ${subject?.range.start} ${subject?.range.end} ${text.summary}`;
    // A fragment behind an anchor is read once for every alias; it is wrong only once.
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    if (severity === 'error') this.#errors += 1;
    const written = text.notes?.map((note) => (typeof note === 'string' ? { text: note } : note)) ?? [];
    const variables = variablesIn(text.at);
    const notes = [
      ...variables.filter(({ origin }) => origin !== undefined),
      // The first remedy stays the first.
      ...written,
      ...variables.filter(({ origin }) => origin === undefined),
    ];
    this.#found.push({ code, severity, summary: text.summary, ...(subject === undefined ? {} : { subject }), notes });
  }

  error(code: DiagnosticCode, text: Text): void {
    this.add('error', code, text);
  }

  warning(code: DiagnosticCode, text: Text): void {
    this.add('warning', code, text);
  }

  /** Takes back what was said with `code` about `word`, because something else says it better. */
  withdraw(code: DiagnosticCode, word: string): void {
    this.#found = this.#found.filter((each) => each.code !== code || !each.summary.split(' ').includes(word));
  }

  /** Ordered by file (in the order in which files were first named) and position; what has no place comes first. */
  sorted(): Diagnostic[] {
    const rank = (diagnostic: Diagnostic): number =>
      diagnostic.subject === undefined ? -1 : this.#number(diagnostic.subject.file);
    return [...this.#found].sort(
      (a, b) => rank(a) - rank(b) || (a.subject?.range.start ?? 0) - (b.subject?.range.start ?? 0),
    );
  }

  #number(file: unknown): number {
    const known = this.#files.get(file);
    if (known !== undefined) return known;
    this.#files.set(file, this.#files.size);
    return this.#files.size - 1;
  }
}

export type Text = {
  readonly summary: string;
  /** Of a value, the notes also say where its variables come from. */
  readonly at?: Place | Origin | Tree | undefined;
  readonly notes?: readonly (string | Note)[];
};

const toOrigin = (at: Place | Origin): Origin => ('range' in at ? at : originOf(at));

/** The mistake may be where a variable got its value. */
function variablesIn(at: Text['at']): readonly Note[] {
  if (at === undefined || !('kind' in at) || at.kind !== 'scalar') return [];
  return (at.uses ?? []).flatMap(({ name, source }): Note[] => {
    if (source.kind === 'env-file') return [{ text: `${name} comes from here`, origin: source.origin }];
    return source.kind === 'environment' ? [{ text: `${name} comes from the environment` }] : [];
  });
}
