import type { DiagnosticCode } from '../model/diagnostic.ts';
import type { NormalFile, NormalService, NormalStack } from '../spec/normal.ts';
import type { Report } from '../spec/report.ts';
import { suggest } from '../spec/suggest.ts';
import { originOf } from '../spec/tree.ts';
import { cleanTarget, reportTwice } from './targets.ts';
import { keyAt, type Path, placeAt, type View } from './view.ts';

export type Checked = {
  readonly view: View;
  readonly report: Report;
  /** Names of all services, also those whose profile is off. */
  readonly known: readonly string[];
  readonly disabled: ReadonlySet<string>;
  readonly broken: ReadonlySet<string>;
};

/** What the schema cannot say: references, contradictions, names that meet. */
export function checkConsistency(context: Checked): void {
  const { stack } = context.view;
  for (const [name, service] of Object.entries(stack.services ?? {})) checkService(name, service, context);
  checkContainerNames(stack, context);
  checkElements(stack, context);
  checkJobs(context);
}

function checkService(name: string, service: NormalService, context: Checked): void {
  checkReferences(name, service, context);
  if (context.broken.has(`services.${name}`)) return;
  checkContradictions(name, service, context);
  checkTargets(name, service, context);
}

type References = {
  readonly section: 'networks' | 'volumes' | 'configs' | 'secrets' | 'models';
  readonly name: string;
  readonly path: Path;
};

function checkReferences(name: string, service: NormalService, context: Checked): void {
  const here: Path = ['services', name];
  for (const { section, name: wanted, path } of referencesOf(service)) {
    const elements = context.view.stack[section] ?? {};
    // A variable that has not been replaced may become any name.
    if (Object.hasOwn(elements, wanted) || context.broken.has(`${section}.${wanted}`) || wanted.includes('$')) continue;
    const kind = section.slice(0, -1);
    const near = suggest(wanted, Object.keys(elements));
    context.report.error('unknown-reference', {
      summary: `service "${name}" uses ${kind} "${wanted}", which is not defined`,
      at: placeAt(context.view, ...here, ...path),
      notes: [
        near !== undefined
          ? `did you mean "${near}"?`
          : section === 'volumes'
            ? `define it under "volumes:" at the top level, or write "./${wanted}" for a directory`
            : `define it under "${section}:" at the top level`,
      ],
    });
  }
  for (const [target, dependency] of Object.entries(service.depends_on ?? {})) {
    checkDependency(name, { target, required: dependency.required, path: [...here, 'depends_on', target] }, context);
    if (dependency.condition === undefined && !context.broken.has(`services.${name}`)) {
      context.report.error('missing-key', {
        summary: `service "${name}": depends_on.${target} needs "condition"`,
        at: keyAt(context.view, ...here, 'depends_on', target),
        notes: ['condition: service_started, service_healthy or service_completed_successfully'],
      });
    }
  }
}

function referencesOf(service: NormalService): References[] {
  const found: References[] = [];
  for (const network of Object.keys(service.networks ?? {}))
    found.push({ section: 'networks', name: network, path: ['networks', network] });
  service.volumes?.forEach(({ type, source }, i) => {
    if (type === 'volume' && source !== undefined && source !== '')
      found.push({ section: 'volumes', name: source, path: ['volumes', i, 'source'] });
  });
  for (const section of ['configs', 'secrets'] as const) {
    service[section]?.forEach(({ source }, i) => {
      found.push({ section, name: source, path: [section, i, 'source'] });
    });
  }
  const buildSecrets = (service.build?.['secrets'] ?? []) as readonly { readonly source: string }[];
  buildSecrets.forEach(({ source }, i) => {
    found.push({ section: 'secrets', name: source, path: ['build', 'secrets', i, 'source'] });
  });
  for (const model of Object.keys(service.models ?? {}))
    found.push({ section: 'models', name: model, path: ['models', model] });
  return found;
}

function checkDependency(
  name: string,
  { target, required, path }: { readonly target: string; readonly required: boolean; readonly path: Path },
  context: Checked,
): void {
  if (!required) return;
  const at = keyAt(context.view, ...path);
  if (context.disabled.has(target)) {
    context.report.error('unknown-service', {
      summary: `service "${name}" depends on "${target}", whose profile is off`,
      at,
      notes: ['turn the profile on with --profile, or write "required: false" below the dependency'],
    });
    return;
  }
  if (context.known.includes(target)) return;
  const near = suggest(target, context.known);
  context.report.error('unknown-service', {
    summary: `service "${name}" depends on "${target}", which is not defined`,
    at,
    notes: [near === undefined ? `services: ${context.known.join(', ')}` : `did you mean "${near}"?`],
  });
}

