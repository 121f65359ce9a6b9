import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';

/** Finds out whether somebody else than `mac` uses an address. Never rejects. */
export interface AddressProbe {
  isInUse(address: Ipv4, mac: Mac, method: 'arp' | 'icmp'): Promise<boolean>;
}

/** An address that nobody used isn't looked at again for so many milliseconds. */
const TRUST = 60_000;
/** Offers that wait at one time. When a thousand machines are switched on, most are answered without a look. */
const MAX_WAITING = 128;
const MAX_TRUSTED = 4096;

/** Looks whether addresses are in use before they are offered: not twice for the same address, and not for too many. */
export class AddressCheck {
  readonly #probe: AddressProbe;
  /** Until when, in milliseconds of the monotonic clock, an address counts as free; in order of time. */
  readonly #trusted = new Map<Ipv4, number>();
  #waiting = 0;

  constructor(probe: AddressProbe) {
    this.#probe = probe;
  }

  /** Whether the address is in use; undefined, at once, when the offer shouldn't wait for that. */
  look(address: Ipv4, mac: Mac, method: 'arp' | 'icmp'): Promise<boolean> | undefined {
    const now = performance.now();
    if ((this.#trusted.get(address) ?? 0) > now || this.#waiting >= MAX_WAITING) return undefined;
    return this.#ask(address, mac, method);
  }

  async #ask(address: Ipv4, mac: Mac, method: 'arp' | 'icmp'): Promise<boolean> {
    this.#waiting += 1;
    const isInUse = await this.#probe.isInUse(address, mac, method);
    this.#waiting -= 1;
    this.#trusted.delete(address);
    if (!isInUse) this.#trusted.set(address, performance.now() + TRUST);
    const [oldest] = this.#trusted.keys();
    if (this.#trusted.size > MAX_TRUSTED && oldest !== undefined) this.#trusted.delete(oldest);
    return isInUse;
  }
}
