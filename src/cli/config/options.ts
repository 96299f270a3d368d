import type { Paint } from '../render/color.ts';
import type { Flags } from '../table.ts';

export type PrintOptions = {
  readonly flags: Flags<'config'>;
  /** Only these services and what they need; empty: all. */
  readonly services: readonly string[];
  readonly json: boolean;
  readonly paint: Paint;
  /** Columns of the terminal. */
  readonly width: number;
};

/** A value as `--json` prints it. */
export const document = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
