import type { AddressSettings, Config, Network, SubnetSettings } from './config/config.ts';
import type { AddressPlan } from './dhcp/leases.ts';
import type { DhcpLink, DhcpNetwork, DhcpSubnet } from './dhcp/network.ts';
import { encodeOption, OPTION } from './dhcp/options.ts';
import { textPattern } from './machines/rules.ts';
import { contains, type Ipv4 } from './net/ipv4.ts';

/** A network in the DHCP server's own terms. */
export function dhcpNetwork(network: Network, config: Config): DhcpNetwork {
  const { address, dhcp, shared, relayed } = network;
  const own: SubnetSettings = { ...dhcp, subnet: network.subnet };
  const subnet = (settings: SubnetSettings) => toSubnet(settings, network);
  const link = (settings: (typeof relayed)[number]): DhcpLink => {
    const subnets = [settings, ...settings.shared];
    return { subnets: subnets.map(subnet), plan: planOf(subnets, config), relays: settings.relays };
  };
  return {
    ...subnet(own),
    address,
    plan: planOf([own, ...shared], config),
    shared: shared.map(subnet),
    relayed: relayed.map(link),
    quarantine: dhcp.quarantine,
    bootp: dhcp.bootp,
    rapidCommit: dhcp.rapidCommit,
    conflictCheck: dhcp.conflictCheck,
    vendorOptions: dhcp.vendorOptions.map(({ vendorClass, value }) => ({
      matches: textPattern(vendorClass),
      value,
    })),
  };
}

function toSubnet({ ranges: _, ...settings }: SubnetSettings, network: Network): DhcpSubnet {
  return { ...settings, options: withLogServer(settings.options, network) };
}

/** The addresses of one wire; a reserved one only counts on the wire whose subnet it lies in. */
function planOf(subnets: readonly SubnetSettings[], { machines, ports }: Config): AddressPlan {
  const isHere = (address: Ipv4 | undefined) =>
    address !== undefined && subnets.some(({ subnet }) => contains(subnet, address));
  return {
    ranges: subnets.flatMap(({ ranges }) => ranges),
    reservations: new Map(
      [...machines.values()].flatMap(({ mac, address }) =>
        address !== undefined && isHere(address) ? [[mac, address]] : [],
      ),
    ),
    places: new Set(
      ports.flatMap(({ address }) => (address !== undefined && isHere(address) ? [address] : [])),
    ),
  };
}

/** A subnet's own options, and that we receive messages, unless it names another log server. */
function withLogServer(
  options: AddressSettings['options'],
  { address, syslog }: Network,
): ReadonlyMap<number, Uint8Array> {
  if (!syslog.enabled || options.has(OPTION.logServer)) return options;
  return new Map([...options, [OPTION.logServer, encodeOption('ipv4_list', [address])]]);
}
