type Env = { readonly [name: string]: string | undefined };

type ColorOptions = {
  readonly isTty: boolean;
  readonly noColorFlag: boolean;
  readonly ansi?: 'auto' | 'always' | 'never' | undefined;
};

/**
 * Whether a stream gets colours. Strongest first: `--no-color` and `--ansi`, NO_COLOR (no-color.org), FORCE_COLOR,
 * CLICOLOR_FORCE, TERM=dumb, CLICOLOR=0, then whether it is a terminal.
 */
export function wantsColor(env: Env, { isTty, noColorFlag, ansi = 'auto' }: ColorOptions): boolean {
  if (noColorFlag || ansi === 'never') return false;
  if (ansi === 'always') return true;
  if (env['NO_COLOR']) return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (env['CLICOLOR_FORCE'] && env['CLICOLOR_FORCE'] !== '0') return true;
  if (env['TERM'] === 'dumb' || env['CLICOLOR'] === '0') return false;
  return isTty;
}

/** Select Graphic Rendition codes (ECMA-48) by the role that a text plays; terminals choose the shade. */
const codes = {
  bold: '1',
  dim: '2',
  red: '31',
  green: '32',
  yellow: '33',
  blue: '34',
  magenta: '35',
  cyan: '36',
  brightCyan: '96',
  brightYellow: '93',
  brightGreen: '92',
  brightMagenta: '95',
  brightBlue: '94',
  error: '1;31',
  warning: '1;33',
  notice: '1;36',
} as const;

export type Style = keyof typeof codes;
export type Paint = (style: Style, text: string) => string;

/** Writes texts with or without colour. */
export function painter(color: boolean): Paint {
  if (!color) return (_style, text) => text;
  return (style, text) => (text === '' ? '' : `\x1b[${codes[style]}m${text}\x1b[0m`);
}

/** Colours of log prefixes in order of first appearance, as docker compose users know them. */
export const prefixStyles: readonly Style[] = [
  'cyan',
  'yellow',
  'green',
  'magenta',
  'blue',
  'brightCyan',
  'brightYellow',
  'brightGreen',
  'brightMagenta',
  'brightBlue',
];
