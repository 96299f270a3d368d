// npm run bench [-- --rounds N --containers N --json FILE]: containers first (run.mjs), then networks (network.mjs), whose
// figures go to FILE with "-network" before its ending, then restarts and their supervisor (supervise.mjs), the commands of a
// day (commands.mjs), and watch mode (watch.mjs).
import { spawnSync } from 'node:child_process';
import { parse } from 'node:path';
import { fileURLToPath } from 'node:url';

const args = process.argv.slice(2);
const at = args.indexOf('--json') + 1;

function networkFile(file) {
  const { dir, name, ext } = parse(file);
  return `${dir === '' ? '' : `${dir}/`}${name}-network${ext}`;
}

const forNetwork = args.map((arg, index) => (at > 0 && index === at ? networkFile(arg) : arg));
for (const [script, argv] of [
  ['run.mjs', args],
  ['network.mjs', forNetwork],
  ['supervise.mjs', []],
  ['commands.mjs', []],
  ['watch.mjs', []],
]) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { status } = spawnSync(process.execPath, [path, ...argv], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
