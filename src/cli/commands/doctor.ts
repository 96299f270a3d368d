import { examine } from '../../runtime/linux/doctor/checks.ts';
import type { Finding, FindingStatus } from '../../runtime/linux/doctor/finding.ts';
import { tryDoctorHost } from '../../runtime/linux/doctor/host.ts';
import { exitCode } from '../exit-code.ts';
import type { Paint, Style } from '../render/color.ts';
import type { Runner } from './runner.ts';

/** Exits 4 when something is missing without which no container can run. */
export const doctor: Runner<'doctor'> = async ({ flags, globals }, { stdout, paint, environment }) => {
  const findings = examine(await tryDoctorHost(environment));
  if (globals.json) stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else stdout.write(report(flags.quiet ? findings.filter(({ status }) => status !== 'ok') : findings, paint));
  return findings.some(({ status }) => status === 'missing') ? exitCode.hostLacks : exitCode.ok;
};

const marks: { readonly [S in FindingStatus]: { readonly sign: string; readonly style: Style } } = {
  ok: { sign: '✔', style: 'green' },
  limited: { sign: '!', style: 'yellow' },
  missing: { sign: '✘', style: 'red' },
};

function report(findings: readonly Finding[], paint: Paint): string {
  return findings.map((finding) => `${lines(finding, paint).join('\n')}\n`).join('');
}

function lines({ title, status, found, effect, remedy }: Finding, paint: Paint): readonly string[] {
  const { sign, style } = marks[status];
  const rest = effect === undefined ? [] : [`    ${effect}`];
  if (remedy !== undefined) rest.push(`    → ${remedy}`);
  return [`${paint(style, sign)} ${title}: ${found}`, ...rest];
}
