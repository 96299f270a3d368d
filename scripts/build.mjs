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

/** What a session does; each action is loaded when it is asked for. */
const session = readdirSync(join(root, 'src/runtime/linux/session')).map((name) => `src/runtime/linux/session/${name}`);

/**
 * Which lazily loaded modules are wanted together, by the name of their file; every other one gets a file of its own. What
 * several of them need is in the first of their files: what a frequent command needs is never mixed with what a rare one
 * does.
 */
const commands = {
  'cli.cjs': ['src/cli/main.ts', ...['up', 'ps'].map((name) => `src/cli/commands/${name}.ts`)],
  'inside.cjs': ['logs', 'exec', 'complete', 'completion'].map((name) => `src/cli/commands/${name}.ts`),
  'work.cjs': [
    'src/cli/carry-out.ts',
    'src/cli/summary.ts',
    ...session,
    'src/runtime/linux/network/index.ts',
    'src/runtime/linux/native.ts',
  ],
  'load.cjs': ['src/project/load.ts'],
  'commands.cjs': readdirSync(join(root, 'src/cli/commands')).map((name) => `src/cli/commands/${name}`),
};

/** All that a supervisor needs between being woken and bringing a container back. */
const resident = {
  'resident.cjs': [
    'src/cli/resident.ts',
    'src/runtime/linux/watch.ts',
    ...['open', 'start'].map((name) => `src/runtime/linux/session/${name}.ts`),
  ],
  'resident-network.cjs': ['src/runtime/linux/network/index.ts'],
  'resident-work.cjs': session,
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

/** Making a seccomp filter takes longer than all else that `exec` does; what nearly all containers have is made here. */
async function filters() {
  const entry = "export { usualFilter } from './src/runtime/linux/seccomp.ts';";
  const { outputFiles } = await build({
    ...options,
    format: 'esm',
    stdin: { contents: entry, resolveDir: root },
  });
  const { usualFilter } = await import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`
  );
  const text = (arch) => JSON.stringify(usualFilter(arch).toString('base64'));
  return { TSCOMPOSE_FILTER_X64: text('x64'), TSCOMPOSE_FILTER_ARM64: text('arm64') };
}

/** The chunks of the program by name: text, what they need, and the module that is asked for when they are loaded lazily. */
async function split(entryPoint, chunkNames) {
  const result = await build({
    ...options,
    format: 'esm',
    splitting: true,
    metafile: true,
    entryPoints: [entryPoint],
    chunkNames,
    outdir: dist,
    external: ['koffi'],
    define: {
      TSCOMPOSE_VERSION: JSON.stringify(version),
      ...(await filters()),
      // Whoever asks for it has looked for __dirname before.
      'import.meta.url': '__filename',
    },
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

/** Which chunk goes into which file. */
function placement(chunks, together) {
  const entries = [...chunks].filter(([, { entryPoint }]) => entryPoint !== undefined);
  const groups = Object.entries(together).map(([file, modules]) => ({
    file,
    names: entries.filter(([, { entryPoint }]) => modules.includes(entryPoint)).map(([name]) => name),
  }));
  const alone = entries.map(([name]) => ({ file: name.replace(/[.]js$/, '.cjs'), names: [name] }));
  const places = new Map();
  for (const { file, names } of [...groups, ...alone]) {
    for (const name of names) {
      for (const needed of closure(chunks, name)) if (!places.has(needed)) places.set(needed, file);
    }
  }
  return places;
}

/**
 * `import()` becomes `require()`, which the launcher answers from its cache. Exports become plain properties, set at the
 * end: no chunk is asked for anything before it has run, and a getter behind a getter (what makes bindings live) would
 * cost two calls at each use.
 */
async function asFunction(name, text) {
  const cjs = await transform(text, {
    format: 'cjs',
    target: options.target,
    platform: 'node',
    supported: { 'dynamic-import': false },
  });
  const { helpers, body } = splitHelpers(cjs.code);
  const { code, exported } = withoutGetters(lazyBuiltins(body));
  // Names and lines stay: somebody will read a stack trace.
  const small = await transform(`${code}${exported}`, { minifyWhitespace: true, minifySyntax: true, lineLimit: 100 });
  return { helpers, text: `${JSON.stringify(name)}: function (exports, require, module) {\n${small.code}}` };
}

/** What esbuild puts at the head of every CommonJS module is in each of our files once. */
const helpersEnd = 'var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);\n';

function splitHelpers(code) {
  const end = code.indexOf(helpersEnd);
  if (end === -1) throw new Error('a chunk without the helpers of a CommonJS module');
  return { helpers: code.slice(0, end), body: code.slice(end + helpersEnd.length) };
}

/** All helpers that any of the chunks has: a chunk that imports no builtin module has some of those of one that does. */
const mostHelpers = (functions) =>
  functions.map(({ helpers }) => helpers).reduce((a, b) => (b.length > a.length ? b : a));

/** Whether a variable may get another value after its declaration; rather said too often than too rarely. */
function mayChange(code, variable) {
  const name = variable.replaceAll('$', '\\$');
  const assigned = `(?<!(?:var|let|const) )(?<![\\w$.])${name}\\s*(?:(?:[-+*/%&|^]|\\*\\*|&&|\\|\\||\\?\\?|<<|>>>?)?=(?![=>])|\\+\\+|--)`;
  return new RegExp(`${assigned}|(?:\\+\\+|--)${name}(?![\\w$])`).test(code);
}

function withoutGetters(code) {
  const [block, variable, entries] =
    /var (\w+) = \{\};\n__export\(\1, \{\n([\s\S]*?)\n\}\);\nmodule\.exports = __toCommonJS\(\1\);\n/.exec(code) ?? [];
  if (block === undefined) return { code, exported: '' };
  if (code.split(variable).length !== 4) throw new Error(`${variable} is used for more than exports`);
  const exported = entries.split(',\n').map((entry) => {
    const [, name, local] = /^\s*(\w+): \(\) => ([\w$.]+)$/.exec(entry) ?? [];
    if (name === undefined) throw new Error(`an export that is no name: ${entry}`);
    return mayChange(code, local)
      ? `Object.defineProperty(exports, "${name}", { get: () => ${local}, enumerable: true });\n`
      : `exports.${name} = ${local};\n`;
  });
  const mark = /\bdefault: /.test(entries) ? 'Object.defineProperty(exports, "__esModule", { value: true });\n' : '';
  return { code: code.replace(block, mark), exported: exported.join('') };
}

/** Only regular expressions still have other characters in them, and may have them escaped. */
const ascii = (text) => text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

async function bundle() {
  const programs = [
    { ...(await split('src/cli/main.ts', '[name]-[hash]')), together: commands },
    { ...(await split('src/cli/resident.ts', 'resident-[name]-[hash]')), together: resident },
  ];
  const files = new Map();
  const places = new Map();
  for (const { chunks, together } of programs) {
    for (const [name, file] of placement(chunks, together)) {
      places.set(name, file);
      files.set(file, [...(files.get(file) ?? []), asFunction(name, chunks.get(name).text)]);
    }
  }
  const texts = await Promise.all(
    [...files].map(async ([name, functions]) => {
      const made = await Promise.all(functions);
      const body = made.map(({ text }) => text).join(',\n');
      const head = `"use strict";\n${mostHelpers(made)}${lazy}`;
      return { name, text: ascii(`(function (require, __filename, __dirname) { ${head}return {\n${body}\n};\n})\n`) };
    }),
  );
  return { files: texts, places: Object.fromEntries(places), inputs: programs.flatMap(({ inputs }) => inputs) };
}

/** Builtin modules that Node has loaded anyway before it comes to us. */
const alwaysThere = ['fs', 'path', 'url', 'util', 'os', 'events'];

const lazy =
  'const __lazy = (load) => new Proxy({}, { get: (_, name) => load()[name], has: (_, name) => name in load() });\n';

/**
 * An import of a builtin module costs up to 8 ms (crypto), at the start of every command whether it uses it or not. Here
 * it becomes an object that loads the module at the first look into it.
 */
function lazyBuiltins(code) {
  return code.replace(/^(var |\s+)(import_\w+) = require\("node:([\w/]+)"\);$/gm, (line, start, variable, name) => {
    if (alwaysThere.includes(name)) return line;
    return `${start}${variable} = __lazy(() => require("node:${name}"));`;
  });
}

async function bundleLauncher(buildId, places) {
  const result = await build({
    ...options,
    format: 'cjs',
    entryPoints: ['src/cli/launcher.ts'],
    outfile: join(dist, 'tscompose.cjs'),
    banner: { js: '#!/usr/bin/env node' },
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 100,
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
