import type { Diagnostic } from '../../model/diagnostic.ts';
import type { RuntimeFailure } from '../../model/event.ts';
import type { RootfsSource } from '../../model/project.ts';
import type { DesiredContainer } from '../../model/state.ts';
import type { HostPath } from '../../model/units.ts';
import type { Result } from '../../util/result.ts';
import { checkCommands } from './preflight/command.ts';
import type { Guest } from './preflight/guest.ts';
import type { PreflightHost } from './preflight/host.ts';
import { lookOnce } from './preflight/look.ts';
import { checkMounts } from './preflight/mounts.ts';
import { checkPorts } from './preflight/ports.ts';
import { Report } from './preflight/report.ts';
import { checkResources } from './preflight/resources.ts';
import { checkRootfs } from './preflight/rootfs.ts';
import { resolveUser } from './rootfs/users.ts';

export type { PreflightHost } from './preflight/host.ts';
export { availableControllers, onlineCpus } from './preflight/host.ts';

export type PrepareRootfs = (
  source: RootfsSource,
) => Promise<Result<{ readonly lowers: readonly HostPath[] }, RuntimeFailure>>;

/**
 * What would go wrong if these containers were started on this machine, all of it at once, each with the place in the file.
 * Changes nothing but the store of root filesystems, which `prepare` fills: what has to be looked into must be there.
 */
export async function preflight(
  containers: readonly DesiredContainer[],
  { host, prepare }: { readonly host: PreflightHost; readonly prepare: PrepareRootfs },
): Promise<readonly Diagnostic[]> {
  const report = new Report();
  const prepareOnce = once(prepare);
  checkHost(host, report);
  const hostDirectories = host.programDirectories;
  const options = { report, host, hostDirectories, look: lookOnce(hostDirectories) };
  for (const container of onePerService(containers)) {
    const isThere = checkRootfs(container, options);
    const guest = isThere ? await guestOf(container, { report, prepare: prepareOnce }) : undefined;
    if (guest !== undefined) {
      checkCommands(container, guest, options);
      checkUser(container, { guest, report });
    }
    checkMounts(container, { report, guest });
    checkResources(container, options);
    checkPorts(container, options);
  }
  return report.diagnostics;
}

/** Replicas differ in nothing that is looked at here. */
function onePerService(containers: readonly DesiredContainer[]): readonly DesiredContainer[] {
  return [...new Map(containers.map((container) => [container.service, container])).values()];
}

/** Services of one stack often have the same root filesystem. */
function once(prepare: PrepareRootfs): PrepareRootfs {
  const answers = new Map<string, ReturnType<PrepareRootfs>>();
  return (source) => {
    const key = JSON.stringify(source);
    const answer = answers.get(key) ?? prepare(source);
    answers.set(key, answer);
    return answer;
  };
}

function checkHost({ uid, lacks }: PreflightHost, report: Report): void {
  if (uid !== 0) {
    report.addGeneral({
      code: 'not-root',
      severity: 'error',
      summary: 'cannot start containers: tscompose has to be run by root',
      notes: [{ text: 'sudo tscompose …' }],
    });
  }
  for (const { title, found, effect, remedy } of lacks) {
    report.addGeneral({
      code: 'host-feature',
      severity: 'error',
      summary: `cannot start containers: ${title}: ${found}`,
      notes: [effect, remedy].flatMap((text) => (text === undefined ? [] : [{ text }])),
    });
  }
}

async function guestOf(
  container: DesiredContainer,
  { report, prepare }: { readonly report: Report; readonly prepare: PrepareRootfs },
): Promise<Guest | undefined> {
  const { rootfs, mounts } = container.config;
  const prepared = await prepare(rootfs);
  if (prepared.ok) return { layers: prepared.value.lowers, mounts };
  const { message, configPath = 'rootfs', notes } = prepared.error;
  report.add(container, { code: 'rootfs-invalid', at: configPath, summary: message, notes });
  return undefined;
}

function checkUser(
  container: DesiredContainer,
  { guest, report }: { readonly guest: Guest; readonly report: Report },
): void {
  const { user, groupAdd } = container.config;
  const isMounted = guest.mounts.some(({ target }) => ['/', '/etc', '/etc/passwd', '/etc/group'].includes(target));
  if (isMounted || (user === undefined && groupAdd.length === 0)) return;
  const resolved = resolveUser(guest.layers, user, groupAdd);
  if (resolved.ok) return;
  const { message, configPath = 'user', notes } = resolved.error;
  report.add(container, { code: 'bad-user', at: configPath, summary: message, notes });
}
