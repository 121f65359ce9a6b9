import { formatIpv4, type Ipv4, type Subnet } from '../net/ipv4.ts';
import type { AddressPlan } from './leases.ts';
import { type ClasslessRoute, encodeOption, OPTION } from './options.ts';

/** One subnet as the DHCP server sees it. */
export interface DhcpNetwork {
  /** Our address: the server identifier. */
  readonly address: Ipv4;
  readonly subnet: Subnet;
  readonly plan: AddressPlan;
  /** Lease time, seconds. */
  readonly lease: number;
  /** How long a declined address stays out of use, seconds. */
  readonly quarantine: number;
  readonly bootp: 'answer' | 'drop';
  readonly router?: Ipv4;
  readonly dns: readonly Ipv4[];
  readonly ntp: readonly Ipv4[];
  readonly domain?: string;
  readonly search: readonly string[];
  readonly routes: readonly ClasslessRoute[];
  /** By number, encoded: sent whether or not they were asked for. */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** What all replies on a network share, encoded once. */
export interface PreparedOptions {
  /** Option 54. */
  readonly serverIdentifier: Uint8Array;
  /** Option 66: our address as text, NUL-terminated. */
  readonly tftpServerName: Uint8Array;
  /** Sent when asked for, or to a client that doesn't say what it wants. */
  readonly onRequest: ReadonlyMap<number, Uint8Array>;
  /** Sent always. */
  readonly always: ReadonlyMap<number, Uint8Array>;
}

/** Encodes the options of a network that don't depend on the client. */
export function prepareOptions(network: DhcpNetwork): PreparedOptions {
  const { subnet, router, dns, ntp, domain, search, routes } = network;
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
    serverIdentifier: encodeOption('ipv4', network.address),
    tftpServerName: Buffer.from(`${formatIpv4(network.address)}\0`, 'latin1'),
    onRequest,
    always: network.options,
  };
}
