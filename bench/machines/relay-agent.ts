import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type DhcpAnswer, readAnswer } from './dhcp-message.ts';

/** The relay agent of a rack: one socket for the DHCP messages of all machines. */
export interface RelayAgent {
  send(message: Buffer): void;
  /** Hears the answers to one transaction. */
  listen(xid: number, hear: (answer: DhcpAnswer) => void): void;
  forget(xid: number): void;
  close(): void;
}

/** Bytes asked for; the kernel gives no more than net.core.rmem_max. Real machines have a socket each. */
const RECEIVE_BUFFER = 16 * 1024 * 1024;

/** Opens port 67 of `giaddr`, an address of this network namespace, for messages from and to `server`. */
export async function openRelayAgent(giaddr: string, server: string): Promise<RelayAgent> {
  const listeners = new Map<number, (answer: DhcpAnswer) => void>();
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER });
  socket.on('message', (bytes) => {
    const answer = readAnswer(bytes);
    if (answer) listeners.get(answer.xid)?.(answer);
  });
  // A server that isn't there is noticed by its silence.
  socket.on('error', () => {});
  socket.bind(67, giaddr);
  await once(socket, 'listening');
  socket.connect(67, server);
  await once(socket, 'connect');
  return {
    send: (message) => socket.send(message),
    listen: (xid, hear) => void listeners.set(xid, hear),
    forget: (xid) => void listeners.delete(xid),
    close: () => socket.close(),
  };
}
