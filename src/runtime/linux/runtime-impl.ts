import type { ObservedState } from '../../model/state.ts';
import { InternalError } from '../../util/assert.ts';
import type { Runtime, Session } from '../runtime.ts';
import type { LinuxRuntimeOptions } from './options.ts';

export class LinuxRuntime implements Runtime {
  readonly #options: LinuxRuntimeOptions;
  constructor(options: LinuxRuntimeOptions) {
    this.#options = options;
  }
  observe(): Promise<ObservedState> {
    throw new InternalError(`not built yet ${this.#options}`);
  }
  open(): Promise<{ readonly ok: true; readonly value: Session }> {
    throw new InternalError('not built yet');
  }
}
