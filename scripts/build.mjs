// Makes dist/: the bundle (JavaScript that Node can start fast) and the native shim.
//
// One CommonJS file holds everything; modules that are imported lazily are in it too, but only run when they are asked
// for. What drags large packages in is a file of its own beside it, with copies of the pure modules that both need: a
// command with nothing to do reads neither YAML nor schema nor listr2. Files instead of packages are the unit because
// fewer, larger files start faster, and CommonJS because it starts faster than ES modules and V8's code cache can be
// used for it.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildNative } from './build-native.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Modules that become files of their own, by file name. They must be pure, or at least not mind being there twice. */
const apart = {
  'load.cjs': 'src/project/load.ts',
  'config-out.cjs': 'src/project/config-out.ts',
  'tasks.cjs': 'src/cli/render/tasks.ts',
};

const options = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  external: ['koffi', './cli.cjs'],
  // `import()` becomes `require()`, which the launcher answers from its cache.
  supported: { 'dynamic-import': false },
  write: false,
  metafile: true,
  legalComments: 'none',
  logLevel: 'warning',
};

const setApart = {
  name: 'set-apart',
  setup({ onResolve }) {
    const names = new Map(Object.entries(apart).map(([name, path]) => [join(root, path), name]));
    onResolve({ filter: /^[.]/ }, ({ kind, path, resolveDir }) => {
      const name = kind === 'dynamic-import' ? names.get(resolve(resolveDir, path)) : undefined;
      return name === undefined ? undefined : { path: `./${name}`, external: true };
    });
  },
};

async function bundle(entry, name) {
  const result = await build({
    ...options,
    entryPoints: [entry],
    outfile: join(dist, name),
    plugins: [setApart],
    define: { TSCOMPOSE_VERSION: JSON.stringify(version), 'import.meta.url': '__fileUrl' },
  });
  const text = lazyBuiltins(result.outputFiles[0].text);
  const fileUrl = text.includes('__fileUrl')
    ? 'const __fileUrl = require("node:url").pathToFileURL(__filename).href;'
    : '';
  return { name, text: `"use strict";${fileUrl}\n${text}`, inputs: Object.keys(result.metafile.inputs) };
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

async function bundleLauncher(buildId) {
  const result = await build({
    ...options,
    entryPoints: ['src/cli/launcher.ts'],
    outfile: join(dist, 'tscompose.cjs'),
    banner: { js: '#!/usr/bin/env node' },
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
const [files] = await Promise.all([
  Promise.all([
    bundle('src/cli/main.ts', 'cli.cjs'),
    ...Object.entries(apart).map(([name, path]) => bundle(path, name)),
  ]),
  buildNative({ outDir: join(dist, 'native') }),
]);
const hash = createHash('sha256');
for (const { name, text } of files) hash.update(`${name}\n${text}`);
const launcher = await bundleLauncher(hash.digest('hex').slice(0, 12));

for (const { name, text } of files) write(name, text);
write('THIRD-PARTY-LICENSES.txt', licences(files.flatMap(({ inputs }) => inputs)).join(`\n${'-'.repeat(80)}\n\n`));
write('tscompose.cjs', launcher, 0o755);
const current = new Set(['tscompose.cjs', ...files.map(({ name }) => basename(name))]);
for (const name of readdirSync(dist)) if (name.endsWith('.cjs') && !current.has(name)) rmSync(join(dist, name));
