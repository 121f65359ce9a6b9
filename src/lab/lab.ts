import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../api-client/client.ts';
import { localEndpoint } from '../api-client/endpoint.ts';
import type { Mac } from '../net/mac.ts';
import { LAB_NETWORK, writeLabConfiguration } from './configuration.ts';
import type { Guest } from './guests.ts';
import { foreignImage, type Image, labImage } from './image.ts';
import {
  bridgeCommands,
  createNamespace,
  isAlive,
  type Namespace,
  ownerOf,
  removeStaleNamespaces,
  tapCommands,
} from './namespace.ts';
import { packageRoot } from './package-root.ts';
import type { Child } from './process.ts';
import { describePosition, isUp, type MachineProgress, progressOf } from './progress.ts';
import type { Accelerator, Firmware } from './qemu.ts';
import { lastLines, startService } from './service.ts';
import { type MachineFiles, machineFiles, powerOn, type VirtualMachine } from './virtual-machine.ts';

/** What a virtual rack is made of. */
export interface LabOptions {
  readonly firmware: Firmware;
  /** Number of machines. */
  readonly count: number;
  readonly accelerator?: Accelerator;
  /** Which of the lab's own systems the machines run; `small` when left out. */
  readonly guest?: Guest;
  /** Folder with vmlinuz and initrd.img that takes the place of the guest's. */
  readonly image?: string;
  /** The profile that machines get by default; one of the lab's own that suits the guest when left out. */
  readonly profile?: string;
  /** Added to the network's `dhcp`, such as another mode. */
  readonly dhcp?: Readonly<Record<string, unknown>>;
  /** Added to rackseed.yaml, such as a mirror. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** An administrator's configuration folder: see {@link writeLabConfiguration}. */
  readonly config?: string;
  /** Leaves disks, logs and configuration in `directory` when the lab stops. */
  readonly keep?: boolean;
  /** Called with each step before the machines are switched on, in words. */
  readonly onStep?: (step: string) => void;
  /** Gives up between two steps of starting. */
  readonly signal?: AbortSignal;
}

/** A machine in the rack. */
export interface LabMachine extends MachineFiles {
  readonly name: string;
  readonly mac: string;
}

/** A provisioning network with the service and a rack of machines on it, all inside one network namespace. */
export interface Lab {
  readonly namespace: Namespace;
  /** Where its configuration, disks and logs are. */
  readonly directory: string;
  /** Unix socket of the service's admin app. */
  readonly adminSocket: string;
  readonly machines: readonly LabMachine[];
  /** The service's process. */
  readonly service: Pick<Child, 'output' | 'kill'>;
  /** Switches all machines on. Each keeps the data disk it has, from an earlier boot or made for it. */
  powerOn(): Promise<void>;
  /** Switches all machines off, as by a power cut. */
  powerOff(): Promise<void>;
  /** How far each machine has come, asked of the service now. Throws when the service is gone. */
  progress(): Promise<readonly MachineProgress[]>;
  /** Milliseconds since the machines were switched on. */
  clock(): number;
  /**
   * Waits until every machine is up, asking a few times a second.
   * @param isDone another state to wait for
   * @param onProgress called with each answer
   * @throws LabFailure when the service or a machine ends, or not all are up within `timeout` milliseconds
   */
  whenUp(options: {
    readonly timeout: number;
    readonly isDone?: (machine: MachineProgress) => boolean;
    readonly signal?: AbortSignal;
    readonly onProgress?: (machines: readonly MachineProgress[]) => void;
  }): Promise<readonly MachineProgress[]>;
  /** Ends the machines and the service, removes the namespace and, unless `keep` was asked for, the folder. */
  stop(): Promise<void>;
}

/** A rack that didn't come up: the message says which machine is where, and ends with what its console showed last. */
export class LabFailure extends Error {}

const PREFIX = 'rackseed-lab-';
const POLL = 250;
/** MiB. */
const GUEST_MEMORY: Readonly<Record<Guest, number>> = { small: 1024, debian: 2048 };
/** What Flatcar needs, which unpacks itself into memory, MiB. */
const IMAGE_MEMORY = 3072;

