import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Capability } from './capabilities.ts';
import { eventually } from './eventually.ts';
import { kill } from './leaks.ts';
import { type Rig, scenario } from './scenario.ts';
import { root } from './tree.ts';

/** A real terminal of 80 × 24 with a shell in it. */
export class Terminal {
  readonly #name: string;

  constructor(rig: Rig) {
    this.#name = rig.project;
    const shell = 'env -u NODE_EXTRA_CA_CERTS -u CI PS1=ready: TERM=screen-256color bash --norc --noprofile';
    this.#tmux('new-session', '-d', '-s', 'main', '-x', '80', '-y', '24', '-c', rig.directory, shell);
  }

  #tmux(...args: string[]): string {
    return execFileSync('tmux', ['-L', this.#name, '-f', '/dev/null', ...args], { encoding: 'utf8' });
  }

  type(line: string): void {
    this.#tmux('send-keys', '-t', 'main', '-l', line);
    this.#tmux('send-keys', '-t', 'main', 'Enter');
  }

  /** What is typed without Enter. */
  keys(text: string): void {
    this.#tmux('send-keys', '-t', 'main', '-l', text);
  }

  press(key: string): void {
    this.#tmux('send-keys', '-t', 'main', key);
  }

  screen(): string {
    return this.#tmux('capture-pane', '-p', '-S', '-', '-t', 'main');
  }

  /** What is on the screen now, without what has scrolled out of it. */
  visible(): string {
    return this.#tmux('capture-pane', '-p', '-t', 'main');
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-t', 'main', '-x', String(columns), '-y', String(rows));
  }

  /**
   * Resizes while the command under the `sh` of the shell's job does not draw. tmux breaks the lines anew at once, but tells
   * the new size up to 250 ms later: what is drawn in between is drawn for a terminal that is no longer there, and neither
   * the command nor anybody else can know.
   */
  async resizeWhileStill(columns: number, rows: number): Promise<void> {
    const [job] = childrenOf(Number(this.#tmux('display-message', '-p', '-t', 'main', '#{pane_pid}')));
    const [command] = childrenOf(job ?? 0);
    if (command === undefined) throw new Error('no command runs under a sh in the terminal');
    kill(command, 'SIGSTOP');
    try {
      await this.#settled();
      this.resize(columns, rows);
      const tty = this.#tmux('display-message', '-p', '-t', 'main', '#{pane_tty}').trim();
      const size = () => execFileSync('stty', ['-F', tty, 'size'], { encoding: 'utf8' }).trim();
      await eventually(() => expect(size()).toBe(`${rows} ${columns}`));
    } finally {
      kill(command, 'SIGCONT');
    }
  }

  /** Until all that was written is on the screen. */
  async #settled(): Promise<void> {
    let before: string | undefined;
    await eventually(() => {
      const now = this.screen();
      const same = now === before;
      before = now;
      expect(same).toBe(true);
    });
  }

  /** Whether cursor and screen are as a shell wants them. */
  isSane(): boolean {
    const state = this.#tmux('display-message', '-p', '-t', 'main', '#{cursor_flag} #{alternate_on} #{mouse_any_flag}');
    return state.trim() === '1 0 0';
  }

  close(): void {
    this.#tmux('kill-server');
  }
}

const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

/** The command line of a call, for a shell. */
export const tscompose = (rig: Rig, line: string) => `node ${root}/dist/tscompose.cjs -p ${rig.project} ${line}`;

/** A scenario at a shell prompt, `ready:`, in the directory of its stack. */
export function inTerminal(
  title: string,
  body: (rig: Rig, terminal: Terminal) => Promise<void>,
  needs: readonly Capability[] = [],
): void {
  scenario(title, ['tmux', ...needs], async (rig) => {
    await rig.hold();
    const terminal = new Terminal(rig);
    try {
      await eventually(() => expect(terminal.screen()).toContain('ready:'));
      await body(rig, terminal);
    } finally {
      terminal.close();
    }
  });
}
