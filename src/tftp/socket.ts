import type { Ipv4 } from '../net/ipv4.ts';
import { bindAddress, closeDescriptor, openUdp, SystemCallError } from '../net/libc.ts';

/** Opens a UDP socket on `address` and `port` (0 for any free one). Throws SystemCallError. */
export function openUdpSocket(address: Ipv4, port: number): number {
  const fd = openUdp();
  try {
    bindAddress(fd, address, port);
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/** Says in words why the port for requests can't be had. */
export function explainListen(error: unknown, address: string, port: number): Error {
  return new Error(`TFTP can't listen on ${address} port ${port}: ${explain(error, port)}`, { cause: error });
}

function explain(error: unknown, port: number): string {
  switch (error instanceof SystemCallError ? error.code : undefined) {
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
