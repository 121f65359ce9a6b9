import type { Capture } from './capture.ts';
import { isPcap, readPcap } from './pcap.ts';
import { isPcapng, readPcapng } from './pcapng.ts';

const GZIP = 0x1f8b;

/**
 * Reads a capture, pcap or pcapng of either byte order. What can be read of a damaged one is given, with the reason.
 * Throws an Error for people when it isn't a capture at all.
 */
export function readCapture(bytes: Uint8Array): Capture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isPcap(view)) return readPcap(bytes, view);
  if (isPcapng(view)) return readPcapng(bytes, view);
  if (bytes.length >= 2 && view.getUint16(0) === GZIP) throw new Error('it is compressed: gunzip it first');
  throw new Error('it is neither pcap nor pcapng, which tcpdump -w and Wireshark write');
}
