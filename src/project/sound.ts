import type { Diagnostic, DiagnosticCode } from '../model/diagnostic.ts';
import type { Project, Service } from '../model/project.ts';
import type { SourceFile } from '../model/source.ts';
import { child, type Mapping, type Tree } from '../spec/tree.ts';

/** Mistakes of how services fit together: what each of them is in itself is not in doubt. */
const between: ReadonlySet<DiagnosticCode> = new Set(['unknown-service', 'dependency-cycle', 'duplicate-name']);

type Judged = {
  readonly tree: Mapping;
  readonly diagnostics: readonly Diagnostic[];
  /** Elements (`services.web`) known to have mistakes. */
  readonly broken: ReadonlySet<string>;
};

/** The part of a project that can be believed although the file has mistakes: services in which nothing is wrong. */
export function soundPart(project: Project, { tree, diagnostics, broken }: Judged): Project | undefined {
  const spots = new Spots(diagnostics.filter(({ severity, code }) => severity === 'error' && !between.has(code)));
  const written = child(tree, 'services');
  const isSound = ({ name }: Service): boolean => {
    const service = child(written, name);
    return !broken.has(`services.${name}`) && service !== undefined && !spots.touch(service);
  };
  const services = project.services.filter(isSound);
  return services.length === 0 ? undefined : { ...project, services };
}

/** Where the mistakes are. */
class Spots {
  readonly #starts = new Map<SourceFile, number[]>();
  readonly #seen = new Map<Tree, boolean>();

  constructor(errors: readonly Diagnostic[]) {
    for (const { subject } of errors) {
      if (subject === undefined) continue;
      const starts = this.#starts.get(subject.file) ?? [];
      starts.push(subject.range.start);
      this.#starts.set(subject.file, starts);
    }
  }

  /** Whether one of them is in the text of `tree`, or of anything that it was merged from. */
  touch(tree: Tree): boolean {
    const known = this.#seen.get(tree);
    if (known !== undefined) return known;
    // Parts may have been written elsewhere: behind an anchor, in another file, in the service that is extended.
    const touched =
      (this.#starts.get(tree.file) ?? []).some((start) => start >= tree.start && start <= tree.end) ||
      partsOf(tree).some((part) => this.touch(part));
    this.#seen.set(tree, touched);
    return touched;
  }
}

function partsOf(tree: Tree): readonly Tree[] {
  const before = tree.replaced === undefined ? [] : [tree.replaced];
  if (tree.kind === 'scalar') return before;
  const parts = tree.kind === 'sequence' ? tree.items : [...tree.entries.values()].map(({ value }) => value);
  return [...before, ...parts];
}
