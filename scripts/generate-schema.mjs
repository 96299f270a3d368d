// Writes schema.json and docs/stack-file.md from the zod schema and the table of verdicts.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { outputFiles } = await build({
  entryPoints: [`${root}scripts/reference.ts`],
  bundle: true,
  write: false,
  platform: 'node',
  format: 'esm',
});
const source = outputFiles[0].text;
const { schemaText, stackFileText } = await import(
  `data:text/javascript;base64,${Buffer.from(source).toString('base64')}`
);
writeFileSync(`${root}schema.json`, schemaText());
writeFileSync(`${root}docs/stack-file.md`, stackFileText());
