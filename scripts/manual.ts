// The manual page, from the table of commands.
import { exitCodes } from '../src/cli/exit-code.ts';
import type { Argument, CommandSpec, Flag } from '../src/cli/flag.ts';
import { commands, globalFlags } from '../src/cli/table.ts';

/** man/tscompose.1 in the language of man(7). */
function manualText(version: string): string {
  const visible = commands().filter((command: CommandSpec) => !command.hidden);
  return [
    `.TH TSCOMPOSE 1 "" "tscompose ${version}" "User Commands"`,
    '.SH NAME',
    'tscompose \\- run a compose\\-style stack on a plain Linux kernel',
    '.SH SYNOPSIS',
    '.B tscompose',
    '[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]',
    '.SH DESCRIPTION',
    roff(
      'Every service of the stack file is an ordinary process with restrictions: its own namespaces, root filesystem, cgroup and network. The file is the desired state; every command compares the machine with it and changes what differs. There is no daemon.',
    ),
    '.SH OPTIONS',
    'Taken by every command, before or after its name.',
    ...globalFlags.flatMap(flagLines),
    '.SH COMMANDS',
    ...visible.flatMap(commandLines),
    '.SH EXIT STATUS',
    ...exitCodes.flatMap(({ code, meaning }) => ['.TP', `.B ${code}`, roff(meaning)]),
    '.SH FILES',
    '.TP',
    '.I stack.yml',
    roff(
      'The stack file, looked for here and in the directories above; also stack.yaml, compose.yaml, compose.yml and the names that docker compose knows.',
    ),
    '.TP',
    '.I /var/lib/tscompose',
    'Volumes, root filesystems, writable layers and logs.',
    '.TP',
    '.I /run/tscompose',
    'What belongs to this boot.',
    '',
  ].join('\n');
}

const usageOf = (spec: CommandSpec): string =>
  ['\\fBtscompose', `${roff(spec.name)}\\fR`, '[\\fIOPTIONS\\fR]', ...spec.arguments.map(argumentWord)].join(' ');

function commandLines(spec: CommandSpec): readonly string[] {
  return [`.SS ${roff(spec.name)}`, usageOf(spec), '.PP', ...bodyLines(spec)];
}

function bodyLines(spec: CommandSpec): readonly string[] {
  return [
    `${roff(spec.summary)}.`,
    ...(spec.details ?? []).flatMap((paragraph) => ['.PP', roff(paragraph)]),
    ...spec.arguments.flatMap(({ name, help }) => ['.TP', `.I ${roff(name)}`, roff(help)]),
    ...spec.flags.flatMap(flagLines),
    ...(spec.examples ?? []).flatMap(([line, what]) => ['.TP', `.B ${roff(line)}`, roff(what)]),
  ];
}

function argumentWord({ name, many, optional }: Argument): string {
  const word = `\\fI${roff(name)}\\fR${many ? '...' : ''}`;
  return optional ? `[${word}]` : word;
}

function flagLines({ name, short, kind, value, choices, help }: Flag): readonly string[] {
  const word = value ?? name.toUpperCase();
  const operand = kind === 'switch' ? '' : ` \\fI${roff(word)}\\fR`;
  const letter = short === undefined ? '' : `\\fB\\-${roff(short)}\\fR, `;
  const list = choices === undefined || help.includes(choices[0] ?? '') ? '' : `: ${choices.join(', ')}`;
  return ['.TP', `${letter}\\fB\\-\\-${roff(name)}\\fR${operand}`, roff(help + list)];
}

/** By file name, below man/: the page of everything, and one for each command, as `man tscompose-up` looks for it. */
export function manualPages(version: string): ReadonlyMap<string, string> {
  const visible = commands().filter((command: CommandSpec) => !command.hidden);
  return new Map([
    ['tscompose.1', manualText(version)],
    ...visible.map((spec): [string, string] => [`tscompose-${spec.name}.1`, commandPage(spec, version)]),
  ]);
}

function commandPage(spec: CommandSpec, version: string): string {
  return [
    `.TH TSCOMPOSE\\-${roff(spec.name.toUpperCase())} 1 "" "tscompose ${version}" "User Commands"`,
    '.SH NAME',
    `tscompose\\-${roff(spec.name)} \\- ${roff(spec.summary)}`,
    '.SH SYNOPSIS',
    usageOf(spec),
    '.SH DESCRIPTION',
    ...bodyLines(spec),
    '.SH SEE ALSO',
    '.BR tscompose (1)',
    'for the options of every command, exit status and files.',
    '',
  ].join('\n');
}

/** Text that means itself: a line that begins with a dot or a quote would be an instruction. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replace(/^([.'])/, '\\&$1');
