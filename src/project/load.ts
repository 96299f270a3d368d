import { InternalError } from '../util/assert.ts';
import type { FileSource, LoadOutcome, LoadRequest } from './request.ts';

export type { FileKind, FileRead, FileSource, Inputs, LoadOutcome, LoadRequest } from './request.ts';

/** Text → Spec → Project; pure: files, environment, working directory and home are arguments. */
export function loadProject(_request: LoadRequest, _source: FileSource): LoadOutcome {
  throw new InternalError('the loader is not there yet');
}
