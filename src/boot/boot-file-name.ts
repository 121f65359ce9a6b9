import { type Mac, parseMac } from '../net/mac.ts';
import { PXELINUX_FILE } from './loaders.ts';

/**
 * A file that a boot loader asks for by itself, made for one machine: iPXE 2.x's `autoexec.ipxe`, the configuration that
 * U-Boot and PXELINUX look for, or GRUB's.
 */
export interface BootFileName {
  readonly kind: 'autoexec' | 'pxelinux' | 'grub';
  /** The machine, where the name says so; else it is the one that asks. */
  readonly mac?: Mac;
  /** Its SMBIOS uuid, in lower case. */
  readonly uuid?: string;
}

/** Who reads files of a kind, for people. */
export const READERS: Readonly<Record<BootFileName['kind'], string>> = {
  autoexec: 'iPXE',
  pxelinux: 'pxelinux.cfg',
  grub: 'GRUB',
};

/** Any file below this folder: loaders look relative to where they came from. */
const FOLDER = /^(?:[^/]+\/)*/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** `01`, ARP's number for Ethernet, before the hardware address. */
const HARDWARE = /^01-((?:[0-9a-f]{2}-){5}[0-9a-f]{2})$/;
/** An address in hexadecimal, from which the loader takes digit after digit: `C0A80007`, `C0A8000`, … */
const ADDRESS = /^[0-9a-f]{1,8}$/;
/** `default-arm-bcm283x`, `default-arm`, `default`. */
const DEFAULT = /^default(?:-[\w.-]+)?$/;

/**
 * Reads a path without a slash in front, in any case of letters; undefined when it is nothing of the kind. Loaders go from
 * the name for one machine to the name for all; each of them is enough to answer at once.
 */
export function readBootFileName(path: string): BootFileName | undefined {
  const name = path.toLowerCase().replace(FOLDER, '');
  if (name === 'autoexec.ipxe') return { kind: 'autoexec' };
  if (name === PXELINUX_FILE) return { kind: 'pxelinux' };
  if (/(?:^|\/)pxelinux\.cfg\/[^/]+$/i.test(path)) return readMachine('pxelinux', name);
  if (name === 'grub.cfg') return { kind: 'grub' };
  return name.startsWith('grub.cfg-') ? readMachine('grub', name.slice('grub.cfg-'.length)) : undefined;
}

function readMachine(kind: BootFileName['kind'], name: string): BootFileName | undefined {
  const mac = parseMac(HARDWARE.exec(name)?.[1] ?? '');
  if (mac) return { kind, mac };
  if (UUID.test(name)) return { kind, uuid: name };
  return ADDRESS.test(name) || DEFAULT.test(name) ? { kind } : undefined;
}
