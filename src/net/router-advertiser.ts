import type { RawSource } from './handed-sockets.ts';
import { closeDescriptor, SystemCallError } from './libc.ts';
import type { Mac } from './mac.ts';
import { sendIcmpv6, whyNoRawSocket } from './raw-socket.ts';
import { linkLocalAddress, routerAdvertisement } from './router-advertisement.ts';

/** Ends iPXE's wait for an IPv6 router. */
export interface RouterAdvertiser {
  /** Sends this machine an advertisement now and a few more soon after. Never throws and never waits. */
  advertiseTo(mac: Mac): void;
  /** Sends nothing more, and closes the socket. */
  stop(): void;
}

export interface RouterAdvertiserOptions {
  /** Advertisements leave by this interface only. */
  readonly interface: string;
  /** Gives the socket on it. */
  readonly sockets: RawSource;
  /** Told of the socket that is tied to the interface. */
  readonly onTied?: (fd: number) => void;
  /** Called at most once, with the reason in words, when advertisements can't be sent. */
  readonly onUnable: (reason: string) => void;
}

/** Hands one message to the kernel; throws when it doesn't take it. */
type Send = (message: Uint8Array, address: Uint8Array) => void;

/**
 * iPXE listens from the moment it asks for an IPv4 address, so one advertisement is enough. The others make up for a
 * lost one, or for an interface whose own address is still being checked for duplicates. They end before
 * the operating system could take them for the answer to its own search for a router.
 */
const REPEATS = 3;
const PAUSE = 500;

/** More machines than this at once, and the others wait as they would without us: the kernel's neighbour table is small. */
const MAX_MACHINES = 256;

/**
 * iPXE configures IPv6 along with IPv4 and goes on only when it knows that there is no IPv6 router, which costs it some
 * 16 seconds of unanswered router solicitations. A router advertisement with a lifetime of 0 ends that: iPXE goes on at
 * once, and no host uses us as a router. It goes to the one machine's link-local address, so that nobody else on the
 * network hears it. Unsolicited advertisements are RFC 4861 §6.2.4's; raw sockets can be written from Node, not read.
 *
 * Without IPv6 on the interface, or without the privilege to send, machines boot all the same, only later:
 * `onUnable` says so.
 */
export function openRouterAdvertiser(options: RouterAdvertiserOptions): RouterAdvertiser {
  try {
    const fd = options.sockets('icmpv6');
    options.onTied?.(fd);
    const send: Send = (message, address) => sendIcmpv6(fd, message, address);
    const onUnable = (error: unknown) => options.onUnable(whyNotSent(error, options.interface));
    const advertiser = createRouterAdvertiser(send, onUnable);
    return {
      advertiseTo: advertiser.advertiseTo,
      stop() {
        advertiser.stop();
        closeDescriptor(fd);
      },
    };
  } catch (error) {
    options.onUnable(whyNotOpened(error));
    return { advertiseTo() {}, stop() {} };
  }
}

/**
 * The advertiser without its socket.
 * @param send hands one message to the kernel, or throws
 * @param onUnable called once, with what `send` threw, when a machine's last advertisement couldn't be sent either
 */
export function createRouterAdvertiser(send: Send, onUnable: (error: unknown) => void): RouterAdvertiser {
  const message = routerAdvertisement();
  /** How many advertisements each machine is still to get. One timer serves them all. */
  const left = new Map<Mac, number>();
  let timer: NodeJS.Timeout | undefined;
  let complained = false;

  const sendTo = (mac: Mac, more: number) => {
    try {
      send(message, linkLocalAddress(mac));
    } catch (error) {
      if (more > 0 || complained) return;
      complained = true;
      onUnable(error);
    }
  };
  const repeat = () => {
    for (const [mac, count] of left) {
      if (count > 1) left.set(mac, count - 1);
      else left.delete(mac);
      sendTo(mac, count - 1);
    }
    if (left.size === 0) stop();
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    left.clear();
  };

  return {
    advertiseTo(mac) {
      if (left.has(mac) || left.size >= MAX_MACHINES) return;
      left.set(mac, REPEATS);
      sendTo(mac, REPEATS);
      timer ??= setInterval(repeat, PAUSE).unref();
    },
    stop,
  };
}

function whyNotOpened(error: unknown): string {
  const hasNoIpv6 = error instanceof SystemCallError && error.code === 'EAFNOSUPPORT';
  return hasNoIpv6 ? "this host's kernel has no IPv6" : whyNoRawSocket(error);
}

function whyNotSent(error: unknown, name: string): string {
  const code = error instanceof SystemCallError ? error.code : '';
  if (code === 'EADDRNOTAVAIL' || code === 'ENETUNREACH') return `${name} has no IPv6 link-local address`;
  if (code === 'EPERM') return 'a firewall on this host forbids it';
  return (error as Error).message;
}
