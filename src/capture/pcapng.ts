import { type Capture, type Frame, MAX_FRAME } from './capture.ts';

// The format of Wireshark: draft-ietf-opsawg-pcapng.

const BLOCK = { section: 0x0a0d0d0a, interface: 1, simplePacket: 3, enhancedPacket: 6 } as const;
const BYTE_ORDER = 0x1a2b3c4d;
const TIME_RESOLUTION = 9;
/** Type and length before a block's body, the length again behind it. */
const BLOCK_HEADER = 8;
const BLOCK_FRAME = 12;
/** A host has a handful of interfaces; a file that names more than this is not believed. */
const MAX_INTERFACES = 4_096;

/** An interface that was recorded from. */
interface Recorder {
  readonly linkType: number;
  /** How many units of its time stamps make a millisecond. */
  readonly perMillisecond: number;
}

/** True when a file begins as a pcapng file does. */
export function isPcapng(view: DataView): boolean {
  return view.byteLength >= 4 && view.getUint32(0) === BLOCK.section;
}

/** Reads a pcapng file up to its end or its first damage. */
export function readPcapng(bytes: Uint8Array, view: DataView): Capture {
  const frames: Frame[] = [];
  let little = true;
  let recorders: Recorder[] = [];
  const damaged = (what: string, start: number): Capture => ({ frames, damage: `${what} (byte ${start})` });
  for (let start = 0; start < bytes.length; ) {
    if (start + BLOCK_FRAME > bytes.length) return damaged('the file ends within a block', start);
    if (view.getUint32(start) === BLOCK.section) {
      // Each section may be of another host.
      little = view.getUint32(start + BLOCK_HEADER, true) === BYTE_ORDER;
      if (!little && view.getUint32(start + BLOCK_HEADER) !== BYTE_ORDER) {
        return damaged('a section has no byte order', start);
      }
      recorders = [];
    }
    const type = view.getUint32(start, little);
    const length = view.getUint32(start + 4, little);
    if (length < BLOCK_FRAME || length % 4 !== 0) return damaged(`a block is ${length} bytes long`, start);
    if (start + length > bytes.length) return damaged('the file ends within a block', start);
    const body = bytes.subarray(start + BLOCK_HEADER, start + length - 4);
    if (type === BLOCK.interface) {
      const recorder = readInterface(body, little);
      if (!recorder) return damaged('an interface is described in too few bytes', start);
      if (recorders.length >= MAX_INTERFACES) return damaged('there are too many interfaces', start);
      recorders.push(recorder);
    } else if (type === BLOCK.enhancedPacket || type === BLOCK.simplePacket) {
      const frame = readPacket(body, little, recorders, type === BLOCK.simplePacket);
      if (!frame) return damaged(`packet ${frames.length + 1} is damaged`, start);
      frames.push(frame);
    }
    start += length;
  }
  return { frames };
}

function readInterface(body: Uint8Array, little: boolean): Recorder | undefined {
  if (body.length < 8) return undefined;
  const view = viewOf(body);
  let perMillisecond = 1_000;
  for (let at = 8; at + 4 <= body.length; ) {
    const length = view.getUint16(at + 2, little);
    const value = body[at + 4];
    if (view.getUint16(at, little) === TIME_RESOLUTION && length === 1 && value !== undefined) {
      // A power of ten, or of two when the highest bit is set.
      perMillisecond = (value & 0x80 ? 2 ** (value & 0x7f) : 10 ** value) / 1_000;
    }
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return { linkType: view.getUint16(0, little), perMillisecond };
}

/** Undefined for one that is longer than its block or of an interface that there isn't. */
function readPacket(
  body: Uint8Array,
  little: boolean,
  recorders: readonly Recorder[],
  simple: boolean,
): Frame | undefined {
  const header = simple ? 4 : 20;
  if (body.length < header) return undefined;
  const view = viewOf(body);
  const recorder = recorders[simple ? 0 : view.getUint32(0, little)];
  const wireLength = view.getUint32(header - 4, little);
  const length = simple ? Math.min(wireLength, body.length - header) : view.getUint32(12, little);
  if (!recorder || length > MAX_FRAME || header + length > body.length) return undefined;
  const units = simple ? undefined : view.getUint32(4, little) * 2 ** 32 + view.getUint32(8, little);
  return {
    at: units === undefined ? undefined : units / recorder.perMillisecond,
    linkType: recorder.linkType,
    bytes: body.subarray(header, header + length),
    wireLength,
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
