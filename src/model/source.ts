/** One text that values come from: a stack file, an env file, or standard input. */
export type SourceFile = {
  /** As it is shown to the user: relative to the working directory when it lies below it, `<stdin>` for standard input. */
  readonly path: string;
  readonly text: string;
};

/** Half-open span of UTF-16 code units in a `SourceFile`'s text. */
export type SourceRange = { readonly start: number; readonly end: number };

/** Where a value was written. */
export type Origin = { readonly file: SourceFile; readonly range: SourceRange };

/**
 * An `Origin` without the text, so that it can be stored: 1-based line and column of the first character, and how many
 * characters of that line the value covers.
 */
export type Place = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly width: number;
};
