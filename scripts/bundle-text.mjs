// What becomes of the text of a module that esbuild has made: the least that can be run fast.

import { transform } from 'esbuild';

/**
 * `import()` becomes `require()`, which the launcher answers from its cache. Exports become plain properties of what the
 * module returns: none is asked for anything before it has run, and a getter behind a getter (what makes bindings live)
 * would cost two calls at each use.
 */
export async function asFunction(name, commonJs) {
  const { helpers, body } = splitHelpers(commonJs);
  const code = withoutGetters(lazyBuiltins(askedOnce(withoutCopies(body))));
  // Names and lines stay: somebody will read a stack trace.
  const small = await transform(`made = function (require) {\n${code}}`, {
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 100,
  });
  return { helpers, text: `${JSON.stringify(`./${name}`)}: ${/^made=(.*?);?\s*$/s.exec(small.code)[1]}` };
}

/** Each chunk of a module has asked for what it needs by itself. */
function askedOnce(code) {
  const first = new Map();
  const again = new Map();
  const once = code.replace(/^var (import_\w+) = require\("([^"]+)"\);\n/gm, (line, variable, path) => {
    if (!first.has(path)) return first.set(path, variable) && line;
    again.set(variable, first.get(path));
    return '';
  });
  return once.replace(/\bimport_\w+\b/g, (variable) => again.get(variable) ?? variable);
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

/** The code without esbuild's exports, and what the module returns in their place. */
function withoutGetters(code) {
  const [block, variable, entries] =
    /var (\w+) = \{\};\n__export\(\1, \{\n([\s\S]*?)\n\}\);\nmodule\.exports = __toCommonJS\(\1\);\n/.exec(code) ?? [];
  if (block === undefined) throw new Error('a module without exports');
  if (code.split(variable).length !== 4) throw new Error(`${variable} is used for more than exports`);
  const exported = entries.split(',\n').map((entry) => {
    const [, name, local] = /^\s*(\w+): \(\) => ([\w$.]+)$/.exec(entry) ?? [];
    if (name === undefined) throw new Error(`an export that is no name: ${entry}`);
    return mayChange(code, local) ? `get ${name}() { return ${local}; }` : `${name}: ${local}`;
  });
  return `${code.replace(block, '')}return { ${exported.join(', ')} };\n`;
}

/** What a module of ours exports is used as it is, and not as a copy with a getter for each export. */
const withoutCopies = (code) => code.replace(/__toESM\((require\("\.\/[^"]+"\))(?:, 1)?\)/g, '$1');

/** Only regular expressions still have other characters in them, and may have them escaped. */
const ascii = (text) => text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Builtin modules that Node has loaded anyway before it comes to us. */
const alwaysThere = ['fs', 'path', 'url', 'util', 'events'];

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

/** A file of modules, by their names. */
export function asFile(modules) {
  const body = modules.map(({ text }) => text).join(',\n');
  const head = `"use strict";\n${mostHelpers(modules)}${lazy}`;
  return ascii(`(function (require, __filename, __dirname) { ${head}return {\n${body}\n};\n})\n`);
}
