import type { Ipv4 } from '../net/ipv4.ts';
import type { NetworkBooter } from './firmware.ts';
import { type AnswerPlace, type AnswerStyle, answerStyle, type PxeReply } from './reply-style.ts';

/** What goes into a DHCP reply so that a machine fetches the right file. */
export interface BootAnswer {
  readonly server: Ipv4;
  /** TFTP name or URL. */
  readonly file: string;
  /** Encoded options (43, 60, 175). */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

export interface BootAnswerContext {
  readonly server: Ipv4;
  /** Where the provisioning app is: `http://192.168.0.254`. The host is an IP literal, since firmware may lack DNS. */
  readonly baseUrl: string;
  /** True when the file is in the firmware folder. */
  readonly isAvailable: (file: string) => boolean;
  /** The machine's own loader, in place of the table's choice. */
  readonly override?: string;
  /** A reply that gives an address too, unless given. */
  readonly place?: AnswerPlace;
  /** The machine's own reply style, in place of its firmware's. */
  readonly pxeReply?: PxeReply;
  /** The order in which loaders that are there are offered; the table's unless given. */
  readonly order?: (files: readonly string[]) => readonly string[];
}

const VENDOR_CLASS = 60;
const VENDOR_SPECIFIC = 43;
const IPXE_ENCAPSULATED = 175;

/** PXE_DISCOVERY_CONTROL (tag 6) = 8: fetch the file in this very reply (PXE 2.1 §2.4.2). */
const FETCH_AT_ONCE = Uint8Array.of(6, 1, 8, 255);
/** Discovery without broadcast or multicast (6), a prompt (10), and the only entry of the menu (9): what a Pi's ROM checks. */
const RASPBERRY_PI_MENU = Buffer.from(
  '\x06\x01\x03\x0a\x04\x00PXE\x09\x14\x00\x00\x11Raspberry Pi Boot\xff',
  'latin1',
);
/** no-pxedhcp (tag 176) = 1: no proxy will come, so iPXE need not wait two seconds for one. */
const NO_PROXY = Uint8Array.of(176, 1, 1);

const OPTIONS: Readonly<Record<AnswerStyle | 'ipxe', ReadonlyMap<number, Uint8Array>>> = {
  pxe: new Map([
    [VENDOR_CLASS, Buffer.from('PXEClient')],
    [VENDOR_SPECIFIC, FETCH_AT_ONCE],
  ]),
  plain: new Map(),
  'boot-server': new Map([[VENDOR_CLASS, Buffer.from('PXEClient')]]),
  http: new Map([[VENDOR_CLASS, Buffer.from('HTTPClient')]]),
  'raspberry-pi': new Map([
    [VENDOR_CLASS, Buffer.from('PXEClient')],
    [VENDOR_SPECIFIC, RASPBERRY_PI_MENU],
  ]),
  ipxe: new Map([[IPXE_ENCAPSULATED, NO_PROXY]]),
};
const WITHOUT_VENDOR_CLASS: ReadonlyMap<number, Uint8Array> = new Map();

/**
 * The file for whoever asks: iPXE gets the first script, firmware the first loader of its row that is there.
 * `sentVendorClass` tells whether the request had option 60, which goes only to clients that sent it.
 * Gives a sentence for people when there is nothing to send.
 */
export function answerBoot(
  booter: NetworkBooter,
  sentVendorClass: boolean,
  context: BootAnswerContext,
): BootAnswer | string {
  const { server, baseUrl, isAvailable, override, order, place = 'dhcp', pxeReply } = context;
  if (booter.kind === 'ipxe') {
    // It takes a proxy's offer by its option 60.
    const options = OPTIONS[place === 'dhcp' ? 'ipxe' : 'boot-server'];
    return { server, file: `${baseUrl}/boot.ipxe`, options };
  }
  if (!booter.row) return `no loader is known for ${booter.name}`;
  const { files, style } = booter.row;
  const wanted = override === undefined ? files : [override];
  const there = wanted.filter(isAvailable);
  const [file] = order ? order(there) : there;
  if (file === undefined) return `${booter.name} needs one of ${wanted.join(', ')} in the firmware folder`;
  return {
    server,
    file: style === 'http' ? `${baseUrl}/firmware/${file}` : file,
    options: sentVendorClass ? OPTIONS[answerStyle(style, place, pxeReply)] : WITHOUT_VENDOR_CLASS,
  };
}
