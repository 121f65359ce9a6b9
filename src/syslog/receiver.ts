import { type Ipv4, parseIpv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { InheritedSocket } from '../net/systemd.ts';
import { openUnicastSocket } from '../net/udp.ts';
import type { SyslogEvent } from './events.ts';
import { type Limit, MESSAGES_PER_BOOT, MESSAGES_PER_SECOND, MessageLimits } from './limits.ts';
import { parseSyslog } from './message.ts';

/** RFC 5426 §3.3 */
const SYSLOG_PORT = 514;
/** Room for the messages of a rack that boots all at once. */
const RECEIVE_BUFFER = 1024 * 1024;

const EXPLANATIONS: Readonly<Record<Limit, string>> = {
  rate: `says more than ${MESSAGES_PER_SECOND} messages a second: what is more is left out`,
  boot: `has said ${MESSAGES_PER_BOOT} messages in this boot: the rest is left out`,
};

export interface SyslogReceiverOptions {
  /** Name of the network, for error messages. */
  readonly network: string;
  readonly interface: string;
  /** Our address on that interface. */
  readonly address: Ipv4;
  /** Sockets from systemd; the one with the right address and port is used instead of a new one. */
  readonly inherited: readonly InheritedSocket[];
  /** Told of the socket, which is tied to the interface. */
  readonly onTied?: (fd: number) => void;
  /** Who has an address now, milliseconds since the epoch. */
  readonly holder: (address: Ipv4, now: number) => Mac | undefined;
  /** A number that is another one in each boot of a machine. */
  readonly bootOf: (mac: Mac) => number;
  readonly observe: (event: SyslogEvent) => void;
}

/** Receives what the machines of one network log. */
export interface SyslogReceiver {
  /** Closes the socket. */
  stop(): void;
}

/**
 * Begins to receive on UDP port 514 of our address, through one interface only. Messages are taken from addresses that
 * are leased now, within MessageLimits, and are looked at only then. Throws an Error that says who holds the port and how
 * to do without.
 */
export async function openSyslogReceiver(options: SyslogReceiverOptions): Promise<SyslogReceiver> {
  const { holder, bootOf, observe } = options;
  const socket = await openUnicastSocket({
    ...options,
    port: SYSLOG_PORT,
    receiveBuffer: RECEIVE_BUFFER,
  }).catch((error: Error) => {
    throw new Error(`${error.message}, or set syslog: { enabled: false } for network ${options.network}`);
  });
  const limits = new MessageLimits();

  const receive = (datagram: Uint8Array, source: string) => {
    const now = Date.now();
    const mac = holder(parseIpv4(source) as Ipv4, now);
    if (mac === undefined) return observe({ type: 'dropped', reason: 'no-lease', source });
    const verdict = limits.count(mac, bootOf(mac), now);
    if (verdict !== 'take') {
      const { limit, first } = verdict;
      if (first) observe({ type: 'limited', mac, limit, detail: EXPLANATIONS[limit] });
      return observe({ type: 'dropped', reason: limit, source });
    }
    const message = parseSyslog(datagram);
    if (message.text === '') observe({ type: 'dropped', reason: 'empty', source });
    else observe({ type: 'message', mac, message });
  };
  socket.on('message', (datagram, { address }) => receive(datagram, address));
  return { stop: () => void socket.close() };
}
