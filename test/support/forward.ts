import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';

/**
 * Makes a service's unix socket reachable for a browser, which knows TCP only, for the length of a test. Gives the URL on
 * loopback, without a slash at the end.
 */
export async function forwardFor(t: ExecutionContext, socketPath: string): Promise<string> {
  const open = new Set<Socket>();
  const server = createServer((inner) => {
    const outer = connect(socketPath);
    for (const [socket, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      open.add(socket);
      // Either end may go at any time; the other one then goes too.
      socket.on('error', () => {});
      socket.once('close', () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
