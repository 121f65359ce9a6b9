import { join } from 'node:path';
import { type Child, start } from '../../src/lab/process.ts';
import { type AddressRange, type Contender, type Site, serverOf } from '../benchmark.ts';

/** dnsmasq as a DHCP server only. It writes its lease file without waiting for the disk. */
export const dnsmasqDhcp: Contender = {
  name: 'dnsmasq',
  start: async (site) =>
    serverOf(await launchDnsmasq(site, [...dhcpOptions(site), dhcpRange(site.range, '255.255.0.0')])),
};

/** What makes dnsmasq a DHCP server that is as quick as it can be. */
export function dhcpOptions({ scratch }: Site): string[] {
  return [
    `--dhcp-leasefile=${join(scratch, 'leases')}`,
    '--dhcp-lease-max=100000',
    '--dhcp-authoritative',
    '--no-ping',
    '--quiet-dhcp',
  ];
}

/** The option that gives it addresses to lease for an hour. */
export function dhcpRange({ first, last }: AddressRange, netmask: string): string {
  return `--dhcp-range=${first},${last},${netmask},1h`;
}

/** dnsmasq as a TFTP server only. */
export const dnsmasqTftp: Contender = {
  name: 'dnsmasq',
  start: async (site) => serverOf(await launchDnsmasq(site, tftpOptions(site))),
};

/** What makes dnsmasq a TFTP server for many clients at once; it takes 50 unless told. */
export function tftpOptions({ files }: Site): string[] {
  return ['--enable-tftp', `--tftp-root=${files}`, '--tftp-max=10000', '--quiet-tftp'];
}

/** Starts dnsmasq on the server's interface, without DNS. */
export async function launchDnsmasq(site: Site, options: readonly string[]): Promise<Child> {
  const server = await start(
    site.namespace.command([
      'dnsmasq',
      '--conf-file=/dev/null',
      '--keep-in-foreground',
      '--log-facility=-',
      '--pid-file=',
      '--user=root',
      '--port=0',
      '--no-resolv',
      '--no-hosts',
      `--interface=${site.device}`,
      ...options,
    ]),
  );
  await server.waitFor(/dnsmasq\S*: started/);
  return server;
}
