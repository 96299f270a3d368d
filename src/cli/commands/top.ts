import { type ContainerProcess, listProcesses } from '../../runtime/linux/usage/processes.ts';
import { clockText } from '../../util/quantity.ts';
import { chosenContainers, isUp } from '../chosen.ts';
import { exitCode } from '../exit-code.ts';
import { printTable } from '../rows.ts';
import type { Runner } from './runner.ts';

const titles = ['SERVICE', '#', 'UID', 'PID', 'PPID', 'GUEST', 'STIME', 'TTY', 'TIME', 'CMD'];

export const top: Runner<'top'> = async ({ args, globals }, context) => {
  const chosen = await chosenContainers(context, args);
  if (!chosen.ok) return chosen.error;
  const { project, containers } = chosen.value;
  const rows = containers
    .filter(isUp)
    .flatMap(({ name, service, number }) =>
      listProcesses(project, name, context.environment).map((process) => ({ name, service, number, process })),
    );
  if (globals.json) {
    const lines = rows.map(({ name, service, process }) => JSON.stringify({ container: name, service, ...process }));
    context.stdout.write(lines.map((line) => `${line}\n`).join(''));
  } else {
    const now = Date.now();
    const cells = rows.map(({ service, number, process }) => [service, String(number), ...cellsOf(process, now)]);
    printTable(context, titles, cells);
  }
  return exitCode.ok;
};

function cellsOf(process: ContainerProcess, now: number): readonly string[] {
  const { uid, pid, ppid, guestPid, terminal, cpuMs, command } = process;
  const numbers = [uid, pid, ppid, guestPid].map(String);
  return [...numbers, startText(process.startedAtMs, now), terminal, clockText(cpuMs), command];
}

/** The time of a process of the last day, the date of an older one, as ps has it. */
function startText(startedAtMs: number, now: number): string {
  const date = new Date(startedAtMs);
  const two = (value: number) => String(value).padStart(2, '0');
  if (now - startedAtMs < 86_400_000) return `${two(date.getHours())}:${two(date.getMinutes())}`;
  return `${date.toLocaleString('en', { month: 'short' })}${two(date.getDate())}`;
}
