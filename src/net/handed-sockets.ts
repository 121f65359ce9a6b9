import { duplicate } from './libc.ts';
import { openRaw, type RawKind } from './raw-socket.ts';

/** Descriptors that were handed over, by their names. */
export type HandedSockets = ReadonlyMap<string, number>;

/** Gives the descriptor of a raw socket, which the caller closes. Throws SystemCallError when it can't be had. */
export type RawSource = (kind: RawKind) => number;

/** What a raw socket on an interface is called while systemd keeps it: `arp-enp0s8`. No interface has a colon in its name. */
export function handedName(kind: RawKind, device: string): string {
  return `${kind}-${device}`;
}

/** Raw sockets on an interface: copies of those that were handed over; others are opened, which needs CAP_NET_RAW. */
export function rawSource(handed: HandedSockets, device: string): RawSource {
  return (kind) => {
    const given = handed.get(handedName(kind, device));
    return given === undefined ? openRaw(kind, device) : duplicate(given);
  };
}
