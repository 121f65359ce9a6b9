import { type Mac, macToHyphens } from '../net/mac.ts';
import { cleanText } from './ipxe-text.ts';
import { type ImagePlan, pathOf } from './plan.ts';
import type { HeldMachine, ScriptMachine } from './script.ts';

/**
 * Configurations for GRUB that was loaded over the network. Images are fetched by HTTP when the loader can do it, and by
 * TFTP else: only a failure tells, as `insmod` succeeds for a module that isn't there, too. GRUB's language has neither `&&`
 * nor `||`.
 */

/**
 * Boots a kernel with its initrds, asking again with a growing pause when a file can't be fetched; restarts the machine
 * when it never can. Throws an Error naming the argument that GRUB would change.
 */
export function grubConfig(machine: ScriptMachine, plan: ImagePlan): string {
  const { http, tftp } = waysTo(plan.kernelUrl);
  const who = `${machine.hostname} (${machine.mac})`;
  const file = (url: string) => `"$files"${quote(pathOf(url))}`;
  const args = plan.args.flatMap(words).map(quote);
  const initrds = plan.initrds.map(({ url }) => file(url));
  const boot =
    initrds.length > 0
      ? [`      if initrd ${initrds.join(' ')}; then`, '        boot', '      fi']
      : ['      boot'];
  return text([
    echo(`${who} boots ${plan.image}`),
    'insmod http',
    'for pause in 1 2 3 4 5 6 7 8; do',
    `  for files in ${http} ${tftp}; do`,
    `    if ${['linux', file(plan.kernelUrl), ...args].join(' ')}; then`,
    ...boot,
    '    fi',
    '  done',
    '  echo "Could not fetch what it boots, trying again in $pause s"',
    '  sleep $pause',
    'done',
    echo(`Could not boot ${plan.image} on ${machine.hostname}. Rebooting in 30 s`),
    'sleep 30',
    'reboot',
  ]);
}

/** Where a held machine asks again. */
export interface GrubHold extends Omit<HeldMachine, 'mac' | 'serial'> {
  readonly mac: Mac;
  /** The provisioning app: `http://192.168.0.254`. */
  readonly baseUrl: string;
  /** How it has asked this time: it asks so again. */
  readonly way: 'http' | 'tftp';
}

/** Tells whoever stands before a machine why it doesn't boot and what to do, then asks again every few seconds, for ever. */
export function grubHold({ mac, network, server, verdict, baseUrl, way }: GrubHold): string {
  const again = `${waysTo(baseUrl)[way]}${quote(`/grub.cfg-01-${macToHyphens(mac)}`)}`;
  const why = verdict ? `is ${verdict} and does not boot` : 'is waiting for approval';
  const pause = verdict ? 30 : 5;
  return text([
    echo(`${mac} ${why}: rackseed approve ${mac}`),
    echo(`This is network ${network}; the server is ${server}. Asking again in ${pause} s`),
    // What is fetched again runs inside this loop, and must not begin another one in it.
    'if [ "$rackseed_asks" != yes ]; then',
    '  set rackseed_asks=yes',
    `  while sleep ${pause}; do`,
    `    source ${again}`,
    '  done',
    'fi',
  ]);
}

/** Leaves network boot for the next entry of the machine's boot order. */
export function grubLocalDisk(machine: ScriptMachine): string {
  return text([echo(`${machine.hostname} (${machine.mac}) boots from its local disk`), 'exit 1']);
}

/** The server of a URL as GRUB's devices, in quotes. */
function waysTo(url: string): Readonly<Record<'http' | 'tftp', string>> {
  const { host, hostname } = new URL(url);
  return { http: quote(`(http,${host})`), tftp: quote(`(tftp,${hostname})`) };
}

/** GRUB puts an argument that holds a space in quotes, so a kernel argument goes to it word by word. */
function words(argument: string): string[] {
  const fault = /[^\x20-\x7e]/.test(argument)
    ? 'holds a line break, a control character or something other than ASCII'
    : /["'\\]/.test(argument)
      ? 'holds a quote or a backslash, before which GRUB would put a backslash'
      : undefined;
  if (fault === undefined) return argument.split(' ');
  throw new Error(`kernel argument ${JSON.stringify(argument)} ${fault}`);
}

function echo(message: string): string {
  return `echo ${quote(cleanText(message))}`;
}

/** Everything between single quotes is what it is, except a single quote. */
function quote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
