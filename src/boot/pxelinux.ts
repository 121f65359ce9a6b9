import { cleanText } from './ipxe-text.ts';
import { type ImagePlan, pathOf } from './plan.ts';
import type { HeldMachine, ScriptMachine } from './script.ts';

/**
 * Configurations in PXELINUX's format, for U-Boot's `pxe` command and for PXELINUX itself. Both take the rest of a line as
 * it is, so nothing is quoted. They fetch files by TFTP, from the server that the configuration came from; a slash in front
 * keeps PXELINUX from looking beside its own file.
 */

/** Boots a kernel with its initrds. Throws an Error naming the argument that a loader would misread. */
export function pxelinuxConfig(machine: ScriptMachine, plan: ImagePlan): string {
  const args = plan.args.map(checkArgument);
  const initrds = plan.initrds.map(({ url }) => pathOf(url));
  return text([
    `# ${cleanText(machine.hostname)} (${cleanText(machine.mac)}) boots ${cleanText(plan.image)}`,
    ...header('boot'),
    `  KERNEL ${pathOf(plan.kernelUrl)}`,
    ...(initrds.length > 0 ? [`  INITRD ${initrds.join(',')}`] : []),
    ...(args.length > 0 ? [`  APPEND ${args.join(' ')}`] : []),
  ]);
}

/** Tells why the machine doesn't boot, and lets it go on to the next entry of its boot order: the format can't wait. */
export function pxelinuxHold({ mac, verdict }: HeldMachine): string {
  const name = cleanText(mac);
  const why = verdict ? `is ${verdict} and does not boot` : 'is waiting for approval';
  const title = `${name} ${why}: rackseed approve ${name}`;
  return text([`MENU TITLE ${title}`, `SAY ${title}`, ...header('wait'), '  LOCALBOOT -1']);
}

/** Leaves network boot for the next entry of the machine's boot order. */
export function pxelinuxLocalDisk(machine: ScriptMachine): string {
  return text([
    `# ${cleanText(machine.hostname)} (${cleanText(machine.mac)}) boots from its local disk`,
    ...header('disk'),
    '  LOCALBOOT -1',
  ]);
}

function header(label: string): string[] {
  return [`DEFAULT ${label}`, 'PROMPT 0', `LABEL ${label}`];
}

function checkArgument(argument: string): string {
  const fault = /[^\x20-\x7e]/.test(argument)
    ? 'holds a line break, a control character or something other than ASCII'
    : /\$[{(]/.test(argument)
      ? 'holds "${" or "$(", which U-Boot would expand'
      : undefined;
  if (fault === undefined) return argument;
  throw new Error(`kernel argument ${JSON.stringify(argument)} ${fault}`);
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
