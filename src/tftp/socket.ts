import { portHolder } from '../net/holder.ts';
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
  const place = `UDP port ${port} (TFTP) on ${address}`;
  return new Error(`cannot listen on ${place}: ${explain(error, port)}`, { cause: error });
}

function explain(error: unknown, port: number): string {
  switch (error instanceof SystemCallError ? error.code : undefined) {
    case 'EADDRINUSE':
      return `${portHolder('udp', port) ?? 'another process'} already does; stop it first`;
    case 'EACCES':
      return 'a port below 1024 needs root or the capability CAP_NET_BIND_SERVICE';
    case 'EADDRNOTAVAIL':
      return 'no interface of this host has that address';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
