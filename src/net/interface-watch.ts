import { readFileSync } from 'node:fs';
import { requireInterface } from './interface.ts';
import type { Ipv4 } from './ipv4.ts';
import { bindAddress, bindToDevice, closeDescriptor, openUdp } from './libc.ts';

/** Sockets that are tied to one interface (SO_BINDTODEVICE). The kernel ties them to its number, not to its name. */
export class DeviceTies {
  readonly #device: string;
  readonly #descriptors = new Set<number>();

  constructor(device: string) {
    this.#device = device;
  }

  /** Notes a socket that is tied to the interface and stays open. */
  readonly add = (fd: number): void => {
    this.#descriptors.add(fd);
  };

  /** Ties all of them to the interface that has the name now. Throws SystemCallError. */
  renew(): void {
    for (const fd of this.#descriptors) bindToDevice(fd, this.#device);
  }
}

export interface InterfaceWatchOptions {
  readonly interface: string;
  /** Our address on it, and its prefix length. */
  readonly address: Ipv4;
  readonly prefix: number;
  /** The bytes of its MTU, as far as they are known. */
  readonly mtu: number;
  /** Another interface has the name now: what is tied to the one before hears nothing any more. May throw. */
  readonly onReplaced: () => void;
  /** The MTU is another one now, in bytes. */
  readonly onMtu: (mtu: number) => void;
  /** Nothing can be served; told again when the reason is another one. `reason` says what to do. */
  readonly onTrouble: (reason: string) => void;
  /** All is as it was. */
  readonly onBack: () => void;
}

/** What there is of an interface. */
interface State {
  /** The kernel's number of it. */
  readonly index: string;
  readonly isUp: boolean;
  /** Bytes. */
  readonly mtu: number;
}

/** How often the interface is looked at, milliseconds. */
const INTERVAL = 1_000;
/** net/if.h */
const IFF_UP = 1;

/**
 * Looks every second whether an interface is still there and up and has its address, and what its MTU is. It must be there
 * and so when the watch begins.
 * Gives the function that ends it.
 */
export function watchInterface(options: InterfaceWatchOptions): () => void {
  const { interface: name, address, prefix, onReplaced, onMtu, onTrouble, onBack } = options;
  let index = readState(name)?.index;
  let mtu = options.mtu;
  let isTroubled = false;
  let isLooking = false;

  const begin = (reason: string) => {
    isTroubled = true;
    onTrouble(reason);
  };
  const look = async () => {
    const state = readState(name);
    if (state && state.index !== index) {
      try {
        onReplaced();
        index = state.index;
      } catch (error) {
        begin(
          `interface ${name} was made anew and can't be used (${(error as Error).message}): restart rackseed`,
        );
        return;
      }
    }
    if (state && state.mtu !== mtu) {
      mtu = state.mtu;
      onMtu(mtu);
    }
    if (state?.isUp && hasAddress(address)) {
      if (isTroubled) onBack();
      isTroubled = false;
      return;
    }
    // Tells what is wrong, and what mends it; when it finds nothing, it was mended just now.
    await requireInterface(name, address, prefix).catch((error: Error) => begin(error.message));
  };
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    void look().finally(() => {
      isLooking = false;
    });
  }, INTERVAL).unref();
  return () => clearInterval(timer);
}

function readState(name: string): State | undefined {
  const read = (file: string) => readFileSync(`/sys/class/net/${name}/${file}`, 'latin1').trim();
  try {
    return { index: read('ifindex'), isUp: (Number(read('flags')) & IFF_UP) !== 0, mtu: Number(read('mtu')) };
  } catch {
    return undefined;
  }
}

/** True when the host has the address: only then can a socket be bound to it. */
function hasAddress(address: Ipv4): boolean {
  const fd = openUdp();
  try {
    bindAddress(fd, address, 0);
    return true;
  } catch {
    return false;
  } finally {
    closeDescriptor(fd);
  }
}
