import type { Diagnostic } from '../../model/diagnostic.ts';
import type { Network, Origins, Project, Service, Volume } from '../../model/project.ts';
import type { Origin, SourceFile } from '../../model/source.ts';

/** What loading a stack gave, when nothing was wrong with it. */
export type Model = { readonly project: Project; readonly diagnostics: readonly Diagnostic[] };

/** An origin as three numbers: which file, from, to. */
type Mark = readonly [file: number, start: number, end: number];
type Marks = { readonly [path: string]: Mark };
type Marked<T> = Omit<T, 'origin' | 'origins'> & { readonly mark?: Mark };

/** A `Model` that JSON can hold: every origin refers to a table of the texts. */
export type PackedModel = {
  readonly files: readonly SourceFile[];
  readonly project: Omit<Project, 'services' | 'volumes' | 'networks'> & {
    readonly services: readonly (Omit<Service, 'origins'> & { readonly marks: Marks })[];
    readonly volumes: readonly Marked<Volume>[];
    readonly networks: readonly Marked<Network>[];
  };
  readonly diagnostics: readonly (Omit<Diagnostic, 'subject' | 'notes'> & {
    readonly mark?: Mark;
    readonly notes: readonly { readonly text: string; readonly mark?: Mark }[];
  })[];
};

export function packModel({ project, diagnostics }: Model): PackedModel {
  const files: SourceFile[] = [];
  const markOf = ({ file, range }: Origin): Mark => {
    const known = files.indexOf(file);
    return [known === -1 ? files.push(file) - 1 : known, range.start, range.end];
  };
  const mark = (origin: Origin | undefined) => (origin === undefined ? {} : { mark: markOf(origin) });
  const packed = {
    project: {
      ...project,
      services: project.services.map(({ origins, ...service }) => ({
        ...service,
        marks: Object.fromEntries(Object.entries(origins).map(([path, origin]) => [path, markOf(origin)])),
      })),
      volumes: project.volumes.map(({ origin, ...volume }) => ({ ...volume, ...mark(origin) })),
      networks: project.networks.map(({ origin, ...network }) => ({ ...network, ...mark(origin) })),
    },
    diagnostics: diagnostics.map(({ subject, notes, ...diagnostic }) => ({
      ...diagnostic,
      ...mark(subject),
      notes: notes.map(({ text, origin }) => ({ text, ...mark(origin) })),
    })),
  };
  return { files, ...packed };
}

export function unpackModel({ files, project, diagnostics }: PackedModel): Model {
  const originOf = ([file, start, end]: Mark): Origin => ({
    // The table was written together with the marks, and the checksum says that both are whole.
    file: files[file] as SourceFile,
    range: { start, end },
  });
  const optional = (mark: Mark | undefined) => (mark === undefined ? undefined : originOf(mark));
  const origin = (mark: Mark | undefined) => (mark === undefined ? {} : { origin: originOf(mark) });
  // Each when it is looked at: a plan with nothing to do looks at none of them.
  const unmarking: ProxyHandler<Marks> = { get: (marks, path) => optional(marks[path as string]) };
  const originsOf = (marks: Marks) => new Proxy(marks, unmarking) as unknown as Origins;
  return {
    project: {
      ...project,
      services: project.services.map(({ marks, ...service }) => ({ ...service, origins: originsOf(marks) })),
      volumes: project.volumes.map(({ mark, ...volume }) => ({ ...volume, ...origin(mark) })),
      networks: project.networks.map(({ mark, ...network }) => ({ ...network, ...origin(mark) })),
    },
    diagnostics: diagnostics.map(({ mark, notes, ...diagnostic }) => ({
      ...diagnostic,
      ...(mark === undefined ? {} : { subject: originOf(mark) }),
      notes: notes.map((note) => ({ text: note.text, ...origin(note.mark) })),
    })),
  };
}
