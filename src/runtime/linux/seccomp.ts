export function seccompProgram(
  _profile: string,
  _facts: { caps: bigint; arch: 'x64' | 'arm64' },
): Uint8Array | undefined {
  return undefined;
}
