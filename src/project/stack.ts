import type { ProjectName, ServiceName } from '../model/units.ts';
import type { VariableDescription } from '../spec/interpolate.ts';
import type { Mapping } from '../spec/tree.ts';

/** The merged, canonical stack file with the positions of all its values. */
export type Stack = {
  readonly name: ProjectName;
  readonly directory: string;
  /** Absolute paths in order of merging, `-` for standard input. */
  readonly files: readonly string[];
  /** In normal form; services whose profile is off are not in it. */
  readonly tree: Mapping;
  /** The services in it. */
  readonly services: readonly { readonly name: ServiceName }[];
  /** Names of the services whose profile is off. */
  readonly disabled: readonly ServiceName[];
  /** All profiles that the file knows, sorted. */
  readonly profiles: readonly string[];
  /** Variables that the stack files mention, sorted by name. */
  readonly variables: readonly VariableDescription[];
  /** Variables that env files gave and those of the shell that were used, sorted by name. */
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  /** false: variables are still in the text, and dollar signs are what they look like. */
  readonly interpolated: boolean;
};
