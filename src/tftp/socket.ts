import dgram from 'node:dgram';
import { once } from 'node:events';

/** Room for a burst of requests when a rack is switched on; the kernel lowers it to `net.core.rmem_max`. */
const RECEIVE_BUFFER = 1 << 20;

/**
 * Opens an IPv4 UDP socket on `address` and `port` (0 for any free one) that sends to addresses, never to names.
 * Node's own look-up takes even an address through the event loop; without it `send` reaches the kernel at once,
 * which the pace of a transfer depends on. Rejects with the system's error.
 */
export async function openUdpSocket(address: string, port: number): Promise<dgram.Socket> {
  const socket = dgram.createSocket({
    type: 'udp4',
    lookup: (destination, _options, found) => found(null, destination, 4),
  });
  try {
    const listening = once(socket, 'listening');
    socket.bind({ address, port, exclusive: true });
    await listening;
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** Opens the socket for requests. Rejects with an error that says in words why the port can't be had. */
export async function listen(address: string, port: number): Promise<dgram.Socket> {
  try {
    const socket = await openUdpSocket(address, port);
    socket.setRecvBufferSize(RECEIVE_BUFFER);
    return socket;
  } catch (error) {
    throw new Error(`TFTP can't listen on ${address} port ${port}: ${explain(error, port)}`, {
      cause: error,
    });
  }
}

function explain(error: unknown, port: number): string {
  switch (error instanceof Error && 'code' in error ? error.code : undefined) {
    case 'EADDRINUSE':
      return `another program has the port; stop it first ("ss -ulpn sport = :${port}" names it)`;
    case 'EACCES':
      return 'a port below 1024 needs root or the capability CAP_NET_BIND_SERVICE';
    case 'EADDRNOTAVAIL':
      return 'no interface of this host has that address';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
