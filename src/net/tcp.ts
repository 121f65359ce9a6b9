import { portHolder } from './holder.ts';
import { formatIpv4, type Ipv4 } from './ipv4.ts';
import {
  bindAddress,
  closeDescriptor,
  openTcp,
  SystemCallError,
  setReuseAddress,
  setSendBuffer,
} from './libc.ts';

/**
 * A TCP socket bound to `address` and `port`, as a descriptor for Node to listen on. Connections that it accepts have a
 * send buffer of `sendBuffer` bytes: the kernel's own choice grows to megabytes, which fall out of the processor's cache
 * between being copied in and being sent. Throws an Error that says who holds the port, or what is missing.
 */
export function openTcpListener(address: Ipv4, port: number, sendBuffer: number): number {
  const fd = openTcp();
  try {
    // Connections of an earlier run may still linger on the port (TIME_WAIT).
    setReuseAddress(fd, true);
    setSendBuffer(fd, sendBuffer);
    bindAddress(fd, address, port);
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw explain(error, `TCP port ${port} on ${formatIpv4(address)}`, port);
  }
}

function explain(error: unknown, place: string, port: number): unknown {
  if (!(error instanceof SystemCallError)) return error;
  switch (error.code) {
    case 'EADDRINUSE': {
      const holder = portHolder('tcp', port);
      return new Error(
        `cannot listen on ${place}: ${holder ?? 'another process'} already does; stop it first`,
      );
    }
    case 'EACCES':
      return new Error(
        `cannot listen on ${place}: no permission; run as root, or let systemd open the socket`,
      );
    default:
      return new Error(`cannot listen on ${place}: ${error.message}`);
  }
}
