/** The merged, canonical stack file with the positions of all its values; filled in by the loader. */
export type Stack = {
  readonly name: string;
};
