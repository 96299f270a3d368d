import type { Diagnostic, DiagnosticCode, Severity } from '../../../model/diagnostic.ts';
import type { Origins } from '../../../model/project.ts';
import type { Origin } from '../../../model/source.ts';
import type { DesiredContainer } from '../../../model/state.ts';

type Finding = {
  readonly code: DiagnosticCode;
  readonly severity?: Severity;
  readonly summary: string;
  /** Where in `ContainerConfig`: "mounts.0". */
  readonly at: string;
  readonly notes: readonly string[];
};

/** Collects what is wrong with the containers; the same thing said of two replicas is said once. */
export class Report {
  readonly #found = new Map<string, Diagnostic>();

  add({ service, origins }: DesiredContainer, { code, severity = 'error', summary, at, notes }: Finding): void {
    const subject = originAt(origins, at);
    const place = subject === undefined ? service : `${subject.file.path}:${subject.range.start}`;
    const key = `${place}\0${code}\0${summary}`;
    if (this.#found.has(key)) return;
    this.#found.set(key, {
      code,
      severity,
      summary: `service "${service}": ${summary}`,
      ...(subject === undefined ? {} : { subject }),
      notes: notes.map((text) => ({ text })),
    });
  }

  /** Something that no line of the file is to blame for. */
  addGeneral(diagnostic: Diagnostic): void {
    this.#found.set(`\0${diagnostic.code}\0${diagnostic.summary}`, diagnostic);
  }

  get diagnostics(): readonly Diagnostic[] {
    return [...this.#found.values()];
  }
}

/** Of the value, or of the nearest thing around it that was written: what is a default has no place of its own. */
export function originAt(origins: Origins, path: string): Origin | undefined {
  for (let at = path; ; at = at.slice(0, at.lastIndexOf('.'))) {
    const origin = origins[at];
    if (origin !== undefined) return origin;
    if (!at.includes('.')) return origins[''];
  }
}
