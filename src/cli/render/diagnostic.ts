import type { Diagnostic, Note } from '../../model/diagnostic.ts';
import { plural } from '../../util/text.ts';
import type { Paint } from './color.ts';
import { frame, type Spot, spotOf } from './frame.ts';
import { printable } from './width.ts';

export type DiagnosticView = { readonly paint: Paint; readonly width: number };

/** More than this are counted, not printed. */
const longestList = 50;

/** All of them, by file and position, with the lines they are about; ends with a newline unless there are none. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], view: DiagnosticView): string {
  const sorted = inOrder(diagnostics);
  const blocks = sorted.slice(0, longestList).map((diagnostic) => renderDiagnostic(diagnostic, view));
  const more = sorted.length - longestList;
  if (more > 0) blocks.push(`and ${plural(more, 'more problem')}\n`);
  return blocks.join('\n');
}

/** One block; ends with a newline. */
export function renderDiagnostic(diagnostic: Diagnostic, view: DiagnosticView): string {
  const { paint, width } = view;
  if (diagnostic.severity === 'notice') return renderNotice(diagnostic, paint);
  const subject = diagnostic.subject === undefined ? undefined : spotOf(diagnostic.subject);
  const notes = diagnostic.notes.map((note) => ({ ...note, spot: note.origin && spotOf(note.origin) }));
  const gutter = gutterOf([subject, ...notes.map((note) => note.spot)]);
  const kind = paint(diagnostic.severity, `${diagnostic.severity}[${diagnostic.code}]`);
  const lines = [`${kind}${paint('bold', `: ${printable(diagnostic.summary)}`)}`];
  if (subject !== undefined) {
    lines.push(...frame(subject, { paint, style: diagnostic.severity, arrow: '-->', mark: '^', width, gutter }));
  }
  for (const { spot, text } of notes) {
    if (spot === undefined) lines.push(noteLine(text, gutter, paint));
    else lines.push(...frame(spot, { paint, style: 'blue', arrow: ':::', mark: '-', label: text, width, gutter }));
  }
  return `${lines.join('\n')}\n`;
}

/** Nothing is wrong, and it is said at every `up`: the places without their text, one line each. */
function renderNotice({ severity, code, summary, subject, notes }: Diagnostic, paint: Paint): string {
  const lines = notes.map(({ text, origin = subject }) => {
    const at = origin === undefined ? undefined : spotOf(origin);
    const place = at === undefined ? '=' : `${printable(at.file)}:${at.line}:${at.column}:`;
    return `  ${paint('blue', place)} ${printable(text)}`;
  });
  return `${paint(severity, `${severity}[${code}]`)}: ${printable(summary)}\n${lines.map((line) => `${line}\n`).join('')}`;
}

/** A remedy or a piece of evidence under a frame. */
export function noteLine(text: string, gutter: number, paint: Paint): string {
  const lead = `${' '.repeat(gutter + 2)}${paint('blue', '=')} `;
  return text
    .split('\n')
    .map((line, at) => (at === 0 ? lead : ' '.repeat(gutter + 4)) + printable(line))
    .join('\n');
}

/** Digits of the widest line number. */
export function gutterOf(spots: readonly (Spot | undefined)[]): number {
  return Math.max(1, ...spots.map((spot) => (spot === undefined ? 1 : String(spot.line).length)));
}

/** A diagnostic as `--json` prints it. */
export type DiagnosticJson = {
  readonly severity: string;
  readonly code: string;
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** The first remedy. */
  readonly hint?: string;
};

export function diagnosticJson(diagnostic: Diagnostic): DiagnosticJson {
  const { severity, code, summary } = diagnostic;
  const hint = diagnostic.notes.find((note: Note) => note.origin === undefined)?.text;
  const spot = diagnostic.subject === undefined ? undefined : spotOf(diagnostic.subject);
  return {
    severity,
    code,
    message: summary,
    ...(spot === undefined ? {} : { file: spot.file, line: spot.line, column: spot.column }),
    ...(hint === undefined ? {} : { hint }),
  };
}

/** By file in order of first appearance, then by position; what has no place comes first. */
export function inOrder(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const files = new Map<string | undefined, number>([[undefined, -1]]);
  for (const { subject } of diagnostics) if (!files.has(subject?.file.path)) files.set(subject?.file.path, files.size);
  const rank = ({ subject }: Diagnostic) => files.get(subject?.file.path) ?? 0;
  return [...diagnostics].sort(
    (a, b) => rank(a) - rank(b) || (a.subject?.range.start ?? 0) - (b.subject?.range.start ?? 0),
  );
}
