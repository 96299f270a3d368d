// Makes dist/: the bundle (JavaScript that Node can start fast) and the native shim.
//
// esbuild splits the program where modules are imported lazily. Its chunks are then put together into few files, by what
// is loaded together: a command with nothing to do reads neither what changes the machine nor YAML and schema.
// Few files, because fewer, larger files start faster; CommonJS, because it starts faster than ES modules and V8's code
// cache can be used for it. The launcher knows which chunk is in which file.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { buildNative } from './build-native.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Lazily loaded modules that are wanted together, by the name of their file; every other one gets a file of its own. */
const together = {
  'work.cjs': [
    'src/cli/preflight.ts',
    'src/runtime/linux/session/session.ts',
    'src/runtime/linux/network/index.ts',
    'src/runtime/linux/native.ts',
  ],
};

const options = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  write: false,
  legalComments: 'none',
  logLevel: 'warning',
};

/** The chunks of the program by name: text, what they need, and the module that is asked for when they are loaded lazily. */
async function split() {
  const result = await build({
    ...options,
    format: 'esm',
    splitting: true,
    metafile: true,
    entryPoints: { main: 'src/cli/main.ts' },
    outdir: dist,
    external: ['koffi'],
    define: { TSCOMPOSE_VERSION: JSON.stringify(version), 'import.meta.url': '__fileUrl' },
  });
  const { outputs, inputs } = result.metafile;
  const chunks = new Map();
  for (const { path, text } of result.outputFiles) {
    const { imports, entryPoint } = outputs[relative(root, path)];
    const needs = (kind) => imports.filter((it) => it.kind === kind && !it.external).map((it) => basename(it.path));
    chunks.set(basename(path), { text, entryPoint, needs: needs('import-statement'), later: needs('dynamic-import') });
  }
  return { chunks, inputs: Object.keys(inputs) };
}

/** A chunk and all that is loaded with it. */
function closure(chunks, name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  for (const next of chunks.get(name).needs) closure(chunks, next, found);
  return found;
}

/** Which chunk goes into which file: what two files need, and the program does not always, is in a third. */
function placement(chunks) {
  const places = new Map([...closure(chunks, 'main.js')].map((name) => [name, 'cli.cjs']));
  const always = new Set(places.keys());
  for (const [name, { entryPoint }] of chunks) {
    if (entryPoint === undefined || always.has(name)) continue;
    const [file = name.replace(/[.]js$/, '.cjs')] =
      Object.entries(together).find(([, modules]) => modules.includes(entryPoint)) ?? [];
    for (const needed of closure(chunks, name)) {
      if (always.has(needed)) continue;
      const other = places.get(needed);
      places.set(needed, other === undefined || other === file ? file : 'shared.cjs');
    }
  }
  return places;
}

/** `import()` becomes `require()`, which the launcher answers from its cache. */
async function asFunction(name, text) {
  const { code } = await transform(text, {
    format: 'cjs',
    target: options.target,
    platform: 'node',
    supported: { 'dynamic-import': false },
  });
  // In parentheses: V8 compiles it with the file, and so keeps it in its cache; it would parse it again otherwise.
  return `${JSON.stringify(name)}: (function (exports, require, module) {\n${lazyBuiltins(code)}})`;
}

async function bundle() {
  const { chunks, inputs } = await split();
  const places = placement(chunks);
  const files = new Map();
  for (const [name, file] of places) {
    files.set(file, [...(files.get(file) ?? []), asFunction(name, chunks.get(name).text)]);
  }
  const texts = await Promise.all(
    [...files].map(async ([name, functions]) => {
      const body = (await Promise.all(functions)).join(',\n');
      const fileUrl = body.includes('__fileUrl')
        ? 'const __fileUrl = require("node:url").pathToFileURL(__filename).href;\n'
        : '';
      return { name, text: `"use strict";\n${fileUrl}module.exports = {\n${body}\n};\n` };
    }),
  );
  return { files: texts, places: Object.fromEntries(places), inputs };
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
  const text = code.replace(
    /^(var |\s+)(import_\w+) = require\("node:([\w/]+)"\);$/gm,
    (line, start, variable, name) => {
      if (alwaysThere.includes(name)) return line;
      changed = true;
      return `${start}${variable} = __lazy(() => require("node:${name}"));`;
    },
  );
  return changed ? lazy + text : text;
}

async function bundleLauncher(buildId, places) {
  const result = await build({
    ...options,
    format: 'cjs',
    entryPoints: ['src/cli/launcher.ts'],
    outfile: join(dist, 'tscompose.cjs'),
    banner: { js: '#!/usr/bin/env node' },
    define: { TSCOMPOSE_BUILD: JSON.stringify(buildId), TSCOMPOSE_CHUNKS: JSON.stringify(places) },
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
const [{ files, places, inputs }] = await Promise.all([bundle(), buildNative({ outDir: join(dist, 'native') })]);
const hash = createHash('sha256');
for (const { name, text } of files) hash.update(`${name}\n${text}`);
const launcher = await bundleLauncher(hash.digest('hex').slice(0, 12), places);

for (const { name, text } of files) write(name, text);
write('THIRD-PARTY-LICENSES.txt', licences(inputs).join(`\n${'-'.repeat(80)}\n\n`));
write('tscompose.cjs', launcher, 0o755);
const current = new Set(['tscompose.cjs', ...files.map(({ name }) => basename(name))]);
for (const name of readdirSync(dist)) if (name.endsWith('.cjs') && !current.has(name)) rmSync(join(dist, name));
