import type { HandedSockets } from './handed-sockets.ts';
import type { Ipv4 } from './ipv4.ts';
import { boundDevice, closeOnExec, describeSocket } from './libc.ts';

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

/** What systemd handed over to this process. */
export interface Inherited {
  /** From socket activation. `BindToDevice=` in the socket unit ties them to one interface, so that no root is needed here. */
  readonly sockets: readonly InheritedSocket[];
  /** All descriptors that have a name, those of its store too; of several with one name, the last. */
  readonly named: HandedSockets;
}

/** What systemd handed over; nothing when it started another process than this one. Child processes don't get it. */
export function inheritedFrom(environment: NodeJS.ProcessEnv, pid: number): Inherited {
  const sockets: InheritedSocket[] = [];
  const named = new Map<string, number>();
  const count = Number(environment.LISTEN_PID) === pid ? Number(environment.LISTEN_FDS ?? 0) : 0;
  const names = (environment.LISTEN_FDNAMES ?? '').split(':');
  for (let index = 0; index < count; index += 1) {
    const fd = FIRST_DESCRIPTOR + index;
    closeOnExec(fd);
    named.set(names[index] ?? '', fd);
    const facts = describeSocket(fd);
    if (facts) sockets.push({ fd, ...facts, address: facts.address as Ipv4, device: boundDevice(fd) });
  }
  return { sockets, named };
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
