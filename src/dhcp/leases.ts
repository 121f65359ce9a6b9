import type { AddressRange, Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import { hash } from './hash.ts';

/** An address and the machine that has it, or last had it. */
export interface Lease {
  readonly address: Ipv4;
  /** Undefined while the address is quarantined after a DECLINE: it belongs to nobody. */
  readonly mac: Mac | undefined;
  /** Milliseconds since the epoch; Infinity for a BOOTP client, which never renews. */
  readonly expires: number;
}

/** Which addresses one network may lease, and to whom. */
export interface AddressPlan {
  /** None overlaps another. */
  readonly ranges: readonly AddressRange[];
  /** Always this address for this machine; never for another. */
  readonly reservations: ReadonlyMap<Mac, Ipv4>;
  /** Addresses for whatever machine is in a certain place: given to none but a machine that comes with a claim to it. */
  readonly places?: ReadonlySet<Ipv4>;
}

/** An address that is kept for a machine until it asks for it. */
interface Offer {
  readonly address: Ipv4;
  readonly until: number;
  readonly isKnown: boolean;
}

/** How long an offered address is kept for the client's REQUEST, milliseconds. */
const OFFER_HOLD = 30_000;

/**
 * The addresses of one network: who has which, and who gets which next. Keyed by hardware address, since the firmware,
 * iPXE and the operating system of one machine send different client identifiers. Holds no clock: every `now` is in
 * milliseconds since the epoch.
 */
export class LeaseTable {
  #plan: AddressPlan = { ranges: [], reservations: new Map() };
  readonly #reserved = new Set<Ipv4>();
  /** In order of last use, the longest unused first. */
  readonly #byAddress = new Map<Ipv4, Lease>();
  readonly #byMac = new Map<Mac, Lease>();
  /** In order of age, since every offer is held equally long. */
  readonly #offers = new Map<Mac, Offer>();
  readonly #offered = new Map<Ipv4, Mac>();
  /** Addresses of a place whose last machine still answers there, and until when that is taken for granted. */
  readonly #contested = new Map<Ipv4, number>();
  /** One byte per address of the ranges: 1 when it was never leased and is neither offered nor reserved. */
  #unused = new Uint8Array();
  /** Before this moment no ended lease can be reused: set by a search that found none. */
  #nextReuse = 0;

  constructor(plan: AddressPlan, leases: Iterable<Lease> = []) {
    for (const lease of [...leases].sort((a, b) => a.expires - b.expires)) this.#put(lease);
    this.replan(plan);
  }

  /**
   * Takes over a changed configuration. Leases stay; those it no longer permits end at their next renewal. Offers that it no
   * longer permits are withdrawn.
   */
  replan(plan: AddressPlan): void {
    this.#plan = plan;
    this.#reserved.clear();
    for (const address of plan.reservations.values()) this.#reserved.add(address);
    for (const address of plan.places ?? []) this.#reserved.add(address);
    this.#contested.clear();
    this.#unused = new Uint8Array(
      plan.ranges.reduce((sum, range) => sum + range.last - range.first + 1, 0),
    ).fill(1);
    for (const [mac, { address }] of this.#offers) {
      if (!this.#isPermitted(mac, address)) this.withdrawOffer(mac);
    }
    for (const addresses of [this.#reserved, this.#byAddress, this.#offered]) {
      for (const address of addresses.keys()) this.#mark(address);
    }
    this.#nextReuse = 0;
  }

  /** Number of addresses in the ranges. */
  get size(): number {
    return this.#unused.length;
  }

  /** Every address that is, or was, leased or quarantined. */
  leases(): IterableIterator<Lease> {
    return this.#byAddress.values();
  }

  /** The lease of a machine, running or ended. */
  leaseOf(mac: Mac): Lease | undefined {
    return this.#byMac.get(mac);
  }

  /** The address kept for a machine since its last offer. */
  offerOf(mac: Mac, now: number): Ipv4 | undefined {
    this.#dropLapsedOffers(now);
    return this.#offers.get(mac)?.address;
  }

  /** Who has an address now. */
  holder(address: Ipv4, now: number): Mac | undefined {
    const lease = this.#byAddress.get(address);
    return lease && lease.expires > now ? lease.mac : undefined;
  }

  /** True for the address that is reserved for this machine by its hardware address. */
  isReservedFor(mac: Mac, address: Ipv4): boolean {
    return this.#plan.reservations.get(mac) === address;
  }

  /** The address itself when it is that of a place here, not on another wire. */
  placeAt(address: Ipv4 | undefined): Ipv4 | undefined {
    return address !== undefined && this.#plan.places?.has(address) ? address : undefined;
  }

  /**
   * True when the machine may be given the address: the configuration allows it, and nobody else has it. `place` is the
   * address of the place where it is, if that has one.
   */
  isAvailable(mac: Mac, address: Ipv4, now: number, place?: Ipv4): boolean {
    const offer = this.#offers.get(mac);
    if (offer?.address === address && offer.until > now) return true;
    const reservation = this.#plan.reservations.get(mac) ?? this.placeAt(place);
    // A reserved address that somebody else still has must not keep its machine from booting with another one.
    const bound = reservation !== undefined && this.#isFree(mac, reservation, now);
    if (bound ? reservation !== address : !this.#isPooled(address)) return false;
    return this.#isFree(mac, address, now);
  }

  /**
   * Chooses the address to offer and keeps it for this machine for a while. In order: its reservation, the address of
   * the `place` where it is, the address it has or had, the one it asks for (option 50), one that was never used
   * (starting from the same point for the same machine), the one that is unused for longest, and for a machine that
   * `isKnown`, what was offered to one that isn't: made-up machines ask, but never for what they were offered. Undefined
   * when every address is taken. The machine that was in the place before loses its address, unless it was found to be
   * there still.
   */
  offer(
    mac: Mac,
    requested: Ipv4 | undefined,
    now: number,
    { place: claimed, isKnown = false }: { readonly place?: Ipv4; readonly isKnown?: boolean } = {},
  ): Ipv4 | undefined {
    this.#dropLapsedOffers(now);
    const place = this.placeAt(claimed);
    const reservation = this.#plan.reservations.get(mac);
    const wishes = [reservation, this.#byMac.get(mac)?.address, this.#offers.get(mac)?.address, requested];
    const address =
      (reservation === undefined && place !== undefined && this.#canTakeOver(mac, place, now)
        ? place
        : undefined) ??
      wishes.find((wish) => wish !== undefined && this.isAvailable(mac, wish, now, place)) ??
      this.#neverUsed(mac) ??
      this.#longestUnused(now) ??
      (isKnown ? this.#takeBackOffer() : undefined);
    if (address === undefined) return undefined;
    this.withdrawOffer(mac);
    this.#offers.set(mac, { address, until: now + OFFER_HOLD, isKnown });
    this.#offered.set(address, mac);
    this.#mark(address);
    return address;
  }

  /** True while this address is kept for the machine to ask for. */
  isOffered(mac: Mac, address: Ipv4): boolean {
    return this.#offered.get(address) === mac;
  }

  /** Forgets what was offered: the machine took another server's offer. */
  withdrawOffer(mac: Mac): void {
    const offer = this.#offers.get(mac);
    if (!offer) return;
    this.#offers.delete(mac);
    this.#offered.delete(offer.address);
    this.#mark(offer.address);
  }

  /**
   * Gives the address to the machine until `expires`; the caller has asked `isAvailable`.
   * Returns the lease, and the address that the machine leaves for it, if any.
   */
  claim(mac: Mac, address: Ipv4, expires: number): { lease: Lease; left: Ipv4 | undefined } {
    this.withdrawOffer(mac);
    const before = this.#byMac.get(mac)?.address;
    const left = before === address ? undefined : before;
    if (left !== undefined) {
      this.#byAddress.delete(left);
      this.#mark(left);
    }
    const lease: Lease = { address, mac, expires };
    this.#put(lease);
    return { lease, left };
  }

  /** Undoes a `claim`, unless something has happened to the lease since. The address counts as never used. */
  takeBack(lease: Lease): void {
    if (lease.mac === undefined || this.#byAddress.get(lease.address) !== lease) return;
    this.forget(lease.mac);
  }

  /** Ends a lease early (RELEASE). Returns it as it is now, or undefined when the machine doesn't have the address. */
  release(mac: Mac, address: Ipv4, now: number): Lease | undefined {
    if (this.holder(address, now) !== mac) return undefined;
    const lease: Lease = { address, mac, expires: now };
    this.#put(lease);
    return lease;
  }

  /**
   * Takes an address out of use until `until`, because its machine found somebody else there (DECLINE).
   * Returns the record of it, or undefined when the machine had no claim to the address.
   */
  decline(mac: Mac, address: Ipv4, now: number, until: number): Lease | undefined {
    if (this.holder(address, now) !== mac && this.#offered.get(address) !== mac) return undefined;
    this.withdrawOffer(mac);
    const lease: Lease = { address, mac: undefined, expires: until };
    this.#put(lease);
    return lease;
  }

  /**
   * Somebody was found at an address that was about to be offered. It goes out of use until `until`, unless it belongs
   * to a machine: that one keeps it. Returns the record of it, or undefined when nothing is to be written down.
   */
  quarantine(address: Ipv4, now: number, until: number): Lease | undefined {
    const offered = this.#offered.get(address);
    if (offered !== undefined) this.withdrawOffer(offered);
    if (this.holder(address, now) !== undefined) {
      this.#contested.set(address, until);
      return undefined;
    }
    const lease: Lease = { address, mac: undefined, expires: until };
    this.#put(lease);
    return lease;
  }

  /**
   * The clock was set: `move` gives the new end of what was to end at a moment. Gives the leases that end at another moment
   * now.
   */
  moveEnds(move: (end: number) => number): Lease[] {
    const moved: Lease[] = [];
    for (const lease of [...this.#byAddress.values()]) {
      const expires = move(lease.expires);
      if (expires === lease.expires) continue;
      const next: Lease = { ...lease, expires };
      this.#byAddress.set(lease.address, next);
      if (lease.mac !== undefined) this.#byMac.set(lease.mac, next);
      moved.push(next);
    }
    for (const [mac, offer] of this.#offers) this.#offers.set(mac, { ...offer, until: move(offer.until) });
    for (const [address, until] of this.#contested) this.#contested.set(address, move(until));
    this.#nextReuse = 0;
    return moved;
  }

  /** Forgets what a machine has or had; gives its address. */
  forget(mac: Mac): Ipv4 | undefined {
    this.withdrawOffer(mac);
    const lease = this.#byMac.get(mac);
    if (!lease) return undefined;
    this.#byMac.delete(mac);
    this.#byAddress.delete(lease.address);
    this.#mark(lease.address);
    return lease.address;
  }

  /** True when the address of a place may go to the machine that is there now. */
  #canTakeOver(mac: Mac, place: Ipv4, now: number): boolean {
    const offered = this.#offered.get(place);
    if (offered !== undefined && offered !== mac) return false;
    const lease = this.#byAddress.get(place);
    if (!lease || lease.mac === mac || lease.expires <= now) return true;
    return lease.mac !== undefined && (this.#contested.get(place) ?? 0) <= now;
  }

  #put(lease: Lease): void {
    const before = this.#byAddress.get(lease.address)?.mac;
    if (before !== undefined && before !== lease.mac) this.#byMac.delete(before);
    this.#byAddress.delete(lease.address);
    this.#byAddress.set(lease.address, lease);
    if (lease.mac !== undefined) this.#byMac.set(lease.mac, lease);
    if (lease.expires < this.#nextReuse) this.#nextReuse = lease.expires;
    this.#mark(lease.address);
  }

  /** Nobody else has it, was just offered it, or declined it. */
  #isFree(mac: Mac, address: Ipv4, now: number): boolean {
    const offered = this.#offered.get(address);
    if (offered !== undefined && offered !== mac) return false;
    const lease = this.#byAddress.get(address);
    return !lease || lease.mac === mac || lease.expires <= now;
  }

  /** The configuration has the address, and not for another machine. */
  #isPermitted(mac: Mac, address: Ipv4): boolean {
    return this.isReservedFor(mac, address) || this.placeAt(address) !== undefined || this.#isPooled(address);
  }

  #isPooled(address: Ipv4): boolean {
    return this.#index(address) >= 0 && !this.#reserved.has(address);
  }

  #neverUsed(mac: Mac): Ipv4 | undefined {
    if (this.#unused.length === 0) return undefined;
    let index = this.#unused.indexOf(1, hash(mac) % this.#unused.length);
    if (index < 0) index = this.#unused.indexOf(1);
    return index < 0 ? undefined : this.#address(index);
  }

  #longestUnused(now: number): Ipv4 | undefined {
    if (now < this.#nextReuse) return undefined;
    let next = this.#offers.values().next().value?.until ?? Number.POSITIVE_INFINITY;
    for (const lease of this.#byAddress.values()) {
      if (!this.#isPooled(lease.address)) continue;
      if (lease.expires > now) next = Math.min(next, lease.expires);
      else if (!this.#offered.has(lease.address)) return lease.address;
    }
    this.#nextReuse = next;
    return undefined;
  }

  /** Withdraws the oldest offer to a machine that isn't known; gives its address. */
  #takeBackOffer(): Ipv4 | undefined {
    for (const [mac, { address, isKnown }] of this.#offers) {
      if (isKnown || !this.#isPooled(address)) continue;
      this.withdrawOffer(mac);
      return address;
    }
    return undefined;
  }

  #dropLapsedOffers(now: number): void {
    for (const [mac, offer] of this.#offers) {
      if (offer.until > now) return;
      this.withdrawOffer(mac);
    }
  }

  /** Brings `#unused` up to date after something happened to an address. */
  #mark(address: Ipv4): void {
    const index = this.#index(address);
    if (index < 0) return;
    const used = this.#byAddress.has(address) || this.#offered.has(address) || this.#reserved.has(address);
    this.#unused[index] = used ? 0 : 1;
  }

  /** Position of an address in the ranges taken as one list, or -1. */
  #index(address: Ipv4): number {
    let offset = 0;
    for (const { first, last } of this.#plan.ranges) {
      if (address >= first && address <= last) return offset + address - first;
      offset += last - first + 1;
    }
    return -1;
  }

  #address(index: number): Ipv4 {
    let offset = index;
    for (const { first, last } of this.#plan.ranges) {
      const size = last - first + 1;
      if (offset < size) return (first + offset) as Ipv4;
      offset -= size;
    }
    throw new RangeError(`address index ${index} is outside the ranges`);
  }
}
