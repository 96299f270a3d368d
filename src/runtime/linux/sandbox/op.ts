import type { SetupOp } from '../frame.ts';
import type { OpName } from '../protocol.ts';

export type Operands = {
  readonly numbers?: readonly (number | bigint)[];
  readonly strings?: readonly (string | Uint8Array)[];
  readonly configPath?: string | undefined;
};

export function op(kind: OpName, operands: Operands = {}): SetupOp {
  const { numbers = [], strings = [], configPath } = operands;
  return configPath === undefined ? { kind, numbers, strings } : { kind, numbers, strings, configPath };
}
