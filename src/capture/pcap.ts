import { type Capture, type Frame, MAX_FRAME } from './capture.ts';

// The format of tcpdump -w: draft-ietf-opsawg-pcap.

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
/** The upper bits of the field tell of frame check sequences. */
const LINK_TYPE = 0x0fffffff;

/** True when a file begins as a pcap file does. */
export function isPcap(view: DataView): boolean {
  return byteOrder(view) !== undefined;
}

/** Reads a pcap file up to its end or its first damage. */
export function readPcap(bytes: Uint8Array, view: DataView): Capture {
  const order = byteOrder(view);
  if (!order || bytes.length < FILE_HEADER) {
    return { frames: [], damage: 'the file ends within its header' };
  }
  const { little, fraction } = order;
  const linkType = view.getUint32(20, little) & LINK_TYPE;
  const frames: Frame[] = [];
  for (let start = FILE_HEADER; start < bytes.length; ) {
    const begin = start + RECORD_HEADER;
    if (begin > bytes.length) return cut(frames, start);
    const length = view.getUint32(start + 8, little);
    if (length > MAX_FRAME) {
      const damage = `packet ${frames.length + 1} (byte ${start}) claims to be ${length} bytes long`;
      return { frames, damage };
    }
    if (begin + length > bytes.length) return cut(frames, start);
    frames.push({
      at: view.getUint32(start, little) * 1000 + view.getUint32(start + 4, little) / fraction,
      linkType,
      bytes: bytes.subarray(begin, begin + length),
      wireLength: view.getUint32(start + 12, little),
    });
    start = begin + length;
  }
  return { frames };
}

/** Byte order, and how many units of the fraction make a millisecond; undefined when it isn't a pcap file. */
function byteOrder(view: DataView): { readonly little: boolean; readonly fraction: number } | undefined {
  if (view.byteLength < 4) return undefined;
  for (const little of [true, false]) {
    const magic = view.getUint32(0, little);
    if (magic === MICROSECONDS) return { little, fraction: 1_000 };
    if (magic === NANOSECONDS) return { little, fraction: 1_000_000 };
  }
  return undefined;
}

function cut(frames: readonly Frame[], start: number): Capture {
  return { frames, damage: `the file ends within packet ${frames.length + 1} (byte ${start})` };
}
