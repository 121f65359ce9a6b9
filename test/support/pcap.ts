import { readFileSync } from 'node:fs';
import { macToBytes } from '../../src/net/mac.ts';
import { ip } from './dhcp.ts';
import { KNOWN } from './provisioning.ts';

/** A capture that was recorded from a boot, by the name of its file. */
export function recordedCapture(name: string): Buffer {
  return readFileSync(new URL(`../fixtures/pcap/${name}.pcap`, import.meta.url));
}

/** A datagram to be put into a capture. */
export interface CapturedDatagram {
  readonly source?: string;
  readonly destination?: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly vlans?: readonly number[];
  readonly payload: Uint8Array;
}

/** A datagram in an Ethernet frame; a broadcast of a machine without an address to the DHCP server unless told otherwise. */
export function ethernetFrame({
  source = '0.0.0.0',
  destination = '255.255.255.255',
  sourcePort = 68,
  destinationPort = 67,
  vlans = [],
  payload,
}: CapturedDatagram): Buffer {
  const tags = vlans.flatMap((id) => [0x81, 0x00, id >> 8, id & 0xff]);
  const link = Buffer.from([...Buffer.alloc(6, 0xff), ...macToBytes(KNOWN), ...tags, 0x08, 0x00]);
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(sourcePort, 0);
  udp.writeUInt16BE(destinationPort, 2);
  udp.writeUInt16BE(8 + payload.length, 4);
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(28 + payload.length, 2);
  header[9] = 17;
  header.writeUInt32BE(ip(source), 12);
  header.writeUInt32BE(ip(destination), 16);
  return Buffer.concat([link, header, udp, payload]);
}

/** How a capture file is written. */
export interface CaptureForm {
  readonly little?: boolean;
  readonly nanoseconds?: boolean;
  readonly linkType?: number;
}

/** A pcap file of frames that were recorded a second after each other, from 1.5 s after the epoch on. */
export function pcapOf(frames: readonly Uint8Array[], form: CaptureForm = {}): Buffer {
  const { little = true, nanoseconds = false, linkType = 1 } = form;
  const magic = nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
  const half = nanoseconds ? 500_000_000 : 500_000;
  return Buffer.concat([
    words(little, [magic, 0, 0, 0, 262_144, linkType]),
    ...frames.flatMap((frame, index) => [
      words(little, [index + 1, half, frame.length, frame.length]),
      frame,
    ]),
  ]);
}

/** The same as pcapng, with an interface whose time stamps have nanoseconds or, by default, microseconds. */
export function pcapngOf(frames: readonly Uint8Array[], form: CaptureForm = {}): Buffer {
  const { little = true, nanoseconds = false, linkType = 1 } = form;
  const block = (type: number, body: Buffer) => {
    const length = 12 + body.length;
    return Buffer.concat([words(little, [type, length]), body, words(little, [length])]);
  };
  const half = (word: number) => words(little, [word]).subarray(...(little ? [0, 2] : [2, 4]));
  const resolution = nanoseconds
    ? Buffer.concat([half(9), half(1), Buffer.of(9, 0, 0, 0), half(0), half(0)])
    : Buffer.alloc(0);
  const perSecond = nanoseconds ? 1_000_000_000 : 1_000_000;
  return Buffer.concat([
    block(0x0a0d0d0a, words(little, [0x1a2b3c4d, 1, 0xffffffff, 0xffffffff])),
    block(1, Buffer.concat([half(linkType), half(0), words(little, [262_144]), resolution])),
    // A block of a type that nobody knows is passed over.
    block(0x0bad, Buffer.alloc(4)),
    ...frames.map((frame, index) => {
      const units = (index + 1.5) * perSecond;
      const head = [0, Math.floor(units / 2 ** 32), units % 2 ** 32, frame.length, frame.length];
      return block(6, Buffer.concat([words(little, head), frame, Buffer.alloc(-frame.length & 3)]));
    }),
  ]);
}

function words(little: boolean, values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) {
    if (little) bytes.writeUInt32LE(value, index * 4);
    else bytes.writeUInt32BE(value, index * 4);
  }
  return bytes;
}
