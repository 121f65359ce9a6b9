import type { FastifyInstance } from 'fastify';
import type { Network } from '../config/config.ts';
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import { findInherited, type InheritedSocket } from '../net/systemd.ts';
import { openTcpListener } from '../net/tcp.ts';
import { acceptMore } from './acceptors.ts';

/** Enough to fill 10 Gbit/s over a round trip of 0.2 ms, and small enough to stay in the processor's cache. */
const HTTP_SEND_BUFFER = 256 * 1024;

/**
 * Makes an app listen where the machines of a network look for it, on a socket from systemd if there is one. Rejects with
 * an Error that says who has the port, and what else can be done.
 */
export async function listenForMachines(
  app: FastifyInstance,
  scheme: 'http' | 'https',
  network: Network,
  inherited: readonly InheritedSocket[],
): Promise<void> {
  const { address, name } = network;
  const { port } = network[scheme];
  const fd =
    findInherited(inherited, 'tcp', { ...network, port }) ?? open(address, port, `${scheme}.port of ${name}`);
  const host = formatIpv4(address);
  // Node listens on the descriptor; host and port are for people.
  const listenTextResolver = () => `listening at ${scheme}://${host}:${port}`;
  let stopAccepting = () => {};
  app.addHook('preClose', async () => stopAccepting());
  await app.listen({ host, port, listenTextResolver, ...{ fd } });
  stopAccepting = acceptMore(app.server, fd);
}

function open(address: Ipv4, port: number, setting: string): number {
  try {
    return openTcpListener(address, port, HTTP_SEND_BUFFER);
  } catch (error) {
    throw new Error(`${(error as Error).message}, or set another port as ${setting}`, { cause: error });
  }
}
