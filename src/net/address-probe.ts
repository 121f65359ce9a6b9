import { randomInt } from 'node:crypto';
import { arpProbe, readArp } from './arp.ts';
import type { RawSource } from './handed-sockets.ts';
import { echoRequest, readEchoReply } from './icmp.ts';
import type { Ipv4 } from './ipv4.ts';
import type { Mac } from './mac.ts';
import { arpSocket, icmpSocket, type RawSocket, whyNoRawSocket } from './raw-socket.ts';

/** How an address is looked for: ARP, which every host on our own wire answers, or ICMP echo, which routers pass on. */
export type ProbeMethod = 'arp' | 'icmp';

/** Finds out whether somebody uses an address. */
export interface AddressProbe {
  /**
   * True as soon as somebody else than `mac` answers at the address; false when nobody has for PROBE_TIME, or when it
   * can't be found out. Never rejects.
   */
  isInUse(address: Ipv4, mac: Mac, method: ProbeMethod): Promise<boolean>;
  /** The interface is back, or another one: the sockets are closed, and opened again when they are needed. */
  reset(): void;
  /** Closes the sockets. Whoever waits is told that nobody answered. */
  stop(): void;
}

export interface AddressProbeOptions {
  readonly interface: string;
  /** Our address on it. */
  readonly address: Ipv4;
  /** Gives the sockets on it. */
  readonly sockets: RawSource;
  /** Called once for each method, and again after a `reset`, with the reason in words, when it can't be used. */
  readonly onUnable: (reason: string) => void;
}

/** How long an answer is waited for, milliseconds. */
export const PROBE_TIME = 300;
/** Between two looks at what has arrived, milliseconds. */
const PAUSE = 10;
/** Packets read at one time: a flood of them must not keep us from anything else. */
const BATCH = 200;

interface Search {
  readonly address: Ipv4;
  readonly mac: Mac;
  readonly until: number;
  readonly finish: (isInUse: boolean) => void;
}

/** What one method needs: how to ask, and who is meant by an answer. */
interface Method {
  ask(address: Ipv4): void;
  /** The packets that have arrived: who answers. One without a hardware address may be the machine itself. */
  answers(): Iterable<{ readonly address: Ipv4; readonly mac?: Mac }>;
  close(): void;
}

/** Opens its sockets when they are first needed, and looks at them only while it waits for an answer. */
export function createAddressProbe(options: AddressProbeOptions): AddressProbe {
  /** `null` for a method that can't be used. */
  const methods = new Map<ProbeMethod, Method | null>();
  const searches = new Set<Search>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const methodFor = (name: ProbeMethod): Method | null => {
    const known = methods.get(name);
    if (known !== undefined) return known;
    let method: Method | null = null;
    try {
      method = OPEN[name](options);
    } catch (error) {
      options.onUnable(
        `${name.toUpperCase()} can't be used on ${options.interface}: ${whyNoRawSocket(error)}`,
      );
    }
    methods.set(name, method);
    return method;
  };

  const end = (search: Search, isInUse: boolean) => {
    searches.delete(search);
    search.finish(isInUse);
  };
  const look = () => {
    const answered = new Map<Ipv4, Set<Mac | undefined>>();
    for (const method of methods.values()) {
      for (const { address, mac } of method?.answers() ?? []) {
        answered.set(address, (answered.get(address) ?? new Set()).add(mac));
      }
    }
    const now = performance.now();
    for (const search of searches) {
      const others = [...(answered.get(search.address) ?? [])].filter((mac) => mac !== search.mac);
      if (others.length > 0) end(search, true);
      else if (search.until <= now) end(search, false);
    }
    if (searches.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  const reset = () => {
    clearInterval(timer);
    timer = undefined;
    for (const search of searches) end(search, false);
    for (const method of methods.values()) method?.close();
    methods.clear();
  };

  return {
    isInUse(address, mac, name) {
      const method = stopped ? null : methodFor(name);
      if (!method) return Promise.resolve(false);
      // What has come in the meantime answers nobody's question.
      if (searches.size === 0) look();
      try {
        method.ask(address);
      } catch {
        // No way leads there, and so none leads to a machine that would be in the way.
        return Promise.resolve(false);
      }
      return new Promise((finish) => {
        searches.add({ address, mac, until: performance.now() + PROBE_TIME, finish });
        timer ??= setInterval(look, PAUSE);
      });
    },
    reset,
    stop() {
      stopped = true;
      reset();
    },
  };
}

const OPEN: Readonly<Record<ProbeMethod, (options: AddressProbeOptions) => Method>> = {
  arp(options) {
    const socket = arpSocket(options.sockets('arp'), options.interface);
    return {
      ask: (address) => socket.send(arpProbe(socket.hardwareAddress, address), address),
      *answers() {
        for (const packet of received(socket)) {
          const told = readArp(packet);
          if (told) yield told;
        }
      },
      close: socket.close,
    };
  },
  icmp(options) {
    const socket = icmpSocket(options.sockets('icmp'), options.address);
    const identifier = randomInt(0x10000);
    return {
      ask: (address) => socket.send(echoRequest(identifier), address),
      *answers() {
        for (const packet of received(socket)) {
          const address = readEchoReply(packet, identifier);
          if (address !== undefined) yield { address };
        }
      },
      close: socket.close,
    };
  },
};

function* received(socket: RawSocket): Iterable<Uint8Array> {
  for (let count = 0; count < BATCH; count += 1) {
    const packet = socket.receive();
    if (!packet) return;
    yield packet;
  }
}
