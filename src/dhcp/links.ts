import { contains, type Ipv4, UNSPECIFIED } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import { type Lease, LeaseTable } from './leases.ts';
import {
  type DhcpLink,
  type DhcpNetwork,
  type DhcpSubnet,
  type PreparedOptions,
  prepareOptions,
} from './network.ts';

/** A subnet together with what its clients are told. */
export interface PreparedSubnet extends DhcpSubnet {
  readonly prepared: PreparedOptions;
}

/** A wire that is served: our interface's own, or one behind relay agents. */
export interface Link {
  readonly subnets: readonly [PreparedSubnet, ...PreparedSubnet[]];
  readonly leases: LeaseTable;
  /** As in DhcpLink; empty for our own wire. */
  readonly relays: readonly Ipv4[];
}

/** Who has which address, on all links of a network together. */
export interface Leases {
  /** Number of addresses in the ranges. */
  readonly size: number;
  /** Every address that is, or was, leased or quarantined. */
  leases(): IterableIterator<Lease>;
  /** The lease of a machine, running or ended. */
  leaseOf(mac: Mac): Lease | undefined;
  /** Who has an address now; `now` is in milliseconds since the epoch. */
  holder(address: Ipv4, now: number): Mac | undefined;
  /** True while an address is kept for a machine to ask for. */
  isOffered(mac: Mac, address: Ipv4): boolean;
}

/** How a message says which link its client is on. */
export interface LinkHints {
  /** `giaddr`; undefined when the client is on our own wire. */
  readonly relay: Ipv4 | undefined;
  /** An address of the link, in the words of a relay agent (RFC 3527) or else of the client (RFC 3011). */
  readonly selected: Ipv4 | undefined;
  /** `ciaddr` of a client that wrote to us by unicast, and so may be anywhere. */
  readonly ciaddr: Ipv4;
}

/** All links of a network. A machine has one address on all of them together: it can only be in one place. */
export class Links implements Leases {
  /** Those on record that lie on no link that was served so far. */
  #recorded: readonly Lease[];
  /** By first subnet; one that isn't served any more stays here, so that its leases are known if it comes back. */
  readonly #tables = new Map<Ipv4, LeaseTable>();
  #links: readonly [Link, ...Link[]];

  /** `leases` are those on record; what lies on no link of this network is of no use here. */
  constructor(network: DhcpNetwork, leases: Iterable<Lease>) {
    this.#recorded = [...leases];
    this.#links = this.#build(network);
  }

  /** Takes over a changed configuration; leases stay. */
  reconfigure(network: DhcpNetwork): void {
    this.#links = this.#build(network);
  }

  /** The wire of our own interface. */
  get own(): Link {
    return this.#links[0];
  }

  get size(): number {
    return this.#links.reduce((sum, { leases }) => sum + leases.size, 0);
  }

  *leases(): IterableIterator<Lease> {
    for (const { leases } of this.#links) yield* leases.leases();
  }

  leaseOf(mac: Mac): Lease | undefined {
    for (const { leases } of this.#links) {
      const lease = leases.leaseOf(mac);
      if (lease) return lease;
    }
    return undefined;
  }

  holder(address: Ipv4, now: number): Mac | undefined {
    return this.linkOf(address)?.leases.holder(address, now);
  }

  isOffered(mac: Mac, address: Ipv4): boolean {
    return this.linkOf(address)?.leases.isOffered(mac, address) === true;
  }

  /** The link that has a subnet with the address. */
  linkOf(address: Ipv4): Link | undefined {
    return this.#links.find((link) => subnetOn(link, address));
  }

  /**
   * The link a client is on; undefined when it is none of ours. In order: what a relay agent or the client selects, the
   * relay agent's address, for a unicast message the client's own address, our own wire.
   */
  select({ relay, selected, ciaddr }: LinkHints): Link | undefined {
    if (selected !== undefined) {
      const link = this.linkOf(selected);
      const isAllowed =
        relay === undefined || !link || link.relays.length === 0 || link.relays.includes(relay);
      return isAllowed ? link : undefined;
    }
    if (relay === undefined) return (ciaddr !== UNSPECIFIED && this.linkOf(ciaddr)) || this.own;
    let named: Link | undefined;
    let count = 0;
    for (const link of this.#links) {
      const isIn = subnetOn(link, relay) !== undefined;
      if (link.relays.length === 0 ? !isIn : !link.relays.includes(relay)) continue;
      if (isIn) return link;
      named = link;
      count += 1;
    }
    return count === 1 ? named : undefined;
  }

  /** Forgets the lease that a machine has on any link but this one, as it has moved here; gives its address. */
  leaveOthers(mac: Mac, here: Link): Ipv4 | undefined {
    for (const link of this.#links) {
      const left = link === here ? undefined : link.leases.forget(mac);
      if (left !== undefined) return left;
    }
    return undefined;
  }

  /** As `LeaseTable.moveEnds`, on all links, those that aren't served any more included. */
  moveEnds(move: (end: number) => number): Lease[] {
    return [...this.#tables.values()].flatMap((table) => table.moveEnds(move));
  }

  /** Those on record that no table took up, and those of all tables: a wire may get another first subnet. */
  *#known(): Generator<Lease> {
    yield* this.#recorded;
    for (const table of this.#tables.values()) yield* table.leases();
  }

  #build(network: DhcpNetwork): [Link, ...Link[]] {
    const { address, plan, shared = [], relayed = [] } = network;
    const build = ({ subnets, plan, relays }: DhcpLink): Link => {
      const [first, ...others] = subnets.map((subnet) => ({
        ...subnet,
        prepared: prepareOptions(address, subnet),
      }));
      if (!first) throw new RangeError('a link has no subnet');
      return {
        subnets: [first, ...others],
        leases: this.#tableFor(subnets, first.subnet.network, plan),
        relays,
      };
    };
    return [build({ subnets: [network, ...shared], plan, relays: [] }), ...relayed.map(build)];
  }

  #tableFor(subnets: readonly DhcpSubnet[], key: Ipv4, plan: DhcpLink['plan']): LeaseTable {
    const table = this.#tables.get(key);
    if (table) {
      table.replan(plan);
      return table;
    }
    const isHere = ({ address }: Lease) => subnets.some(({ subnet }) => contains(subnet, address));
    const made = new LeaseTable(plan, [...this.#known()].filter(isHere));
    this.#recorded = this.#recorded.filter((lease) => !isHere(lease));
    this.#tables.set(key, made);
    return made;
  }
}

/** The subnet of a link that an address lies in. */
export function subnetOn(link: Link, address: Ipv4): PreparedSubnet | undefined {
  const { subnets } = link;
  return subnets.find(({ subnet }) => contains(subnet, address));
}
