import { access, copyFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { isProgram } from '../../../src/lab/process.ts';
import { type Firmware, type Hardware, qemuArguments } from '../../../src/lab/qemu.ts';
import { machineFiles, powerOn } from '../../../src/lab/virtual-machine.ts';
import type { Mac } from '../../../src/net/mac.ts';
import { type Child, startFor } from '../../support/process.ts';
import type { Place } from './place.ts';

/**
 * `bios`, `uefi` and `uefi-http` are the lab's own machines; `uefi-secure` has Secure Boot with Microsoft's keys. The others are
 * QEMU's arm64 machine with AAVMF by PXE, AAVMF by HTTP Boot, and U-Boot.
 */
export type Board = Firmware | 'uefi-secure' | 'arm64' | 'arm64-http' | 'u-boot';

/** A machine that is switched on. */
export interface Machine {
  readonly process: Child;
  /** Unix socket of its serial console. */
  readonly console: string;
  readonly consoleLog: string;
}

const NAME = 'machine';
/** MiB. */
const MEMORY = 1024;

const DISK_SIZE = 1024 ** 3;

const QEMU_ARM64 = 'qemu-system-aarch64';
const OVMF = '/usr/share/OVMF';
const AAVMF = '/usr/share/AAVMF';
const U_BOOT = '/usr/lib/u-boot/qemu_arm64/u-boot.bin';

/** The hardware address of a machine. Debian's U-Boot for QEMU has one of its own, whatever its card says. */
export function macOf(board: Board): Mac {
  return (board === 'u-boot' ? '52:52:52:52:52:52' : '52:54:00:00:00:01') as Mac;
}

/** Switches a machine on for the length of a test. It has no disk to boot from. */
export async function switchOn(t: ExecutionContext, board: Board, place: Place): Promise<Machine> {
  const { namespace, tap } = place;
  const { directory } = place.service;
  const files = machineFiles(directory, NAME);
  const hardware = { name: NAME, accelerator: 'tcg', mac: macOf(board), tap, memory: MEMORY } as const;
  if (board === 'bios' || board === 'uefi' || board === 'uefi-http') {
    const { process } = await powerOn({ ...hardware, firmware: board, directory, namespace });
    t.teardown(() => process.stop());
    return { process, ...files };
  }
  const argv =
    board === 'uefi-secure'
      ? await secureMachine({ ...hardware, ...files }, directory)
      : await arm64Machine(board, { ...hardware, ...files }, directory);
  return { process: await startFor(t, namespace.command(argv)), ...files };
}

type Parts = Omit<Hardware, 'firmware' | 'ovmf'>;

async function secureMachine(parts: Parts, directory: string): Promise<readonly string[]> {
  const ovmf = await flash(OVMF, 'OVMF_CODE_4M.secboot.fd', 'OVMF_VARS_4M.ms.fd', 'ovmf', directory);
  await writeFile(parts.dataDisk, '');
  await truncate(parts.dataDisk, DISK_SIZE);
  return [
    ...['qemu-system-x86_64', ...qemuArguments({ ...parts, firmware: 'uefi', ovmf })],
    // Only code in system management mode may write the variables.
    ...['-machine', 'smm=on', '-global', 'driver=cfi.pflash01,property=secure,value=on'],
  ];
}

async function arm64Machine(
  board: 'arm64' | 'arm64-http' | 'u-boot',
  { name, mac, tap, memory, console, consoleLog }: Parts,
  directory: string,
): Promise<readonly string[]> {
  if (!isProgram(QEMU_ARM64))
    throw new Error(`there is no ${QEMU_ARM64}: install the package qemu-system-arm`);
  return [
    ...[QEMU_ARM64, '-name', name, '-machine', 'virt', '-cpu', 'cortex-a57'],
    ...['-smp', '1', '-m', `${memory}M`, '-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-chardev', `socket,id=console,path=${console},server=on,wait=off,logfile=${consoleLog}`],
    ...['-serial', 'chardev:console'],
    ...(board === 'u-boot' ? await uBoot() : await aavmf(board, directory)),
    ...['-netdev', `tap,id=network,ifname=${tap},script=no,downscript=no`],
    ...['-device', `virtio-net-pci,netdev=network,mac=${mac},bootindex=1,romfile=`],
    ...['-device', 'virtio-rng-pci'],
  ];
}

async function uBoot(): Promise<readonly string[]> {
  await mustExist(U_BOOT, 'u-boot-qemu');
  return ['-bios', U_BOOT];
}

async function aavmf(board: 'arm64' | 'arm64-http', directory: string): Promise<readonly string[]> {
  const { code, variables } = await flash(
    ...([AAVMF, 'AAVMF_CODE.fd', 'AAVMF_VARS.fd', 'qemu-efi-aarch64', directory] as const),
  );
  const off = (protocol: string) => ['-fw_cfg', `name=opt/org.tianocore/${protocol}PXESupport,string=n`];
  return [
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${code}`],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${variables}`],
    ...(board === 'arm64-http' ? [...off('IPv4'), ...off('IPv6')] : []),
  ];
}

/** A firmware's code, and a copy of its variables that the machine may write to. */
async function flash(folder: string, code: string, variables: string, name: string, directory: string) {
  for (const file of [code, variables]) await mustExist(join(folder, file), name);
  const own = join(directory, `${NAME}.vars`);
  await copyFile(join(folder, variables), own);
  return { code: join(folder, code), variables: own };
}

/** Throws an Error that names the package when a file isn't there. */
async function mustExist(path: string, name: string): Promise<void> {
  await access(path).catch(() => {
    throw new Error(`there is no ${path}: install the package ${name}`);
  });
}
