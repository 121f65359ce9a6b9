import type { TftpOption } from './packet.ts';

/** Block size without the blksize option (RFC 1350 §2). */
const DEFAULT_BLKSIZE = 512;
/** The smallest `blksize` of RFC 2348. */
const MIN_BLKSIZE = 8;

/**
 * The largest `windowsize` granted. A window arrives in one burst, and 32 full Ethernet frames are about a third of
 * Linux's default receive buffer (an skb of 1468 bytes is charged with 2304 of its 212,992 bytes), so it survives
 * a client that is busy for a moment. Wider windows gain next to nothing on a LAN.
 */
export const MAX_WINDOWSIZE = 32;
/**
 * And its largest size in bytes with its heads, so that jumbo frames don't overrun the same buffer, and that the kernel
 * takes it as a single packet.
 */
const MAX_WINDOW_BYTES = 65_507;
/** Bytes of a DATA packet before its data. */
const DATA_HEAD = 4;

/** IPv4 and UDP headers and TFTP's own: a larger block would be sent in fragments, which boot ROMs can't put together. */
const HEADERS = 32;
/** The largest `blksize` of RFC 2348. */
const MAX_BLKSIZE = 65_464;

/** The largest `blksize` to grant on an interface with an MTU of `mtu` bytes, where no more than `limit` is wanted. */
export function largestBlksize(mtu: number, limit = MAX_BLKSIZE): number {
  return Math.max(MIN_BLKSIZE, Math.min(mtu - HEADERS, limit, MAX_BLKSIZE));
}

/** What the server can offer for one file. */
export interface Offer {
  /** Bytes that will be sent: after conversion when the mode is netascii. */
  readonly size: number;
  /** Largest `blksize` granted. */
  readonly maxBlksize: number;
  /** False for netascii: windows are for octet transfers only. */
  readonly windows: boolean;
}

/** The terms of one transfer. */
export interface Terms {
  /** Bytes in every block but the last. */
  readonly blksize: number;
  /** Blocks sent before an ACK is awaited. */
  readonly windowsize: number;
  /** Seconds before the first retransmission; undefined when the client didn't say. */
  readonly timeout?: number;
  /** The options to acknowledge in an OACK: only what the client asked for, its spelling, its order. Often empty. */
  readonly accepted: readonly TftpOption[];
}

/**
 * Negotiates the options of an RRQ (RFC 2347): blksize (RFC 2348), tsize and timeout (RFC 2349), windowsize
 * (RFC 7440). Names are case-insensitive; of an option given twice the first counts. An unknown option or a value
 * outside its range is left out of the OACK, which is how RFC 2347 declines it; a `blksize` or `windowsize` above
 * our limits is granted smaller.
 */
export function negotiate(requested: readonly TftpOption[], offer: Offer): Terms {
  const asked = new Map<string, number>();
  for (const [name, value] of requested) {
    const key = name.toLowerCase();
    if (!asked.has(key)) asked.set(key, /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN);
  }

  const blksize = inRange(asked.get('blksize'), MIN_BLKSIZE, offer.maxBlksize);
  const widest = Math.min(
    MAX_WINDOWSIZE,
    Math.max(1, Math.floor(MAX_WINDOW_BYTES / (DATA_HEAD + (blksize ?? DEFAULT_BLKSIZE)))),
  );
  const windowsize = offer.windows ? inRange(asked.get('windowsize'), 1, widest) : undefined;
  const seconds = asked.get('timeout');
  const timeout = seconds !== undefined && seconds >= 1 && seconds <= 255 ? seconds : undefined;
  const tsize =
    inRange(asked.get('tsize'), 0, Number.MAX_SAFE_INTEGER) === undefined ? undefined : offer.size;

  const granted: Readonly<Record<string, number | undefined>> = { blksize, windowsize, timeout, tsize };
  const accepted: TftpOption[] = [];
  for (const [name] of requested) {
    const key = name.toLowerCase();
    const value = Object.hasOwn(granted, key) && asked.delete(key) ? granted[key] : undefined;
    if (value !== undefined) accepted.push([name, String(value)]);
  }
  return {
    blksize: blksize ?? DEFAULT_BLKSIZE,
    windowsize: windowsize ?? 1,
    ...(timeout === undefined ? {} : { timeout }),
    accepted,
  };
}

/** `value` lowered to `max`; undefined when it is missing, not a number, or below `min`. */
function inRange(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min ? Math.min(value, max) : undefined;
}
