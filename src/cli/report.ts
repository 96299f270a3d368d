import type { Diagnostic } from '../model/diagnostic.ts';
import type { Context } from './context.ts';
import { diagnosticJson, renderDiagnostics } from './render/diagnostic.ts';
import { isForPrograms } from './say.ts';

/** Diagnostics on standard error, as text or as JSON lines. */
export function report(diagnostics: readonly Diagnostic[], context: Context): void {
  const { stderr, paintError } = context;
  if (diagnostics.length === 0) return;
  if (isForPrograms(context)) {
    for (const diagnostic of diagnostics) stderr.write(`${JSON.stringify(diagnosticJson(diagnostic))}\n`);
    return;
  }
  stderr.write(`${renderDiagnostics(diagnostics, { paint: paintError, width: stderr.columns() })}\n`);
}
