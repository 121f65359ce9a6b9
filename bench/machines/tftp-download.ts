/** TFTP opcodes (RFC 1350 §5, RFC 2347). */
const RRQ = 1;
const DATA = 3;
const ACK = 4;
const ERROR = 5;
const OACK = 6;

/** What a datagram means to a download. `answer` is to be sent to where it came from. */
export type TftpStep =
  /** It was a duplicate or something else to pass over. */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'received'; readonly answer: Buffer }
  | { readonly kind: 'complete'; readonly answer: Buffer; readonly bytes: number }
  | { readonly kind: 'refused'; readonly reason: string };

const IGNORED: TftpStep = { kind: 'ignored' };

/**
 * RRQ in octet mode with options (RFC 2347): what firmware begins with.
 * @param tsize asks for the size of the file (RFC 2349)
 */
export function encodeRequest(file: string, blksize: number, tsize: boolean): Buffer {
  const words = [file, 'octet', ...(tsize ? ['tsize', '0'] : []), 'blksize', `${blksize}`];
  return Buffer.concat([
    Buffer.from([0, RRQ]),
    Buffer.from(words.map((word) => `${word}\0`).join(''), 'latin1'),
  ]);
}

/** ERROR 0: how firmware that only wanted to know the size ends the transfer. */
export const ABORT = Buffer.concat([
  Buffer.from([0, ERROR, 0, 0]),
  Buffer.from('User aborted the transfer\0'),
]);

/** The receiving end of one transfer in lock-step (RFC 1350 §2): every block is acknowledged, duplicates are not. */
export class TftpDownload {
  #blksize = 512;
  #block = 0;
  #bytes = 0;

  /** Takes a datagram of the server. */
  receive(packet: Buffer): TftpStep {
    if (packet.length < 4) return IGNORED;
    switch (packet[1]) {
      case OACK:
        return this.#accept(packet);
      case DATA:
        return this.#take(packet);
      case ERROR:
        return { kind: 'refused', reason: packet.toString('latin1', 4).replace(/\0.*/s, '') };
      default:
        return IGNORED;
    }
  }

  #accept(packet: Buffer): TftpStep {
    if (this.#block !== 0) return IGNORED;
    const words = packet.toString('latin1', 2).split('\0');
    const at = words.findIndex((word, index) => index % 2 === 0 && word.toLowerCase() === 'blksize');
    if (at >= 0) this.#blksize = Number(words[at + 1]);
    return { kind: 'received', answer: acknowledge(0) };
  }

  #take(packet: Buffer): TftpStep {
    const next = (this.#block + 1) & 0xffff;
    if (packet.readUInt16BE(2) !== next) return IGNORED;
    const length = packet.length - 4;
    this.#block = next;
    this.#bytes += length;
    const answer = acknowledge(next);
    if (length >= this.#blksize) return { kind: 'received', answer };
    return { kind: 'complete', answer, bytes: this.#bytes };
  }
}

function acknowledge(block: number): Buffer {
  return Buffer.from([0, ACK, block >> 8, block & 255]);
}
