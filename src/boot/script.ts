import { readdirSync, readFileSync } from 'node:fs';
import { Liquid } from 'liquidjs';
import { checkKernelArgument, checkWord, cleanText } from './ipxe-text.ts';
import type { ImagePlan } from './plan.ts';

const FOLDER = new URL('../../ipxe/', import.meta.url);

/** The templates in ipxe/. Every value they print is made harmless, except those marked `raw`, which are checked here. */
const scripts = new Liquid({
  templates: Object.fromEntries(
    readdirSync(FOLDER)
      .filter((name) => name.endsWith('.ipxe'))
      .map((name) => [name.replace('.ipxe', ''), readFileSync(new URL(name, FOLDER), 'utf8')]),
  ),
  cache: true,
  strictVariables: true,
  strictFilters: true,
  outputEscape: (value) => cleanText(String(value)),
});

/** Who a script is for. The names may come from the network. */
export interface ScriptMachine {
  readonly mac: string;
  readonly hostname: string;
}

/** `/boot.ipxe`: the same for all machines, asks for `/ipxe` with what the machine says about itself. */
export function bootScript(): string {
  return render('boot', {});
}

/**
 * Boots a kernel with its initrds, asking again with a growing pause when a file can't be fetched; tells what failed
 * and restarts the machine when it never can. Throws an Error naming the value when iPXE would misread a part of the plan.
 */
export function machineScript(machine: ScriptMachine, plan: ImagePlan): string {
  const kernelUrl = checkWord(plan.kernelUrl, 'kernel URL');
  const initrds = plan.initrds.map(({ name, url }) => ({
    name: checkWord(name, 'initrd name'),
    url: checkWord(url, 'initrd URL'),
  }));
  // UEFI kernels find their initrds by these names only; to BIOS kernels they mean nothing.
  const args = [...initrds.map(({ name }) => `initrd=${name}`), ...plan.args];
  const commandLine = args.map((argument) => checkKernelArgument(argument)).join(' ');
  return render('machine', {
    ...machine,
    image: plan.image,
    files: [
      { url: kernelUrl, command: `kernel --name kernel ${kernelUrl} ${commandLine}`.trimEnd() },
      ...initrds.map(({ name, url }) => ({ url, command: `initrd --name ${name} ${url}` })),
    ],
  });
}

/** Tells whoever stands before the machine that it waits for approval, then asks again after `pause` seconds, for ever. */
export function holdScript(waiting: {
  readonly mac: string;
  readonly serial: string | undefined;
  /** Where the administrator finds config/: the server's address. */
  readonly server: string;
  readonly pause?: number;
}): string {
  return render('hold', { pause: HOLD_PAUSE, ...waiting, serial: waiting.serial ?? 'unknown' });
}

const HOLD_PAUSE = 5;

/** Leaves network boot: on BIOS by starting the first disk, on UEFI by going on to the firmware's next boot entry. */
export function localDiskScript(machine: ScriptMachine): string {
  return render('local-disk', { ...machine });
}

function render(template: string, values: object): string {
  return scripts.renderFileSync(template, values);
}
