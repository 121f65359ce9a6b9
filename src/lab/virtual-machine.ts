import { constants } from 'node:fs';
import { access, copyFile, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Namespace } from './namespace.ts';
import { type Child, start } from './process.ts';
import { type Accelerator, type Firmware, qemuArguments } from './qemu.ts';

/** What there is to choose about a virtual machine. */
export interface VirtualMachineOptions {
  readonly name: string;
  readonly firmware: Firmware;
  readonly accelerator: Accelerator;
  readonly mac: string;
  readonly tap: string;
  /** MiB. */
  readonly memory: number;
  /** Where its disk, console socket and console log are made. */
  readonly directory: string;
  readonly namespace: Namespace;
}

/** A machine that is switched on. */
export interface VirtualMachine {
  readonly process: Child;
  /** Milliseconds since the epoch. */
  readonly poweredOn: number;
}

/** Files of a virtual machine, known before it is switched on. */
export interface MachineFiles {
  /** Raw image of the data disk. */
  readonly dataDisk: string;
  /** Unix socket of the serial console. */
  readonly console: string;
  readonly consoleLog: string;
  /** What the lab's Debian guest tells about itself when its boot is over, one line of JSON. */
  readonly report: string;
}

const QEMU = 'qemu-system-x86_64';
const DISK_SIZE = 1024 ** 3;

/** Where OVMF lies: the 4 MB build of today's Debian and Ubuntu, then the one before it. */
const OVMF = ['OVMF_%_4M.fd', 'OVMF_%.fd'].map((name) => join('/usr/share/OVMF', name));

/** Where the files of the machine called `name` are. */
export function machineFiles(directory: string, name: string): MachineFiles {
  return {
    dataDisk: join(directory, `${name}.disk`),
    console: join(directory, `${name}.console`),
    consoleLog: join(directory, `${name}.log`),
    report: join(directory, `${name}.report`),
  };
}

/** Switches the machine on, with the data disk it has; one that has none gets an empty one of 1 GiB. */
export async function powerOn(options: VirtualMachineOptions): Promise<VirtualMachine> {
  const files = machineFiles(options.directory, options.name);
  const disk = await open(files.dataDisk, 'a');
  if ((await disk.stat()).size === 0) await disk.truncate(DISK_SIZE);
  await disk.close();
  const ovmf = options.firmware === 'bios' ? undefined : await prepareOvmf(options.directory, options.name);
  const argv = [QEMU, ...qemuArguments({ ...options, ...files, ...(ovmf && { ovmf }) })];
  const poweredOn = Date.now();
  return { process: await start(options.namespace.command(argv)), poweredOn };
}

/** The firmware's code, and a copy of its variables that this machine may write to. */
async function prepareOvmf(directory: string, name: string): Promise<{ code: string; variables: string }> {
  for (const path of OVMF) {
    const code = path.replace('%', 'CODE');
    if (!(await isReadable(code))) continue;
    const variables = join(directory, `${name}.vars`);
    await copyFile(path.replace('%', 'VARS'), variables);
    return { code, variables };
  }
  throw new Error(
    `no UEFI firmware at ${OVMF.map((path) => path.replace('%', 'CODE')).join(' or ')}: install ovmf`,
  );
}

function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}
