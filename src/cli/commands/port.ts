import type { PublishedPort } from '../../model/project.ts';
import type { ObservedContainer } from '../../model/state.ts';
import { exitCode } from '../exit-code.ts';
import { hostAddress, portText } from '../render/ports.ts';
import { openRuntime } from '../runtime.ts';
import { sayError } from '../say.ts';
import { knownServices } from '../services.ts';
import { findTarget } from '../target.ts';
import type { Runner } from './runner.ts';

export const port: Runner<'port'> = async ({ flags, args, globals }, context) => {
  const [service = '', wanted] = args;
  const asked = wanted === undefined ? undefined : readPort(wanted, flags.protocol);
  if (wanted !== undefined && asked === undefined) {
    sayError(context, { code: 'usage', message: `"${wanted}" is not a port`, hint: 'write 80, 80/tcp or 53/udp' });
    return exitCode.usage;
  }
  const target = await findTarget(context);
  if (!target.ok) return target.error;
  const { name, project } = target.value;
  const observed = await openRuntime(context).observe(name);
  const services = knownServices(context, [service], { project, observed });
  if (!services.ok) return services.error;

  const container = pick(observed.containers, service, flags.index);
  if (container === undefined) {
    const which = flags.index === undefined ? service : `${service} number ${flags.index}`;
    const hint = `start it with: tscompose up -d ${service}`;
    sayError(context, { code: 'not-running', message: `${which} has no container`, hint });
    return exitCode.failed;
  }
  const ports = (container.ports ?? []).filter((each) => isAsked(each, asked, flags.protocol));
  if (ports.length === 0) {
    const what = asked === undefined ? 'no port' : `no port ${asked.target}/${asked.protocol}`;
    const others = (container.ports ?? []).map(portText).join(', ');
    const hint = others === '' ? 'ports: in the stack file publishes them' : `published are ${others}`;
    sayError(context, { code: 'no-such-port', message: `${container.name} publishes ${what}`, hint });
    return exitCode.failed;
  }
  const line = (each: PublishedPort) =>
    globals.json
      ? JSON.stringify(each)
      : asked === undefined
        ? `${each.target}/${each.protocol} -> ${hostAddress(each)}`
        : hostAddress(each);
  context.stdout.write(ports.map((each) => `${line(each)}\n`).join(''));
  return exitCode.ok;
};

type Asked = { readonly target: number; readonly protocol: 'tcp' | 'udp' };

function readPort(text: string, protocol: 'tcp' | 'udp' | undefined): Asked | undefined {
  const [, digits, suffix] = /^(\d{1,5})(?:\/(tcp|udp))?$/.exec(text) ?? [];
  const target = Number(digits);
  if (digits === undefined || target < 1 || target > 65_535) return undefined;
  return { target, protocol: protocol ?? (suffix === 'udp' ? 'udp' : 'tcp') };
}

const isAsked = (port: PublishedPort, asked: Asked | undefined, protocol: string | undefined): boolean =>
  asked === undefined
    ? protocol === undefined || port.protocol === protocol
    : port.target === asked.target && port.protocol === asked.protocol;

function pick(containers: readonly ObservedContainer[], service: string, index: number | undefined) {
  const replicas = containers.filter((each) => each.service === service).sort((a, b) => a.number - b.number);
  return index === undefined ? replicas[0] : replicas.find(({ number }) => number === index);
}
