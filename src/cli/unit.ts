import type { Project } from '../model/project.ts';

export type UnitOptions = {
  /** The program and its first words: Node and the file of tscompose. */
  readonly program: readonly string[];
  /** Options before `up`: project, files, profiles. */
  readonly globals: readonly string[];
  readonly services: readonly string[];
};

/**
 * A systemd unit for a stack in the foreground. `Delegate` says that cgroups are no business of systemd's alone here; those of
 * containers lie at the root, where they are found whoever calls, a unit or a shell. `KillMode=process` because a tscompose
 * that was killed must take no container with it: the next one adopts them.
 */
export function unitText(project: Project, { program, globals, services }: UnitOptions): string {
  const command = [...program, ...globals, 'up', '--no-color', '--progress', 'plain', ...services].map(quote).join(' ');
  return `[Unit]
Description=${escapeSpecifiers(project.name)}, a stack of ${services.length || project.services.length} services (tscompose)
Wants=network-online.target
After=network-online.target local-fs.target
RequiresMountsFor=${quote(project.directory)}

[Service]
Type=notify
ExecStart=${command}
WorkingDirectory=${escapeSpecifiers(project.directory)}
Delegate=yes
KillMode=process
TimeoutStartSec=infinity
TimeoutStopSec=${stopSeconds(project)}
Restart=on-failure
RestartSec=1
OOMPolicy=continue

[Install]
WantedBy=multi-user.target
`;
}

/** Containers stop one after the other in the worst case. */
function stopSeconds({ services }: Project): number {
  const graces = services.map(({ config, replicas }) => (replicas > 0 ? config.stopGraceMs / 1000 : 0));
  return Math.ceil(graces.reduce((sum, grace) => sum + grace, 0)) + 30;
}

/** A word of a command line as systemd.service(5) reads it: quotes, then specifiers and variables. */
function quote(word: string): string {
  const literal = escapeSpecifiers(word).replaceAll('$', '$$$$');
  if (/^[A-Za-z0-9_@%+=:,./$-]+$/.test(literal)) return literal;
  return `"${literal.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

const escapeSpecifiers = (text: string): string => text.replaceAll('%', '%%');
