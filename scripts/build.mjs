// Makes dist/: the bundle (bundle.mjs), the launcher that loads it, and the native shim.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { buildNative } from './build-native.mjs';
import { dist, options, root } from './build-options.mjs';
import { bundle } from './bundle.mjs';

async function bundleLauncher(buildId) {
  const result = await build({
    ...options,
    format: 'cjs',
    entryPoints: ['src/cli/launcher.ts'],
    outfile: join(dist, 'tscompose.cjs'),
    banner: { js: '#!/usr/bin/env node' },
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 100,
    define: { TSCOMPOSE_BUILD: JSON.stringify(buildId) },
  });
  return result.outputFiles[0].text;
}

/** The licences of the packages whose code is in the bundle. */
function licences(inputs) {
  const names = inputs.flatMap((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1] ?? []);
  return [...new Set(names)].sort().map((name) => {
    const folder = join(root, 'node_modules', name);
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} comes without a licence; it cannot be bundled`);
    const { version: packageVersion } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return `${name} ${packageVersion}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
}

/** Others may be running the old build: each file appears whole. */
function write(name, text, mode = 0o644) {
  const path = join(dist, name);
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, path);
}

mkdirSync(dist, { recursive: true });
const [{ files, inputs }] = await Promise.all([bundle(), buildNative({ outDir: join(dist, 'native') })]);
const hash = createHash('sha256');
for (const { name, text } of files) hash.update(`${name}\n${text}`);
const launcher = await bundleLauncher(hash.digest('hex').slice(0, 12));

for (const { name, text } of files) write(name, text);
write('THIRD-PARTY-LICENSES.txt', licences(inputs).join(`\n${'-'.repeat(80)}\n\n`));
write('tscompose.cjs', launcher, 0o755);
const current = new Set(['tscompose.cjs', ...files.map(({ name }) => basename(name))]);
for (const name of readdirSync(dist)) if (name.endsWith('.cjs') && !current.has(name)) rmSync(join(dist, name));
