import type { AdminListen, Config, Network } from '../../config/config.ts';
import { formatSubnet } from '../../config/subnet-text.ts';
import { formatIpv4, formatRange } from '../../net/ipv4.ts';
import type { ShownSettings } from './schemas.ts';

/** The configuration as the API shows it: neither keys nor where they lie. */
export function showSettings(config: Config, version: string): ShownSettings {
  const { kubernetes, admin } = config;
  return {
    directory: config.directory,
    networks: config.networks.map(showNetwork),
    unknownMachines: config.unknownMachines,
    defaultProfile: config.defaultProfile,
    ...(kubernetes && {
      kubernetes: {
        server: kubernetes.server,
        join: kubernetes.join,
        certificateLifetime: kubernetes.certificateLifetime,
        keyType: kubernetes.keyType,
        clusterDns: kubernetes.clusterDns.map(formatIpv4),
        clusterDomain: kubernetes.clusterDomain,
      },
    }),
    assets: { ...config.assets },
    admin: {
      listen: formatListen(admin.listen),
      names: [...admin.names],
      tls: admin.tls !== undefined,
    },
    store: { directory: config.store.directory },
    version,
  };
}

function formatListen(listen: AdminListen): string {
  if ('path' in listen) return `unix:${listen.path}`;
  return `${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`;
}

function showNetwork(network: Network): ShownSettings['networks'][number] {
  const { dhcp, tftp } = network;
  return {
    name: network.name,
    interface: network.interface,
    address: `${formatIpv4(network.address)}/${network.subnet.prefix}`,
    dhcp: {
      ranges: dhcp.ranges.map(formatRange),
      lease: dhcp.lease,
      quarantine: dhcp.quarantine,
      bootp: dhcp.bootp,
      ...(dhcp.router !== undefined && { router: formatIpv4(dhcp.router) }),
      dns: dhcp.dns.map(formatIpv4),
      ntp: dhcp.ntp.map(formatIpv4),
      ...(dhcp.domain !== undefined && { domain: dhcp.domain }),
      search: [...dhcp.search],
      routes: dhcp.routes.map(
        ({ destination, router }) => `${formatSubnet(destination)} via ${formatIpv4(router)}`,
      ),
      options: [...dhcp.options.keys()],
    },
    http: { port: network.http.port },
    tftp: { ...tftp },
  };
}
