import { formatIpv4 } from '../net/ipv4.ts';
import { escapeBytes, normaliseName } from '../tftp/name.ts';
import { Opcode, parsePacket, type RequestPacket } from '../tftp/packet.ts';
import type { CaptureContext, Said } from './context.ts';
import type { UdpDatagram } from './frame.ts';

const TFTP_PORT = 69;
/** Transfers that are followed at a time; the oldest is forgotten then. */
const MAX_TRANSFERS = 1_024;

/** TFTP in a capture: its requests, and the errors that end them. Data is passed over. */
export class TransferStory {
  readonly #context: Pick<CaptureContext, 'ours' | 'hasFile'>;
  /** File names by the client's address and port, which stay the same for a transfer (RFC 1350 §4). */
  readonly #files = new Map<string, string>();

  constructor(context: Pick<CaptureContext, 'ours' | 'hasFile'>) {
    this.#context = context;
  }

  /** What a datagram says; undefined when it isn't a request or an error of TFTP. */
  tell(datagram: UdpDatagram): Said | undefined {
    const { source, sourcePort, destination, destinationPort, payload } = datagram;
    if (destinationPort === TFTP_PORT) {
      const packet = parsePacket(payload);
      if (packet?.opcode === Opcode.RRQ || packet?.opcode === Opcode.WRQ) {
        return this.#tellRequest(packet, datagram);
      }
    }
    const sent = this.#files.get(keyOf(source, sourcePort));
    const file = sent ?? this.#files.get(keyOf(destination, destinationPort));
    const packet = file === undefined ? undefined : parsePacket(payload);
    if (packet?.opcode !== Opcode.ERROR) return undefined;
    const message = escapeBytes(packet.message);
    const line =
      sent === undefined
        ? 'the server refuses it or breaks it off'
        : 'the client breaks it off; firmware does so when it only wanted to know the size, or has no memory for the file';
    return { title: `TFTP error ${packet.code} "${message}" about ${file}`, lines: [line] };
  }

  #tellRequest({ opcode, filename, mode, options }: RequestPacket, datagram: UdpDatagram): Said {
    const file = escapeBytes(filename);
    this.#remember(keyOf(datagram.source, datagram.sourcePort), file);
    const asked = options.map(([name, value]) => `${name} ${value}`).join(', ');
    const title = `TFTP ${opcode === Opcode.RRQ ? 'request for' : 'upload of'} ${file} (${mode}${asked && `; ${asked}`})`;
    return { title, lines: [this.#verdict(opcode, filename, datagram)] };
  }

  #verdict(opcode: number, filename: Uint8Array, { destination }: UdpDatagram): string {
    const elsewhere = this.#context.ours.has(destination)
      ? ''
      : `it asks ${formatIpv4(destination)}, which is not us; `;
    if (opcode === Opcode.WRQ) return `${elsewhere}we would refuse it: nothing is taken`;
    const asked = normaliseName(filename);
    if ('refusal' in asked) return `${elsewhere}we would refuse it: ${asked.refusal}`;
    return this.#context.hasFile(asked.name)
      ? `${elsewhere}we would send it`
      : `${elsewhere}we would refuse it: there is no such file`;
  }

  #remember(client: string, file: string): void {
    const [oldest] = this.#files.keys();
    if (oldest !== undefined && this.#files.size >= MAX_TRANSFERS) this.#files.delete(oldest);
    this.#files.set(client, file);
  }
}

function keyOf(address: number, port: number): string {
  return `${address}:${port}`;
}
