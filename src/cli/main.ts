import { homedir } from 'node:os';
import { afterThrow } from './after-throw.ts';
import { type Parsed, parseArguments, type UsageError } from './args.ts';
import { runners } from './commands/index.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { openOutput } from './output.ts';
import { painter, wantsColor } from './render/color.ts';
import { sayError } from './say.ts';
import { type GlobalFlags, globalFlags, type Invocation } from './table.ts';
import { version } from './version.ts';

/** What the launcher knows. */
export type Launch = {
  readonly cacheDirectory?: string | undefined;
  readonly ran: (what: string) => void;
};

/** The whole program: command line → exit code. The only place that catches what nobody expected. */
export async function main(argv: readonly string[], launch: Launch): Promise<void> {
  // What is thrown where nobody waits for it, a timer or a watch of the file system, is told no worse than the rest.
  process.on('uncaughtException', (error) => process.exit(afterThrow(error)));
  let code: number;
  try {
    code = await run(argv, launch);
  } catch (error) {
    code = afterThrow(error);
  }
  // Everything has been written, and nothing that may still be open is worth waiting for.
  process.exit(code);
}

async function run(argv: readonly string[], launch: Launch): Promise<number> {
  const parsed = parseArguments(argv);
  if (!parsed.ok) return refuse(parsed.error, argv);
  switch (parsed.value.kind) {
    case 'version':
      openOutput(1).write(`tscompose ${version}\n`);
      return exitCode.ok;
    case 'help':
      return help(parsed.value);
    case 'run': {
      const { invocation } = parsed.value;
      launch.ran(invocation.command);
      return runCommand(invocation, contextOf(invocation.globals, launch));
    }
  }
}

/** Each command gets the flags and arguments of its own row of the table. */
async function runCommand(invocation: Invocation, context: Context): Promise<number> {
  const runner = (await runners[invocation.command]()) as (invocation: Invocation, context: Context) => Promise<number>;
  return runner(invocation, context);
}

function contextOf(globals: GlobalFlags, launch: Launch): Context {
  const stdout = openOutput(1);
  const stderr = openOutput(2);
  const color = { noColorFlag: globals['no-color'], ansi: globals.ansi };
  return {
    globals,
    environment: process.env,
    cwd: process.cwd(),
    // As homedir() does it; asking it loads a module that few commands need.
    home: process.env['HOME'] ?? homedir(),
    stdout,
    stderr,
    paint: painter(wantsColor(process.env, { isTty: stdout.isTty, ...color })),
    paintError: painter(wantsColor(process.env, { isTty: stderr.isTty, ...color })),
    ...(launch.cacheDirectory === undefined ? {} : { cacheDirectory: launch.cacheDirectory }),
    ran: launch.ran,
  };
}

async function help({ command }: Extract<Parsed, { kind: 'help' }>): Promise<number> {
  const { commandHelp, overview } = await import('./help.ts');
  const output = openOutput(1);
  const width = Math.min(100, output.isTty ? output.columns() : 100);
  output.write(command === undefined ? overview(width) : commandHelp(command, width));
  return exitCode.ok;
}

async function refuse({ unknown, ...error }: UsageError, argv: readonly string[]): Promise<number> {
  const { command } = error;
  const elsewhere = unknown === undefined ? undefined : (await import('./foreign.ts')).foreignRemedy(unknown, command);
  const { message, hint } = elsewhere ?? error;
  const words = ['tscompose', ...(command === undefined ? [] : [command]), '--help'];
  const remedy = `see '${words.join(' ')}'`;
  const listener = { stderr: openOutput(2), paintError: errorPaint(argv), globals: globalsOfRefused(argv) };
  sayError(listener, {
    code: 'usage',
    message,
    hint: elsewhere?.hint ?? (hint === undefined ? remedy : `${hint} ${remedy}`),
  });
  return exitCode.usage;
}

/** Nobody knows what a refused line meant; but who asked for JSON should get it. */
const globalsOfRefused = (argv: readonly string[]) => ({
  json: argv.includes(`--${globalFlags.find((flag) => flag.name === 'json')?.name}`),
  progress: undefined,
});

function errorPaint(argv: readonly string[]) {
  const { isTty } = openOutput(2);
  return painter(wantsColor(process.env, { isTty, noColorFlag: argv.includes('--no-color') }));
}
