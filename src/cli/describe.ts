import type { AdmittedMachine, BootPlan } from '../boot/plan.ts';
import { documentOf } from '../config/document-format.ts';
import type { NodeDescription, NodeUnit, User } from '../provision/node.ts';

/** What a machine boots and becomes, as lines for people: everything its documents say, in words of no format. */
export function describeMachine(machine: AdmittedMachine, plan: BootPlan, node: NodeDescription): string[] {
  const boots =
    plan.kind === 'local-disk'
      ? ['boots from its disk']
      : [
          `boots ${plan.image}`,
          `  kernel ${plan.kernelUrl}`,
          ...plan.initrds.map(({ url }) => `  initrd ${url}`),
          ...plan.args.map((argument) => `  argument ${argument}`),
        ];
  return [
    ...boots,
    `document ${documentOf(machine.profile) ?? 'none'}`,
    `hostname ${node.hostname ?? '-'}`,
    ...node.sshAuthorizedKeys.map((key) => `key of core ${key}`),
    ...node.users.flatMap(describeUser),
    ...node.files.flatMap(({ path, permissions, owner, content }) => [
      ['file', path, permissions, owner].filter((part) => part !== undefined).join(' '),
      ...indent(textOf(content)),
    ]),
    ...node.units.flatMap(describeUnit),
    ...Object.entries(node.coreos).flatMap(([section, values]) => [
      `section ${section}`,
      ...indent(JSON.stringify(values, null, 2)),
    ]),
  ];
}

/** `docker.service restart enable`: what is done with a unit, less its text. */
export function unitSummary({ name, command, enable, mask, runtime }: NodeUnit): string {
  const parts = [name, command, enable && 'enable', mask && 'mask', runtime && 'runtime'];
  return parts.filter((part) => part !== undefined && part !== false).join(' ');
}

function describeUser({ name, ...keys }: User): string[] {
  return [`user ${name}`, ...indent(JSON.stringify(keys, null, 2))];
}

function describeUnit(unit: NodeUnit): string[] {
  return [
    `unit ${unitSummary(unit)}`,
    ...indent(unit.content ?? ''),
    ...unit.dropIns.flatMap(({ name, content }) => [
      `  drop-in ${name}`,
      ...indent(content).map((line) => `  ${line}`),
    ]),
  ];
}

/** A file's text; what isn't text is told by its size. */
function textOf(content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    return `(${content.length} bytes that are no text)`;
  }
}

function indent(text: string): string[] {
  const lines = text.replace(/\n$/, '');
  return lines === '' ? [] : lines.split('\n').map((line) => `  ${line}`.trimEnd());
}
