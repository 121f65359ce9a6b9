import { createSocket } from 'node:dgram';
import { ABORT, encodeRequest, TftpDownload } from './tftp-download.ts';

/** A file that firmware fetches. */
export interface TftpFetch {
  /** The machine's address, one of this network namespace. */
  readonly from: string;
  readonly server: string;
  readonly file: string;
  readonly blksize: number;
  /** Asks for the size only, and ends the transfer when it is known (RFC 2349). */
  readonly probe: boolean;
}

/** Firmware sends its last packet again after so long, milliseconds … */
const TIMEOUT = 4000;
/** … and gives up when it has done so this often in a row without an answer. */
const TRIES = 6;

/** Node asks its resolver for every datagram unless told that the host is an address. */
const asIs = (host: string, _: unknown, done: (error: null, address: string, family: number) => void) =>
  done(null, host, 4);

/**
 * Fetches a file to nowhere. Resolves with its length, 0 for a probe, and how often a packet was sent again.
 * @throws when the server refuses or doesn't answer any more
 */
export function fetchByTftp(fetch: TftpFetch): Promise<{ readonly bytes: number; readonly retries: number }> {
  const { from, server, file, blksize, probe } = fetch;
  return new Promise((resolve, reject) => {
    const download = new TftpDownload();
    const socket = createSocket({ type: 'udp4', lookup: asIs });
    let last = encodeRequest(file, blksize, probe);
    let port = 69;
    let retries = 0;
    let tries = 1;
    const end = (finish: () => void) => {
      clearTimeout(timer);
      socket.close();
      finish();
    };
    const fail = (reason: string) => end(() => reject(new Error(`TFTP: ${reason}`)));
    const send = (packet: Buffer) => socket.send(packet, port, server);
    const timer: NodeJS.Timeout = setTimeout(() => {
      if (tries === TRIES) return fail('no answer');
      tries += 1;
      retries += 1;
      send(last);
      timer.refresh();
    }, TIMEOUT);
    socket.on('error', ({ message }) => fail(message));
    socket.on('message', (packet, sender) => {
      const step = download.receive(packet);
      if (step.kind === 'ignored') return;
      if (step.kind === 'refused') return fail(`refused, ${step.reason}`);
      port = sender.port;
      tries = 1;
      timer.refresh();
      if (probe) return socket.send(ABORT, port, server, () => end(() => resolve({ bytes: 0, retries })));
      last = step.answer;
      if (step.kind === 'received') return send(last);
      socket.send(last, port, server, () => end(() => resolve({ bytes: step.bytes, retries })));
    });
    socket.bind(0, from, () => send(last));
  });
}
