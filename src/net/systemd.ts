import type { Ipv4 } from './ipv4.ts';
import { describeSocket } from './libc.ts';

/** A socket that systemd opened for us (sd_listen_fds(3)). */
export interface InheritedSocket {
  readonly fd: number;
  readonly type: 'udp' | 'tcp';
  readonly address: Ipv4;
  readonly port: number;
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
    if (facts) sockets.push({ fd, ...facts, address: facts.address as Ipv4 });
  }
  return sockets;
}

/** The descriptor of the inherited socket with this kind and exactly this local address, if there is one. */
export function findInherited(
  sockets: readonly InheritedSocket[],
  type: InheritedSocket['type'],
  address: Ipv4,
  port: number,
): number | undefined {
  return sockets.find((socket) => socket.type === type && socket.address === address && socket.port === port)
    ?.fd;
}
