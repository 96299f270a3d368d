/** `NAME=VALUE`, or `NAME` alone for the value it has here; a name that is not set here gives nothing. */
export function readVariables(
  words: readonly string[],
  environment: { readonly [name: string]: string | undefined },
): { readonly [name: string]: string } {
  return Object.fromEntries(words.flatMap((word) => readVariable(word, environment)));
}

function readVariable(word: string, environment: { readonly [name: string]: string | undefined }): [string, string][] {
  const at = word.indexOf('=');
  if (at !== -1) return [[word.slice(0, at), word.slice(at + 1)]];
  const value = environment[word];
  return value === undefined ? [] : [[word, value]];
}
