import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';

/** Takes Debian's packages apart into one tree, without installing them: nothing of theirs runs on this machine. */
export function unpackPackages(names: readonly string[], directory: string): void {
  const scratch = `${directory}.${process.pid}`;
  mkdirSync(scratch, { recursive: true });
  try {
    const download = ['download', '-qq', '-o', 'Acquire::Retries=3', ...names];
    execFileSync('apt-get', download, { cwd: scratch, stdio: 'ignore', timeout: 300_000 });
    const archives = readdirSync(scratch).filter((file) => file.endsWith('.deb'));
    if (archives.length !== names.length)
      throw new Error(`apt-get downloaded ${archives.length} of ${names.join(' ')}`);
    for (const archive of archives) execFileSync('dpkg', ['-x', archive, 'tree'], { cwd: scratch });
    rmSync(directory, { recursive: true, force: true });
    renameSync(`${scratch}/tree`, directory);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
