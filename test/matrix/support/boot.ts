import { copyFile, mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { load } from 'js-yaml';
import { labImage } from '../../../src/lab/image.ts';
import { buildArm64Guest } from '../../support/arm64-guest.ts';
import { startFor } from '../../support/process.ts';
import { told } from '../../support/told.ts';
import { type Board, type Machine, macOf, switchOn } from './machine.ts';
import { type Place, placeFor, type Way } from './place.ts';

/** How long one boot may take, milliseconds: emulated, on a machine that does other things too. */
export const BOOT_TIMEOUT = 240_000;

/** A boot to make. */
export interface Row extends Way {
  readonly board: Board;
  /** `firmware` of rackseed.yaml. */
  readonly firmware: Readonly<Record<string, unknown>>;
  /** Called when the machine is switched on, for one that needs somebody at its console. */
  readonly attend?: (machine: Machine) => Promise<void>;
}

/** What was seen of a boot that went up to the machine's word that it is up. */
export interface Booted {
  /** Its timeline: kinds and details. */
  readonly story: readonly { readonly kind: string; readonly detail: string }[];
  /** The address that the machine had in the end. */
  readonly address: string;
  /** The DHCP and TFTP packets on the server's network, as `tcpdump -v` prints them. */
  readonly packets: string;
  readonly console: string;
}

/** A kernel and an initrd for the machines of a file's tests. */
export interface Guest {
  /** Folder that holds `vmlinuz` and `initrd.img`. */
  readonly image: string;
  readonly profile: Readonly<Record<string, unknown>>;
}

const IMAGE = { image: 'lab', kernel: 'vmlinuz', initrd: 'initrd.img', document: 'cloud-config' } as const;
const LAB_PROFILE = new URL('../../../lab/config/profiles/lab.yaml', import.meta.url);

/** The lab's own small guest, which carries out the cloud-config that it gets. */
export async function labGuest(): Promise<Guest> {
  const cache = new URL('../../../.cache/lab', import.meta.url).pathname;
  const { directory } = await labImage('small', cache, () => {});
  const profile = load(await readFile(LAB_PROFILE, 'utf8')) as Readonly<Record<string, object>>;
  return { image: directory, profile: { ...profile, boot: { ...profile.boot, ...IMAGE } } };
}

/**
 * A double of a system for arm64, which fetches its cloud-config and tells of it.
 * @param image an empty folder
 */
export async function arm64Guest(image: string): Promise<Guest> {
  await buildArm64Guest(await mkdtemp(join(image, 'work-')), image);
  const boot = { ...IMAGE, args: ['console=ttyAMA0'] };
  return { image, profile: { boot, cloud_config: { hostname: '{{ machine.hostname }}' } } };
}

/** Boots a machine from power-on until it says that it is up. Throws with its console when it doesn't. */
export async function boot(t: ExecutionContext, row: Row, { image, profile }: Guest): Promise<Booted> {
  t.timeout(BOOT_TIMEOUT + 30_000);
  const mac = macOf(row.board);
  const machines = [{ mac, hostname: 'worker-01' }];
  const place = await placeFor(t, row, { top: { firmware: row.firmware }, machines, profile });
  const { directory, api } = place.service;
  for (const file of [IMAGE.kernel, IMAGE.initrd]) {
    await copyFile(join(image, file), join(directory, 'assets', IMAGE.image, file));
  }
  const capture = await captureFor(t, place);
  const machine = await switchOn(t, row.board, place);
  const seen = async () => {
    const consoleLog = await readFile(machine.consoleLog, 'latin1').catch(() => '');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a serial console is full of them
    return consoleLog.replace(/\x1b\[[0-9;=]*[A-Za-z]|\r/g, '');
  };
  const ended = machine.process.exited.then(({ stderr }) => {
    throw new Error(`QEMU ended: ${stderr}`);
  });
  const up = told(api, ({ kind }) => kind === 'up', BOOT_TIMEOUT);
  try {
    await Promise.race([Promise.all([up, row.attend?.(machine)]), ended]);
  } catch (error) {
    throw new Error(`${(error as Error).message}\nits console:\n${(await seen()).slice(-3000)}`);
  }
  const [latest] = await api.boots(mac);
  const { address = '' } = await api.machine(mac);
  const { stdout: packets } = await capture.stop();
  return { story: latest?.entries ?? [], address, packets, console: await seen() };
}

async function captureFor(t: ExecutionContext, { server }: Place) {
  const ports = ['udp', 'port', '67', 'or', 'udp', 'port', '69', 'or', 'udp', 'port', '4011'];
  const argv = ['tcpdump', '-i', 'rack0', '-n', '-l', '-v', '--immediate-mode', ...ports];
  const capture = await startFor(t, server.command(argv));
  await capture.waitFor(/listening on/);
  return capture;
}
