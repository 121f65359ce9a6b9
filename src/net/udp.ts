import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { portHolder } from './holder.ts';
import { formatIpv4, type Ipv4, UNSPECIFIED } from './ipv4.ts';
import {
  allowBroadcast,
  bindAddress,
  bindToDevice,
  boundDevice,
  closeDescriptor,
  openUdp,
  SystemCallError,
  setReceiveBuffer,
  setReuseAddress,
} from './libc.ts';
import { findInherited, type InheritedSocket } from './systemd.ts';

/** The two sockets a broadcast protocol needs to know how a datagram was addressed. */
export interface BroadcastSockets {
  /** Receives what was broadcast; never sends. */
  readonly broadcast: Socket;
  /** Receives what was sent to `address`, and sends everything, so that replies come from `address`. */
  readonly unicast: Socket;
  /** Of the same sockets, as long as they are open: for system calls that Node.js has no function for. */
  readonly descriptors: { readonly broadcast: number; readonly unicast: number };
}

export interface UdpSocketOptions {
  readonly interface: string;
  /** Our address on that interface. */
  readonly address: Ipv4;
  readonly port: number;
  /** Bytes the kernel may queue for a socket while we are busy. */
  readonly receiveBuffer: number;
  /** Sockets from systemd; those with the right address and port are used instead of new ones. */
  readonly inherited?: readonly InheritedSocket[];
  /** Told of each socket that is tied to the interface, when all went well. */
  readonly onTied?: (fd: number) => void;
}

/**
 * Opens a pair of UDP sockets that can only send to and receive from one interface (SO_BINDTODEVICE).
 * Throws an Error that says who holds the port, or what is missing (interface, address, privilege).
 */
export function openBroadcastSockets(options: UdpSocketOptions): Promise<BroadcastSockets> {
  return opening(options, async (open) => {
    // The first bind fails if anyone else has the port; only then is the port opened for our own second socket.
    const wildcard = open(UNSPECIFIED, () => {});
    setReuseAddress(wildcard, true);
    const specific = open(options.address, (fd) => setReuseAddress(fd, true));
    setReuseAddress(wildcard, false);
    setReuseAddress(specific, false);
    for (const fd of [wildcard, specific]) allowBroadcast(fd);
    return {
      broadcast: await adoptUdp(wildcard),
      unicast: await adoptUdp(specific),
      descriptors: { broadcast: wildcard, unicast: specific },
    };
  });
}

/**
 * Opens a UDP socket that receives what is sent to our address through one interface (SO_BINDTODEVICE), and nothing else.
 * Throws an Error that says who holds the port, or what is missing (interface, address, privilege).
 */
export function openUnicastSocket(options: UdpSocketOptions): Promise<Socket> {
  return opening(options, (open) => adoptUdp(open(options.address, () => {})));
}

/**
 * Opens a UDP socket that hears what is broadcast to a port on one interface (SO_BINDTODEVICE), beside other programs that
 * use the port there, and can broadcast itself. Throws an Error that says what is missing (interface, privilege).
 */
export function openSharedSocket(options: Omit<UdpSocketOptions, 'address'>): Promise<Socket> {
  return opening({ ...options, address: UNSPECIFIED }, (open) => {
    const fd = open(UNSPECIFIED, (own) => setReuseAddress(own, true));
    allowBroadcast(fd);
    return adoptUdp(fd);
  });
}

/** Opens and binds a socket on the interface; `prepare` sets it up before it is bound, unless systemd has done so. */
type Open = (address: Ipv4, prepare: (fd: number) => void) => number;

/** Runs `task`; when it fails, what it opened is closed, and the error says what to do. */
async function opening<Result>(
  options: UdpSocketOptions,
  task: (open: Open) => Promise<Result>,
): Promise<Result> {
  const opened: number[] = [];
  const tied: number[] = [];
  const open: Open = (address, prepare) => {
    const given = findInherited(options.inherited ?? [], 'udp', { ...options, address });
    const fd = given ?? openUdp();
    if (given === undefined) opened.push(fd);
    requireDevice(fd, options.interface);
    tied.push(fd);
    setReceiveBuffer(fd, options.receiveBuffer);
    if (given !== undefined) return fd;
    prepare(fd);
    bindAddress(fd, address, options.port);
    return fd;
  };
  try {
    const result = await task(open);
    for (const fd of tied) options.onTied?.(fd);
    return result;
  } catch (error) {
    for (const fd of opened) closeDescriptor(fd);
    throw explain(error, options);
  }
}

/** Ties the socket to the interface, unless whoever opened it has done so: only root may change it then. */
function requireDevice(fd: number, device: string): void {
  const bound = boundDevice(fd);
  if (bound === device) return;
  if (bound !== '')
    throw new Error(`a socket from systemd is bound to ${bound}, not to ${device}: mend BindToDevice=`);
  bindToDevice(fd, device);
}

/** Every address we send to is a literal already: no resolver is asked, and a send costs no extra turn. */
function literalOnly(
  address: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  callback(null, address, 4);
}

/** Hands a bound descriptor to Node, which reads from it from now on and closes it. */
async function adoptUdp(fd: number): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', lookup: literalOnly });
  // What the kernel reports is of one datagram, or of an interface that is looked after elsewhere: no reason to end.
  socket.on('error', () => {});
  const listening = once(socket, 'listening');
  socket.bind({ fd });
  await listening;
  return socket;
}

function explain(error: unknown, options: UdpSocketOptions): unknown {
  if (!(error instanceof SystemCallError)) return error;
  const place = `UDP port ${options.port} on ${options.interface} (${formatIpv4(options.address)})`;
  switch (error.code) {
    case 'EADDRINUSE': {
      const holder = portHolder('udp', options.port);
      return new Error(
        `cannot listen on ${place}: ${holder ?? 'another process'} already does; stop it first`,
      );
    }
    case 'EPERM':
    case 'EACCES':
      return new Error(
        `cannot listen on ${place}: no permission; run as root, or let systemd open the sockets (BindToDevice=)`,
      );
    case 'ENODEV':
      return new Error(`cannot listen on ${place}: there is no such interface`);
    case 'EADDRNOTAVAIL':
      return new Error(`cannot listen on ${place}: no interface of this host has that address`);
    default:
      return new Error(`cannot listen on ${place}: ${error.message}`);
  }
}