function checkContradictions(name: string, service: NormalService, context: Checked): void {
  const here: Path = ['services', name];
  const conflict = (a: Path, b: Path, summary: string, note: string): void =>
    context.report.error('conflict', {
      summary: `service "${name}": ${summary}`,
      at: keyAt(context.view, ...here, ...a),
      notes: [{ text: 'the other one is here', origin: originOf(keyAt(context.view, ...here, ...b)) }, note],
    });
  if (
    service.network_mode !== undefined &&
    service.network_mode !== '' &&
    Object.keys(service.networks ?? {}).length > 0
  ) {
    conflict(['network_mode'], ['networks'], 'network_mode and networks exclude each other', 'keep one of them');
  }
  const limits = service.deploy?.resources?.limits ?? {};
  const reservations = service.deploy?.resources?.reservations ?? {};
  const pairs: readonly (readonly [unknown, unknown, string, string])[] = [
    [service.scale, service.deploy?.replicas, 'scale', 'deploy.replicas'],
    [service.cpus, limits.cpus, 'cpus', 'deploy.resources.limits.cpus'],
    [service.mem_limit, limits.memory, 'mem_limit', 'deploy.resources.limits.memory'],
    [service.mem_reservation, reservations.memory, 'mem_reservation', 'deploy.resources.reservations.memory'],
    [service.pids_limit, limits.pids, 'pids_limit', 'deploy.resources.limits.pids'],
  ];
  for (const [plain, deployed, key, path] of pairs) {
    if (plain === undefined || deployed === undefined || plain === deployed) continue;
    conflict([key], path.split('.'), `${key} (${plain}) and ${path} (${deployed}) differ`, 'keep one of them');
  }
  if (service.cpus !== undefined && service.cpus > 0 && service.cpu_quota !== undefined && service.cpu_quota > 0) {
    conflict(['cpus'], ['cpu_quota'], 'cpus and cpu_quota say the same thing', 'keep one of them');
  }
  const replicas = service.scale ?? service.deploy?.replicas ?? 1;
  if (service.container_name !== undefined && service.container_name !== '' && replicas > 1) {
    const other: Path = service.scale === undefined ? ['deploy', 'replicas'] : ['scale'];
    conflict(
      ['container_name'],
      other,
      `one container_name cannot name ${replicas} containers`,
      'remove container_name, or run one container',
    );
  }
  checkBuild(name, service, { context, conflict });
  checkWatch(name, service, context);
  const check = service.healthcheck;
  if (check?.start_interval !== undefined && check.start_period === undefined) {
    context.report.error('missing-key', {
      summary: `service "${name}": healthcheck.start_interval needs "start_period"`,
      at: keyAt(context.view, ...here, 'healthcheck', 'start_interval'),
      notes: ['start_period: the time in which start_interval applies'],
    });
  }
}

type Conflict = (a: Path, b: Path, summary: string, note: string) => void;

function checkBuild(
  name: string,
  service: NormalService,
  { context, conflict }: { context: Checked; conflict: Conflict },
): void {
  const build = service.build;
  if (build === undefined) return;
  if (build['dockerfile'] !== undefined && build['dockerfile_inline'] !== undefined) {
    conflict(
      ['build', 'dockerfile'],
      ['build', 'dockerfile_inline'],
      'dockerfile and dockerfile_inline exclude each other',
      'keep one of them',
    );
  }
  const platforms = build['platforms'] as readonly string[] | undefined;
  if (
    service.platform !== undefined &&
    platforms !== undefined &&
    platforms.length > 0 &&
    !platforms.includes(service.platform)
  ) {
    conflict(
      ['platform'],
      ['build', 'platforms'],
      `platform ${service.platform} is not among build.platforms`,
      'add it to build.platforms',
    );
  }
  const contexts = (build['additional_contexts'] ?? {}) as { readonly [name: string]: string };
  for (const [key, value] of Object.entries(contexts)) {
    const target = /^service:(.*)$/.exec(value)?.[1];
    if (target === undefined || context.view.stack.services?.[target]?.build !== undefined) continue;
    context.report.error('unknown-service', {
      summary: `service "${name}": additional context "${key}" names service "${target}", which has no build`,
      at: placeAt(context.view, 'services', name, 'build', 'additional_contexts', key),
      notes: ['name a service with "build"'],
    });
  }
}

function checkWatch(name: string, service: NormalService, context: Checked): void {
  service.develop?.watch?.forEach(({ path, action, target }, i) => {
    const here: Path = ['services', name, 'develop', 'watch', i];
    if (path === '') {
      context.report.error('bad-value', {
        summary: `service "${name}": a watch path is empty`,
        at: placeAt(context.view, ...here, 'path'),
      });
    }
    if (target === undefined && action !== 'rebuild' && action !== 'restart') {
      context.report.error('missing-key', {
        summary: `service "${name}": a watch rule with action ${action} needs "target"`,
        at: placeAt(context.view, ...here),
        notes: ['target: where in the container the files go'],
      });
    }
  });
}

