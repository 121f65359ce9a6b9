import type { Lease } from './dhcp/leases.ts';
import type { MachineRegistry } from './machines/registry.ts';
import { contains, formatIpv4, type Ipv4, parseIpv4, type Subnet } from './net/ipv4.ts';
import type { Mac } from './net/mac.ts';

/** What is known of the machines on one network. */
export interface MachineAddressSources {
  /** The network's name. */
  readonly network: string;
  readonly subnet: Subnet;
  readonly registry: MachineRegistry;
  /** The lease that this server has given to a machine. */
  readonly leaseOf: (mac: Mac) => Lease | undefined;
  /** Who has a running lease of an address; `now` is in milliseconds since the epoch. */
  readonly holder: (address: Ipv4, now: number) => Mac | undefined;
  /** True while another server gives the addresses. */
  readonly isProxy: () => boolean;
  /** The hardware address behind an address on the network, as the kernel knows it. */
  readonly neighbour: (address: Ipv4) => Mac | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Which machine has which address, whoever gave it. */
export interface MachineAddresses {
  /**
   * The address of a machine, `from` being where a request came from that says it is the machine's. Addresses that this
   * server leased are on record. Those of another server aren't: on this network the kernel's neighbour table must show the
   * machine's hardware address behind `from`; for a machine beyond a router, it must have named `from` to DHCP.
   */
  addressOf(mac: Mac, from: string): string | undefined;
  /** The address that a machine has or last had. */
  lastOf(mac: Mac): Ipv4 | undefined;
  /** The machine that has an address. */
  holder(address: Ipv4, now: number): Mac | undefined;
  /** Something came from an address: another server may have given it to a machine that is known otherwise. */
  learn(from: string): void;
}

/** Answers from leases, and beside another DHCP server from what was heard and from the neighbour table. */
export function createMachineAddresses(sources: MachineAddressSources): MachineAddresses {
  const { network, subnet, registry, leaseOf, isProxy, neighbour, now } = sources;
  const lastOf = (mac: Mac) => (isProxy() ? registry.get(mac)?.address : leaseOf(mac)?.address);
  return {
    lastOf,

    addressOf(mac, from) {
      const last = lastOf(mac);
      const text = last === undefined ? undefined : formatIpv4(last);
      const address = parseIpv4(from);
      if (!isProxy() || address === undefined || !contains(subnet, address)) return text;
      if (neighbour(address) !== mac) return text === from ? undefined : text;
      if (text !== from) registry.see(mac, network, now(), { address });
      return from;
    },

    holder: (address, at) => (isProxy() ? registry.at(address)?.mac : sources.holder(address, at)),

    learn(from) {
      const address = isProxy() ? parseIpv4(from) : undefined;
      if (address === undefined || registry.at(address)) return;
      const mac = neighbour(address);
      if (mac && registry.get(mac)) registry.see(mac, network, now(), { address });
    },
  };
}
