import type { FileKind, FileSource } from '../../project/request.ts';

/** What was asked of the files and what they answered; the same answers mean the same outcome. */
export type Answers = {
  readonly kinds: readonly (readonly [path: string, kind: FileKind])[];
  /** The content, a byte a character, or the code of an error: comparing texts is one native call, a checksum is not. */
  readonly reads: readonly (readonly [path: string, limit: number, answer: string])[];
};

/** Passes everything on to `files` and remembers the answers. */
export function recordFiles(files: FileSource): { readonly files: FileSource; readonly answers: () => Answers } {
  const kinds = new Map<string, FileKind>();
  const reads = new Map<string, readonly [number, string]>();
  return {
    files: {
      kind: (path) => {
        const kind = files.kind(path);
        kinds.set(path, kind);
        return kind;
      },
      read: (path, limit) => {
        const result = files.read(path, limit);
        reads.set(path, [limit, answerOf(result)]);
        return result;
      },
    },
    answers: () => ({
      kinds: [...kinds],
      reads: [...reads].map(([path, [limit, answer]]) => [path, limit, answer] as const),
    }),
  };
}

/** Whether the files would still give all of these answers. */
export function sameAnswers({ kinds, reads }: Answers, files: FileSource): boolean {
  return (
    kinds.every(([path, kind]) => files.kind(path) === kind) &&
    reads.every(([path, limit, answer]) => answerOf(files.read(path, limit)) === answer)
  );
}

function answerOf(result: ReturnType<FileSource['read']>): string {
  if (!result.ok) return result.code;
  const { buffer, byteOffset, length } = result.bytes;
  return `=${Buffer.from(buffer, byteOffset, length).toString('latin1')}`;
}
