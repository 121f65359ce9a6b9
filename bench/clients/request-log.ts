import type { Namespace } from '../../src/lab/namespace.ts';
import { start } from '../../src/lab/process.ts';

/** A request that began on the wire. */
export interface SeenRequest {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly method: 'GET' | 'POST';
  readonly path: string;
}

/** What is heard beside the cable. */
export interface RequestLog {
  /** Ends listening; gives the requests in order. */
  end(): Promise<readonly SeenRequest[]>;
}

/** The first four bytes of a TCP segment's data: "GET " or "POST". */
const REQUESTS =
  'tcp dst port 80 and (tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420 or tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x504f5354)';

/** Listens on an interface with tcpdump: the times of all servers come from the same clock, and none has to log anything. */
export async function logRequests(namespace: Namespace, device: string): Promise<RequestLog> {
  const argv = ['tcpdump', '-i', device, '-n', '-tt', '-l', '-A', '-s', '512', '--immediate-mode', REQUESTS];
  const capture = await start(namespace.command(argv));
  await capture.waitFor(/listening on/);
  return {
    async end() {
      const { stdout } = await capture.stop();
      return readRequests(stdout);
    },
  };
}

/** Reads what `tcpdump -tt -A` prints: a line with the time for every packet, then its bytes. */
export function readRequests(text: string): SeenRequest[] {
  return text.split(/^(?=\d+\.\d+ IP )/m).flatMap((packet) => {
    const [, seconds] = /^(\d+\.\d+) IP /.exec(packet) ?? [];
    const [, method, path] = /(GET|POST) (\S+) HTTP\/1\./.exec(packet) ?? [];
    if (seconds === undefined || method === undefined || path === undefined) return [];
    return [{ at: Number(seconds) * 1000, method: method as SeenRequest['method'], path }];
  });
}
