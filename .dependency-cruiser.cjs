// Who may import whom. test/house/imports.test.ts runs these rules and also counts the modules that were seen, because a
// graph that resolves nothing has no violations either.
const layers = {
  cli: 'supervise|apply|plan|project|spec|runtime|model|util',
  supervise: 'apply|plan|project|runtime|model|util',
  apply: 'runtime|model|util',
  runtime: 'model|util',
  project: 'spec|model|util',
  plan: 'model|util',
  spec: 'model|util',
  model: 'util',
  util: '$^',
};

const layering = Object.entries(layers).map(([from, allowed]) => ({
  name: `layer-${from}`,
  severity: 'error',
  comment: `src/${from} may import only: ${allowed.replaceAll('|', ', ')}. See ARCHITECTURE.md.`,
  from: { path: `^src/${from}/` },
  to: { path: '^src/', pathNot: [`^src/${from}/`, `^src/(?:${allowed})/`] },
}));

const door = (name, doors) => ({
  name: `one-door-${name}`,
  severity: 'error',
  comment: `Only ${doors} talks to ${name}.`,
  from: { path: '^src/', pathNot: doors },
  to: { path: `node_modules/${name}/` },
});

module.exports = {
  forbidden: [
    ...layering,
    door('yaml', '^src/spec/'),
    door('zod', '^src/spec/(?:schema[^/]*|validate|normal)[.]ts$'),
    door('koffi', '^src/runtime/linux/native[.]ts$'),
    door('chokidar', '^src/supervise/watcher[.]ts$'),
    door('listr2', '^src/cli/render/tasks[.]ts$'),
    door('tar-stream', '^src/runtime/linux/(?:rootfs/tarball|files/archive)[.]ts$'),
    {
      name: 'no-other-package',
      severity: 'error',
      comment: 'A new package is a decision: give it one door here and a reason in ARCHITECTURE.md.',
      from: { path: '^src/' },
      to: { path: 'node_modules/', pathNot: 'node_modules/(?:yaml|zod|koffi|chokidar|listr2|tar-stream|@types/node)/' },
    },
    {
      name: 'pure-core',
      severity: 'error',
      comment: 'The core decides; it never touches the machine. Files, time and environment are arguments.',
      from: { path: '^src/(?:util|model|spec|project|plan)/' },
      to: { dependencyTypes: ['core'], pathNot: '^(?:node:)?(?:path|crypto)(?:/|$)' },
    },
    {
      name: 'pure-files',
      severity: 'error',
      comment: 'Pure although the folder is not.',
      from: { path: '^src/(?:runtime/linux/sandbox|supervise/(?:machine|restart-policy|health|backoff))[.]ts$' },
      to: { dependencyTypes: ['core'], pathNot: '^(?:node:)?(?:path|crypto)(?:/|$)' },
    },
    {
      name: 'no-circular',
      severity: 'error',
      comment: 'A cycle means that two files are one.',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      comment: 'An import that resolves to nothing is an import no rule has looked at.',
      from: { path: '^src/' },
      // The bundle that the launcher loads exists only beside the built launcher.
      to: { couldNotResolve: true, pathNot: '^[.]/cli[.]cjs$' },
    },
    {
      name: 'src-not-to-test',
      severity: 'error',
      comment: 'Nothing that is shipped knows the tests.',
      from: { path: '^src/' },
      to: { path: '^(?:test|bench|scripts)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};
