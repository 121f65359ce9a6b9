import { type AddressRange, contains, formatIpv4, formatRange, type Ipv4, type Subnet } from '../net/ipv4.ts';

/** Why `address` can't be a host of `subnet`, or undefined when it can. */
export function hostFault(subnet: Subnet, address: Ipv4): string | undefined {
  if (!contains(subnet, address)) return `${formatIpv4(address)} is outside ${formatSubnet(subnet)}`;
  if (address === subnet.network) return `${formatIpv4(address)} is the network's own address`;
  if (address === subnet.broadcast) return `${formatIpv4(address)} is the broadcast address`;
  return undefined;
}

/** `192.168.0.0/24` */
export function formatSubnet(subnet: Subnet): string {
  return `${formatIpv4(subnet.network)}/${subnet.prefix}`;
}

/** `192.168.0.1-192.168.0.254`: the addresses hosts can have. */
export function formatHosts({ network, broadcast }: Subnet): string {
  return formatRange({ first: (network + 1) as Ipv4, last: (broadcast - 1) as Ipv4 });
}

/** True when `address` lies in `range`. */
export function holds(range: AddressRange, address: Ipv4): boolean {
  return range.first <= address && address <= range.last;
}
