import type { ContainerName, ProjectName } from '../model/units.ts';
import { type LogOptions, openLogs } from '../runtime/linux/logs.ts';
import type { Context } from './context.ts';
import { logJson } from './render/log-json.ts';
import { type LogPrinter, logPrinter } from './render/log-lines.ts';

/** Whose output is wanted, and in which form. */
export type LogRequest = Pick<LogOptions, 'follow' | 'signal' | 'tail' | 'sinceMs' | 'untilMs' | 'joins' | 'notes'> & {
  readonly project: ProjectName;
  readonly containers: readonly ContainerName[];
  readonly timestamps: boolean;
  readonly prefix: boolean;
  readonly json: boolean;
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
    nameOf: short,
    prefix: request.prefix,
    timestamps: request.timestamps,
    paint,
    paintError,
    stdout: stdout.relay,
    stderr: stderr.relay,
  });
}

const breathAfter = 1 << 20;
const breath = () => new Promise((resolve) => setImmediate(resolve));

/** Prints the output of the containers; with `follow`, until `signal`. */
export async function printLogs(context: Context, request: LogRequest, printer?: LogPrinter): Promise<void> {
  const { project, containers, json, follow, signal } = request;
  const chunks = openLogs(project, containers, { ...request, host: context.environment });
  const lines = json ? logJson(context.stdout.write) : (printer ?? printerFor(context, request));
  let sinceBreath = 0;
  for await (const chunk of chunks) {
    // Reading and writing are synchronous: without a breath a flood would keep Ctrl-C from being heard.
    sinceBreath += chunk.bytes.length;
    if (sinceBreath > breathAfter) {
      sinceBreath = 0;
      await breath();
    }
    if (signal.aborted && !follow) break;
    lines.print(chunk);
  }
  lines.flush();
}
