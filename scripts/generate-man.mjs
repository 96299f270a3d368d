// Writes man/*.1 from the table of commands.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const { outputFiles } = await build({
  entryPoints: [`${root}scripts/manual.ts`],
  bundle: true,
  write: false,
  platform: 'node',
  format: 'esm',
});
const source = outputFiles[0].text;
const { manualPages } = await import(`data:text/javascript;base64,${Buffer.from(source).toString('base64')}`);
rmSync(`${root}man`, { recursive: true, force: true });
mkdirSync(`${root}man`);
for (const [name, text] of manualPages(version)) writeFileSync(`${root}man/${name}`, text);
