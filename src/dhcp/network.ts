import { formatIpv4, type Ipv4, type Subnet } from '../net/ipv4.ts';
import type { AddressPlan } from './leases.ts';
import { type ClasslessRoute, encodeOption, OPTION } from './options.ts';

/** One subnet, and what a client with an address in it is told. */
export interface DhcpSubnet {
  readonly subnet: Subnet;
  /** Lease time, seconds. */
  readonly lease: number;
  /** T1, seconds: when a client begins to renew; half of the lease unless given. */
  readonly renewal?: number;
  /** T2, seconds: when a client turns to any server; seven eighths of the lease unless given. */
  readonly rebinding?: number;
  readonly router?: Ipv4;
  readonly dns: readonly Ipv4[];
  readonly ntp: readonly Ipv4[];
  readonly domain?: string;
  readonly search: readonly string[];
  readonly routes: readonly ClasslessRoute[];
  /** By number, encoded: sent whether or not they were asked for. */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** A wire behind relay agents: its subnets share their addresses, so that a client may get one of any. */
export interface DhcpLink {
  /** At least one. */
  readonly subnets: readonly DhcpSubnet[];
  /** All of the link's addresses. */
  readonly plan: AddressPlan;
  /** The relay agents (`giaddr`) that may ask for addresses here; empty: those with an address in one of the subnets. */
  readonly relays: readonly Ipv4[];
}

/** What the DHCP server serves through one interface. The subnet is that of the interface. */
export interface DhcpNetwork extends DhcpSubnet {
  /** Our address: the server identifier. */
  readonly address: Ipv4;
  /** All addresses to lease on the interface's own wire. */
  readonly plan: AddressPlan;
  /** Further subnets on the same wire. */
  readonly shared?: readonly DhcpSubnet[];
  /** Wires behind relay agents. */
  readonly relayed?: readonly DhcpLink[];
  /** How long a declined address stays out of use, seconds. */
  readonly quarantine: number;
  readonly bootp: 'answer' | 'drop';
  /** Answer a DISCOVER that has option 80 with an ACK at once (RFC 4039). */
  readonly rapidCommit?: boolean;
  /** Look for whoever might use an address before it is offered to a machine that didn't have it. */
  readonly conflictCheck?: boolean;
  /** Option 43 for clients that aren't told to boot; the first that matches the client's vendor class (option 60) counts. */
  readonly vendorOptions?: readonly VendorOptions[];
}

/** Vendor-specific information (RFC 2132 §8.4) for the clients of one vendor. */
export interface VendorOptions {
  readonly matches: (vendorClass: string) => boolean;
  /** The sub-options, encapsulated: the value of option 43. */
  readonly value: Uint8Array;
}

/** What all replies to clients in a subnet share, encoded once. */
export interface PreparedOptions {
  /** Option 54. */
  readonly serverIdentifier: Uint8Array;
  /** Option 66: our address as text, NUL-terminated. */
  readonly tftpServerName: Uint8Array;
  /** Of a lease as long as the subnet's. */
  readonly times: EncodedTimes;
  /** Sent when asked for, or to a client that doesn't say what it wants. */
  readonly onRequest: ReadonlyMap<number, Uint8Array>;
  /** Sent always. */
  readonly always: ReadonlyMap<number, Uint8Array>;
}

/** Options 51, 58 and 59: for how long a lease is, when to renew it (T1), when to turn to any server (T2). */
export interface EncodedTimes {
  readonly lease: Uint8Array;
  readonly renewal: Uint8Array;
  readonly rebinding: Uint8Array;
}

/**
 * The times of a lease of so many seconds, an endless one among them (RFC 2132 §9.2): T1 and T2 are those of the subnet
 * where they fit into it, else RFC 2131 §4.4.5's.
 */
export function encodeTimes(lease: number, subnet: Pick<DhcpSubnet, 'renewal' | 'rebinding'>): EncodedTimes {
  const usual = { renewal: Math.floor(lease / 2), rebinding: Math.floor((lease * 7) / 8) };
  const { renewal = usual.renewal, rebinding = usual.rebinding } = subnet;
  const times = renewal < rebinding && rebinding < lease ? { renewal, rebinding } : usual;
  return {
    lease: seconds(lease),
    renewal: seconds(times.renewal),
    rebinding: seconds(times.rebinding),
  };
}

function seconds(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(Math.min(value, 0xffffffff));
  return bytes;
}

/** Encodes the options of a subnet that don't depend on the client. `address` is our own. */
export function prepareOptions(address: Ipv4, of: DhcpSubnet): PreparedOptions {
  const { subnet, router, dns, ntp, domain, search, routes } = of;
  const onRequest = new Map<number, Uint8Array>();
  onRequest.set(OPTION.subnetMask, encodeOption('ipv4', subnet.mask));
  onRequest.set(OPTION.broadcastAddress, encodeOption('ipv4', subnet.broadcast));
  if (router !== undefined) onRequest.set(OPTION.router, encodeOption('ipv4_list', [router]));
  if (dns.length > 0) onRequest.set(OPTION.domainNameServer, encodeOption('ipv4_list', dns));
  if (ntp.length > 0) onRequest.set(OPTION.ntpServers, encodeOption('ipv4_list', ntp));
  if (domain) onRequest.set(OPTION.domainName, encodeOption('string', domain));
  if (search.length > 0) onRequest.set(OPTION.domainSearch, encodeOption('domain_list', search));
  if (routes.length > 0) onRequest.set(OPTION.classlessStaticRoute, encodeOption('classless_routes', routes));
  return {
    serverIdentifier: encodeOption('ipv4', address),
    tftpServerName: Buffer.from(`${formatIpv4(address)}\0`, 'latin1'),
    times: encodeTimes(of.lease, of),
    onRequest,
    always: of.options,
  };
}
