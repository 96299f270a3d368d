import type { ContainerName, ProjectName } from '../model/units.ts';
import { openLogs } from '../runtime/linux/logs.ts';
import type { Context } from './context.ts';
import { type LogPrinter, logPrinter } from './render/log-lines.ts';

/** Whose output is wanted, and in which form. */
export type LogRequest = {
  readonly project: ProjectName;
  readonly containers: readonly ContainerName[];
  readonly timestamps: boolean;
  readonly prefix: boolean;
  readonly json: boolean;
  readonly follow: boolean;
  readonly signal: AbortSignal;
  readonly tail?: number;
  /** Milliseconds since the epoch. */
  readonly sinceMs?: number;
};

/** A printer for these containers: the name of the project is left out of the prefixes. */
export function printerFor(
  { stdout, stderr, paint, paintError }: Context,
  request: Pick<LogRequest, 'project' | 'containers' | 'timestamps' | 'prefix'>,
): LogPrinter {
  const short = (name: string) =>
    name.startsWith(`${request.project}-`) ? name.slice(request.project.length + 1) : name;
  return logPrinter({
    names: new Map(request.containers.map((name) => [name, short(name)])),
    prefix: request.prefix,
    timestamps: request.timestamps,
    paint,
    paintError,
    stdout: stdout.write,
    stderr: stderr.write,
  });
}

const breathAfter = 1 << 20;
const breath = () => new Promise((resolve) => setImmediate(resolve));

/** Prints the output of the containers; with `follow`, until `signal`. */
export async function printLogs(context: Context, request: LogRequest, printer?: LogPrinter): Promise<void> {
  const { project, containers, follow, signal, tail, sinceMs } = request;
  const chunks = openLogs(project, containers, {
    follow,
    signal,
    host: context.environment,
    ...(tail !== undefined && { tail }),
    ...(sinceMs !== undefined && { sinceMs }),
  });
  const lines = printer ?? printerFor(context, request);
  let sinceBreath = 0;
  for await (const chunk of chunks) {
    // Reading and writing are synchronous: without a breath a flood would keep Ctrl-C from being heard.
    sinceBreath += chunk.bytes.length;
    if (sinceBreath > breathAfter) {
      sinceBreath = 0;
      await breath();
    }
    if (signal.aborted && !follow) break;
    if (request.json) {
      const { container, stream, timeMs, bytes } = chunk;
      context.stdout.write(`${JSON.stringify({ container, stream, timeMs, text: bytes.toString() })}\n`);
    } else lines.print(chunk);
  }
  lines.flush();
}
