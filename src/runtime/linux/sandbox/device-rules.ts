import type { ContainerConfig } from '../../../model/project.ts';
import type { DeviceNode } from './facts.ts';

/** Allowed accesses to one device or a class of them; -1 is any number. */
export type DeviceRule = {
  readonly type: 'a' | 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  /** Subset of "rwm". */
  readonly permissions: string;
  readonly configPath?: string;
};

const character = (major: number, minor: number, permissions = 'rwm'): DeviceRule => ({
  type: 'c',
  major,
  minor,
  permissions,
});

/** Docker's: any node may be made, but only these may be opened: null, zero, full, random, urandom, tty, console, ptmx, pts. */
export const defaultDeviceRules: readonly DeviceRule[] = [
  character(-1, -1, 'm'),
  { type: 'b', major: -1, minor: -1, permissions: 'm' },
  character(1, 3),
  character(1, 5),
  character(1, 7),
  character(1, 8),
  character(1, 9),
  character(5, 0),
  character(5, 1),
  character(5, 2),
  character(136, -1),
  character(10, 200),
];

/** Everything a container that is not privileged may open, in the order in which it is allowed. */
export function deviceRules(config: ContainerConfig, devices: readonly DeviceNode[]): DeviceRule[] {
  const rules = [...defaultDeviceRules];
  for (const { type, major, minor, permissions, configPath } of devices) {
    rules.push({ type, major, minor, permissions, ...(configPath === undefined ? {} : { configPath }) });
  }
  for (const [i, text] of config.deviceCgroupRules.entries()) {
    const rule = parseDeviceRule(text);
    if (rule !== undefined) rules.push({ ...rule, configPath: `deviceCgroupRules.${i}` });
  }
  return rules;
}

/** `c 1:3 rwm`, with `*` for any number; undefined when it is not that. */
export function parseDeviceRule(text: string): DeviceRule | undefined {
  const match = /^([abc]) +(\d+|\*):(\d+|\*) +([rwm]{1,3})$/.exec(text.trim());
  if (match === null) return undefined;
  const [, type, major, minor, permissions] = match as unknown as [string, DeviceRule['type'], string, string, string];
  const number = (field: string): number => (field === '*' ? -1 : Number(field));
  return { type, major: number(major), minor: number(minor), permissions };
}

/** As devices.allow of cgroup v1 reads it. */
export function v1Rule(rule: DeviceRule): string {
  const number = (value: number): string => (value === -1 ? '*' : String(value));
  return `${rule.type} ${number(rule.major)}:${number(rule.minor)} ${rule.permissions}`;
}
