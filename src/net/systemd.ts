import type { Ipv4 } from './ipv4.ts';
import { boundDevice, describeSocket } from './libc.ts';

/** A socket that systemd opened for us (sd_listen_fds(3)). */
export interface InheritedSocket {
  readonly fd: number;
  readonly type: 'udp' | 'tcp';
  readonly address: Ipv4;
  readonly port: number;
  /** The interface that it is bound to; empty when it is bound to none. */
  readonly device: string;
}

const FIRST_DESCRIPTOR = 3;

/**
 * The sockets handed over by systemd socket activation; none when it started another process than this one.
 * `BindToDevice=` in the socket unit is what ties them to one interface, so that no root is needed here.
 */
export function inheritedSockets(environment: NodeJS.ProcessEnv, pid: number): readonly InheritedSocket[] {
  if (Number(environment.LISTEN_PID) !== pid) return [];
  const sockets: InheritedSocket[] = [];
  for (let fd = FIRST_DESCRIPTOR; fd < FIRST_DESCRIPTOR + Number(environment.LISTEN_FDS ?? 0); fd += 1) {
    const facts = describeSocket(fd);
    if (facts) sockets.push({ fd, ...facts, address: facts.address as Ipv4, device: boundDevice(fd) });
  }
  return sockets;
}

/** Which socket is looked for among those from systemd. */
export interface SocketPlace {
  readonly address: Ipv4;
  readonly port: number;
  /** The interface it serves: a socket bound to another one is another network's. */
  readonly interface: string;
}

/**
 * The descriptor of the inherited socket of this kind with exactly this local address, if there is one. One that is bound to
 * the interface goes before one that is bound to none or to another.
 */
export function findInherited(
  sockets: readonly InheritedSocket[],
  type: InheritedSocket['type'],
  { address, port, interface: device }: SocketPlace,
): number | undefined {
  const fitting = sockets.filter(
    (socket) => socket.type === type && socket.address === address && socket.port === port,
  );
  return (fitting.find((socket) => socket.device === device) ?? fitting[0])?.fd;
}
