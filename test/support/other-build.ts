import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Rig } from './scenario.ts';
import { root } from './tree.ts';

/** Text of a source file that another version has otherwise; every occurrence of it. */
export type Difference = { readonly file: string; readonly from: string; readonly to: string };

/** Another version of tscompose: these sources with differences, built whole, shim and all. */
export class OtherBuild {
  readonly #directory = mkdtempSync(join(tmpdir(), 'tsc-other-'));

  constructor(differences: readonly Difference[]) {
    for (const name of ['src', 'native', 'scripts', 'package.json', 'tsconfig.json']) {
      cpSync(join(root, name), join(this.#directory, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(this.#directory, 'node_modules'));
    for (const { file, from, to } of differences) {
      const path = join(this.#directory, file);
      const text = readFileSync(path, 'utf8');
      if (!text.includes(from)) throw new Error(`${file} does not contain ${from}`);
      writeFileSync(path, text.replaceAll(from, to));
    }
    execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: this.#directory, stdio: 'pipe' });
  }

  /** Runs a command of it on the project of a rig; throws with its output when it does not succeed. */
  async run(rig: Rig, args: readonly string[]): Promise<string> {
    const cli = join(this.#directory, 'dist/tscompose.cjs');
    const bound = [cli, '-p', rig.project, '-f', rig.path('stack.yml'), ...args];
    const env = { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '', NODE_EXTRA_CA_CERTS: '' };
    return (await promisify(execFile)(process.execPath, bound, { cwd: rig.directory, env })).stdout;
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }
}

const shim = 'src/runtime/linux/protocol.ts';

/** The shim's ABI number is another one, and the state record is larger: its slots are elsewhere, its replies longer. */
export const otherState: readonly Difference[] = [
  { file: 'native/protocol.h', from: '#define TSC_ABI 2', to: '#define TSC_ABI 77' },
  { file: 'native/protocol.h', from: 'char fail_text[112];', to: 'char fail_text[176];' },
  { file: 'native/protocol.h', from: 'sizeof(struct tsc_state) == 256', to: 'sizeof(struct tsc_state) == 320' },
  { file: 'native/protocol.h', from: 'sizeof(struct tsc_reply) == 264', to: 'sizeof(struct tsc_reply) == 328' },
  { file: shim, from: 'abi = 2;', to: 'abi = 77;' },
  { file: shim, from: 'state: 256', to: 'state: 320' },
  { file: shim, from: 'reply: 264', to: 'reply: 328' },
  { file: shim, from: 'kill_at_boot_s: 248,\n    checksum: 252', to: 'kill_at_boot_s: 312,\n    checksum: 316' },
];

/** What it writes into record.json has another version, and a config of another shape. */
export const otherRecord: readonly Difference[] = [
  { file: 'src/runtime/linux/session/create.ts', from: 'version: 1,', to: 'version: 88 as 1,' },
  { file: 'src/runtime/linux/state-dir.ts', from: 'record.version === 1', to: 'record.version === (88 as 1)' },
];
