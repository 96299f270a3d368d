import { inheritedFlags } from './args.ts';
import { exitCodes } from './exit-code.ts';
import type { Argument, CommandSpec, Flag } from './flag.ts';
import { commands, globalFlags } from './table.ts';

/** `tscompose --help`. `width` is in columns. */
export function overview(width: number): string {
  const groups = groupTitles.map(([group, title]) => {
    const rows = commands().filter((command: CommandSpec) => command.group === group && !command.hidden);
    return section(
      title,
      rows.map((command) => [command.name, command.summary]),
      width,
    );
  });
  return [
    'Usage: tscompose [OPTIONS] COMMAND\n',
    'Runs a compose-style stack on a plain Linux kernel: no Docker, no daemon.\n',
    ...groups,
    section('Options', globalFlags.map(flagRow), width),
    section(
      'Exit codes',
      exitCodes.map(({ code, meaning }) => [String(code), meaning]),
      width,
    ),
    `${wrap('Without -f the stack file is looked for here and in the directories above: stack.yml, stack.yaml, compose.yaml, compose.yml, docker-compose.yml.', width, 0)}\n`,
    "'tscompose COMMAND --help' tells more about a command.\n",
  ].join('\n');
}

/** `tscompose COMMAND --help`. */
export function commandHelp(spec: CommandSpec, width: number): string {
  const words = ['Usage: tscompose', spec.name, '[OPTIONS]', ...spec.arguments.map(argumentWord)];
  const sections = [
    `${words.join(' ')}\n`,
    `${wrap(spec.summary, width, 0)}.\n`,
    ...(spec.details ?? []).map((paragraph) => `${wrap(paragraph, width, 0)}\n`),
    section(
      'Arguments',
      spec.arguments.map((argument) => [argument.name, argument.help]),
      width,
    ),
    section('Options', spec.flags.map(flagRow), width),
    section('Options of every command', inheritedFlags(spec).map(flagRow), width),
    section('Examples', spec.examples ?? [], width),
  ];
  return sections.filter((text) => text !== '').join('\n');
}

const groupTitles = [
  ['run', 'Run'],
  ['look', 'Look'],
  ['file', 'Stack file'],
  ['tool', 'Tool'],
] as const;

const argumentWord = (argument: Argument) => {
  const word = argument.many ? `${argument.name}...` : argument.name;
  return argument.optional ? `[${word}]` : word;
};

function flagRow(flag: Flag): readonly [string, string] {
  const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
  const value = flag.kind === 'switch' ? '' : ` ${flag.value ?? flag.name.toUpperCase()}`;
  const choices =
    flag.choices === undefined || flag.help.includes(flag.choices[0] ?? '') ? '' : `: ${flag.choices.join(', ')}`;
  return [`${short}--${flag.name}${value}`, flag.help + choices];
}

/** Two columns under a title; texts too long for the line go on under their own column. */
function section(title: string, rows: readonly (readonly [string, string])[], width: number): string {
  if (rows.length === 0) return '';
  const left = Math.min(30, Math.max(...rows.map(([name]) => name.length)));
  const lines = rows.map(([name, text]) => {
    const indent = left + 4;
    const gap = name.length > left ? `\n${' '.repeat(indent)}` : ' '.repeat(left - name.length + 2);
    return `  ${name}${gap}${wrap(text, width, indent)}`;
  });
  return `${title}:\n${lines.join('\n')}\n`;
}

/** Breaks at spaces so that no line is longer than `width`, when the first one starts at `indent` already. */
function wrap(text: string, width: number, indent: number): string {
  const room = Math.max(20, width - indent);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}