function checkTargets(name: string, service: NormalService, context: Checked): void {
  const seen = new Map<string, Path>();
  const add = (target: string, path: Path): void => {
    const clean = cleanTarget(target);
    const first = seen.get(clean);
    if (first === undefined) seen.set(clean, path);
    else {
      const [a, b] = [placeAt(context.view, ...first), placeAt(context.view, ...path)];
      reportTwice({ service: name, target: clean, first: a, second: b }, context.report);
    }
  };
  service.volumes?.forEach(({ target }, i) => {
    add(target, ['services', name, 'volumes', i, 'target']);
  });
  service.tmpfs?.forEach((entry, i) => {
    add(entry.split(':')[0] as string, ['services', name, 'tmpfs', i]);
  });
}

function checkContainerNames(stack: NormalStack, context: Checked): void {
  const seen = new Map<string, string>();
  for (const [name, { container_name: wanted }] of Object.entries(stack.services ?? {})) {
    if (wanted === undefined || wanted === '') continue;
    const first = seen.get(wanted);
    if (first === undefined) seen.set(wanted, name);
    else duplicateName(context, { a: first, b: name, wanted });
  }
}

function duplicateName({ view, report }: Checked, { a, b, wanted }: { a: string; b: string; wanted: string }): void {
  const at = placeAt(view, 'services', b, 'container_name');
  const first = placeAt(view, 'services', a, 'container_name');
  report.error('duplicate-name', {
    summary: `services "${a}" and "${b}" have the same container_name "${wanted}"`,
    at,
    notes: [{ text: 'the first one is here', origin: originOf(first) }, 'names of containers are unique'],
  });
}

function checkElements(stack: NormalStack, context: Checked): void {
  for (const section of ['networks', 'volumes', 'configs', 'secrets'] as const) {
    for (const [name, element] of Object.entries(stack[section] ?? {})) {
      if (context.broken.has(`${section}.${name}`)) continue;
      const kind = section.slice(0, -1);
      checkExternal(section, { kind, name, element }, context);
      if (section === 'configs' || section === 'secrets')
        checkSource(section, { name, element: element as NormalFile }, context);
    }
  }
  for (const [name, model] of Object.entries(stack.models ?? {})) {
    if (model.model !== undefined) continue;
    context.report.error('missing-key', {
      summary: `model "${name}" needs "model"`,
      at: keyAt(context.view, 'models', name),
    });
  }
}

function checkExternal(
  section: string,
  {
    kind,
    name,
    element,
  }: { readonly kind: string; readonly name: string; readonly element: { readonly external?: boolean } },
  context: Checked,
): void {
  if (element.external !== true) return;
  const more = Object.keys(element).find((key) => key !== 'external' && key !== 'name' && !key.startsWith('x-'));
  if (more === undefined) return;
  context.report.error('conflict', {
    summary: `external ${kind} "${name}" cannot have "${more}"`,
    at: keyAt(context.view, section, name, more),
    notes: ['what is external exists already; only its name can be given'],
  });
}

function checkSource(
  section: 'configs' | 'secrets',
  { name, element }: { readonly name: string; readonly element: NormalFile },
  { view, report }: Checked,
): void {
  if (element.external === true) return;
  const ways = (
    section === 'configs' ? (['file', 'environment', 'content'] as const) : (['file', 'environment'] as const)
  ).filter((key) => element[key] !== undefined);
  const kind = section.slice(0, -1);
  const [first, second] = ways;
  const code: DiagnosticCode = first === undefined ? 'missing-key' : 'conflict';
  if (ways.length === 1) return;
  report.error(code, {
    summary:
      first === undefined
        ? `${kind} "${name}" has no content`
        : `${kind} "${name}" has more than one content: ${ways.join(' and ')}`,
    at: second === undefined ? keyAt(view, section, name) : keyAt(view, section, name, second),
    notes: [
      `give it one of ${section === 'configs' ? 'file, environment, content' : 'file, environment'}, or external`,
    ],
  });
}

function checkJobs({ view, report }: Checked): void {
  const services = view.stack.services ?? {};
  for (const [name, job] of Object.entries(view.stack.jobs ?? {})) {
    const at = keyAt(view, 'jobs', name);
    if (Object.hasOwn(services, name)) {
      const origin = originOf(keyAt(view, 'services', name));
      report.error('duplicate-name', {
        summary: `"${name}" is a job and a service`,
        at,
        notes: [{ text: 'the service is here', origin }],
      });
    }
    if (Object.keys(job.triggers ?? {}).length === 0) {
      report.error('missing-key', {
        summary: `job "${name}" needs "triggers"`,
        at,
        notes: ['triggers: { manual: true }, or a schedule'],
      });
    }
  }
}
