import { readdirSync, readFileSync } from 'node:fs';
import { Liquid } from 'liquidjs';
import type { Mac } from '../net/mac.ts';
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

/**
 * `autoexec.ipxe`, which iPXE 2.x asks for by itself before anything else: gets an address by the card with the hardware
 * address `mac` and goes on with the first script at `url`.
 */
export function autoexecScript(mac: Mac, url: string): string {
  return render('autoexec', { mac, url: checkWord(url, 'script URL') });
}

/** A machine that may not boot. What it is called may come from the network. */
export interface HeldMachine {
  readonly mac: string;
  readonly serial: string | undefined;
  /** The name of the network it is on. */
  readonly network: string;
  /** Where somebody can approve it: the server's address. */
  readonly server: string;
  /** What somebody has decided; absent while it waits for approval. */
  readonly verdict?: 'refused' | 'retired' | undefined;
}

/** Tells whoever stands before a machine why it doesn't boot and what to do, then asks again every few seconds, for ever. */
export function holdScript({ mac, serial = 'unknown', network, server, verdict }: HeldMachine): string {
  const pause = verdict ? REFUSED_PAUSE : HOLD_PAUSE;
  return render('hold', { mac, serial, network, server, verdict: verdict ?? 'waiting', pause });
}

/** Seconds between two polls. */
const HOLD_PAUSE = 5;
const REFUSED_PAUSE = 30;

/** Leaves network boot: on BIOS by starting the first disk, on UEFI by going on to the firmware's next boot entry. */
export function localDiskScript(machine: ScriptMachine): string {
  return render('local-disk', { ...machine });
}

function render(template: string, values: object): string {
  return scripts.renderFileSync(template, values);
}
