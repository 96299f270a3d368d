import type { Project, Service } from '../model/project.ts';
import type { DesiredContainer, DesiredState } from '../model/state.ts';
import type { ContainerName, ServiceName } from '../model/units.ts';

export type DesiredOptions = {
  /** Number of containers by service, in place of what the file says (`--scale`). */
  readonly scale?: ReadonlyMap<string, number>;
};

/** What should be on the machine: the containers of every enabled service, by name, and what they use. */
export function desiredState(project: Project, { scale }: DesiredOptions = {}): DesiredState {
  const containers = project.services.flatMap((service) =>
    containersOf(project, service, scale?.get(service.name) ?? service.replicas),
  );
  return {
    project: project.name,
    services: project.services.map(({ name }) => name),
    containers,
    volumes: project.volumes,
    networks: project.networks,
    disabledServices: project.disabledServices,
  };
}

function containersOf(project: Project, service: Service, count: number): DesiredContainer[] {
  return Array.from({ length: count }, (_, i) => ({
    name: containerName(project, service, i + 1),
    service: service.name,
    number: i + 1,
    config: service.config,
    dependsOn: service.dependsOn,
    ...(service.update && { update: service.update }),
    origins: service.origins,
  }));
}

/** `shop-web-1`, or the name that the file gives to the only one. */
export const containerName = (
  project: Pick<Project, 'name'>,
  service: { readonly name: ServiceName; readonly containerName?: string },
  number: number,
): ContainerName =>
  (service.containerName !== undefined && number === 1
    ? service.containerName
    : `${project.name}-${service.name}-${number}`) as ContainerName;
