import type { RuntimeFailure } from '../../../model/event.ts';
import type { Network } from '../../../model/project.ts';
import type { ProjectName } from '../../../model/units.ts';
import type { Result } from '../../../util/result.ts';
import type { Native } from '../native.ts';
import { type Paths, projectPaths } from '../paths.ts';
import type { ForeignAddresses } from './address-plan.ts';
import { prepareFastPath } from './fast-path.ts';
import { filtersOf } from './filters.ts';
import { type HostNames, hostNames } from './host-names.ts';
import { hostResolver } from './host-resolver.ts';
import { isUp, type Neighbour, neighbours, subnetsOfOthers } from './neighbours.ts';
import { offerNetTable } from './net-process.ts';
import { encodeNetTable, type FastPath, type UdpFlows } from './net-table.ts';
import { type NetworkRecord, networkPaths } from './record.ts';
import { foreignAddresses, foreignHosts, foreignNames, joinersOf, joinNetwork, sharersOf } from './shared.ts';

type SharingOptions = { readonly paths: Paths; readonly project: ProjectName; readonly flows?: UdpFlows };

/** What a project has in common with the others of this machine. Call it with the host's lock held. */
export class Sharing {
  readonly #paths: Paths;
  readonly #project: ProjectName;
  readonly #flows: UdpFlows | undefined;

  constructor({ paths, project, flows }: SharingOptions) {
    this.#paths = paths;
    this.#project = project;
    this.#flows = flows;
  }

  others = (): Neighbour[] => neighbours(this.#paths, this.#project);
  subnets = () => subnetsOfOthers(this.#paths, this.#project);

  join(record: NetworkRecord, network: Network): Result<NetworkRecord, RuntimeFailure> {
    return joinNetwork({ project: this.#project, record }, network, this.others().filter(isUp));
  }

  joiners = (network: string): string[] => joinersOf(this.#project, network, this.others());
  sharers = (record: NetworkRecord): Neighbour[] => sharersOf({ project: this.#project, record }, this.others());
  addresses = (record: NetworkRecord): ForeignAddresses =>
    foreignAddresses({ project: this.#project, record }, this.others());

  /** The table for this project's net process. */
  table(record: NetworkRecord, fastPath: FastPath | undefined): Buffer {
    return tableOf(
      { project: this.#project, record },
      { others: this.others(), fastPath, names: hostNames(this.#paths.run, this.#project), flows: this.#flows },
    );
  }

  /** What changed here changes the names that projects on common networks know. */
  async tell(native: Native, sharers: readonly Neighbour[]): Promise<void> {
    for (const { project, record } of sharers) {
      const names = hostNames(this.#paths.run, project);
      const fastPath = prepareFastPath(native, names.link, record);
      const table = tableOf({ project, record }, { others: neighbours(this.#paths, project), fastPath, names });
      await offerNetTable(networkPaths(projectPaths(this.#paths, project)).run, table);
    }
  }
}

function tableOf(
  member: { readonly project: ProjectName; readonly record: NetworkRecord },
  {
    others,
    fastPath,
    names,
    flows,
  }: {
    readonly others: readonly Neighbour[];
    readonly fastPath: FastPath | undefined;
    readonly names: HostNames;
    readonly flows?: UdpFlows | undefined;
  },
): Buffer {
  const foreign = foreignNames(member, others);
  const filters = filtersOf(member.record, names);
  const extras = { foreign, foreignHosts: foreignHosts(member, others), fastPath, filters, flows };
  return encodeNetTable(member.record, { hostServers: hostResolver().servers, ...extras });
}
