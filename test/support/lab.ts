import type { ExecutionContext } from 'ava';
import { ApiClient } from '../../src/api-client/client.ts';
import { localEndpoint } from '../../src/api-client/endpoint.ts';
import { LAB_NETWORK } from '../../src/lab/configuration.ts';
import { type Lab, type LabMachine, type LabOptions, startLab } from '../../src/lab/lab.ts';
import type { MachineProgress } from '../../src/lab/progress.ts';
import type { Firmware } from '../../src/lab/qemu.ts';
import { type OtherDhcp, otherDhcpFor } from './other-dhcp.ts';
import { runChecked, startFor } from './process.ts';

/** How long a boot may take, milliseconds: two at a time, emulated, on a machine that does other things too. */
export const BOOT_TIMEOUT = 300_000;

/** A machine that has come up, and what was seen of its boot. */
export interface BootedMachine extends LabMachine {
  readonly progress: MachineProgress;
}

/** A boot from power-on to phone-home, watched from beside the network. */
export interface WatchedBoot {
  readonly lab: Lab;
  readonly machines: readonly BootedMachine[];
  /** The DHCP and TFTP packets of the boot, as `tcpdump -v` prints them. */
  readonly packets: string;
}

/** A rack whose machines are still off, and its API. */
export interface TestLab {
  readonly lab: Lab;
  readonly api: ApiClient;
}

/** Builds a rack with the real service; it's taken down when the test ends. */
export async function labFor(t: ExecutionContext, options: LabOptions): Promise<TestLab> {
  t.timeout(BOOT_TIMEOUT + 60_000);
  const lab = await startLab(options);
  t.teardown(() => lab.stop());
  return { lab, api: new ApiClient(localEndpoint({ path: lab.adminSocket })) };
}

/**
 * Boots a rack with the real service until every machine is up. It's taken down when the test ends.
 * @param beside another DHCP server that gives the addresses; the service is a proxy then
 */
export async function boot(
  t: ExecutionContext,
  firmware: Firmware,
  count: number,
  beside?: OtherDhcp,
): Promise<WatchedBoot> {
  const { lab } = await labFor(t, { firmware, count, ...(beside && { dhcp: { mode: 'proxy' } }) });
  if (beside) await otherDhcpFor(t, beside, { namespace: lab.namespace, bridge: LAB_NETWORK.interface });
  const capture = await startCapture(t, lab);
  await lab.powerOn();
  const progress = await lab.whenUp({ timeout: BOOT_TIMEOUT });
  const machines = lab.machines.map((machine, index) => {
    const own = progress[index];
    if (own?.mac !== machine.mac) throw new Error(`no progress of ${machine.mac} at its place`);
    return { ...machine, progress: own };
  });
  const { stdout: packets } = await capture.stop();
  return { lab, machines, packets };
}

async function startCapture(t: ExecutionContext, lab: Lab) {
  const ports = 'udp port 67 or udp port 69 or udp port 4011';
  const argv = ['tcpdump', '-i', 'kubernetes1', '-n', '-l', '-v', '--immediate-mode', ...ports.split(' ')];
  const capture = await startFor(t, lab.namespace.command(argv));
  await capture.waitFor(/listening on/);
  return capture;
}

/** What is on a disk, read from its first blocks: `{ TYPE: 'ext4', LABEL: 'docker', … }`. */
export async function filesystemOn(dataDisk: string): Promise<Readonly<Record<string, string>>> {
  const output = await runChecked(['blkid', '--probe', '--output', 'export', dataDisk]);
  const pairs = output.split('\n').filter((line) => line.includes('='));
  return Object.fromEntries(pairs.map((line) => line.split('=', 2)));
}

/** The names of the stages that a machine passed, in order. */
export function stagesOf(machine: BootedMachine): string[] {
  return machine.progress.stages.map(({ stage }) => stage);
}

/** What a machine said with its last report. */
export function lastWords(machine: BootedMachine): string {
  return machine.progress.stages.at(-1)?.detail ?? '';
}
