// The program as few files of JavaScript that Node can start fast.
//
// esbuild splits it where modules are imported lazily. Its chunks are put together again by what is loaded together: into
// modules with one scope each, and those into files. A command with nothing to do reads neither what changes the machine nor
// YAML and schema. Few files, because fewer, larger files start faster; CommonJS, because it starts faster than ES modules
// and V8's code cache can be used for it. A module that asks for one in another file says which file that is.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { build } from 'esbuild';
import { dist, options, root } from './build-options.mjs';
import { asFile, asFunction } from './bundle-text.mjs';

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

/** Making a seccomp filter takes longer than all else that `exec` does; what nearly all containers have is made here. */
async function usualFilters() {
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

/** The chunks of the program by name: text, exports, what they need, and the module that is asked for when they are loaded lazily. */
async function split(entryPoint, chunkNames, filters) {
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
      ...filters,
      // Whoever asks for it has looked for __dirname before.
      'import.meta.url': '__filename',
    },
  });
  const { outputs, inputs } = result.metafile;
  const chunks = new Map();
  for (const { path, text } of result.outputFiles) {
    const { imports, exports, entryPoint } = outputs[relative(root, path)];
    const needs = (kind) => imports.filter((it) => it.kind === kind && !it.external).map((it) => basename(it.path));
    chunks.set(basename(path), { text, entryPoint, exports, needs: needs('import-statement') });
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

/**
 * Which chunk goes where: into the module of the first lazily loaded one that needs it, and with that into its file. What a
 * module needs of others is therefore always in earlier ones.
 */
function placement(chunks, together) {
  const entries = new Map([...chunks].map(([name, { entryPoint }]) => [entryPoint, name]));
  entries.delete(undefined);
  const groups = Object.entries(together).map(([file, modules]) => ({
    file,
    names: modules.flatMap((module) => entries.get(module) ?? []),
  }));
  const alone = [...entries.values()].map((name) => ({ file: name.replace(/[.]js$/, '.cjs'), names: [name] }));
  const places = new Map();
  for (const { file, names } of [...groups, ...alone]) {
    for (const module of names) {
      for (const needed of closure(chunks, module)) if (!places.has(needed)) places.set(needed, { file, module });
    }
  }
  return places;
}

/** What the export of a chunk is called among those of its module. */
const exportName = (chunk, name) => `_${basename(chunk, '.js').split('-').at(-1)}_${name}`;

/** What other modules and `alias` import from each chunk, by its name. */
function importedFrom(chunks, places) {
  const imported = new Map([...chunks.keys()].map((name) => [name, new Set()]));
  for (const [importer, { text }] of chunks) {
    for (const [, list, chunk] of text.matchAll(/^import \{([^}]*)\} from "\.\/([\w.-]+)";$/gm)) {
      if (places.get(chunk).module === places.get(importer).module) continue;
      for (const name of list.split(',')) imported.get(chunk).add(name.trim().split(' ')[0]);
    }
  }
  for (const [name, { exports, entryPoint }] of chunks) {
    if (entryPoint !== undefined && places.get(name).module !== name)
      exports.map((each) => imported.get(name).add(each));
  }
  return imported;
}

/** How a module of the bundle is asked for from within a file: a table in the launcher would be read at every start. */
const pathOf = (file, { file: other, module }) => (file === other ? `./${module}` : `./${other}/${module}`);

/**
 * The chunks that are loaded together, as one module with one scope: each one by itself costs an object with its exports, a
 * scope and a call, and each use of another one a look into its exports.
 */
function joined({ chunks, places, imported }, name) {
  const exports = [...places].flatMap(([chunk, { module }]) => {
    if (module !== name) return [];
    const own = chunk === name ? chunks.get(chunk).exports : [];
    const others = [...imported.get(chunk)].map((each) => `${each} as ${exportName(chunk, each)}`);
    return [`export { ${[...own, ...others].join(', ')} } from "./${chunk}";`];
  });
  return exports.join('\n');
}

/** A lazily loaded chunk that is part of another one's module. */
function alias({ chunks, places }, name) {
  const { file, module } = places.get(name);
  const names = chunks.get(name).exports.map((each) => `${exportName(name, each)} as ${each}`);
  return `export { ${names.join(', ')} } from "module:${pathOf(file, { file, module })}";`;
}

async function asCommonJs(program, name) {
  const contentsOf = program.places.get(name).module === name ? joined : alias;
  const { outputFiles } = await build({
    ...options,
    format: 'cjs',
    supported: { 'dynamic-import': false },
    stdin: { contents: contentsOf(program, name), resolveDir: dist, sourcefile: name },
    plugins: [chunkResolver(program, program.places.get(name))],
  });
  return outputFiles[0].text;
}

function chunkResolver({ chunks, places, imported }, { file, module }) {
  const contentsOf = (chunk) => {
    const place = places.get(chunk);
    if (place.module === module) return chunks.get(chunk).text;
    const names = [...imported.get(chunk)].map((each) => `${exportName(chunk, each)} as ${each}`);
    return `export { ${names.join(', ')} } from "module:${pathOf(file, place)}";`;
  };
  return {
    name: 'chunks',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^module:/ }, ({ path }) => ({ path: path.slice('module:'.length), external: true }));
      onResolve({ filter: /^\.\// }, ({ path, kind }) => {
        const chunk = path.slice(2);
        // Loaded lazily, it is asked for by its own name.
        if (kind === 'dynamic-import')
          return { path: pathOf(file, { ...places.get(chunk), module: chunk }), external: true };
        return { path: chunk, namespace: 'chunk' };
      });
      onResolve({ filter: /./ }, ({ kind }) => (kind === 'entry-point' ? undefined : { external: true }));
      onLoad({ filter: /./, namespace: 'chunk' }, ({ path }) => ({ contents: contentsOf(path), loader: 'js' }));
    },
  };
}

/** The module with this name as a function that answers `import` and `import()` from the launcher's `require`. */
const moduleOf = async (program, name) => asFunction(name, await asCommonJs(program, name));

export async function bundle() {
  const filters = await usualFilters();
  const programs = [
    { ...(await split('src/cli/main.ts', '[name]-[hash]', filters)), together: commands },
    { ...(await split('src/cli/resident.ts', 'resident-[name]-[hash]', filters)), together: resident },
  ];
  const files = new Map();
  for (const { chunks, together } of programs) {
    const places = placement(chunks, together);
    const program = { chunks, places, imported: importedFrom(chunks, places) };
    for (const [name, { file, module }] of places) {
      if (module !== name && chunks.get(name).entryPoint === undefined) continue;
      files.set(file, [...(files.get(file) ?? []), moduleOf(program, name)]);
    }
  }
  const texts = await Promise.all(
    [...files].map(async ([name, modules]) => ({ name, text: asFile(await Promise.all(modules)) })),
  );
  return { files: texts, inputs: programs.flatMap(({ inputs }) => inputs) };
}
