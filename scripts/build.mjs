// Makes dist/: the bundle (JavaScript that Node can start fast) and the native shim.
//
// esbuild splits at every `import()` only when it writes ES modules, and CommonJS starts faster (10 to 25 ms) and can be
// loaded with V8's code cache; so each chunk it has made is turned into CommonJS afterwards.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { buildNative } from './build-native.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const target = 'node20.19';

const options = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target,
  external: ['koffi', './cli.cjs'],
  write: false,
  legalComments: 'none',
  logLevel: 'warning',
};

/** Our code and its packages, cut into chunks by what is loaded lazily; file name → text. */
async function bundle() {
  const result = await build({
    ...options,
    entryPoints: { cli: 'src/cli/main.ts' },
    outdir: dist,
    format: 'esm',
    splitting: true,
    chunkNames: '[name]-[hash]',
    outExtension: { '.js': '.cjs' },
    metafile: true,
    define: { TSCOMPOSE_VERSION: JSON.stringify(version), 'import.meta.url': '__fileUrl' },
  });
  const fileUrl = 'const __fileUrl = require("node:url").pathToFileURL(__filename).href;\n';
  const files = new Map();
  for (const file of result.outputFiles) {
    const { code } = await transform(file.text, {
      format: 'cjs',
      platform: 'node',
      target,
      // `import()` becomes `require()`, which the launcher can answer from its cache.
      supported: { 'dynamic-import': false },
      // Makes esbuild treat CommonJS packages as Node does in an ES module: `default` is `module.exports`.
      sourcefile: `${basename(file.path)}.mjs`,
    });
    const text = lazyBuiltins(code);
    // ES modules are strict without saying so.
    files.set(basename(file.path), `"use strict";\n${text.includes('__fileUrl') ? fileUrl : ''}${text}`);
  }
  return { files, metafile: result.metafile };
}

/** Builtin modules that Node has loaded anyway before it comes to us. */
const alwaysThere = ['fs', 'path', 'url', 'util', 'os', 'events'];

/**
 * An import of a builtin module costs up to 8 ms (crypto), at the start of every command whether it uses it or not. Here
 * it becomes an object that loads the module at the first look into it.
 */
function lazyBuiltins(code) {
  const lazy =
    'const __lazy = (load) => new Proxy({}, { get: (_, name) => load()[name], has: (_, name) => name in load() });\n';
  let changed = false;
  const text = code.replace(/^var (import_\w+) = require\("node:([\w/]+)"\);$/gm, (line, variable, name) => {
    if (alwaysThere.includes(name)) return line;
    changed = true;
    return `var ${variable} = __lazy(() => require("node:${name}"));`;
  });
  return changed ? lazy + text : text;
}

async function bundleLauncher(buildId) {
  const result = await build({
    ...options,
    entryPoints: ['src/cli/launcher.ts'],
    outfile: join(dist, 'tscompose.cjs'),
    format: 'cjs',
    banner: { js: '#!/usr/bin/env node' },
    define: { TSCOMPOSE_BUILD: JSON.stringify(buildId) },
  });
  return result.outputFiles[0].text;
}

/** The licences of the packages whose code is in the bundle. */
function licences(metafile) {
  const names = Object.keys(metafile.inputs).flatMap(
    (path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1] ?? [],
  );
  return [...new Set(names)].sort().map((name) => {
    const folder = join(root, 'node_modules', name);
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} comes without a licence; it cannot be bundled`);
    const { version: packageVersion } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return `${name} ${packageVersion}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
}

/** Others may be running the old build: each file appears whole, the entry last. */
function write(name, text, mode = 0o644) {
  const path = join(dist, name);
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, path);
}

mkdirSync(dist, { recursive: true });
const [{ files, metafile }] = await Promise.all([bundle(), buildNative({ outDir: join(dist, 'native') })]);
const hash = createHash('sha256');
for (const [name, text] of [...files].sort()) hash.update(`${name}\n${text}`);
const launcher = await bundleLauncher(hash.digest('hex').slice(0, 12));

for (const [name, text] of files) if (name !== 'cli.cjs') write(name, text);
write('THIRD-PARTY-LICENSES.txt', licences(metafile).join(`\n${'-'.repeat(80)}\n\n`));
write('cli.cjs', files.get('cli.cjs'));
write('tscompose.cjs', launcher, 0o755);
for (const name of readdirSync(dist)) {
  if (name.endsWith('.cjs') && name !== 'tscompose.cjs' && !files.has(name)) rmSync(join(dist, name));
}