/**
 * Builds a rack and starts the service; its machines are still off. Whatever was started is ended again when a step
 * fails. Leftovers of labs whose process is gone are removed first. Needs root.
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  const step = (text: string) => {
    options.signal?.throwIfAborted();
    options.onStep?.(text);
  };
  const undo: (() => Promise<unknown>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= undoAll(undo);
    return stopping;
  };
  try {
    await removeStaleNamespaces(PREFIX);
    await removeStaleFolders();
    const image = await chooseImage(options, step);

    // A folder that is kept has a name that the next lab doesn't take for a leftover.
    const name = options.keep ? `${PREFIX}kept-` : `${PREFIX}${process.pid}-`;
    const directory = await mkdtemp(join(tmpdir(), name));
    if (!options.keep) undo.push(() => rm(directory, { recursive: true, force: true }));
    const adminSocket = join(directory, 'admin.sock');
    const { config: source, count, guest = 'small', profile, dhcp, settings } = options;
    const config = await writeLabConfiguration({
      ...{ directory, image, guest, count, adminSocket },
      ...(source !== undefined && { source }),
      ...(profile !== undefined && { profile }),
      ...(dhcp && { dhcp }),
      ...(settings && { settings }),
    });

    step(`building the network ${LAB_NETWORK.name}, ${LAB_NETWORK.address}`);
    const namespace = await createNamespace(`${PREFIX}${process.pid}-${directory.slice(-6)}`);
    undo.push(() => namespace.remove());
    const { interface: bridge, mac, address } = LAB_NETWORK;
    await namespace.ip(
      ...bridgeCommands(bridge, mac, address),
      ...config.machines.flatMap((_, index) => tapCommands(tapName(index), bridge)),
    );

    step('starting the service');
    const service = await startService(namespace, config.directory, adminSocket);
    undo.push(async () => {
      await service.stop();
      if (options.keep) await writeFile(join(directory, 'service.log'), service.output());
    });
    options.signal?.throwIfAborted();
    const machines = config.machines.map(({ hostname: name, mac }) => ({
      ...{ name, mac },
      ...machineFiles(directory, name),
    }));
    return assemble(options, { directory, namespace, adminSocket, machines, service, undo, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Parts extends Pick<Lab, 'directory' | 'namespace' | 'adminSocket' | 'machines' | 'stop'> {
  readonly service: Child;
  readonly undo: (() => Promise<unknown>)[];
}

function assemble(options: LabOptions, parts: Parts): Lab {
  const { directory, namespace, adminSocket, machines, service, undo, stop } = parts;
  const running: (VirtualMachine & LabMachine)[] = [];
  const ended: string[] = [];
  let switchingOff = false;
  const reportEnd = (child: Child, what: string) => {
    void child.exited.then(() => {
      if (!switchingOff) ended.push(`${what} ended. It said:\n${lastLines(child.output(), 20)}`);
    });
  };
  reportEnd(service, 'the service');
  const powerOff = async () => {
    switchingOff = true;
    for (const machine of running.splice(0)) await machine.process.stop();
    switchingOff = false;
  };
  undo.push(powerOff);

  const api = new ApiClient(localEndpoint({ path: adminSocket }));
  const progress = async () => {
    const shown = await api.machines();
    return Promise.all(
      running.map(async (machine) => {
        const seen = shown.find(({ mac }) => mac === machine.mac);
        const [boot] = seen ? await api.boots(seen.mac as Mac) : [];
        return progressOf(machine, seen, boot);
      }),
    );
  };
  const fail = async (problem: string, stuck: readonly MachineProgress[]) => {
    const consoles = await Promise.all(
      machines
        .filter(({ mac }) => stuck.some((machine) => machine.mac === mac))
        .map(
          async ({ name, consoleLog }) => `console of ${name} (${consoleLog}):\n${await tail(consoleLog)}`,
        ),
    );
    return new LabFailure([problem, ...stuck.map(describePosition), ...consoles].join('\n'));
  };

  return {
    ...{ namespace, directory, adminSocket, machines, service, progress, powerOff, stop },
    clock: () => (running[0] ? Date.now() - running[0].poweredOn : 0),
    async powerOn() {
      for (const [index, machine] of machines.entries()) {
        const vm = await powerOn({
          ...{ name: machine.name, mac: machine.mac, tap: tapName(index), directory, namespace },
          firmware: options.firmware,
          accelerator: options.accelerator ?? 'tcg',
          memory: options.image === undefined ? GUEST_MEMORY[options.guest ?? 'small'] : IMAGE_MEMORY,
        });
        reportEnd(vm.process, `QEMU of ${machine.name}`);
        running.push({ ...machine, ...vm });
      }
    },
    async whenUp({ timeout, isDone = isUp, signal, onProgress }) {
      const deadline = Date.now() + timeout;
      let latest: readonly MachineProgress[] = [];
      const stuck = () => latest.filter((machine) => !isDone(machine));
      while (true) {
        signal?.throwIfAborted();
        try {
          latest = await progress();
        } catch (error) {
          // Most likely the service has just died, and its own words are the better explanation.
          await Promise.race([service.exited, wait(1000, signal)]);
          throw await fail(ended[0] ?? `the service doesn't answer: ${error}`, stuck());
        }
        onProgress?.(latest);
        if (latest.length > 0 && latest.every(isDone)) return latest;
        if (ended[0] !== undefined) throw await fail(ended[0], stuck());
        if (Date.now() > deadline) {
          throw await fail(`not every machine was up within ${timeout / 1000} s`, stuck());
        }
        await wait(POLL, signal);
      }
    },
  };
}

/** Carries out every step, the last first, even when one fails. Throws the first failure at the end. */
async function undoAll(steps: (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (let last = steps.pop(); last; last = steps.pop()) {
    await last().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

/** Waits, or stops waiting when `signal` says so. */
function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done, { once: true });
  });
}

async function chooseImage(options: LabOptions, step: (text: string) => void): Promise<Image> {
  if (options.image !== undefined) return foreignImage(options.image);
  return labImage(options.guest ?? 'small', join(packageRoot, '.cache/lab'), step);
}

/** At most 15 characters, as every interface name. */
function tapName(index: number): string {
  return `vm${index + 1}`;
}

async function removeStaleFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = ownerOf(name, PREFIX);
    if (owner !== undefined && !isAlive(owner))
      await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}

/** The last lines of a console, without the terminal's control sequences. */
async function tail(consoleLog: string): Promise<string> {
  const text = await readFile(consoleLog, 'utf8').catch(() => '');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a serial console is full of them
  return lastLines(text.replace(/\x1b\[[0-9;=]*[A-Za-z]|\r/g, ''), 15) || '(nothing)';
}
